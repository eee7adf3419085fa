"""File a Norwegian VAT return (mva-melding) with Skatteetaten.

Takes the return of one period as your accounting system wrote it, checks it against Skatteetaten's own schema, files
it through Altinn, waits for the answer, and keeps the receipts.

**A person has to log in.** For VAT, Skatteetaten wants the ID-porten login of a person with a signing role in the
company; a system user (Maskinporten) is not accepted. So in production the connection `altinn_vat` logs in with
auth_mode `idporten`. Everything else runs by itself: without a valid login the run waits at the task `login`, whose
button leads to the page where that person logs in, and goes on when the login is there.

Filing is safe to repeat: a second run for the same period finds what is filed and shows its receipt. A return that has
changed since is refused; it needs a correction.

Runs come five days before each term's deadline, from a backfill, by hand or from the REST API; the first task says
which period a run is about. Where the returns lie, by period and company, stands in `return_path`, for example
`s3://returns/{organisation_number}/{period}.xml`. A company that files by month, quarter or year takes another
schedule from `altinn.timetables`.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from altinn.authorities import skatteetaten_vat as vat
from altinn.deadlines import StatutoryDeadline
from altinn.deadlines.deadline_log import log_deadline
from altinn.exceptions import Issue
from altinn.operators import (
    AltinnCollectReceiptOperator,
    AltinnInstantiateOperator,
    AltinnPlanFilingOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    AltinnValidateOperator,
)
from altinn.operators.collect_receipt import LATE_RECEIPTS
from altinn.runs import is_true
from altinn.runs.trigger_form import filing_params
from altinn.sensors import AltinnFeedbackSensor, AltinnLoginSensor
from altinn.timetables import vat_terms

PROJECT = Path(__file__).resolve().parents[1]
SCHEMAS = Path(os.environ.get("ALTINN_SCHEMAS", PROJECT / "include" / "schemas")) / "skatteetaten-mva"
RETURN_NAME = "mva-melding.xml"
SAMPLE = str(PROJECT / "include" / "samples" / "kompensasjon_mvamelding.xml")
COVER_SHEET = "cover-sheet.pdf"
FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))
# The demo's Airflow sets this: it has no returns of its own to file on schedule.
AUTOMATIC = is_true(os.environ.get("ALTINN_SCHEDULED_FILINGS", "true"), "ALTINN_SCHEDULED_FILINGS")
SCHEDULE = vat_terms(lead_days=5, automatic=AUTOMATIC)
KINDS = ("term", "month", "quarter", "year")
"""What a run by hand may be about; the schedule is about terms."""

with DAG(
    dag_id="vat_return",
    description="File one period's VAT return with Skatteetaten and keep the receipts",
    doc_md=__doc__,
    schedule=SCHEDULE,
    start_date=datetime(2022, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    # Two days before the deadline Airflow warns of a run that has not succeeded; put your own notifier here.
    deadline=DeadlineAlert(
        reference=StatutoryDeadline(SCHEDULE.report.name),
        interval=timedelta(days=-2),
        callback=AsyncCallback(log_deadline),
        name="VAT return due",
    ),
    render_template_as_native_obj=True,
    tags=["altinn", "skatteetaten", "vat"],
    params={
        **filing_params(SCHEDULE, kinds=KINDS),
        "organisation_number": Param(
            "999999999", type="string", title="Organisation number", pattern=r"^\d{9}$", description="Nine digits"
        ),
        "return_path": Param(
            os.environ.get("ALTINN_VAT_RETURNS", SAMPLE),
            type="string",
            title="The return",
            description=(
                "Path of the XML file: local, or anything ObjectStoragePath knows (s3://…, gs://…); {period} and "
                "{organisation_number} are filled in"
            ),
        ),
        "attachments": Param(
            [], type="array", items={"type": "string"}, title="Attachments", description="Paths of further documents"
        ),
        "altinn_conn_id": Param(
            "altinn_vat", type="string", title="Connection", description="Holds the person's ID-porten login"
        ),
        "app": Param(
            vat.APP_IDS["prod"],
            type="string",
            enum=sorted(set(vat.APP_IDS.values())),
            title="Altinn app",
            description="The test environment tt02 has an app of its own",
        ),
    },
) as dag:
    folder = (
        f"{FILES}/vat_return/{{{{ params.organisation_number }}}}/{{{{ ti.xcom_pull(task_ids='period')['label'] }}}}"
    )
    altinn = {"app": "{{ params.app }}", "altinn_conn_id": "{{ params.altinn_conn_id }}"}

    @task(retries=0)
    def period() -> dict[str, str]:
        """Say which period the run is about, and find the return.

        :return: "period"; "label", which names the period's folder; "return_path"; "due", the legal deadline.
        """
        from altinn.periods import vat_due_date
        from altinn.runs import resolve_period

        context = get_current_context()
        params, found = context["params"], resolve_period(context, kinds=KINDS)
        name = found.name
        path = params["return_path"].replace("{organisation_number}", str(params["organisation_number"]))
        label = name if params["kind"] == "main" else f"{name}-correction-{params['correction_number']}"
        due = vat_due_date(found).isoformat()
        return {"period": name, "label": label, "return_path": path.replace("{period}", name), "due": due}

    run: Any = period()

    @task(retries=0)
    def prepare(run: dict[str, str], folder: str) -> dict[str, Any]:
        """Check the return, and write the envelope and the cover sheet that go with it.

        :return: the documents as the upload tasks take them, and the hash over the caller's own.
        """
        from altinn.documents import combined_sha256, documents_of, storage_path
        from altinn.evidence_pdf import one_page_pdf
        from altinn.exceptions import AltinnDocumentError
        from altinn.issue_table import table_of
        from altinn.validation.xml_check import SchemaSource, check_xml

        params = get_current_context()["params"]
        period, organisation_number = run["period"], str(params["organisation_number"])
        (source,) = documents_of({"data_type": vat.RETURN, "path": run["return_path"], "content_type": "text/xml"})
        with source.open() as stream:
            content = stream.read()

        def pinned(entries: list[dict[str, str]]) -> list[dict[str, str]]:
            return [{**entry, "sha256": d.sha256} for entry, d in zip(entries, documents_of(entries), strict=True)]

        def require(issues: list[Issue], what: str) -> None:
            if any(issue.severity == "error" for issue in issues):
                raise AltinnDocumentError(f"{what}; nothing was sent\n{table_of(issues)}", issues)

        require(check_xml(content, SchemaSource(SCHEMAS, vat.SCHEMAS[vat.RETURN])), "the return is not valid")
        vat_return = vat.read_return(content)
        require(
            vat.check_return_matches(vat_return, period, organisation_number), "the return is not the one asked for"
        )

        target = storage_path(folder)
        target.mkdir(parents=True, exist_ok=True)
        lines = [
            f"VAT return {period}, organisation {organisation_number}",
            f"Category: {vat_return.category}. VAT for the period: {vat_return.amount} NOK.",
            "SHA-256 of the return:",
            hashlib.sha256(content).hexdigest(),
        ]
        (target / COVER_SHEET).write_bytes(one_page_pdf(lines))
        own = [{"data_type": vat.ATTACHMENT, "path": path} for path in params["attachments"]]
        cover_sheet = {"data_type": vat.ATTACHMENT, "path": str(target / COVER_SHEET)}
        # What is checked here is what is sent: the uploads, which may come days later, refuse a file that has changed.
        own, attachments = pinned(own), pinned([cover_sheet, *own])

        envelope = vat.build_envelope(
            vat_return,
            attachments=[vat.EnvelopeFile(document.file_name) for document in documents_of(attachments)],
            created_by="airflow-provider-altinn",
            created_at=datetime.now(UTC),
            return_file_name=RETURN_NAME,
        )
        require(check_xml(envelope, SchemaSource(SCHEMAS, vat.SCHEMAS[vat.ENVELOPE])), "the envelope is not valid")
        kept = target / "envelope.xml"
        # An earlier run's envelope differs in its times only; it stays, because it may be the one that was sent.
        if not kept.exists() or vat.read_envelope(kept.read_bytes()) != vat.read_envelope(envelope):
            kept.write_bytes(envelope)

        the_return = {
            "data_type": vat.RETURN,
            "path": run["return_path"],
            "file_name": RETURN_NAME,
            "content_type": "text/xml",
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        sources = [
            {**entry, "file_name": d.file_name, "sha256": d.sha256}
            for entry in (the_return, *own)
            for d in documents_of(entry)
        ]
        (the_envelope,) = pinned([{"data_type": vat.ENVELOPE, "path": str(kept)}])
        return {
            "envelope": the_envelope,
            "return": the_return,
            "attachments": attachments,
            "documents": [the_envelope, the_return, *attachments],
            "content_sha256": combined_sha256(sources),
        }

    prepared = prepare(run, folder)

    filing: Any = {
        "period": run["period"],
        "kind": "{{ params.kind }}",
        "correction_number": "{{ params.correction_number }}",
        "organisation_number": "{{ params.organisation_number }}",
        "content_sha256": prepared["content_sha256"],
        **altinn,
    }
    login = AltinnLoginSensor(
        task_id="login",
        altinn_conn_id="{{ params.altinn_conn_id }}",
        deadline="{{ ti.xcom_pull(task_ids='period')['due'] }}",
        poll_interval=5.0,
    )
    # Each task that writes knows the rules itself, so that none does when it is cleared alone.
    rules: Any = {"dry_run": "{{ params.dry_run }}", "on_backfill": "{{ params.on_backfill }}"}
    plan = AltinnPlanFilingOperator(
        task_id="plan",
        kinds=KINDS,
        **rules,
        max_filings_per_backfill="{{ params.max_filings_per_backfill }}",
        **filing,
    )
    instantiate = AltinnInstantiateOperator(task_id="instantiate", documents=prepared["documents"], **rules, **filing)
    instance: Any = {"instance_id": instantiate.output, **altinn}
    written: Any = {**instance, **rules}

    # The envelope holds the time at which it was made; where its file is lost, a new one differs in that alone.
    upload_envelope = AltinnUploadDataOperator(
        task_id="upload_envelope", documents=[prepared["envelope"]], on_delivered="tell", **written
    )
    upload_return = AltinnUploadDataOperator(task_id="upload_return", documents=[prepared["return"]], **written)
    upload_attachments = AltinnUploadDataOperator(
        task_id="upload_attachments", documents=prepared["attachments"], **written
    )
    uploaded: Any = [upload_envelope.output, upload_return.output, upload_attachments.output]

    validate = AltinnValidateOperator(task_id="validate", **instance)
    submit = AltinnProcessNextOperator(task_id="submit", from_task="data", documents=uploaded, **written)
    confirm = AltinnProcessNextOperator(task_id="confirm", from_task="confirmation", documents=uploaded, **written)

    wait_for_feedback = AltinnFeedbackSensor(
        task_id="wait_for_feedback",
        authority="skatteetaten_vat",
        poll_interval=2.0,
        max_poll_interval=900.0,
        **instance,
    )
    receipt = AltinnCollectReceiptOperator(
        task_id="receipt",
        doc_md="Green means accepted: a rejected return fails here, with Skatteetaten's codes.",
        authority="skatteetaten_vat",
        folder=f"{folder}/receipts",
        documents=uploaded,
        validation=validate.output,
        period=run["period"],
        patience=LATE_RECEIPTS,
        already_filed="{{ ti.xcom_pull(task_ids='instantiate', key='altinn_delivered') }}",
        **written,
    )

    run >> login >> plan >> instantiate
    upload_envelope >> upload_return >> upload_attachments >> validate >> submit >> confirm
    confirm >> wait_for_feedback >> receipt

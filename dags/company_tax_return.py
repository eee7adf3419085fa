"""File a company's tax return and business specification with Skatteetaten.

Attachments first: the return names them by the ids that Altinn gives them, so the envelope is written after they are
up. Then form and envelope, Altinn's validation, and the step to the confirmation. With `audited`, the auditor confirms
before the company.

**A person confirms in Altinn** unless `MACHINE_CONFIRMS` is set in this file, because Skatteetaten's documentation
allows a system user and others report that it is refused. The run waits for it, then for Skatteetaten's feedback, and
is green only if that accepts the return.

The sample is a made-up company's return that Skatteetaten published. Fetch `current_document` (the reference of the
current document) from Skatteetaten's own API just before; the emulator does not ask for it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task

from altinn.authorities import skatteetaten_tax as tax
from altinn.operators import (
    AltinnCollectReceiptOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    AltinnValidateOperator,
)
from altinn.sensors import AltinnFeedbackSensor, AltinnSignatureSensor

PROJECT = Path(__file__).resolve().parents[1]
SAMPLES = PROJECT / "include" / "samples" / "skatteetaten-skattemelding"
SCHEMAS = Path(os.environ.get("ALTINN_SCHEMAS", PROJECT / "include" / "schemas")) / "skatteetaten-skattemelding"
FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))
MACHINE_CONFIRMS = False
POLL = float(os.environ.get("ALTINN_POLL_INTERVAL", "60"))

with DAG(
    dag_id="company_tax_return",
    description="File a company's tax return: attachments, envelope, confirmation, feedback",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2022, 1, 1, tzinfo=UTC),
    catchup=False,
    render_template_as_native_obj=True,
    tags=["altinn", "skatteetaten", "tax return"],
    params={
        "period": Param("2022", type="string", title="Income year", pattern=r"^\d{4}$"),
        "organisation_number": Param("950474084", type="string", title="Organisation number", pattern=r"^\d{9}$"),
        "return_path": Param(str(SAMPLES / "upersonligSkattemeldingV2.xml"), type="string", title="Tax return"),
        "specification_path": Param(
            str(SAMPLES / "naeringspesifikasjon-v3.xml"), type="string", title="Business specification"
        ),
        "attachments": Param([], type="array", items={"type": "string"}, title="Attachments"),
        "audited": Param(False, type="boolean", title="The auditor confirms first"),
        "current_document": Param("", type="string", title="Reference of the current document"),
        "altinn_conn_id": Param("altinn_default", type="string", title="Connection"),
    },
) as dag:
    altinn: Any = {
        "app": tax.AUTHORITY.app_id("prod"),
        "altinn_conn_id": "{{ params.altinn_conn_id }}",
    }
    folder = f"{FILES}/company_tax_return/{{{{ params.organisation_number }}}}/{{{{ params.period }}}}"

    @task(retries=0)
    def check(folder: str) -> dict[str, Any]:
        """Check the return by its schema, and write the app's form."""
        from altinn.documents import combined_sha256, documents_of, storage_path
        from altinn.exceptions import AltinnDocumentError
        from altinn.issue_table import table_of
        from altinn.validation.xml_check import SchemaSource, check_xml

        params: Any = get_current_context()["params"]
        schema = SchemaSource(SCHEMAS, "skattemeldingUpersonlig_v2_ekstern.xsd")
        issues = check_xml(storage_path(params["return_path"]).read_bytes(), schema)
        if any(issue.severity == "error" for issue in issues):
            raise AltinnDocumentError(f"the tax return is not valid; nothing was sent\n{table_of(issues)}", issues)
        target = storage_path(folder)
        target.mkdir(parents=True, exist_ok=True)
        (target / "form.xml").write_bytes(tax.app_form(params["period"], audited=params["audited"]))
        attachments = [{"data_type": tax.ATTACHMENT, "path": path} for path in params["attachments"]]
        own = [{"data_type": tax.ENVELOPE, "path": params[name]} for name in ("return_path", "specification_path")]
        found = documents_of([*own, *attachments])
        sources = [{"data_type": d.data_type, "file_name": d.file_name, "sha256": d.sha256} for d in found]
        # What is checked here is what is sent: a file that has changed later on is refused.
        pinned = [{**entry, "sha256": d.sha256} for entry, d in zip([*own, *attachments], found, strict=True)]
        return {
            "form": [{"data_type": tax.FORM, "path": str(target / "form.xml")}],
            "own": pinned[: len(own)],
            "attachments": pinned[len(own) :],
            "content_sha256": combined_sha256(sources),
        }

    checked = check(folder)
    instantiate = AltinnInstantiateOperator(
        task_id="instantiate",
        period="{{ params.period }}",
        organisation_number="{{ params.organisation_number }}",
        content_sha256=checked["content_sha256"],
        data_values={tax.YEAR_VALUE: "{{ params.period | string }}"},
        **altinn,
    )
    instance: Any = {"instance_id": instantiate.output, **altinn}
    upload_attachments = AltinnUploadDataOperator(
        task_id="upload_attachments", documents=checked["attachments"], **instance
    )

    @task(retries=0)
    def write_envelope(folder: str, own: list[dict[str, str]], uploaded: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Write the envelope with the attachments' ids inside the return, and check it by Skatteetaten's schema."""
        from altinn.authorities.tax_envelope import Attached, build_tax_envelope, with_attachments
        from altinn.documents import documents_of, storage_path
        from altinn.exceptions import AltinnDocumentError
        from altinn.issue_table import table_of
        from altinn.validation.xml_check import SchemaSource, check_xml

        params: Any = get_current_context()["params"]
        tax_return, specification = documents_of(own)
        attached = [Attached(e["element_id"], e["file_name"], e["content_type"]) for e in uploaded]
        envelope = build_tax_envelope(
            with_attachments(tax_return.content(), attached),
            specification.content(),
            income_year=int(params["period"]),
            created_by="airflow-provider-altinn",
            current_document=params["current_document"],
        )
        issues = check_xml(envelope, SchemaSource(SCHEMAS, "skattemeldingognaeringsspesifikasjonrequest_v2.xsd"))
        if any(issue.severity == "error" for issue in issues):
            raise AltinnDocumentError(f"the envelope is not valid; it was not sent\n{table_of(issues)}", issues)
        target = storage_path(folder) / "skattemeldingOgNaeringsspesifikasjon.xml"
        target.write_bytes(envelope)
        return [{"data_type": tax.ENVELOPE, "path": str(target), "content_type": "text/xml"}]

    upload_form = AltinnUploadDataOperator(task_id="upload_form", documents=checked["form"], **instance)
    attached: Any = upload_attachments.output
    upload_envelope = AltinnUploadDataOperator(
        task_id="upload_envelope",
        documents=write_envelope(folder, checked["own"], attached),
        scan_timeout=3600.0,
        **instance,
    )
    uploaded: Any = [attached, upload_form.output, upload_envelope.output]
    validate = AltinnValidateOperator(task_id="validate", **instance)
    issues: Any = validate.output
    submit = AltinnProcessNextOperator(task_id="submit", from_task="data", documents=uploaded, **instance)
    confirm: Any
    if MACHINE_CONFIRMS:
        confirm = AltinnProcessNextOperator(
            task_id="confirm", from_task="confirmation", action="confirm", documents=uploaded, **instance
        )
    else:
        confirm = AltinnSignatureSensor(
            task_id="wait_for_confirmation", from_task="confirmation", poll_interval=POLL, **instance
        )
    wait_for_feedback = AltinnFeedbackSensor(
        task_id="wait_for_feedback", authority="skatteetaten_tax", poll_interval=POLL, **instance
    )
    accepted = AltinnCollectReceiptOperator(
        task_id="accepted",
        authority="skatteetaten_tax",
        folder=f"{folder}/receipts",
        documents=uploaded,
        validation=issues,
        period="{{ params.period }}",
        **instance,
    )
    instantiate >> upload_form >> upload_envelope
    upload_envelope >> validate >> submit >> confirm >> wait_for_feedback >> accepted

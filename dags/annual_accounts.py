"""File a company's annual accounts with Regnskapsregisteret, up to the signature and past it.

The machine fills in the forms, uploads the attachments, waits for their virus scan, and locks the accounts. Then a
**person signs in Altinn**: no system user may. The run waits for it without a worker slot, its task has a button that
opens the instance, and reminders go out 10, 3 and 1 days before the legal deadline until it is signed. The end of the
process is the receipt: the register sends nothing back.

The register's own forms (RR-0002 …) may not be shipped with this project. The sample is written by hand for the
emulator's imitation of the app; give the paths of your own forms, as your accounting system wrote them, and check them
against the schemas that you have downloaded.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task

from altinn.authorities.brreg_accounts import APPS, ATTACHMENT, MAIN_FORM, SUB_FORM
from altinn.reminders import reminders
from altinn.taskgroups import altinn_filing

PROJECT = Path(__file__).resolve().parents[1]
SAMPLES = PROJECT / "include" / "samples" / "aarsregnskap"
FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))
APP = APPS["RR-0002"]
# A company whose financial year ends in June has another deadline: "annual_accounts:06".
# Replace the notifier by Slack, mail or whatever reaches the person who signs.
REMINDERS = reminders(
    "annual_accounts",
    "altinn.log_notifier.LogNotifier",
    {"text": "{{ altinn.days }} day(s) left to sign the annual accounts: {{ altinn.link }}"},
    app=APP,
)

with DAG(
    dag_id="annual_accounts",
    description="File annual accounts: the machine up to the lock, a person signs",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=16,
    render_template_as_native_obj=True,
    tags=["altinn", "brreg", "annual accounts"],
    deadline=REMINDERS,
    params={
        "period": Param("2025", type="string", title="Financial year", pattern=r"^\d{4}$"),
        "organisation_number": Param("950474084", type="string", title="Organisation number", pattern=r"^\d{9}$"),
        "main_form": Param(str(SAMPLES / "hovedskjema.xml"), type="string", title="Main form (Hovedskjema)"),
        "sub_forms": Param(
            [str(SAMPLES / "underskjema.xml")],
            type="array",
            items={"type": "string"},
            title="Accounts (Underskjema)",
            description="One for the company, a second for the group",
        ),
        "attachments": Param([], type="array", items={"type": "string"}, title="Attachments (PDF)"),
        "altinn_conn_id": Param("altinn_default", type="string", title="Connection"),
    },
) as dag:

    @task(retries=0)
    def documents() -> list[dict[str, str]]:
        """List the documents of the filing, each with its data type."""
        params: Any = get_current_context()["params"]
        listed = [(MAIN_FORM, params["main_form"])]
        listed += [(SUB_FORM, path) for path in params["sub_forms"]]
        listed += [(ATTACHMENT, path) for path in params["attachments"]]
        return [{"data_type": data_type, "path": path} for data_type, path in listed]

    altinn_filing(
        app=APP,
        authority="brreg_accounts",
        period="{{ params.period }}",
        organisation_number="{{ params.organisation_number }}",
        documents=documents(),
        receipts=f"{FILES}/annual_accounts",
        altinn_conn_id="{{ params.altinn_conn_id }}",
        wait={"poll_interval": float(os.environ.get("ALTINN_POLL_INTERVAL", "60"))},
    )

"""Answer the statistical forms that SSB has made for a company, one mapped filing for each.

SSB makes an instance for each form and period and fills in what it knows; a company may not make one. So this DAG
**finds** the instance by the period that SSB wrote into it, puts the filled-in form there, validates it, and sends it
with one step. There is no feedback: the end of the process is the acceptance. One form's failure stops no other.

The samples are forms that SSB published with its own tools. With the emulator, let SSB make the instances first: the
task `ask_the_emulator` does that for trials, when the param `emulator_url` says where it is.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task, task_group

from altinn.authorities.ssb_surveys import app_of_form, data_type_of_form
from altinn.operators import (
    AltinnCollectReceiptOperator,
    AltinnFindInstanceOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    AltinnValidateOperator,
)

PROJECT = Path(__file__).resolve().parents[1]
SAMPLES = PROJECT / "include" / "samples" / "ssb"
FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))

with DAG(
    dag_id="ssb_statistics",
    description="Find the forms that SSB has made, fill them in, and send them",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    render_template_as_native_obj=True,
    tags=["altinn", "ssb", "statistics"],
    params={
        "organisation_number": Param("950474084", type="string", title="Organisation number", pattern=r"^\d{9}$"),
        "forms": Param(
            [
                {"form": "RS-0182", "period": "2025-Q3", "path": str(SAMPLES / "rs0182.xml")},
                {"form": "RA-0187", "period": "2026-M01", "path": str(SAMPLES / "ra0187.xml")},
            ],
            type="array",
            title="Forms",
            items={"type": "object", "required": ["form", "period", "path"]},
            description="Number, period and filled-in file of each form",
        ),
        "altinn_conn_id": Param("altinn_default", type="string", title="Connection"),
    },
) as dag:

    @task(retries=0)
    def filings() -> list[dict[str, Any]]:
        """Return app, data type, period and document of each form; a wrong number fails before anything is sent."""
        params: Any = get_current_context()["params"]
        return [
            {
                "app": app_of_form(entry["form"]),
                "data_type": data_type_of_form(entry["form"]),
                "period": entry["period"],
                "documents": [{"data_type": data_type_of_form(entry["form"]), "path": entry["path"]}],
                "receipts": f"{FILES}/ssb_statistics/{entry['form']}",
            }
            for entry in params["forms"]
        ]

    @task_group
    def answer(app: Any, data_type: Any, period: Any, documents: Any, receipts: Any) -> None:
        """Answer one form."""
        common: Any = {"app": app, "altinn_conn_id": "{{ params.altinn_conn_id }}"}
        find = AltinnFindInstanceOperator(
            task_id="find",
            authority="ssb_surveys",
            period=period,
            data_type=data_type,
            organisation_number="{{ params.organisation_number }}",
            **common,
        )
        instance: Any = {"instance_id": find.output, **common}
        fill = AltinnUploadDataOperator(task_id="fill", documents=documents, **instance)
        filled: Any = fill.output
        validate = AltinnValidateOperator(task_id="validate", **instance)
        issues: Any = validate.output
        send = AltinnProcessNextOperator(task_id="send", from_task="data", documents=filled, **instance)
        accepted = AltinnCollectReceiptOperator(
            task_id="accepted",
            authority="ssb_surveys",
            folder=receipts,
            documents=filled,
            validation=issues,
            period=period,
            **instance,
        )
        fill >> validate >> send >> accepted

    answer.expand_kwargs(filings())

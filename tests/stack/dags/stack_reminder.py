"""A filing that waits for a signature, with reminders seconds instead of days apart."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Param
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from altinn.reminders import remind_to_sign, reminders
from altinn.taskgroups import altinn_filing

FILES = os.environ.get("ALTINN_FILES", "/tmp")
(REAL,) = reminders(
    "annual_accounts",
    "altinn.log_notifier.LogNotifier",
    {"text": "{{ dag_run.dag_run_id }} {{ altinn.days }} {{ altinn.link }}", "path": f"{FILES}/reminders.txt"},
    days_before=[3],
    app="ttd/basic-signing",
    altinn_conn_id="altinn_vat",
)
ALERTS = [
    DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=seconds),
        callback=AsyncCallback(remind_to_sign, REAL.callback.kwargs),
        name=f"after {seconds} s",
    )
    for seconds in (30, 600)
]

with DAG(
    "stack_reminder",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    render_template_as_native_obj=True,
    deadline=ALERTS,
    params={"period": Param("", type="string"), "form_path": Param("", type="string")},
):
    steps: list[dict[str, Any]] = [{"task": "data"}, {"task": "signing", "action": "sign", "by": "person"}]
    altinn_filing(
        app="ttd/basic-signing",
        authority={"accepted_when": "ended", "steps": steps},
        period="{{ params.period }}",
        documents=[{"data_type": "model", "path": "{{ params.form_path }}"}],
        organisation_number="897069650",
        altinn_conn_id="altinn_vat",
        receipts=f"{FILES}/stack",
        wait={"poll_interval": 1.0, "max_poll_interval": 2.0, "retries": 0},
    )

"""Filings that only look, unless a run says otherwise: on schedule, for backfills, and at an event."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time
from typing import Any

from airflow.sdk import DAG, Asset, Param, PartitionedAssetTimetable

from altinn.operators import AltinnPlanFilingOperator
from altinn.periods import report_calendar
from altinn.runs.trigger_form import filing_params
from altinn.taskgroups import altinn_filing
from altinn.timetables import vat_terms

FILES = os.environ.get("ALTINN_FILES", "/tmp")
LATEST = report_calendar("vat_terms").latest_ended(date.today())
BY_CLOCK, BY_BACKFILL = vat_terms(lead_days=60), vat_terms(automatic=False)
DAGS: list[tuple[str, Any, datetime, dict[str, Param]]] = [
    ("stack_dry_terms", BY_CLOCK, datetime.combine(LATEST.start, time(), UTC), filing_params(BY_CLOCK, dry_run=True)),
    ("stack_dry_backfill", BY_BACKFILL, datetime(2022, 1, 1, tzinfo=UTC), filing_params(BY_BACKFILL, dry_run=True)),
    (
        "stack_dry_event",
        PartitionedAssetTimetable(assets=Asset("stack_ledger_closed")),
        datetime(2022, 1, 1, tzinfo=UTC),
        {"dry_run": Param(True, type="boolean")},
    ),
]

for dag_id, schedule, start, params in DAGS:
    with DAG(
        dag_id,
        schedule=schedule,
        start_date=start,
        catchup=dag_id == "stack_dry_terms",
        is_paused_upon_creation=True,
        render_template_as_native_obj=True,
        params=params,
    ):
        common: dict[str, Any] = {
            "app": "ttd/basic",
            "organisation_number": "314000001",
            "altinn_conn_id": "altinn_vat",
        }
        plan: Any = AltinnPlanFilingOperator(task_id="plan", dry_run="{{ params.dry_run }}", **common)
        filing = altinn_filing(
            authority={"accepted_when": "ended"},
            period=plan.output["period"],
            documents=[{"data_type": "model", "path": f"{FILES}/dry.xml"}],
            receipts=f"{FILES}/receipts",
            **common,
        )
        plan >> filing.group

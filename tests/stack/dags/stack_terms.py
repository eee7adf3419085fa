"""A filing for each VAT term that the scheduler starts by itself, as soon as the term has ended."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time
from typing import Any

from airflow.sdk import DAG

from altinn.operators import AltinnPlanFilingOperator
from altinn.periods import report_calendar
from altinn.runs.trigger_form import filing_params
from altinn.taskgroups import altinn_filing
from altinn.timetables import vat_terms

SCHEDULE = vat_terms(lead_days=60)
LATEST = report_calendar("vat_terms").latest_ended(date.today())

with DAG(
    "stack_terms",
    schedule=SCHEDULE,
    start_date=datetime.combine(LATEST.start, time(), UTC),
    catchup=True,
    render_template_as_native_obj=True,
    params=filing_params(SCHEDULE),
):
    common: dict[str, Any] = {"app": "ttd/basic", "organisation_number": "950474084"}
    plan: Any = AltinnPlanFilingOperator(task_id="plan", **common)
    filing = altinn_filing(
        period=plan.output["period"],
        documents=[{"data_type": "model", "path": f"{os.environ.get('ALTINN_FILES', '/tmp')}/terms.xml"}],
        wait_for_feedback=False,
        **common,
    )
    plan >> filing.group

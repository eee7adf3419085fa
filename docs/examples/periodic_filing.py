from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from altinn.deadlines import StatutoryDeadline
from altinn.deadlines.deadline_log import log_deadline
from altinn.operators import AltinnPlanFilingOperator
from altinn.runs.trigger_form import filing_params
from altinn.taskgroups import altinn_filing
from altinn.timetables import vat_terms

SCHEDULE = vat_terms(lead_days=5)

with DAG(
    "periodic_filing",
    schedule=SCHEDULE,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
    params=filing_params(SCHEDULE),
    deadline=DeadlineAlert(
        reference=StatutoryDeadline("vat_terms"),
        interval=timedelta(days=-2),
        callback=AsyncCallback(log_deadline),
        name="VAT return due",
    ),
):
    common = {"app": "ttd/basic", "organisation_number": "897069650"}
    # The tasks that file know the rules as well, so that none of them writes when it is cleared alone.
    rules = {"dry_run": "{{ params.dry_run }}", "on_backfill": "{{ params.on_backfill }}"}
    plan = AltinnPlanFilingOperator(
        task_id="plan",
        kind="{{ params.kind }}",
        correction_number="{{ params.correction_number }}",
        max_filings_per_backfill="{{ params.max_filings_per_backfill }}",
        **rules,
        **common,
    )
    filing = altinn_filing(
        period=plan.output["period"],
        kind="{{ params.kind }}",
        correction_number="{{ params.correction_number }}",
        documents=[{"data_type": "model", "path": "/data/report.xml"}],
        wait_for_feedback=False,
        **rules,
        **common,
    )
    plan >> filing.group

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, PartitionedAssetTimetable

from altinn.operators import AltinnPlanFilingOperator
from altinn.taskgroups import altinn_filing

with DAG(
    "filing_on_event",
    schedule=PartitionedAssetTimetable(assets=Asset("vat_ledger_closed")),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
):
    common = {"app": "ttd/basic", "organisation_number": "950474084"}
    plan = AltinnPlanFilingOperator(task_id="plan", report="vat_terms", **common)
    filing = altinn_filing(
        period=plan.output["period"],
        documents=[{"data_type": "model", "path": "/data/report.xml"}],
        wait_for_feedback=False,
        **common,
    )
    plan >> filing.group

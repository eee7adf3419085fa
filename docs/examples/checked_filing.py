from datetime import UTC, datetime

from airflow.sdk import DAG

from altinn.operators import AltinnCheckDocumentOperator
from altinn.taskgroups import altinn_filing

with DAG("checked_filing", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    check = AltinnCheckDocumentOperator(
        task_id="check",
        app="ttd/basic",
        documents=[{"data_type": "model", "path": "/data/report.xml", "schema": "/data/schemas/report.xsd"}],
        whole=True,
    )
    filing = altinn_filing(
        app="ttd/basic",
        period="{{ dag_run.conf['period'] }}",
        organisation_number="{{ dag_run.conf['organisation_number'] }}",
        documents=check.output,
        wait_for_feedback=False,
    )

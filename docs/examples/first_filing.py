from datetime import UTC, datetime

from airflow.sdk import DAG

from altinn.taskgroups import altinn_filing

with DAG("first_filing", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    altinn_filing(
        app="ttd/basic",
        period="{{ dag_run.conf['period'] }}",
        organisation_number="{{ dag_run.conf['organisation_number'] }}",
        documents=[{"data_type": "model", "path": "/data/report.xml"}],
        wait_for_feedback=False,
        altinn_conn_id="altinn_default",
    )

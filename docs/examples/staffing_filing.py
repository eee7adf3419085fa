from datetime import UTC, datetime

from airflow.sdk import DAG

from altinn.taskgroups import altinn_filing

with DAG("staffing_filing", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    altinn_filing(
        app="dat/staffing-report",
        authority="my_company.staffing_report",
        period="{{ dag_run.conf['period'] }}",
        organisation_number="897069650",
        documents=[{"data_type": "model", "path": "{{ dag_run.conf['report'] }}"}],
        receipts="/data/receipts",
    )

from datetime import UTC, datetime

from airflow.sdk import DAG

from altinn.sensors import AltinnLoginSensor

with DAG("wait_for_login", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    AltinnLoginSensor(
        task_id="login",
        altinn_conn_id="altinn_vat",
        deadline="{{ dag_run.conf['deadline'] }}",
    )

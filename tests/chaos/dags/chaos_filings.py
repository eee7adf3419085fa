"""The DAGs that `make chaos` files with: short delays, everything else as in any DAG of this provider."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task, task_group

from altinn.operators import (
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    AltinnValidateOperator,
)

FILES = Path(os.environ["ALTINN_FILES"])
COMMON: dict[str, Any] = {"app": "ttd/basic", "altinn_conn_id": "altinn_chaos"}
DEFAULTS = {"retries": 6, "retry_delay": 1.0, "retry_exponential_backoff": 1.0}


def filing(period: Any) -> None:
    """Wire a filing of `ttd/basic`: form, one attachment, two pushes."""
    instantiate = AltinnInstantiateOperator(task_id="instantiate", period=period, **COMMON)
    instance: Any = {"instance_id": instantiate.output, **COMMON}
    documents = [
        {"data_type": "model", "path": str(FILES / "form.xml")},
        {"data_type": "attachment", "path": str(FILES / "letter.txt")},
    ]
    upload = AltinnUploadDataOperator(task_id="upload", documents=documents, **instance)
    validate = AltinnValidateOperator(task_id="validate", **instance)
    uploaded: Any = upload.output
    push = AltinnProcessNextOperator(
        task_id="push", from_task="data", to_task="confirmation", documents=uploaded, **instance
    )
    confirm = AltinnProcessNextOperator(task_id="confirm", from_task="confirmation", documents=uploaded, **instance)
    upload >> validate >> push >> confirm


for dag_id in ("chaos_filing", "chaos_other"):
    with DAG(
        dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
        default_args=DEFAULTS,
        params={"period": "2026-T1"},
    ):
        filing("{{ params.period }}")

with DAG(
    "chaos_mapped",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    default_args=DEFAULTS,
):

    @task(retries=0)
    def periods() -> list[str]:
        """Return the list as the file has it now; somebody reorders it between two runs of the tasks."""
        listed: list[str] = json.loads((FILES / "periods.json").read_text())
        return listed

    @task_group
    def one(period: str) -> None:
        """File one period."""
        filing(period)

    one.expand(period=periods())

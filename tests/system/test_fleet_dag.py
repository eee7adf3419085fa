"""What the DAG for many companies is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow.dag_processing.dagbag import DagBag

if TYPE_CHECKING:
    import pytest

DAGS = Path(__file__).parents[2] / "dags"


def test_the_pool_paces_every_task_that_calls_altinn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALTINN_FLEET_POOL", "altinn_ttd")
    bag = DagBag(DAGS / "fleet.py")
    assert bag.import_errors == {}
    tasks = {task.task_id: task for task in bag.dags["fleet"].tasks}
    calling = {name for name in tasks if name.startswith("company.")} | {"summary"}
    assert {name for name, task in tasks.items() if task.pool == "altinn_ttd"} == calling
    assert len(calling) > 5


def test_every_filing_is_shown_by_company_and_period() -> None:
    tasks = DagBag(DAGS / "fleet.py").dags["fleet"].tasks
    labels = {task.task_id: task.map_index_template for task in tasks if task.task_id.startswith("company.")}
    assert labels
    assert all(label == "{{ ti.xcom_pull(task_ids='companies')[ti.map_index]['label'] }}" for label in labels.values())


def test_every_example_can_be_read() -> None:
    bag = DagBag(DAGS)
    assert bag.import_errors == {}
    assert {"vat_return", "fleet", "filing_calendar", "filing_watchdog"} <= set(bag.dags)

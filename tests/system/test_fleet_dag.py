"""What the DAG for many companies is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from altinn.timetables.period_timetable import PeriodTimetable

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


@pytest.mark.parametrize("name", ["vat_return", "fleet"])
def test_a_mistyped_setting_is_said_and_starts_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    file = DAGS / f"{name}.py"
    monkeypatch.setenv("ALTINN_SCHEDULED_FILINGS", "fales")
    bag = DagBag(file)
    assert bag.dags == {}
    assert "ALTINN_SCHEDULED_FILINGS must be true or false, not 'fales'" in "".join(bag.import_errors.values())
    for text, has_runs in (("False", False), ("true", True)):
        monkeypatch.setenv("ALTINN_SCHEDULED_FILINGS", text)
        (dag,) = DagBag(file).dags.values()
        assert isinstance(dag.timetable, PeriodTimetable)
        assert dag.timetable.automatic is has_runs

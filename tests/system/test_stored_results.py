"""What the calendar page takes from Airflow's table of XComs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import create_engine, delete, insert, select
from sqlalchemy.orm import Session

from altinn.ui.stored_results import latest

MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)
RUNS = {"monday": 1, "tuesday": 2, "next week": 3}


@pytest.fixture
def session() -> Iterator[Session]:
    import_all_models()  # type: ignore[no-untyped-call]
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened


def leave(session: Session, run: str, map_index: int, at: datetime, dag_id: str = "calendar") -> None:
    columns = {"dag_id": dag_id, "task_id": "reconcile", "run_id": run, "map_index": map_index, "key": "k"}
    have(session, run, map_index, dag_id)
    session.execute(insert(XComModel).values(dag_run_id=RUNS[run], value={"index": map_index}, timestamp=at, **columns))


def have(session: Session, run: str, map_index: int, dag_id: str = "calendar") -> None:
    """Give a run an instance of the task, whether it leaves anything or not."""
    where = {"dag_id": dag_id, "task_id": "reconcile", "run_id": run, "map_index": map_index}
    if not session.execute(select(TaskInstance.id).filter_by(**where)).first():
        session.execute(insert(TaskInstance).values(id=uuid4(), pool="p", pool_slots=1, **where))


def found(session: Session, *dag_ids: str) -> list[tuple[str, int]]:
    return [(one.run_id, one.value["index"]) for one in latest("k", dag_ids or ["calendar"], session)]


def test_the_newest_result_of_each_instance_is_shown(session: Session) -> None:
    for index in (2, 0, 1):
        leave(session, "monday", index, MONDAY + timedelta(minutes=index))
    assert found(session) == [("monday", 0), ("monday", 1), ("monday", 2)]
    have(session, "next week", 1)  # has failed
    for index in (0, 2):
        leave(session, "next week", index, MONDAY + timedelta(days=7, minutes=10))
    assert found(session) == [("next week", 0), ("monday", 1), ("next week", 2)]


def test_an_older_run_that_was_cleared_shows_its_own_alone(session: Session) -> None:
    for run, day in (("monday", 0), ("tuesday", 1)):
        for index in (0, 1):
            leave(session, run, index, MONDAY + timedelta(days=day))
    session.execute(delete(XComModel).where(XComModel.run_id == "monday", XComModel.map_index == 0))
    leave(session, "monday", 0, MONDAY + timedelta(days=2))
    assert found(session) == [("monday", 0), ("tuesday", 1)]


def test_an_instance_that_the_task_does_not_have_any_more_is_left_out(session: Session) -> None:
    for index in (0, 1):
        leave(session, "monday", index, MONDAY)
    leave(session, "tuesday", 0, MONDAY + timedelta(minutes=1))
    assert found(session) == [("tuesday", 0)]


def test_only_the_dags_that_were_asked_for(session: Session) -> None:
    leave(session, "monday", -1, MONDAY, dag_id="secret")
    leave(session, "tuesday", -1, MONDAY)
    assert found(session) == [("tuesday", -1)]
    assert found(session, "secret", "calendar") == [("tuesday", -1), ("monday", -1)]

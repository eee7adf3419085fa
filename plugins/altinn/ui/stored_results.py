"""Reads what tasks have left in Airflow's database, for users who may read it.

Uses internal modules of Airflow (its security dependencies and its XCom table); this file is the only one that does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import select

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Stored:
    """A value that a task has left."""

    dag_id: str
    run_id: str
    task_id: str
    value: Any


def readable_dags(auth_manager: Any, user: Any, dag_ids: Iterable[str], session: Session) -> set[str]:
    """Return the DAGs whose XComs the user may read: what the pages show are XComs."""
    names = list(dag_ids)
    teams = DagModel.get_dag_id_to_team_name_mapping(names, session=session)
    return {
        dag_id
        for dag_id in names
        if auth_manager.is_authorized_dag(
            method="GET",
            access_entity=DagAccessEntity.XCOM,
            details=DagDetails(id=dag_id, team_name=teams.get(dag_id)),
            user=user,
        )
    }


def dags_with(key: str, session: Session) -> list[str]:
    """Return the DAGs that have left a value under a key."""
    return sorted(session.scalars(select(XComModel.dag_id).where(XComModel.key == key).distinct()))


def latest(key: str, dag_ids: Iterable[str], session: Session) -> Iterator[Stored]:
    """Return the newest value under a key of each DAG and task, and of a mapped task the newest of each instance.

    An instance that fails, or is not done yet, keeps what it left before, as a task that is not mapped does. Those that
    the newest run does not have are left out: the task has been mapped over less since.
    """
    columns = (XComModel.dag_id, XComModel.task_id, XComModel.map_index, XComModel.run_id)
    query = select(*columns).where(XComModel.key == key, XComModel.dag_id.in_(list(dag_ids)))
    newest: dict[tuple[str, str, int], str] = {}
    indexes: dict[tuple[str, str], set[int]] = {}
    for dag_id, task_id, map_index, run_id in session.execute(query.order_by(XComModel.timestamp.desc())):
        if (dag_id, task_id) not in indexes:
            indexes[dag_id, task_id] = _map_indexes(dag_id, task_id, run_id, session)
        if map_index in indexes[dag_id, task_id]:
            newest.setdefault((dag_id, task_id, map_index), run_id)
    for (dag_id, task_id, map_index), run_id in sorted(newest.items()):
        yield from _values(
            key, {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}, session
        )


def _map_indexes(dag_id: str, task_id: str, run_id: str, session: Session) -> set[int]:
    of_task = (TaskInstance.dag_id == dag_id, TaskInstance.task_id == task_id, TaskInstance.run_id == run_id)
    return set(session.scalars(select(TaskInstance.map_index).where(*of_task)))


def of_run(dag_id: str, run_id: str, session: Session) -> list[tuple[str, str, int, Any]]:
    """Return (task id, key, map index, value) of every value that a run's tasks have left."""
    query = select(XComModel).where(XComModel.dag_id == dag_id, XComModel.run_id == run_id)
    found = session.scalars(query.order_by(XComModel.task_id, XComModel.map_index))
    return [(one.task_id, one.key, one.map_index, decoded(one.value)) for one in found]


def _values(key: str, where: Mapping[str, Any], session: Session) -> Iterator[Stored]:
    query = select(XComModel).where(XComModel.key == key)
    for name, value in where.items():
        query = query.where(getattr(XComModel, name) == value)
    for one in session.scalars(query):
        yield Stored(one.dag_id, one.run_id, one.task_id, decoded(one.value))


def decoded(value: Any) -> Any:
    """Return an XCom's value; it is kept as JSON, in some databases as JSON inside JSON."""
    for _ in range(2):
        if not isinstance(value, str | bytes):
            break
        try:
            value = json.loads(value)
        except ValueError:
            break
    return value

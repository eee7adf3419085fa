"""Defer the one task of each run of a DAG, as Airflow's execution API does when a worker defers one.

    python -m bench.defer_tasks SETTINGS.json

A process of its own, in Airflow's environment. A thousand tasks that really start take two cores a quarter of an hour;
what the triggerer has to do afterwards is the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

TRIGGER = "altinn.triggers.instance_trigger.AltinnInstanceTrigger"


def defer(dag_id: str, ids: Sequence[str], interval: float) -> None:
    """Let each run's task wait for one of the instances."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        tasks = session.scalars(select(TaskInstance).where(TaskInstance.dag_id == dag_id)).all()
        for task, instance_id in zip(tasks, ids, strict=True):
            trigger = Trigger(TRIGGER, {})
            trigger.encrypted_kwargs = json.dumps(
                {
                    "instance_id": instance_id,
                    "altinn_conn_id": "altinn_default",
                    "wait_for": {"kind": "ended"},
                    "deadline": 4e9,
                    "since": 4e9,
                    "poll_interval": interval,
                    "max_poll_interval": interval,
                }
            )
            session.add(trigger)
            session.flush()
            task.state = TaskInstanceState.DEFERRED
            task.trigger_id = trigger.id
            task.next_method = "execute_complete"


if __name__ == "__main__":
    settings = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    defer(settings["dag_id"], settings["ids"], settings["interval"])

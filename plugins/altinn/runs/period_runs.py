"""Which runs of a DAG are about a period, however each of them was started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altinn.periods import ReportCalendar


def runs_by_period(ti: Any, dag_id: str, report: ReportCalendar) -> dict[str, list[str]]:
    """Return a DAG's runs by the period that each one's record tells; for use in a task.

    A record tells the period as `resolve_period` reads it: by `conf["period"]`, by the partition key, or by a logical
    date that is exactly the period's first day. A run that tells none is left out: it files nothing, unless its DAG has
    a period as the default of its param, which no record tells.

    :param ti: the task instance that asks, from the task's context.
    :param dag_id: of any DAG, paused or not.
    :return: "run_id (state)" of each run, in the order of their ids.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetDagRun

    found: dict[str, list[str]] = {}
    # Airflow lists no runs to a task, but the states of their tasks. Mapped ones are left out: there may be thousands.
    listed: Mapping[str, Any] = ti.get_task_states(dag_id, map_index=-1)
    for run_id in sorted(listed):
        run: Any = task_runner.SUPERVISOR_COMMS.send(GetDagRun(dag_id=dag_id, run_id=run_id))
        period = report.told_by((run.conf or {}).get("period"), run.partition_key, run.logical_date)
        if period is not None:
            found.setdefault(period.name, []).append(f"{run_id} ({getattr(run.state, 'value', run.state)})")
    return found

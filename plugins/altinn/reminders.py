"""Reminders that a person still has to sign, counted back from the legal deadline, and stopped once it is signed.

    DAG(
        "annual_accounts",
        deadline=reminders("annual_accounts", SlackWebhookNotifier, {"text": "Please sign: {{ altinn.link }}"}),
        ...
    )

Airflow's deadline alerts call at each moment; the callback looks into Altinn first, and says nothing when the person
has signed, when there is nothing to sign yet, or when the instance has been deleted. Of moments that have passed when
the run is made, or while Airflow was down, only the last one reminds. Any Airflow notifier will do. Its templates see,
beside `dag_run` and `deadline`, `altinn`: `instance_id`, `link`, `where` (what is missing), `days` (left to the
deadline now). A mapped filing is reminded of each of its instances.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from altinn.deadlines import StatutoryDeadline
from altinn.exceptions import AltinnError, AltinnInputError
from altinn.hooks.altinn_hook import AltinnHook, app_of
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.session import Session
from altinn.protocol.wait_look import look
from altinn.protocol.waiting import DONE, LEFT, WAITING, Progress, WaitFor
from altinn.triggers.shared_session import kept_open, shared_session

if TYPE_CHECKING:
    from airflow.sdk.bases.notifier import BaseNotifier

DAYS_BEFORE = (10, 3, 1)
"""Days before the deadline on which a person is reminded."""

log = logging.getLogger(__name__)


def reminders(
    report: str,
    notifier: type[BaseNotifier] | str,
    notifier_arguments: Mapping[str, Any] | None = None,
    *,
    days_before: Sequence[int] = DAYS_BEFORE,
    from_task: str = "signing",
    instantiate_task: str = "filing.instantiate",
    app: str = "",
    altinn_conn_id: str = AltinnHook.default_conn_name,
    conn_param: str = "altinn_conn_id",
    on_behalf_of: str | None = None,
    external_ref: str | None = None,
    due_dates: Mapping[str, str] | None = None,
) -> list[DeadlineAlert]:
    """Return the alerts for a DAG's `deadline=`.

    :param report: a name of `altinn.periods.REPORTS`, whose legal deadline counts.
    :param notifier: the notifier's class, or its import path.
    :param notifier_arguments: how it is made; plain JSON, since it travels to the triggerer.
    :param days_before: days before the deadline.
    :param from_task: the task that the person has to leave, by element id or type.
    :param instantiate_task: the task that returned the instance id.
    :param app: the app's id, for the link.
    :param altinn_conn_id: the connection to look with, where the run names none.
    :param conn_param: the param of the DAG with which a run names its connection.
    :param due_dates: deadlines that the authority has stated otherwise, by period.
    :raises AltinnInputError: no days, or one that is no whole number from 0 on.
    """
    if not days_before or any(not isinstance(day, int) or day < 0 for day in days_before):
        raise AltinnInputError(f"days_before must be whole numbers from 0 on, got {list(days_before)}")
    path = notifier if isinstance(notifier, str) else f"{notifier.__module__}.{notifier.__qualname__}"
    arguments: dict[str, Any] = {
        "notifier": path,
        "notifier_arguments": dict(notifier_arguments or {}),
        "from_task": from_task,
        "instantiate_task": instantiate_task,
        "app": app,
        "altinn_conn_id": altinn_conn_id,
        "conn_param": conn_param,
        "on_behalf_of": on_behalf_of,
        "external_ref": external_ref,
    }
    return [
        DeadlineAlert(
            reference=StatutoryDeadline(report, dict(due_dates or {})),
            interval=timedelta(days=-days),
            callback=AsyncCallback(remind_to_sign, {**arguments, "days": days, "all_days": sorted(set(days_before))}),
            name=f"reminder {days} day(s) before the deadline",
        )
        for days in sorted(set(days_before), reverse=True)
    ]


async def remind_to_sign(
    *,
    context: Mapping[str, Any],
    notifier: str,
    notifier_arguments: Mapping[str, Any],
    from_task: str,
    instantiate_task: str,
    app: str,
    altinn_conn_id: str,
    on_behalf_of: str | None,
    days: int,
    all_days: Sequence[int] = (),
    conn_param: str = "altinn_conn_id",
    external_ref: str | None = None,
) -> str:
    """Look whether the person has signed, and notify if not. Runs in the triggerer.

    :return: what was done, for Airflow's callback record; of several instances, what was done with each.
    """
    run = context["dag_run"]
    dag_id, run_id = str(run["dag_id"]), str(run.get("dag_run_id") or run.get("run_id"))
    who = (str((run.get("conf") or {}).get(conn_param) or altinn_conn_id), on_behalf_of, external_ref)
    left = _days_left(context, days)
    if any(other < days and left <= other for other in all_days):
        log.info("%s %s: the reminder of %d day(s) comes too late; a later one tells", dag_id, run_id, days)
        return "a later reminder tells"
    found = await asyncio.to_thread(_instances_of, dag_id, run_id, instantiate_task)
    if not found:
        log.info("%s %s: there is no instance yet, so nobody is reminded", dag_id, run_id)
        return "nothing to sign yet"
    told = []
    for instance_id in found:
        progress = await _progress(instance_id, from_task, *who)
        done = _nothing_to_tell(progress)
        if done:
            log.info("%s: %s, so nobody is reminded", instance_id, done)
            told.append(done)
            continue
        link = await _link(app, instance_id, *who)
        values = {"instance_id": instance_id, "link": link, "where": progress.text, "days": left}
        await _notify(notifier, notifier_arguments, {**context, "altinn": values})
        log.info("%s: reminded, %s", instance_id, progress.text)
        told.append("reminded")
    return ", ".join(told)


def _days_left(context: Mapping[str, Any], days: int) -> int:
    """Return the days to the legal deadline from now; an alert's own time is so many days before it."""
    stated = (context.get("deadline") or {}).get("deadline_time")
    if not stated:
        return days
    moment = stated if isinstance(stated, datetime) else datetime.fromisoformat(str(stated).replace("Z", "+00:00"))
    left = moment + timedelta(days=days) - datetime.now(UTC)
    # Airflow calls some seconds after the moment.
    return max(0, min(days, math.ceil((left - timedelta(minutes=1)) / timedelta(days=1))))


def _nothing_to_tell(progress: Progress) -> str:
    """Return why nobody has to be reminded; empty when somebody has to."""
    if progress.state == DONE:
        return "signed"
    if progress.ahead:
        return "nothing to sign yet"
    return "deleted" if progress.deleted else ""


def _instances_of(dag_id: str, run_id: str, task_id: str) -> list[str]:
    """Return what the task made; of a mapped task, what each of its instances made."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from airflow.sdk.execution_time.xcom import XCom

    # Not XCom.get_all: the triggerer takes no message for several values, and leaves one that it does not know
    # without an answer.
    states = RuntimeTaskInstance.get_task_states(dag_id, task_ids=[task_id], run_ids=[run_id]).get(run_id) or {}
    indexes = sorted(-1 if name == task_id else int(name.removeprefix(f"{task_id}_")) for name in states)
    found = (
        XCom.get_one(key="return_value", dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=index)
        for index in indexes
    )
    return [str(value) for value in found if value]


async def _progress(
    instance_id: str, from_task: str, conn_id: str, on_behalf_of: str | None, external_ref: str | None
) -> Progress:
    """Say how far it is; without an answer one reminder too many goes out."""
    try:
        async with kept_open(), shared_session(conn_id, on_behalf_of, external_ref) as session:
            apps = partial(app_of, session.settings)
            wanted = WaitFor(LEFT, from_task)
            return await session.run(
                look(Session(), session.storage, apps, InstanceId.parse(instance_id), wanted, check_name=False)
            )
    except AltinnError as exc:
        return Progress(WAITING, f"whether it is signed cannot be seen at the moment ({type(exc).__name__})")


async def _link(app: str, instance_id: str, conn_id: str, on_behalf_of: str | None, external_ref: str | None) -> str:
    """Return the instance's address; empty when it cannot be told, which keeps nobody from being reminded."""
    if not app:
        return ""
    try:
        settings = await AltinnHook(conn_id, on_behalf_of=on_behalf_of, external_ref=external_ref).asettings()
    except AltinnError as exc:
        log.warning("%s: no link, because the connection cannot be read (%s)", instance_id, type(exc).__name__)
        return ""
    return f"{app_of(settings, app).base}/#/instance/{instance_id}"


async def _notify(path: str, arguments: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    """Make the notifier, render its templates, and let it notify, in a thread if it cannot otherwise."""
    from airflow.sdk.bases.notifier import BaseNotifier

    module, _, name = path.rpartition(".")
    made: BaseNotifier = getattr(import_module(module), name)(**arguments)
    given: Any = dict(context)
    made.render_template_fields(given)
    if type(made).async_notify is not BaseNotifier.async_notify:
        await made.async_notify(given)
    else:
        await asyncio.to_thread(made.notify, given)

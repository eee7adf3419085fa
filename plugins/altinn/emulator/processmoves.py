"""The state of a process and how it changes: pure steps, without rights, validation or hooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from altinn.emulator.bpmn import Process
from altinn.emulator.expressions import Lookup, evaluate

COMPLETE, ABANDON = "CompleteCurrentMoveToNext", "AbandonCurrentMoveToNext"
UNVALIDATED = {"timestamp": None, "canCompleteTask": False}
State = dict[str, Any]
Chooser = Callable[[str, Sequence[str]], Sequence[str] | None]


class NoWay(ValueError):
    """The process has no element to go to; the text says why."""


def conditions_decide(gateway: str, targets: Sequence[str]) -> Sequence[str] | None:
    """Leave the choice at a gateway to the conditions of its flows."""
    return None


def next_element(
    process: Process,
    element: str,
    action: str | None,
    data_model: Lookup,
    context: Lookup,
    choose: Chooser = conditions_decide,
) -> str:
    """Return the task or end event that follows an element, through gateways.

    :param choose: the app's own code: of the elements that a gateway leads to, those that are left; None when the
        conditions decide.
    :raises NoWay: no flow leads on, more than one does, or gateways go in a circle.
    """
    at, passed = element, 0
    while True:
        flows = process.leaving(at)
        if at in process.gateways:
            default, chosen = process.gateways[at], choose(at, [f.target for f in flows])
            fitting = [f for f in flows if f.id != default and _fits(f.condition, action, data_model, context)]
            if chosen is not None:
                fitting = [f for f in flows if f.target in chosen]
            flows = fitting or [f for f in flows if f.id == default]
        if len(flows) != 1:
            raise NoWay(f"{len(flows)} flows lead on from {at}; there must be one")
        at, passed = flows[0].target, passed + 1
        if at not in process.gateways:
            return at
        if passed > len(process.gateways):
            raise NoWay(f"the gateways after {element} go in a circle")


def _fits(condition: Any, action: str | None, data_model: Lookup, context: Lookup) -> bool:
    return condition is None or evaluate(condition, action, data_model, context) is True


def started(process: Process, now: str) -> State:
    """Return the state right after the start event."""
    return {"started": now, "startEvent": process.start, "currentTask": None, "ended": None, "endEvent": None}


def start_info(state: State) -> State:
    """Return the state as the event of the start shows it."""
    start = {
        "flow": 1,
        "started": None,
        "elementId": state["startEvent"],
        "name": None,
        "altinnTaskType": None,
        "ended": None,
        "validated": UNVALIDATED,
        "flowType": None,
    }
    return state | {"currentTask": start}


def at_task(process: Process, state: State, task_id: str, now: str, flow_type: str) -> State:
    """Return the state with the process in a task."""
    task, before = process.tasks[task_id], state["currentTask"]
    return state | {
        "currentTask": {
            "flow": before["flow"] + 1 if before else 2,
            "started": now,
            "elementId": task_id,
            "name": task.name,
            "altinnTaskType": task.kind,
            "ended": None,
            "validated": None,
            "flowType": flow_type,
        }
    }


def at_end(state: State, end_event: str, now: str) -> State:
    """Return the state with the process ended."""
    return state | {"currentTask": None, "ended": now, "endEvent": end_event}


def task_ended_info(state: State, now: str) -> State:
    """Return the state as the event of a task's end shows it."""
    return state | {"currentTask": state["currentTask"] | {"ended": now, "validated": UNVALIDATED, "flowType": None}}


def task_started_info(state: State) -> State:
    """Return the state as the event of a task's start shows it."""
    return state | {"currentTask": state["currentTask"] | {"validated": UNVALIDATED, "flowType": None}}

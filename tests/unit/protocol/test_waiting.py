"""What a wait is for, and whether an instance has come to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from altinn.exceptions import AltinnInputError
from altinn.protocol.model import Instance
from altinn.protocol.waiting import WaitFor
from tests.unit.protocol import recorded_answers as recorded


def at(task_id: str, task_type: str) -> Instance:
    task = {"elementId": task_id, "altinnTaskType": task_type}
    return Instance.from_json({**recorded.APP, "process": {"started": "2026-01-01T00:00:00Z", "currentTask": task}})


DATA, CONFIRMATION, SIGNING, FEEDBACK = (
    at("Task_1", "data"),
    at("Task_2", "confirmation"),
    at("Task_3", "signing"),
    at("Task_4", "feedback"),
)
ENDED = Instance.from_json({**recorded.APP, "process": recorded.ENDED})
DELETED = Instance.from_json({**recorded.APP, "status": {"isSoftDeleted": True}})
REJECTED = Instance.from_json({**recorded.APP, "process": recorded.ENDED, "status": {"substatus": {"label": "Avvist"}}})
KEPT = Instance.from_json({**recorded.APP, "process": recorded.ENDED, "status": {"isSoftDeleted": True}})


@pytest.mark.parametrize(
    ("wait", "instance", "state"),
    [
        (WaitFor("answer"), FEEDBACK, "waiting"),
        (WaitFor("answer"), ENDED, "done"),
        (WaitFor("answer", receipt_types=("kvittering",)), ENDED, "waiting"),
        (WaitFor("answer", receipt_types=("model",)), ENDED, "done"),
        (WaitFor("answer", confirmed=True), ENDED, "waiting"),
        (WaitFor("answer", confirmed=True, rejected_labels=frozenset({"avvist"})), REJECTED, "done"),
        (WaitFor("answer", confirmed=True, rejected_labels=frozenset({"nei"})), REJECTED, "waiting"),
        (WaitFor("answer"), DELETED, "stopped"),
        (WaitFor("answer"), KEPT, "done"),
        (WaitFor("ended"), SIGNING, "waiting"),
        (WaitFor("ended"), ENDED, "done"),
        (WaitFor("reached", "signing"), DATA, "waiting"),
        (WaitFor("reached", "signing"), CONFIRMATION, "waiting"),
        (WaitFor("reached", "signing"), SIGNING, "done"),
        (WaitFor("reached", "Task_3"), SIGNING, "done"),
        (WaitFor("reached", "Task_3"), DATA, "waiting"),
        (WaitFor("reached", "signing"), FEEDBACK, "done"),
        (WaitFor("reached", "signing"), ENDED, "done"),
        (WaitFor("left", "signing"), SIGNING, "waiting"),
        (WaitFor("left", "Task_3"), SIGNING, "waiting"),
        (WaitFor("left", "signing"), CONFIRMATION, "waiting"),
        (WaitFor("left", "signing"), DATA, "stopped"),
        (WaitFor("left", "Task_3"), DATA, "stopped"),
        (WaitFor("left", "signing"), FEEDBACK, "done"),
        (WaitFor("left", "Task_3"), FEEDBACK, "done"),
        (WaitFor("left", "signing"), ENDED, "done"),
        (WaitFor("left", "signing"), DELETED, "stopped"),
    ],
)
def test_how_far_it_is(wait: WaitFor, instance: Instance, state: str) -> None:
    progress = wait.progress(instance)
    assert progress.state == state
    assert bool(progress.text) == (state != "done")


@pytest.mark.parametrize(
    "wait",
    [
        WaitFor("answer", receipt_types=("a", "b"), confirmed=True),
        WaitFor("answer", feedback_types=("a",), rejected_labels=frozenset({"Avvist", "nei"})),
        WaitFor("left", "signing"),
        WaitFor("ended"),
    ],
)
def test_it_travels_as_plain_json(wait: WaitFor) -> None:
    carried: dict[str, Any] = json.loads(json.dumps(wait.as_json()))
    assert WaitFor.from_json(carried) == wait


@pytest.mark.parametrize(("kind", "task"), [("signed", ""), ("left", ""), ("reached", "")])
def test_what_nobody_can_wait_for(kind: str, task: str) -> None:
    with pytest.raises(AltinnInputError):
        WaitFor(kind, task)

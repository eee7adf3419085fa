"""What a wait is for, and whether an instance has come to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from altinn.exceptions import AltinnInputError
from altinn.protocol.model import Instance, InstanceEvent
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
        (WaitFor("reached", "signing"), SIGNING, "done"),
        (WaitFor("reached", "Task_3"), SIGNING, "done"),
        (WaitFor("left", "signing"), SIGNING, "waiting"),
        (WaitFor("left", "Task_3"), SIGNING, "waiting"),
        (WaitFor("left", "signing"), DELETED, "stopped"),
    ],
)
def test_how_far_it_is(wait: WaitFor, instance: Instance, state: str) -> None:
    progress = wait.progress(instance)
    assert progress.state == state
    assert bool(progress.text) == (state != "done")


def began(*tasks: str) -> list[InstanceEvent]:
    """Return events: "Task_2 signing" was begun, "-Task_2 signing" was refused, "!" is a signature."""
    events = []
    for number, text in enumerate(tasks):
        if text == "!":
            events.append(InstanceEvent("Signed", f"2026-01-01T00:00:{number:02}Z", "", "", "", "user 1337"))
            continue
        task_id, task_type = text.removeprefix("-").split()
        kind = "process_AbandonTask" if text.startswith("-") else "process_StartTask"
        events.append(InstanceEvent(kind, f"2026-01-01T00:00:{number:02}Z", task_id, task_type, "", ""))
    return events


START = "Task_1 data"
END = InstanceEvent("process_EndEvent", "2026-01-01T00:01:00Z", "", "", "", "")


@pytest.mark.parametrize(
    ("kind", "task", "path", "state"),
    [
        # Apps order their tasks as they like: only the way that an instance came says what lies behind it.
        ("left", "Task_3", (START, "Task_2 confirmation"), "waiting"),
        ("reached", "Task_3", (START, "Task_2 confirmation"), "waiting"),
        ("left", "signing", (START, "Task_2 payment"), "waiting"),
        ("left", "signing", (START, "Task_2 pdf"), "waiting"),
        ("left", "confirmation", (START, "Task_2 signing"), "waiting"),
        ("left", "signing", (START,), "waiting"),
        ("reached", "signing", (START, "Task_2 confirmation"), "waiting"),
        ("left", "signing", (START, "Task_2 signing", "!", "Task_3 data"), "done"),
        ("left", "Task_2", (START, "Task_2 signing", "!", "Task_3 confirmation"), "done"),
        # Pushed on by somebody who named no action: Altinn lets a signing task go without a signature.
        ("left", "signing", (START, "Task_2 signing", "Task_3 data"), "stopped"),
        ("left", "signing", (START, "Task_2 signing", "!", START, "Task_2 signing", "Task_3 feedback"), "stopped"),
        ("left", "payment", (START, "Task_2 payment", "Task_3 data"), "done"),
        ("reached", "signing", (START, "Task_2 signing", "Task_3 feedback"), "done"),
        ("left", "signing", (START, "Task_2 signing", START), "stopped"),
        ("left", "signing", (START, "Task_2 signing", "-Task_2 signing", START), "stopped"),
        ("left", "signing", (START, "Task_2 signing", "-Task_2 signing", "Task_5 data"), "stopped"),
        ("reached", "signing", (START, "Task_2 signing", START), "waiting"),
        ("left", "signing", (START, "Task_2 signing", START, "Task_2 signing", "!", "Task_3 feedback"), "done"),
        (
            "left",
            "signing",
            (START, "Task_2 signing", "-Task_2 signing", START, "Task_2 signing", "!", "Task_3 feedback"),
            "done",
        ),
        # A second round: what lies behind the step there was passed in the first one as well.
        (
            "left",
            "signing",
            (START, "Task_2 signing", "Task_3 confirmation", START, "Task_2 signing", "!", "Task_3 confirmation"),
            "done",
        ),
        (
            "reached",
            "signing",
            (START, "Task_2 signing", "Task_3 confirmation", START, "Task_2 signing", "Task_3 confirmation"),
            "done",
        ),
        (
            "left",
            "signing",
            (START, "Task_2 signing", "Task_3 confirmation", START, "Task_2 signing", START),
            "stopped",
        ),
        (
            "left",
            "signing",
            (START, "Task_2 payment", "Task_3 signing", "-Task_3 signing", START, "Task_2 payment"),
            "waiting",
        ),
        (
            "left",
            "signing",
            (START, "Task_2 payment", "Task_3 signing", "-Task_3 signing", START, "Task_5 data"),
            "stopped",
        ),
        # Sent back by a later task, and forward again.
        (
            "left",
            "signing",
            (START, "Task_2 payment", "Task_3 signing", "Task_4 confirmation", START, "Task_2 payment"),
            "waiting",
        ),
        # Sent back by two steps, one after the other, and only then forward again.
        ("left", "signing", (START, "Task_2 payment", "Task_3 signing", "Task_2 payment", START), "stopped"),
        (
            "left",
            "signing",
            (START, "Task_2 payment", "Task_3 signing", "Task_2 payment", START, "Task_2 payment"),
            "waiting",
        ),
        ("left", "confirmation", (START, "Task_2 confirmation", "Task_3 confirmation"), "waiting"),
        ("left", "confirmation", (START, "Task_2 confirmation", "Task_3 confirmation", START), "stopped"),
    ],
)
def test_where_it_has_been_says_whether_a_step_is_taken(
    kind: str, task: str, path: tuple[str, ...], state: str
) -> None:
    now = at(*path[-1].split())
    progress = WaitFor(kind, task).progress(now, began(*path))
    assert progress.state == state, progress.text
    assert bool(progress.text) == (state != "done")


@pytest.mark.parametrize(
    ("kind", "path", "state"),
    [
        ("left", (START, "Task_2 signing", "!"), "done"),
        ("left", (START, "Task_2 signing"), "stopped"),
        ("left", (START, "Task_2 signing", "-Task_2 signing"), "stopped"),
        ("reached", (START, "Task_2 signing"), "done"),
        ("left", (START, "Task_2 confirmation"), "stopped"),
        ("reached", (START,), "stopped"),
        ("left", (), "waiting"),
    ],
)
def test_an_end_without_the_step_is_no_step(kind: str, path: tuple[str, ...], state: str) -> None:
    assert WaitFor(kind, "signing").progress(ENDED, [*began(*path), END] if path else []).state == state


def test_an_end_whose_events_are_late_decides_nothing() -> None:
    """The refusal that ended it may not be among them yet."""
    path = began(START, "Task_2 signing")
    assert WaitFor("left", "signing").progress(ENDED, path).state == "waiting"
    refused = [*path, *began("-Task_2 signing"), END]
    assert WaitFor("left", "signing").progress(ENDED, refused).state == "stopped"


@pytest.mark.parametrize("instance", [DATA, CONFIRMATION, FEEDBACK, ENDED])
@pytest.mark.parametrize("kind", ["left", "reached"])
def test_what_cannot_be_seen_is_never_done(instance: Instance, kind: str) -> None:
    wait = WaitFor(kind, "signing")
    assert wait.hangs_on_path(instance)
    progress = wait.progress(instance)
    assert (progress.state, progress.warn) == ("waiting", True)


def test_events_that_are_newer_than_the_instance_decide_nothing() -> None:
    moving = began(START, "Task_2 confirmation", "Task_3 signing")
    assert WaitFor("left", "signing").progress(CONFIRMATION, moving).state == "waiting"


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

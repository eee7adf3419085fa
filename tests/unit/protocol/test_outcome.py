"""Where a filing stands, from its process, its elements and its events."""

from __future__ import annotations

import pytest

from altinn.protocol.model import Instance, InstanceEvent
from altinn.protocol.outcome import Awaited, Confirmation, who_confirmed
from tests.unit.protocol import recorded_answers as recorded

DRAFT = Instance.from_json(recorded.APP)
ENDED = Instance.from_json({**recorded.APP, "process": recorded.ENDED})


@pytest.mark.parametrize(
    ("types", "instance", "missing"),
    [
        ((), DRAFT, "the instance is at Task_1 (data, flow 2)"),
        (("model",), DRAFT, "the instance is at Task_1 (data, flow 2)"),
        ((), ENDED, ""),
        (("model",), ENDED, ""),
        (("kvittering", "model", "betaling"), ENDED, "the process has ended, kvittering, betaling is not there yet"),
    ],
)
def test_what_is_not_there_yet_is_named(types: tuple[str, ...], instance: Instance, missing: str) -> None:
    assert Awaited(types).missing(instance) == missing


def event(kind: str, task_type: str, actor: str, created: str) -> InstanceEvent:
    return InstanceEvent(kind, created, "Task", task_type, "", actor)


WROTE = event("process_EndTask", "data", "user 1", "2026-01-01T10:00:00Z")
CONFIRMED = event("process_EndTask", "confirmation", "user 2", "2026-01-01T11:00:00Z")
CONFIRMED_AGAIN = event("process_EndTask", "confirmation", "user 3", "2026-01-01T12:00:00Z")
ANSWERED = event("process_EndTask", "feedback", "organisation skd", "2026-01-01T13:00:00Z")
STARTED = event("process_StartTask", "confirmation", "user 9", "2026-01-01T14:00:00Z")
NAMELESS = event("process_EndTask", "confirmation", "", "2026-01-01T15:00:00Z")


@pytest.mark.parametrize(
    ("events", "confirmed"),
    [
        ([], Confirmation()),
        ([STARTED, ANSWERED], Confirmation()),
        ([WROTE, ANSWERED], Confirmation("user 1", WROTE.created)),
        ([WROTE, CONFIRMED, ANSWERED, STARTED], Confirmation("user 2", CONFIRMED.created)),
        ([WROTE, CONFIRMED, WROTE, CONFIRMED_AGAIN], Confirmation("user 3", CONFIRMED_AGAIN.created)),
        ([WROTE, NAMELESS], Confirmation("user 1", WROTE.created)),
    ],
)
def test_who_took_the_senders_last_step(events: list[InstanceEvent], confirmed: Confirmation) -> None:
    assert who_confirmed(events) == confirmed

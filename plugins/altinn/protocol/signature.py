"""Whether a person has signed, where an app's process ends with a signature: read from the instance's events."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from altinn.protocol.model import Instance, InstanceEvent
from altinn.protocol.outcome import Awaited
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import Flow

SIGNED = "Signed"
"""Storage's event of a signature."""


def with_signature(session: Session, storage: Storage, instance: Instance, awaited: Awaited) -> Flow[Instance]:
    """Read whether it was signed where the verdict hangs on it, and return the instance with the answer.

    A push that names no action leaves a signing task as well, and ends the process like a signature does.

    :raises AltinnForbiddenError: this login may not read the instance's events.
    """
    if not (awaited.signed and instance.process.is_ended):
        return instance
    events = yield from session.perform(storage.events(instance.id))
    return dataclasses.replace(instance, is_signed=was_signed(events))


def was_signed(events: Sequence[InstanceEvent]) -> bool | None:
    """Say whether the last signing task of a process that has ended was signed; None while its end is not told yet."""
    if not any(event.event_type == "process_EndEvent" for event in events):
        return None
    begun = [
        number
        for number, event in enumerate(events)
        if event.event_type == "process_StartTask" and event.task_type == "signing"
    ]
    return bool(begun) and any(event.event_type == SIGNED for event in events[begun[-1] :])

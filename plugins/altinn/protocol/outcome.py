"""Where a filing stands, as far as every app tells: from its process and its elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from altinn.protocol.model import Instance, InstanceEvent


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a sender waits for after the confirmation.

    :param receipt_types: data types that the authority adds.
    """

    receipt_types: tuple[str, ...] = ()

    def missing(self, instance: Instance) -> str:
        """Say what is not there yet; empty when all is."""
        process = instance.process
        if not process.is_ended:
            return f"the instance is at {process.where}"
        absent = [name for name in self.receipt_types if not instance.of_type(name)]
        return f"the process has ended, {', '.join(absent)} is not there yet" if absent else ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Who took the last step that was the sender's, and when; both empty when the events do not tell."""

    actor: str = ""
    created: str = ""


def who_confirmed(events: Sequence[InstanceEvent]) -> Confirmation:
    """Read from an instance's events who left the confirmation, or the last task of the sender's if there is none."""
    left = [event for event in events if event.event_type == "process_EndTask" and event.actor]
    confirmed = [event for event in left if event.task_type == "confirmation"]
    sender = [event for event in left if event.task_type != "feedback"]
    for chosen in (confirmed, sender):
        if chosen:
            return Confirmation(chosen[-1].actor, chosen[-1].created)
    return Confirmation()

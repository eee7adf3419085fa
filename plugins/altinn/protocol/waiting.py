"""What a wait is for, as plain data that a trigger can carry, and whether an instance has come to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from altinn.exceptions import AltinnInputError
from altinn.protocol.model import Instance, Process
from altinn.protocol.outcome import Awaited

ANSWER, ENDED, REACHED, LEFT = "answer", "ended", "reached", "left"
KINDS = (ANSWER, ENDED, REACHED, LEFT)
_ORDER = ("data", "confirmation", "signing", "payment", "feedback")

DONE, WAITING, STOPPED = "done", "waiting", "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a wait has come.

    :param state: "done", "waiting", or "stopped": what is waited for cannot come any more.
    :param text: for people; empty when done.
    """

    state: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class WaitFor:
    """What is waited for.

    :param kind: "answer" (process ended, receipts there), "ended" (process ended), "reached" (the instance is in `task`
        or past it), "left" (a person has taken `task`'s step).
    :param task: a task's element id ("Task_2") or type ("signing").
    :param receipt_types: for "answer": data types that must be there.
    :param confirmed: for "answer": the service owner's confirmation as well.
    :param feedback_types: for "answer": see `Awaited`.
    :param rejected_labels: for "answer": see `Awaited`.
    """

    kind: str
    task: str = ""
    receipt_types: tuple[str, ...] = ()
    confirmed: bool = False
    feedback_types: tuple[str, ...] = ()
    rejected_labels: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise AltinnInputError(f"nobody can wait for {self.kind!r}; one of {', '.join(KINDS)} can be waited for")
        if self.kind in (REACHED, LEFT) and not self.task:
            raise AltinnInputError("the task to wait for is empty: name it, for example 'signing' or 'Task_2'")

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON for a trigger's arguments."""
        return {
            "kind": self.kind,
            "task": self.task,
            "receipt_types": list(self.receipt_types),
            "confirmed": self.confirmed,
            "feedback_types": list(self.feedback_types),
            "rejected_labels": sorted(self.rejected_labels),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> WaitFor:
        """Read what `as_json` wrote."""
        return cls(
            str(value.get("kind")),
            str(value.get("task") or ""),
            tuple(str(name) for name in value.get("receipt_types") or ()),
            bool(value.get("confirmed")),
            tuple(str(name) for name in value.get("feedback_types") or ()),
            frozenset(str(label) for label in value.get("rejected_labels") or ()),
        )

    @property
    def awaited(self) -> Awaited:
        """What must be there; nothing for a wait that is about the process alone."""
        return Awaited(self.receipt_types, self.confirmed, self.feedback_types, self.rejected_labels)

    def progress(self, instance: Instance) -> Progress:
        """Say from a fresh read whether the wait is over."""
        if instance.is_hard_deleted or (instance.is_soft_deleted and not instance.process.is_ended):
            return Progress(STOPPED, "the instance has been deleted")
        if self.kind == ANSWER:
            return _waiting(self.awaited.missing(instance))
        if self.kind == ENDED or instance.process.is_ended:
            return _waiting("" if instance.process.is_ended else f"the instance is at {instance.process.where}")
        return self._at_task(instance.process)

    def _at_task(self, process: Process) -> Progress:
        here = self.task in (process.task_id, process.task_type)
        ahead = _is_ahead(self.task, process)
        if self.kind == REACHED:
            return Progress(DONE) if here or not ahead else _waiting(f"the instance is at {process.where}")
        if here:
            return Progress(WAITING, f"a person has to leave {process.where}")
        if process.task_type == "data":
            return Progress(STOPPED, f"the instance is at {process.where}: the step was refused, or is not reached yet")
        return _waiting(f"the instance is at {process.where}") if ahead else Progress(DONE)


def _waiting(missing: str) -> Progress:
    return Progress(WAITING, missing) if missing else Progress(DONE)


def _is_ahead(task: str, process: Process) -> bool:
    """Whether a task is still to come. Of tasks named by id only a data task is known to come before."""
    if task in _ORDER and process.task_type in _ORDER:
        return _ORDER.index(task) > _ORDER.index(process.task_type)
    return process.task_type == "data" or not process.task_id

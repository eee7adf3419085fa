"""What a wait is for, as plain data that a trigger can carry, and whether an instance has come to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from altinn.exceptions import AltinnInputError
from altinn.protocol.model import Instance, InstanceEvent, Process
from altinn.protocol.outcome import Awaited
from altinn.protocol.signature import SIGNED

ANSWER, ENDED, REACHED, LEFT = "answer", "ended", "reached", "left"
KINDS = (ANSWER, ENDED, REACHED, LEFT)

DONE, WAITING, STOPPED = "done", "waiting", "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a wait has come.

    :param state: "done", "waiting", or "stopped": what is waited for cannot come any more.
    :param text: for people; empty when done.
    :param ahead: the task that is waited for has not been reached yet.
    :param warn: a person should know: the wait goes on without seeing what it waits for.
    :param deleted: the instance has been deleted.
    """

    state: str
    text: str = ""
    ahead: bool = False
    warn: bool = False
    deleted: bool = False


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

    def hangs_on_path(self, instance: Instance) -> bool:
        """Say whether only the way that the instance came can tell: it is in another task than the one waited for.

        Where an instance stands does not say where it has been: each app orders its tasks as it likes.
        """
        process = instance.process
        begun = bool(process.task_id) or process.is_ended
        return self.kind in (REACHED, LEFT) and begun and not _is_deleted(instance) and not self._is_here(process)

    def is_known(self, process: Process) -> bool | None:
        """Say whether the app has such a task; None when its answer lists no tasks."""
        listed = (*process.task_ids, *process.task_types)
        return self.task in listed or self._is_here(process) if listed else None

    def progress(self, instance: Instance, events: Sequence[InstanceEvent] | None = None) -> Progress:
        """Say from a fresh read whether the wait is over.

        :param events: the instance's events, read after the instance; needed where `hangs_on_path`. Without them, such
            a wait goes on: what cannot be told is never done.
        """
        if _is_deleted(instance):
            return Progress(STOPPED, "the instance has been deleted", deleted=True)
        process = instance.process
        if self.kind == ANSWER:
            return _waiting(self.awaited.missing(instance))
        if self.kind == ENDED:
            return _waiting("" if process.is_ended else f"the instance is at {process.where}")
        if self._is_here(process):
            return (
                Progress(DONE) if self.kind == REACHED else Progress(WAITING, f"a person has to leave {process.where}")
            )
        if not self.hangs_on_path(instance):
            return Progress(WAITING, f"the instance is at {process.where}", ahead=True)
        if not events:
            text = f"the instance is at {process.where}; whether it has been in {self.task!r} cannot be seen"
            return Progress(WAITING, text, warn=True)
        if process.is_ended and not any(event.event_type == _ENDED for event in events):
            return Progress(WAITING, "the process has ended, and how is not among the instance's events yet")
        return self._on_path(process, [event for event in events if event.event_type in (_STARTED, _ABANDONED, SIGNED)])

    def _is_here(self, process: Process) -> bool:
        return bool(self.task) and self.task in (process.task_id, process.task_type)

    def _matches(self, event: InstanceEvent) -> bool:
        return self.task in (event.task_id, event.task_type)

    def _on_path(self, process: Process, path: Sequence[InstanceEvent]) -> Progress:
        """Decide from the tasks in the order in which they were begun.

        Whoever comes back to a task that lies before the awaited one, as the first round went, was refused; whoever has
        gone forward from there once more is in another round, whose step has not been taken yet.
        """
        begun = [number for number, event in enumerate(path) if event.event_type == _STARTED]
        own = [number for number in begun if self._matches(path[number])]
        if not own:
            if process.is_ended:
                return Progress(STOPPED, f"the process has ended without coming to {self.task!r}")
            return Progress(
                WAITING, f"the instance is at {process.where}: {self.task!r} has not been reached yet", ahead=True
            )
        if not process.is_ended and path[begun[-1]].task_id != process.task_id:
            return Progress(WAITING, f"the instance is moving on from {process.where}")
        last = own[-1]
        order: dict[str, int] = {}
        for number in begun:
            if number < own[0]:
                order.setdefault(path[number].task_id, number)
        refused = any(event.event_type == _ABANDONED and self._matches(event) for event in path[last:])
        if not refused and (process.is_ended or process.task_id not in order):
            is_signed = any(event.event_type == SIGNED for event in path[last:])
            if self.kind == LEFT and path[last].task_type == "signing" and not is_signed:
                # A push that names no action leaves a signing task as well.
                return Progress(
                    STOPPED, f"{self.task!r} was left without a signature: the instance is at {process.where}"
                )
            return Progress(DONE)
        since = [path[number].task_id for number in begun if number > last]
        # A later task may have sent it back as well; only what was begun after that is the new round.
        round_began = max((number for number, task in enumerate(since, 1) if task not in order), default=0)
        # Who goes back one step more, from the second task to the first, has not begun anything.
        is_again = any(order[then] > order[task] for task, then in pairwise(since[round_began:]))
        if (self.kind == REACHED or is_again) and not process.is_ended:
            return Progress(WAITING, f"the instance has come back to {process.where}", ahead=True)
        if self.kind == REACHED:
            return Progress(DONE)
        return Progress(STOPPED, f"the step was refused: the instance is now at {process.where}")


_STARTED, _ABANDONED, _ENDED = "process_StartTask", "process_AbandonTask", "process_EndEvent"


def _is_deleted(instance: Instance) -> bool:
    return instance.is_hard_deleted or (instance.is_soft_deleted and not instance.process.is_ended)


def _waiting(missing: str) -> Progress:
    return Progress(WAITING, missing) if missing else Progress(DONE)

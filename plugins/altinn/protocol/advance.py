"""Compare and advance: `process/next` is sent once, with its action named, from the task that the plan expects.

Altinn's `PUT process/next` is not guarded: repeated after a success it acts on the next task, so that a repeat may
confirm or submit (ProcessController in Altinn's public app library).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from altinn.exceptions import (
    AltinnActionDeniedError,
    AltinnAnswerError,
    AltinnConflictError,
    AltinnForbiddenError,
    AltinnLockedError,
    AltinnNoAnswerError,
    AltinnProcessEndedError,
    AltinnServerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnUnexpectedStateError,
    AltinnUnknownOutcomeError,
    AltinnValidationError,
    Problem,
)
from altinn.protocol.app_api import App
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import Process
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow, Sleep

DEFAULT_ACTIONS = {
    "data": "write",
    "feedback": "write",
    "confirmation": "confirm",
    "signing": "sign",
    "payment": "pay",
}
"""The action that leaves a task of each type (ProcessEngineAuthorizer)."""

_LOOK_AGAIN = (
    AltinnNoAnswerError,
    AltinnAnswerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnServerError,
    AltinnForbiddenError,
    AltinnProcessEndedError,
    AltinnLockedError,
)


@dataclass(frozen=True, slots=True)
class Advanced:
    """Where the instance is after the push.

    :param moved: this call moved it; False when it was past the task already.
    """

    process: Process
    moved: bool


@dataclass(frozen=True, slots=True)
class Advance:
    """A push of one instance over one task.

    :param from_task: the task's element id ("Task_1"), or its type ("data", "confirmation" …).
    :param action: the action to name; by default the one that belongs to the task's type.
    :param guard: runs after the look and right before the push; raises to stop it.
    :param lock_wait: seconds to wait for somebody else's push before giving up.
    :param report: takes one line for each decision, for the log.
    """

    session: Session
    app: App
    instance_id: InstanceId
    from_task: str
    action: str = ""
    guard: Callable[[Process], Flow[None]] | None = None
    lock_wait: float = 30.0
    report: Callable[[str], None] = lambda _line: None

    def run(self) -> Flow[Advanced]:
        """Push once if the instance is where the plan expects it.

        :raises AltinnUnexpectedStateError: it is in another task that this one does not lead to.
        :raises AltinnActionDeniedError: the caller may not do the action here.
        :raises AltinnValidationError: the data stops the process.
        :raises AltinnUnknownOutcomeError: no clean answer and no movement; a retry looks first.
        """
        before = yield from self._read()
        if not self._is_here(before):
            yield from self._require_past(before)
            self.report(f"{self.instance_id} is past {self.from_task} already: {before.where}")
            return Advanced(before, moved=False)
        action = self._action(before)
        if self.guard is not None:
            yield from self.guard(before)
        try:
            after = yield from self.session.perform(self.app.next(self.instance_id, action))
        except AltinnValidationError:
            raise
        except _LOOK_AGAIN as exc:
            return (yield from self._after_doubt(before, exc))
        except AltinnConflictError as exc:
            raise (yield from self._explained(exc)) from exc
        self.report(f"{self.instance_id}: {action} moved {before.where} -> {after.where}")
        return Advanced(after, moved=True)

    def _read(self) -> Flow[Process]:
        return (yield from self.session.perform(self.app.get_process(self.instance_id)))

    def _is_here(self, process: Process) -> bool:
        return not process.is_ended and self.from_task in (process.task_id, process.task_type)

    def _require_past(self, process: Process) -> Flow[None]:
        """Tell "already past" from "somewhere else": the history shows whether the task was left."""
        if process.is_ended:
            return
        history = yield from self.session.perform(self.app.history(self.instance_id))
        left = [e.element_id for e in history if e.ended and e.element_id != process.task_id]
        passed_type = _type_passed(self.from_task, process.task_type)
        if self.from_task in left or (left and passed_type):
            return
        raise AltinnUnexpectedStateError(
            f"{self.instance_id} is at {process.where}, expected {self.from_task}: nothing was pushed. Look at the "
            "instance in Altinn, and at the task's from_task",
            [str(self.instance_id)],
        )

    def _action(self, process: Process) -> str:
        action = self.action or DEFAULT_ACTIONS.get(process.task_type, process.task_type)
        if process.actions is not None and not process.actions.get(action, False):
            granted = ", ".join(sorted(name for name, allowed in process.actions.items() if allowed)) or "nothing"
            raise AltinnActionDeniedError(
                f"{self.instance_id}: this identity may not do {action!r} in {process.where}; it may do: {granted}. "
                "Nothing was pushed. Ask the company for a role or a delegation that includes it",
                [str(self.instance_id)],
            )
        return action

    def _after_doubt(self, before: Process, cause: Exception) -> Flow[Advanced]:
        """Read until it shows whether the push happened; never push again."""
        waited, pause = 0.0, 0.5
        while True:
            now = yield from self._read()
            if now.is_ended or now.flow > before.flow or now.task_id != before.task_id:
                self.report(
                    f"{self.instance_id}: no clean answer ({type(cause).__name__}), but it moved to {now.where}"
                )
                return Advanced(now, moved=True)
            if isinstance(cause, AltinnForbiddenError):
                raise cause
            if waited >= self.lock_wait:
                break
            yield Sleep(pause, f"looking whether {self.instance_id} moves")
            waited += pause
            pause = min(pause * 2, 5.0)
        if isinstance(cause, AltinnLockedError):
            raise cause
        raise AltinnUnknownOutcomeError(
            f"the push of {self.instance_id} got no clean answer and the instance still stands at {before.where} after "
            f"{waited:.0f} s; a retry looks again before it pushes. Cause: {cause}",
            [str(self.instance_id)],
        ) from cause

    def _explained(self, error: AltinnConflictError) -> Flow[AltinnConflictError]:
        """Join the validator's findings to a 409 that came without any, if the instance has not moved."""
        now = yield from self._read()
        if not self._is_here(now):
            return error
        issues = yield from self.session.perform(self.app.validate(self.instance_id))
        if not any(issue.severity == "error" for issue in issues):
            return error
        old = error.problem
        problem = Problem(old.status, old.title, old.detail, old.trace_id, old.retry_after, issues, old.raw)
        return AltinnValidationError(error.what, problem, "correct the data; nothing was submitted")


_ORDER = ("data", "confirmation", "signing", "payment", "feedback")


def _type_passed(wanted: str, current: str) -> bool:
    """Whether a task type comes before the current one in every process seen (data, confirmation, feedback)."""
    if wanted not in _ORDER or current not in _ORDER:
        return False
    return _ORDER.index(wanted) < _ORDER.index(current)

"""Compare and advance: `process/next` is sent once, with its action named, from the task that the plan expects.

Altinn's `PUT process/next` is not guarded: repeated after a success it acts on the next task, so that a repeat may
confirm or submit (ProcessController in Altinn's public app library).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from altinn.exceptions import (
    AltinnActionDeniedError,
    AltinnAnswerError,
    AltinnConflictError,
    AltinnForbiddenError,
    AltinnHttpError,
    AltinnInputError,
    AltinnLockedError,
    AltinnNoAnswerError,
    AltinnNotFoundError,
    AltinnNotYetError,
    AltinnProcessEndedError,
    AltinnRefusedError,
    AltinnResumeRequiredError,
    AltinnRetryingError,
    AltinnServerError,
    AltinnServiceTaskError,
    AltinnTransportError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnUnexpectedStateError,
    AltinnUnknownOutcomeError,
    AltinnValidationError,
    Problem,
)
from altinn.protocol.app_api import App
from altinn.protocol.creation import PUSH_LIMIT, PUSH_PAUSE
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import Process, ProcessEvent
from altinn.protocol.session import Session
from altinn.protocol.timestamps import time_key
from altinn.protocol.wire import Flow, Sleep

DEFAULT_ACTIONS = {
    "data": "write",
    "feedback": "write",
    "confirmation": "confirm",
    "signing": "sign",
    "payment": "pay",
}
"""The action that leaves a task of each type (ProcessEngineAuthorizer)."""

SERVICE_TASKS = frozenset({"pdf", "eFormidling", "fiksArkiv", "subformPdf"})
"""Types of tasks that the app does by itself; `write` pushes on where one was left standing."""

_LOCK_PAUSE, _LOCK_LIMIT = 20.0, 400.0
"""Seconds; an app that died inside a push leaves the lock behind for 5 minutes."""

_PERHAPS_DONE = (
    AltinnNoAnswerError,
    AltinnAnswerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnServerError,
)
_REFUSED = (AltinnForbiddenError, AltinnNotFoundError, AltinnRefusedError, AltinnResumeRequiredError)
"""This push did nothing, but somebody else's may have: one look tells."""

_BUSY = (AltinnLockedError, AltinnRetryingError, AltinnProcessEndedError)
"""This push did nothing, because somebody else's is under way or has been."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """Where the instance is after the push.

    :param moved: this call moved it, as far as can be told; False when it was past the task already, or when this
        push was refused while somebody else's went through.
    """

    process: Process
    moved: bool


@dataclass(frozen=True, slots=True)
class Advance:
    """A push of one instance over one task.

    :param from_task: the task's element id ("Task_1"), or its type ("data", "confirmation" …).
    :param action: the action to name; by default the one that belongs to the task's type.
    :param to_task: the task that the push leads to, by id or type, or "end"; the app must still have it, so that one
        that was redeployed without its confirmation is not pushed to the end. Empty leaves it open.
    :param guard: looks at the content before the push, and before whatever else makes the process go on; raises to
        stop it. It may take long, so the process is read once more after it.
    :param fence: is called right before the last look; raises when this try is not the living one.
    :param lock_wait: seconds to wait here for somebody else's push before the wait goes elsewhere.
    :param report: takes one line for each decision, for the log.
    :param record: takes each effect, for the ledger.
    :param pushed_from: the id of the task that this task has begun to push from before; empty when it has not.
    :param has_pushed: this try's push was accepted, and it comes back because Altinn was at work.
    """

    session: Session
    app: App
    instance_id: InstanceId
    from_task: str
    action: str = ""
    guard: Callable[[Process], Flow[None]] | None = None
    lock_wait: float = 30.0
    report: Callable[[str], None] = lambda _line: None
    to_task: str = ""
    fence: Callable[[str], None] = lambda _what: None
    record: Callable[[str, Mapping[str, Any]], None] = lambda _event, _more: None
    pushed_from: str = ""
    has_pushed: bool = False

    def run(self) -> Flow[Advanced]:
        """Push once if the instance is where the plan expects it.

        :raises AltinnInputError: `from_task` is a type of several tasks, and one of them was left, who knows by whom.
        :raises AltinnUnexpectedStateError: it is in another task that this one does not lead to.
        :raises AltinnNotYetError: Altinn is at work, with this push or another one.
        :raises AltinnActionDeniedError: the caller may not do the action here.
        :raises AltinnValidationError: the data stops the process.
        :raises AltinnUnknownOutcomeError: no clean answer and no movement; a retry looks first.
        """
        before, moved = yield from self._read_at_rest()
        if (yield from self._was_left_before(before)):
            self.report(f"{self.instance_id} was pushed from {self.pushed_from} before: it is past that")
            return Advanced(before, moved=moved or self.has_pushed)
        if self._is_here(before):
            self._require_planned(before)
            self._action(before)
            here, before = before.task_id, (yield from self._guarded(before))
            if before.task_id == here and self._is_here(before):
                return (yield from self._push(before, self._action(before)))
        yield from self._require_past(before, "nothing was pushed")
        if self._is_left_standing(before):
            # This push files as well: whatever may have happened since the one that came to a halt here counts.
            before = yield from self._guarded(before)
            if self._is_left_standing(before):
                return (yield from self._push(before, "write"))
        self.report(f"{self.instance_id} is past {self.from_task} already: {before.where}")
        return Advanced(before, moved=moved or self.has_pushed)

    def _push(self, before: Process, action: str) -> Flow[Advanced]:
        # A step of the app's own is no task of this push: a later try asks which one that was.
        task = {"task": before.task_id} if self._is_here(before) else {}
        self.record("pushing", {"from": before.where, "action": action, **task})
        try:
            after = yield from self.session.perform(self.app.next(self.instance_id, action))
        except AltinnValidationError:
            raise
        except (*_PERHAPS_DONE, *_REFUSED, *_BUSY) as exc:
            return (yield from self._after_doubt(before, exc))
        except AltinnConflictError as exc:
            raise (yield from self._explained(exc)) from exc
        self.report(f"{self.instance_id}: {action} moved {before.where} -> {after.where}")
        told = {"from": before.where, "to": after.where, "action": action}
        self.record("pushed", {**told, **({"workflow": after.workflow} if after.workflow else {})})
        if after.workflow == "processing":
            raise self._not_yet(f"{self.instance_id} was pushed, and Altinn is still at work on it in {after.where}")
        if _is_own_step(after):
            self.report(f"{self.instance_id} stands in {after.where}, which the app has to do")
        return Advanced(after, moved=True)

    def _read(self) -> Flow[Process]:
        return (yield from self.session.perform(self.app.get_process(self.instance_id)))

    def _read_at_rest(self) -> Flow[tuple[Process, bool]]:
        now = yield from self._read()
        return (yield from self._at_rest(now))

    def _at_rest(self, process: Process) -> Flow[tuple[Process, bool]]:
        """Version 9: let what is under way end, and resume what stopped, before anything is decided.

        :return: the process, and whether this call has moved it.
        :raises AltinnNotYetError: the engine is at it.
        :raises AltinnServerError: the step failed again; the next try resumes it again.
        """
        moved = False
        if process.workflow == "failed":
            process, moved = yield from self._resumed(process)
        if process.workflow == "processing":
            raise self._not_yet(f"Altinn is still at work on {self.instance_id} in {process.where}")
        return process, moved

    def _not_yet(self, text: str) -> AltinnNotYetError:
        return AltinnNotYetError(text, PUSH_PAUSE, PUSH_LIMIT)

    def _resumed(self, process: Process) -> Flow[tuple[Process, bool]]:
        """Go on with the step that failed: `process/resume` acts on that step alone, and may deliver.

        So the content is looked at again before it, as before a push.
        """
        self.report(f"{self.instance_id} stopped half-way in {process.where}: resuming it")
        if self.guard is not None:
            yield from self.guard(process)
        self.fence(f"the resumption of {self.instance_id}")
        now = yield from self._read()
        if now.workflow != "failed" or now.flow != process.flow:
            return now, False
        self.record("resuming", {"from": process.where})
        try:
            yield from self.session.perform(self.app.resume(self.instance_id))
        except AltinnUnavailableError as exc:
            raise self._not_yet(f"the resumption of {self.instance_id} goes on at Altinn") from exc
        except AltinnConflictError as exc:
            self.report(f"nothing to resume: {exc.problem.detail}")
            return (yield from self._read()), False
        return (yield from self._read()), True

    def _guarded(self, before: Process) -> Flow[Process]:
        """Check the content, prove that this try is the living one, and read the process once more."""
        if self.guard is not None:
            yield from self.guard(before)
        self.fence(f"the push of {self.instance_id} from {before.where}")
        if self.guard is None:
            return before
        now, _ = yield from self._read_at_rest()
        if now.task_id == before.task_id and now.flow != before.flow:
            raise AltinnUnexpectedStateError(
                f"{self.instance_id} left {before.where} and came back while its content was checked: nothing was "
                "pushed. See who is working on it",
                [str(self.instance_id)],
            )
        if self._is_here(now):
            self._require_planned(now)
        return now

    def _require_planned(self, process: Process) -> None:
        """Stop when the app has lost the task that the push is to lead to."""
        if not self.to_task or self.to_task == "end" or not process.task_ids:
            return
        if self.to_task not in (*process.task_ids, *process.task_types):
            raise AltinnUnexpectedStateError(
                f"{self.instance_id}: the app has no task {self.to_task} any more (it has: "
                f"{', '.join(process.task_ids)}), so a push from {process.where} would lead elsewhere: nothing was "
                "pushed. See whether the app was changed, and adapt the plan",
                [str(self.instance_id)],
            )

    def _was_left_before(self, process: Process) -> Flow[bool]:
        """Tell whether this task has left its own task, where it stands in another one of the same type.

        A type means the first task of that type that is reached; a second push would leave the next one of them.
        """
        same = [one for one, kind in zip(process.task_ids, process.task_types, strict=False) if kind == self.from_task]
        if process.task_type != self.from_task or process.is_ended or process.task_id == self.pushed_from:
            return False
        if not process.task_ids:
            return bool(self.pushed_from)  # The answer does not list the tasks.
        if len(same) < 2:
            return False
        history = yield from self.session.perform(self.app.history(self.instance_id))
        left = [e.element_id for e in history if e.ended and e.element_id in same and e.element_id != process.task_id]
        if left and self.pushed_from not in left:
            raise AltinnInputError(
                f"{self.instance_id}: the app has {len(same)} tasks of type {self.from_task}. It is at "
                f"{process.where}, and has left {', '.join(left)}; whether that was this task's step cannot be told: "
                f"nothing was pushed. Name the task by its id in from_task: {', '.join(same)}"
            )
        return bool(left)

    def _is_here(self, process: Process) -> bool:
        return not process.is_ended and self.from_task in (process.task_id, process.task_type)

    def _is_left_standing(self, process: Process) -> bool:
        """Say whether the app has failed at what it has to do by itself after this task, so that it needs a push."""
        return not process.is_ended and process.task_type in SERVICE_TASKS and self.from_task != process.task_id

    def _require_past(self, process: Process, said: str) -> Flow[None]:
        """Tell "already past" from "somewhere else": the history shows whether the task was left."""
        if process.is_ended:
            return
        history = yield from self.session.perform(self.app.history(self.instance_id))
        if _is_past(self.from_task, process, history):
            return
        raise AltinnUnexpectedStateError(
            f"{self.instance_id} is at {process.where}, expected {self.from_task}: {said}. Look at the instance in "
            "Altinn, and at the task's from_task",
            [str(self.instance_id)],
        )

    def _action(self, process: Process) -> str:
        action = self.action or DEFAULT_ACTIONS.get(process.task_type, process.task_type)
        # An app lists read, write, and what its process definition names: what is not listed may be allowed as well.
        if process.actions is not None and process.actions.get(action) is False:
            granted = ", ".join(sorted(name for name, allowed in process.actions.items() if allowed)) or "nothing"
            raise AltinnActionDeniedError(
                f"{self.instance_id}: this identity may not do {action!r} in {process.where}; it may do: {granted}. "
                "Nothing was pushed. See whether that is the action's name, or ask the company for a role or a "
                "delegation that includes it",
                [str(self.instance_id)],
            )
        return action

    def _after_doubt(self, before: Process, cause: Exception) -> Flow[Advanced]:
        """Read until it shows whether the push happened; never push again."""
        waited, pause = 0.0, 0.5
        while True:
            now = yield from self._read_if_possible()
            if now is not None and now.workflow in ("failed", "processing"):
                now, _ = yield from self._at_rest(now)
            moved = now is not None and (now.is_ended or now.flow > before.flow or now.task_id != before.task_id)
            is_own_step = now is not None and _is_own_step(now)
            if now is not None and moved and (not is_own_step or isinstance(cause, AltinnServiceTaskError)):
                return (yield from self._moved_after_all(now, cause))
            if isinstance(cause, _REFUSED) and not moved:
                raise cause
            if waited >= self.lock_wait or isinstance(cause, AltinnServiceTaskError):
                break
            yield Sleep(pause, f"looking whether {self.instance_id} moves")
            waited += pause
            pause = min(pause * 2, 5.0)
        if isinstance(cause, AltinnLockedError):
            raise AltinnNotYetError(str(cause), _LOCK_PAUSE, _LOCK_LIMIT) from cause
        if isinstance(cause, AltinnRetryingError):
            raise self._not_yet(str(cause)) from cause
        if isinstance(cause, (*_BUSY, AltinnServiceTaskError)):
            raise cause
        self.record("push unclear", {"from": before.where, "error": type(cause).__name__})
        if now is not None and moved:
            raise AltinnUnknownOutcomeError(
                f"{self.instance_id} left {before.where} and stands in {now.where}, which the app has to do by itself: "
                "the push got no clean answer, so that may have failed. A retry looks again, and makes it go on. "
                f"Cause: {cause}",
                [str(self.instance_id)],
            ) from cause
        raise AltinnUnknownOutcomeError(
            f"the push of {self.instance_id} got no clean answer and was not seen to leave {before.where} within "
            f"{waited:.0f} s; a retry looks again before it pushes. Cause: {cause}",
            [str(self.instance_id)],
        ) from cause

    def _moved_after_all(self, now: Process, cause: Exception) -> Flow[Advanced]:
        """Take a push without a clean answer for done; a service task that failed is left to the next try."""
        yield from self._require_past(now, f"the push got no clean answer ({type(cause).__name__})")
        self.report(f"{self.instance_id}: no clean answer ({type(cause).__name__}), but it moved to {now.where}")
        self.record("pushed", {"to": now.where, "error": type(cause).__name__})
        if isinstance(cause, AltinnServiceTaskError) and _is_own_step(now):
            raise cause
        return Advanced(now, moved=isinstance(cause, _PERHAPS_DONE))

    def _read_if_possible(self) -> Flow[Process | None]:
        """Read, but let no failure of the reading hide that a push may have happened."""
        try:
            return (yield from self._read())
        except (AltinnTransportError, AltinnHttpError, AltinnAnswerError) as exc:
            self.report(f"{self.instance_id} cannot be read ({type(exc).__name__})")
            return None

    def _explained(self, error: AltinnConflictError) -> Flow[AltinnConflictError]:
        """Join the validator's findings to a 409 that came without any, if the instance has not moved."""
        now = yield from self._read()
        if not self._is_here(now):
            return error
        try:
            issues = yield from self.session.perform(self.app.validate(self.instance_id))
        except (AltinnTransportError, AltinnHttpError, AltinnAnswerError) as exc:
            self.report(f"{self.instance_id} cannot be validated ({type(exc).__name__}), so the 409 stands alone")
            return error
        if not issues:
            return error
        old = error.problem
        problem = Problem(old.status, old.title, old.detail, old.trace_id, old.retry_after, issues, old.raw)
        if not any(issue.severity == "error" for issue in issues):
            return type(error)(error.what, problem, error.hint)
        return AltinnValidationError(error.what, problem, "correct the data; nothing was submitted")


def _is_own_step(process: Process) -> bool:
    """Whether version 8 stands in a step of the app's own: it does that within the push, so the push is not over."""
    return not process.is_ended and process.task_type in SERVICE_TASKS and not process.workflow


_ORDER = ("data", "confirmation", "signing", "payment", "feedback")


def _is_past(from_task: str, process: Process, history: Sequence[ProcessEvent]) -> bool:
    """Whether the task was left for a later one; one that led back, as a refused signature does, is still ahead."""
    left = [event.element_id for event in history if event.ended and event.element_id != process.task_id]
    of_type = [
        task_id
        for task_id, task_type in zip(process.task_ids, process.task_types, strict=False)
        if task_type == from_task
    ]
    if of_type:
        return any(_is_past(task_id, process, history) for task_id in of_type)
    if from_task not in left:
        return bool(left) and _type_passed(from_task, process.task_type)
    first_start: dict[str, tuple[str, str]] = {}
    for event in history:
        start = time_key(event.started or event.occurred)
        first_start[event.element_id] = min(start, first_start.get(event.element_id, start))
    return process.task_id not in first_start or first_start[from_task] < first_start[process.task_id]


def _type_passed(wanted: str, current: str) -> bool:
    """Whether a task type comes before the current one in every process seen (data, confirmation, feedback)."""
    if current in SERVICE_TASKS:
        return wanted == "data"
    if wanted not in _ORDER or current not in _ORDER:
        return False
    return _ORDER.index(wanted) < _ORDER.index(current)

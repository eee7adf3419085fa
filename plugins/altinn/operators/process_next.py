"""Push an instance over one task of its process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from altinn.authorities.period_readers import period_reader_of_app
from altinn.exceptions import AltinnInputError
from altinn.operators.altinn_operator import AltinnPatientInstanceOperator, require_choice
from altinn.operators.approval_check import check_approval, flat_documents
from altinn.protocol.advance import Advance
from altinn.protocol.manifest import ExpectedElement, Manifest
from altinn.protocol.submission import Submission
from altinn.protocol.survivor import LockedLook, Survivor
from altinn.runs import FILE_MISSING, RunRules

if TYPE_CHECKING:
    from airflow.sdk import Context

    from altinn.operators.living_try import LivingTry
    from altinn.protocol.identifiers import InstanceId
    from altinn.protocol.model import Process

INSTANCE_LOCK = "instance_lock"
_PUSHED_KEY = "altinn_pushed"
"""Under which a task notes, for its later tries, which instance it has begun to push."""


class AltinnProcessNextOperator(AltinnPatientInstanceOperator):
    """Push the instance out of a named task, once, with that task's action named.

    Safe to retry, because it never pushes blindly. Before the push the instance must be old enough for every other of
    its key to show (the connection's `settle`; the task waits without a worker slot), hold exactly `documents`, be the
    one of its key that is to be filed, and this must be the living try. Then it reads the process and pushes only if
    the instance stands in `from_task`. After anything but a clean answer it reads again instead of pushing again. An
    instance that is past the task already is a success. What was delivered is read back: if it differs from
    `documents`, the task is red.

    Where the app's policy does not split rights by task, nobody can keep two pushes at the same moment apart: there
    the first push counts as the filing, and every approval belongs before it.

    :param from_task: the task to leave, by its element id ("Task_1") or its type ("data", "confirmation"). A type that
        several tasks have means the first of them that is reached; where one of them was left, and not by this task,
        that is an error: name the id.
    :param to_task: the task it leads to, by id or type, or "end". The app must still have that task: one that was
        redeployed without its confirmation is not pushed to the end.
    :param action: the action to name; by default the one of the task's type (data: write, confirmation: confirm,
        signing: sign).
    :param documents: what the upload tasks returned; the push is refused when the instance holds something else.
    :param ignored_types: data types that others may add to; anything else that was not uploaded stops the push.
    :param approved: what an approval task of this run returned. When given, the push is refused unless a person has
        approved exactly `documents`, also when this task alone is cleared. Needed when the draft was made to be
        approved by a person.
    :param on_foreign: "fail" stops when somebody else made an instance of this period meanwhile, "ignore" goes on.
    :param fence: "instance_lock" holds Storage's lock during the last look. Altinn made it for apps; use it only
        where the platform lets you.
    :param lock_wait: seconds to wait in the worker when somebody else's push holds the instance; then the task waits
        without one.
    :param dry_run: push nothing: fail unless the instance has been delivered already.
    :param on_backfill: "verify_only" pushes nothing in a backfill's run, likewise.
    :return: {"instance_id", "task", "task_type", "flow", "ended", "moved"}.
    """

    template_fields: Sequence[str] = (
        *AltinnPatientInstanceOperator.template_fields,
        "from_task",
        "to_task",
        "action",
        "documents",
        "approved",
        "is_dry_run",
        "on_backfill",
    )
    template_fields_renderers = {"documents": "json"}

    def __init__(
        self,
        *,
        from_task: str,
        to_task: str | None = None,
        action: str | None = None,
        documents: Sequence[Any] | None = None,
        ignored_types: Sequence[str] = (),
        approved: Any = None,
        on_foreign: str = "fail",
        fence: str | None = None,
        lock_wait: float = 30.0,
        dry_run: bool | str = False,
        on_backfill: str = FILE_MISSING,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.from_task = from_task
        self.to_task = to_task
        self.action = action
        self.documents = documents
        self.ignored_types = ignored_types
        self.approved = approved
        self.on_foreign = on_foreign
        self.fence = fence
        # What was given may render to nothing, when the task before has no answer: that is no approval, and no reason
        # to compare with nothing.
        self.needs_approval = approved is not None
        self.needs_documents = documents is not None
        self.lock_wait = lock_wait
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run
        self.on_backfill = on_backfill

    def act(self, context: Context, living: LivingTry, waited: float) -> dict[str, Any]:
        """Push once and return where the instance is."""
        self._check_arguments()
        instance_id = self.checked_instance_id(context)
        if RunRules.of(context, dry_run=self.is_dry_run, on_backfill=self.on_backfill).looks_only:
            return _where(instance_id, self.require_delivered(instance_id).process, moved=False)
        pushed = living.noted(_PUSHED_KEY)
        if pushed.get("instance_id") != str(instance_id):
            pushed = {}
        # What may be on its way, since this try or an earlier one, nobody withdraws any more.
        self._draft = None if pushed else instance_id
        if self.needs_approval:
            check_approval(self.approved, self.documents, instance_id)
        ledger, noted = self.ledger_of(context, instance_id=str(instance_id)), dict(pushed)

        def record(event: str, more: Mapping[str, Any]) -> None:
            waits = event == "pushed" and more.get("workflow") == "processing"
            if event in ("pushing", "resuming") or waits:
                self._draft = None
                noted["instance_id"] = str(instance_id)
                if more.get("task"):
                    noted["task"] = str(more["task"])
                if waits:
                    noted["accepted_in"] = living.try_id
                living.note(_PUSHED_KEY, noted, f"what follows of the push of {instance_id}")
            ledger.record(event, more)

        submission = self._submission(instance_id, living, waited, record)
        advance = replace(
            submission.advance,
            pushed_from=str(pushed.get("task") or ""),
            has_pushed=pushed.get("accepted_in") == living.try_id,
        )
        done = self.hook.run(replace(submission, advance=advance).run())
        return _where(instance_id, done.process, done.moved)

    def _check_arguments(self) -> None:
        if not self.from_task:
            raise AltinnInputError("from_task is empty: name the task to leave, for example 'data' or 'Task_1'")
        require_choice("on_foreign", self.on_foreign, "fail", "ignore")
        if self.fence not in (None, "", INSTANCE_LOCK):
            raise AltinnInputError(f"fence must be '{INSTANCE_LOCK}' or be left out, not {self.fence!r}")

    def _uploaded(self) -> list[Mapping[str, Any]]:
        return flat_documents(self.documents) if self.needs_documents else []

    def _submission(
        self,
        instance_id: InstanceId,
        living: LivingTry,
        waited: float,
        record: Callable[[str, Mapping[str, Any]], None],
    ) -> Submission:
        session, storage, app = self.hook.session, self.hook.storage, self.hook.app(self.app)
        settle = self.hook.settings.settle
        expected = tuple(map(ExpectedElement.from_json, self._uploaded()))
        return Submission(
            advance=Advance(
                session=session,
                app=app,
                instance_id=instance_id,
                from_task=self.from_task,
                to_task=self.to_task or "",
                action=self.action or "",
                fence=living.prove,
                lock_wait=self.lock_wait,
                report=self.report,
                record=record,
            ),
            manifest=Manifest(session, storage, app, instance_id, expected, tuple(self.ignored_types)),
            survivor=Survivor(
                session=session,
                storage=storage,
                app=app,
                instance_id=instance_id,
                settle=settle,
                settled=waited >= settle,
                period_of=period_reader_of_app(self.app, session, app),
                on_foreign=self.on_foreign,
                report=self.report,
            ),
            lock=LockedLook(session, storage, instance_id) if self.fence == INSTANCE_LOCK else None,
            approved=bool(self.approved),
            report=self.report,
            record=record,
        )


def _where(instance_id: InstanceId, process: Process, moved: bool) -> dict[str, Any]:
    return {
        "instance_id": str(instance_id),
        "task": process.task_id,
        "task_type": process.task_type,
        "flow": process.flow,
        "ended": process.is_ended,
        "moved": moved,
    }

"""Whether an instance has been made completely, and what to do when its making went wrong.

Several calls lie inside one creation, and a creation that breaks off may clean up after itself. So a draft counts
only when its first task has started; on version 9 the workflow engine must have come to rest as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from altinn.exceptions import (
    AltinnConflictError,
    AltinnCreationError,
    AltinnInputError,
    AltinnNotYetError,
    AltinnRetryingError,
)
from altinn.protocol.app_api import App
from altinn.protocol.filing_key import FilingKey
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import Flow

CREATION_LIMIT = 600.0
"""Seconds after which a creation that has not finished never will: the calls inside it end after 100 s each."""


PUSH_PAUSE, PUSH_LIMIT = 10.0, 6 * 3600.0
"""Seconds between the looks at a push that version 9's engine is at, and until the wait for it is given up."""


@dataclass(frozen=True, slots=True)
class Creation:
    """Looks at creations.

    :param fence: is called right before a creation is resumed; raises when this try is not the living one. Without it
        nothing is resumed: such a caller only looks.
    :param report: takes one line for each decision, for the log.
    :param record: takes each effect, for the ledger.
    """

    session: Session
    app: App
    fence: Callable[[str], None] | None = None
    report: Callable[[str], None] = lambda _line: None
    record: Callable[[str, Mapping[str, Any]], None] = lambda _event, _more: None

    def is_finished(self, instance: Instance) -> Flow[bool]:
        """Tell whether the first task has started and nothing of the creation is under way any more.

        Version 9: a creation that failed is resumed once, as Altinn recommends. A push that failed is none of that:
        its resumption may deliver, so it is left to the push, which compares before it.

        :raises AltinnNotYetError: a push out of the data task is under way, beneath which nothing may be changed.
        :raises AltinnServerError: the step failed again; the next try resumes it again.
        """
        history = yield from self.session.perform(self.app.history(instance.id))
        if not history:
            return False
        process = yield from self.session.perform(self.app.get_process(instance.id))
        if process.is_being_made:
            return process.workflow == "failed" and (yield from self._resumed(instance.id))
        if self.fence is not None and process.workflow == "processing" and process.task_type == "data":
            raise AltinnNotYetError(
                f"{instance.id}: a push from {process.where} is under way at Altinn", PUSH_PAUSE, PUSH_LIMIT
            )
        return True

    def was_left_alone(self, instance: Instance) -> Flow[bool]:
        """Tell whether version 9's engine knows of nothing to do for an instance that stands in its first task.

        Its creation never reached the engine, or was lost there. Long after it, what it lacks, a form, is uploaded
        (seen in the public app library, running).
        """
        process = yield from self.session.perform(self.app.get_process(instance.id))
        return process.workflow == "idle" and bool(process.task_id)

    def follow_advice(self, cause: AltinnCreationError, storage: Storage, key: FilingKey) -> Flow[None]:
        """Resume the creation that version 9 says has failed; whatever else it says is settled by looking."""
        if cause.action != "resumeCurrentTask":
            self.report(f"Altinn recommends {cause.action or 'nothing'}: looking first")
            return
        try:
            instance_id = InstanceId.parse(cause.instance_id)
        except AltinnInputError:
            self.report("Altinn recommends to resume, but names no instance: looking")
            return
        instance = yield from self.session.perform(storage.get_instance(instance_id))
        if key.covers(instance) and key.is_on(instance):
            yield from self._resumed(instance_id)

    def _resumed(self, instance_id: InstanceId) -> Flow[bool]:
        """Resume a creation that failed, if it still is one after the fence; tell whether it has finished."""
        if self.fence is None:
            self.report(f"the creation of {instance_id} stopped half-way: whoever files it resumes it")
            return True
        self.fence(f"the resumption of the creation of {instance_id}")
        process = yield from self.session.perform(self.app.get_process(instance_id))
        if process.is_being_made and process.workflow == "failed":
            self.report(f"the creation of {instance_id} stopped half-way: resuming it")
            self.record("resuming", {"instance_id": str(instance_id), "from": "its creation"})
            try:
                process = yield from self.session.perform(self.app.resume(instance_id))
            except AltinnRetryingError:
                return False
            except AltinnConflictError as exc:
                self.report(f"nothing to resume: {exc.problem.detail}")
                process = yield from self.session.perform(self.app.get_process(instance_id))
        return not process.is_being_made

"""Whether an instance has been made completely, and what to do when its making went wrong.

Several calls lie inside one creation, and a creation that breaks off may clean up after itself. So a draft counts
only when its first task has started; on version 9 the workflow engine must have come to rest as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from altinn.exceptions import (
    AltinnConflictError,
    AltinnCreationError,
    AltinnInputError,
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


@dataclass(frozen=True, slots=True)
class Creation:
    """Looks at creations.

    :param report: takes one line for each decision, for the log.
    """

    session: Session
    app: App
    report: Callable[[str], None] = lambda _line: None

    def is_finished(self, instance: Instance) -> Flow[bool]:
        """Tell whether the first task has started and nothing of the creation is under way any more.

        Version 9: a creation that failed is resumed once, as Altinn recommends.

        :raises AltinnServerError: the step failed again; the next try resumes it again.
        """
        history = yield from self.session.perform(self.app.history(instance.id))
        if not history:
            return False
        process = yield from self.session.perform(self.app.get_process(instance.id))
        if process.workflow == "failed":
            return (yield from self._resumed(instance.id))
        return process.workflow in ("", "idle")

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
        self.report(f"the creation of {instance_id} stopped half-way: resuming it")
        try:
            process = yield from self.session.perform(self.app.resume(instance_id))
        except AltinnRetryingError:
            return False
        except AltinnConflictError as exc:
            self.report(f"nothing to resume: {exc.problem.detail}")
            process = yield from self.session.perform(self.app.get_process(instance_id))
        return process.workflow in ("", "idle")

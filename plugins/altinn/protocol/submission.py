"""One push with everything around it: settle, content, survivor, fence, and the look at what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from altinn.exceptions import (
    AltinnDiffersError,
    AltinnFilingError,
    AltinnForbiddenError,
    AltinnHttpError,
    AltinnNotFoundError,
    AltinnUnexpectedStateError,
    AltinnUnknownOutcomeError,
)
from altinn.protocol.advance import Advance, Advanced
from altinn.protocol.app_api import App
from altinn.protocol.filing_key import APPROVAL_STAMP, HASH_STAMP, FilingKey, is_delivered
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.manifest import Manifest
from altinn.protocol.model import Instance, Process
from altinn.protocol.session import Session
from altinn.protocol.survivor import LockedLook, SurplusDrafts, Survivor
from altinn.protocol.timestamps import time_key
from altinn.protocol.wire import Flow


@dataclass(frozen=True, slots=True)
class Submission:
    """A push that files.

    :param advance: the push; its guard is set here.
    :param manifest: what the instance must hold, before and after.
    :param survivor: the look at the other instances of the key.
    :param lock: holds Storage's lock around the last look; None does without.
    :param approved: somebody has approved; needed where the draft says that a person must.
    :param report: takes one line for each decision, for the log.
    :param record: takes each decision and each effect, for the ledger.
    """

    advance: Advance
    manifest: Manifest
    survivor: Survivor
    lock: LockedLook | None = None
    approved: bool = False
    report: Callable[[str], None] = lambda _line: None
    record: Callable[[str, Mapping[str, Any]], None] = lambda _event, _more: None

    def run(self) -> Flow[Advanced]:
        """Push once if everything is as meant, and look whether what was delivered is what was meant.

        :raises AltinnNotYetError: Altinn needs time; nothing was pushed, or the push goes on by itself.
        :raises AltinnDiffersError: what lies there is not what was meant, before the push or after it.
        :raises AltinnUnknownOutcomeError: somebody else has pushed it, and what was delivered cannot be read.
        """
        instance = yield from self.survivor.await_settled()
        self.record("looked", {**described(instance), "where": instance.process.where})
        advanced = yield from self._bound().run()
        if advanced.process.is_ended or advanced.process.task_type == "feedback":
            advance = self.advance
            at = yield from delivered_at(advance.session, advance.app, advance.instance_id, advanced.process)
            yield from self._look_at_delivered(advanced, at)
        return advanced

    def _bound(self) -> Advance:
        return replace(self.advance, guard=self._guard)

    def _guard(self, process: Process) -> Flow[None]:
        yield from self.manifest.check(process)
        if self.lock is None:
            yield from self._last_look()
        else:
            yield from self.lock.around(self._last_look)

    def _last_look(self) -> Flow[None]:
        survivor = self.survivor
        instance = yield from survivor.session.perform(survivor.storage.get_instance(survivor.instance_id))
        if (instance.is_soft_deleted or instance.is_hard_deleted) and not is_delivered(instance):
            raise AltinnUnexpectedStateError(
                f"{instance.id} was deleted while its content was checked: nothing was pushed. See who deleted it",
                [str(instance.id)],
            )
        if instance.stamps.get(APPROVAL_STAMP) and not self.approved:
            raise AltinnFilingError(
                f"{instance.id} was made to be approved by a person first, and this task has no approval: nothing was "
                "pushed. Give approved=… the approval task's output",
                [str(instance.id)],
            )
        yield from survivor.check(instance)

    def _look_at_delivered(self, advanced: Advanced, delivered_at: str) -> Flow[None]:
        """Read back what was delivered; red when it is not what was meant. Then mark the drafts that are left over."""
        survivor = self.survivor
        try:
            instance = yield from survivor.session.perform(survivor.storage.get_instance(survivor.instance_id))
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            self._cannot_read_back(advanced, f"it cannot be read any more ({exc.status})", exc)
            return
        if not is_delivered(instance):
            return
        self.record("delivered", {**described(instance), "where": instance.process.where})
        if instance.is_hard_deleted:
            self._cannot_read_back(advanced, "it has been deleted for good since")
            return
        try:
            # Its sender may have thrown it away softly, in the archive: what was filed can be read all the same.
            yield from self.manifest.check_seen(instance, delivered_at)
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            if not instance.is_soft_deleted:
                raise
            self._cannot_read_back(advanced, f"it has been deleted since, and cannot be read ({exc.status})", exc)
            return
        except AltinnDiffersError as exc:
            self.record("delivered, differs", described(instance))
            raise AltinnDiffersError(
                f"{instance.id} is delivered, and differs from what was meant. Look at it in Altinn and file a "
                f"correction. Found: {exc}",
                [str(instance.id)],
            ) from exc
        yield from self._remove_surplus(instance)

    def _cannot_read_back(self, advanced: Advanced, why: str, cause: Exception | None = None) -> None:
        """Go on where this task pushed what it had just compared; stop where somebody else did, with who knows what."""
        told = f"{self.survivor.instance_id} is delivered, and {why}"
        if not advanced.moved:
            raise AltinnUnknownOutcomeError(
                f"{told}. This task did not push it, so whether it held what is meant cannot be told: see in Altinn or "
                "ask the authority what it received",
                [str(self.survivor.instance_id)],
            ) from cause
        self.report(told)

    def _remove_surplus(self, instance: Instance) -> Flow[None]:
        survivor = self.survivor
        surplus = SurplusDrafts(survivor.session, survivor.storage, survivor.app, self.report)
        try:
            removed = yield from surplus.remove(instance)
        except AltinnHttpError as exc:
            self.report(f"drafts that are left over could not be marked as deleted ({exc.status}); they do no harm")
            return
        for one in removed:
            self.record("deleted", {"instance_id": one, "because of": str(instance.id)})


def delivered_at(session: Session, app: App, instance_id: InstanceId, process: Process) -> Flow[str]:
    """Return when the push was that delivered, by Altinn's clock; empty when Altinn does not say."""
    if process.task_type == "feedback":
        return process.task_started
    types = dict(zip(process.task_ids, process.task_types, strict=False))
    if "feedback" not in types.values():
        return process.ended if types else ""
    try:
        history = yield from session.perform(app.history(instance_id))
    except (AltinnForbiddenError, AltinnNotFoundError):
        return ""
    begun = [event.started or event.occurred for event in history if types.get(event.element_id) == "feedback"]
    return min(filter(None, begun), key=time_key, default="")


def described(instance: Instance) -> dict[str, Any]:
    """Return what the ledger says of an instance; its owner by party id only."""
    key = FilingKey.stamped_on(instance)
    return {
        "instance_id": str(instance.id),
        **(key.as_json() if key else {"app": instance.app_id}),
        "sha256": instance.stamps.get(HASH_STAMP, ""),
    }

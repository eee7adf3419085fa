"""Mutants of the rules that only some runs need: deleted drafts, changed documents, approvals, other apps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from altinn.exceptions import AltinnForbiddenError, AltinnNotFoundError
from altinn.protocol import survivor
from altinn.protocol.advance import Advance
from altinn.protocol.changed_filing import ChangedFiling
from altinn.protocol.filing import Filed, Filing
from altinn.protocol.filing_key import choose, is_delivered
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.meant_documents import MeantDocuments
from altinn.protocol.model import Instance, Page, Process
from altinn.protocol.storage_api import Storage
from altinn.protocol.submission import Submission
from altinn.protocol.wire import Call, Flow
from tests.fuzz.judge import (
    DOUBLED,
    ELSEWHERE,
    LOST,
    NEEDLESS,
    REPLACED,
    UNAPPROVED,
    UNASKED,
    UNWANTED,
    WITHDRAWN,
)
from tests.fuzz.mutant_kind import Mutant
from tests.fuzz.pressed_options import (
    approved,
    changed,
    halted,
    misled,
    redeployed,
    remembered,
    thrown_away,
    unstamped,
    withdrawn,
)

_get_instance, _query = Storage.get_instance, Storage.query
_known_instance, _last_look = Filing._known_instance, Submission._last_look
_guarded, _resumed = Advance._guarded, Advance._resumed
_otherwise, _find_or_create = ChangedFiling._was_delivered_otherwise, ChangedFiling.find_or_create


def _seen_undeleted(self: Storage, instance_id: InstanceId) -> Call[Instance]:
    call = _get_instance(self, instance_id)
    return replace(call, parse=lambda response: replace(call.parse(response), is_soft_deleted=False))


def _choose_deleted(ours: Any) -> Instance | None:
    return choose(ours) or ours[0]


def _any_plan(_self: Advance, _process: Any) -> None:
    """Ask for no task."""


def _refused_is_gone(self: Filing, name: str) -> Flow[list[Instance]]:
    try:
        yield from self.session.perform(replace(self.storage.get_instance(InstanceId.parse(name)), harmless=False))
    except (AltinnForbiddenError, AltinnNotFoundError):
        return []
    return (yield from _known_instance(self, name))


def _believed(self: Filing, name: str) -> Flow[list[Instance]]:
    return [(yield from self.session.perform(self.storage.get_instance(InstanceId.parse(name))))]


def _create_without_echo(self: Filing, values: Mapping[str, str]) -> Flow[Instance]:
    self.fence("the creation")
    self.record("creating", {})
    return (yield from self.session.perform(self.app.create(self.key.owner, values)))


def _without_deleted(self: Storage, *given: Any) -> Call[Page]:
    call = _query(self, *given)
    return replace(call, request=replace(call.request, url=f"{call.request.url}&status.isSoftDeleted=false"))


def _approved_by_nobody(self: Submission) -> Flow[None]:
    return _last_look(replace(self, approved=True))


def _correct_unasked(self: ChangedFiling, *given: Any) -> Flow[Filed]:
    return _find_or_create(replace(self, on_changed="correction"), *given)


def _by_stamp(self: MeantDocuments, instance: Instance, *_: Any) -> Flow[bool]:
    return self.differ_from_stamp(instance)
    yield


def _corrections_unread(self: ChangedFiling, filed: Filed) -> Flow[bool]:
    if filed.instance.stamps.get("filingkind") != "main":
        return is_delivered(filed.instance)
    return (yield from _otherwise(self, filed))


def _guarded_in_its_task_alone(self: Advance, before: Process) -> Flow[Process]:
    if self._is_left_standing(before):
        return before
    return (yield from _guarded(self, before))


def _resumed_at_once(self: Advance, process: Process) -> Flow[tuple[Process, bool]]:
    return (yield from _resumed(replace(self, guard=None, fence=lambda _what: None), process))


def _any_workflow(self: Process) -> bool:
    return self.workflow in ("processing", "failed")


OPTION_MUTANTS = (
    Mutant(
        "a step that failed goes on only after the same looks",
        (WITHDRAWN, REPLACED, LOST, DOUBLED),
        ((Advance, "_guarded", _guarded_in_its_task_alone), (Advance, "_resumed", _resumed_at_once)),
        halted,
    ),
    Mutant(
        "a push under way is no creation that broke off",
        (DOUBLED, LOST, REPLACED, WITHDRAWN),
        ((Process, "is_being_made", property(_any_workflow)),),
        halted,
    ),
    Mutant(
        "what was deleted is not pushed",
        (WITHDRAWN,),
        ((Storage, "get_instance", _seen_undeleted), (survivor, "choose", _choose_deleted)),
        withdrawn,
    ),
    Mutant("tasks as planned", (UNASKED,), ((Advance, "_require_planned", _any_plan),), redeployed),
    Mutant('a 403 or 404 is not "gone"', (NEEDLESS,), ((Filing, "_known_instance", _refused_is_gone),), remembered),
    Mutant("local records are hints", (ELSEWHERE,), ((Filing, "_known_instance", _believed),), misled),
    Mutant(
        "a creation echoes the stamps",
        (DOUBLED,),
        ((Filing, "_create", _create_without_echo),),
        unstamped,
    ),
    Mutant("look at deleted rows too", (DOUBLED,), ((Storage, "query", _without_deleted),), thrown_away),
    Mutant("on_changed=fail stops", (UNWANTED,), ((ChangedFiling, "find_or_create", _correct_unasked),), changed),
    Mutant(
        "compare what was delivered, not its stamp",
        (DOUBLED,),
        ((MeantDocuments, "differ_from_delivered", _by_stamp),),
        changed,
    ),
    Mutant(
        "a correction that was delivered is read too",
        (DOUBLED,),
        ((ChangedFiling, "_was_delivered_otherwise", _corrections_unread),),
        changed,
    ),
    Mutant(
        "who adopts a draft inherits the approval",
        (UNAPPROVED,),
        ((Submission, "_last_look", _approved_by_nobody),),
        approved,
    ),
)

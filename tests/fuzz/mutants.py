"""This provider with one of its rules switched off, to see whether the fuzzer sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from altinn.protocol import filing, filing_key, survivor
from altinn.protocol.app_api import App
from altinn.protocol.creation import Creation
from altinn.protocol.filing import Filed, Filing
from altinn.protocol.instance_search import InstanceSearch
from altinn.protocol.manifest import Manifest
from altinn.protocol.model import Instance, Page
from altinn.protocol.storage_api import Storage
from altinn.protocol.submission import Submission
from altinn.protocol.survivor import Survivor
from altinn.protocol.timestamps import time_key
from altinn.protocol.wire import Call, Flow
from tests.fuzz import clients
from tests.fuzz.clients import FilingRun
from tests.fuzz.judge import DELETED, DOUBLED, LOST, NEEDLESS, REPLACED, UNASKED
from tests.fuzz.mutant_kind import Mutant
from tests.fuzz.option_mutants import OPTION_MUTANTS
from tests.fuzz.pressed import calm, meddled, moving, overtaken, paged, replaced, unfinished, unseen


def _nothing(*_: Any, **__: Any) -> Flow[Any]:
    """Look at nothing."""
    return ()
    yield


def _create_at_once(self: Filing, data_values: Mapping[str, str], hints: Any = None) -> Flow[Filed]:
    try:
        created = yield from self._create({**self._values(data_values), **(hints or {})})
    except filing._PERHAPS_DONE as exc:
        return (yield from self._look_for_lost_creation(exc))
    return (yield from self._look_after(created))


def _no_look_after(_self: Filing, created: Instance) -> Flow[Filed]:
    return Filed(created, created=True)
    yield


def _drafts_by_id(ours: Any) -> list[Instance]:
    drafts = [i for i in ours if not (filing_key.is_delivered(i) or i.is_soft_deleted or i.is_hard_deleted)]
    return sorted(drafts, key=lambda i: str(i.id))


def _drafts_youngest_first(ours: Any) -> list[Instance]:
    drafts = [i for i in ours if not (filing_key.is_delivered(i) or i.is_soft_deleted or i.is_hard_deleted)]
    return sorted(drafts, key=lambda i: (time_key(i.created), str(i.id)), reverse=True)


def _finished(*_: Any) -> Flow[bool]:
    return True
    yield


def _first_page(self: InstanceSearch) -> Flow[Any]:
    page = yield from self.session.perform(self.storage.query(self.key.app_id, self.key.owner))
    return tuple(page.instances), 1


_scan_once = InstanceSearch._scan_once
_query = Storage.query
_next = App.next
_look_after = Filing._look_after
_perform_delete = App.delete


def _one_scan(self: InstanceSearch) -> Flow[Any]:
    instances, _ = yield from _scan_once(self)
    return instances


def _newest_first(self: Storage, *given: Any) -> Call[Page]:
    call = _query(self, *given)
    return replace(call, request=replace(call.request, url=call.request.url.replace("asc%3A", "desc%3A")))


def _unnamed(self: App, *given: Any) -> Call[Any]:
    call = _next(self, *given)
    return replace(call, request=replace(call.request, body=b"", headers={"Accept": "application/json"}))


def _repeated(self: App, *given: Any) -> Call[Any]:
    return replace(_next(self, *given), harmless=True)


def _delete_surplus(self: Filing, created: Instance) -> Flow[Filed]:
    """Delete, before anything is delivered, what is not to be filed."""
    filed = yield from _look_after(self, created)
    if filed.instance.id != created.id:
        call = _perform_delete(self.app, created.id)
        url = call.request.url.replace("hard=false", "hard=true")
        yield from self.session.perform(replace(call, request=replace(call.request, url=url)))
    return filed


def _open_fence(_is_living: Callable[[], bool]) -> Callable[[str], None]:
    return lambda _what: None


def _no_foreign(*_: Any) -> Flow[None]:
    return
    yield


_SORTED = (filing, filing_key, survivor)

MUTANTS = (
    Mutant("look before a creation", (NEEDLESS,), ((Filing, "find_or_create", _create_at_once),)),
    Mutant(
        "look after a creation, and before each push",
        (DOUBLED,),
        ((Filing, "_look_after", _no_look_after), (Survivor, "check", _nothing)),
    ),
    Mutant("look before each push", (DOUBLED,), ((Survivor, "check", _nothing),), meddled),
    Mutant("every page of the query", (DOUBLED, NEEDLESS), ((InstanceSearch, "_scan_once", _first_page),), paged),
    Mutant(
        "two equal scans, oldest change first",
        (DOUBLED, NEEDLESS),
        ((InstanceSearch, "_scan", _one_scan), (Storage, "query", _newest_first)),
        moving,
    ),
    Mutant("settle before the first push", (DOUBLED,), ((FilingRun, "settle", 0.0),), unseen),
    Mutant(
        "the oldest survives (here: the smallest id)",
        (DOUBLED,),
        tuple((module, "drafts_of", _drafts_by_id) for module in _SORTED),
        overtaken,
    ),
    Mutant(
        "the oldest survives (here: the youngest)",
        (DOUBLED,),
        tuple((module, "drafts_of", _drafts_youngest_first) for module in _SORTED),
        overtaken,
    ),
    Mutant(
        "something delivered wins",
        (DOUBLED,),
        ((filing, "the_delivered", lambda _: None), (filing_key, "the_delivered", lambda _: None)),
    ),
    Mutant("adopt only finished creations", (LOST,), ((Creation, "is_finished", _finished),), unfinished),
    Mutant("never hard-delete", (DELETED,), ((Filing, "_look_after", _delete_surplus),)),
    Mutant("foreign instances stop the run", (DOUBLED,), ((Filing, "_refuse_foreign", _no_foreign),), meddled),
    Mutant("fence of the living try", (REPLACED,), ((clients, "fence_of", _open_fence),), replaced),
    Mutant("compare contents before each push", (LOST,), ((Manifest, "check", _nothing),), meddled),
    Mutant("read back what was delivered", (LOST,), ((Submission, "_look_at_delivered", _nothing),), meddled),
    Mutant("name the action", (UNASKED,), ((App, "next", _unnamed),), calm),
    Mutant("never repeat a push", (UNASKED,), ((App, "next", _repeated),), calm),
    *OPTION_MUTANTS,
)

"""Find what was filed under a key, adopt it, or create it once.

A creation goes on when its client is gone, and its answer may be lost. So every creation looks before and after, and
what is seen decides, never what was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from altinn.exceptions import (
    AltinnAnswerError,
    AltinnCreationError,
    AltinnError,
    AltinnFilingError,
    AltinnForeignInstanceError,
    AltinnInputError,
    AltinnNoAnswerError,
    AltinnNotYetError,
    AltinnServerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
)
from altinn.protocol.app_api import App
from altinn.protocol.creation import CREATION_LIMIT, PUSH_LIMIT, PUSH_PAUSE, Creation
from altinn.protocol.filing_key import (
    APPROVAL_STAMP,
    HASH_STAMP,
    PERIOD_STAMP,
    STAMP_NAMES,
    STAMP_VERSION,
    VERSION_STAMP,
    FilingKey,
    choose,
    drafts_of,
    is_delivered,
    refuse_taken_stamps,
    the_delivered,
)
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.instance_search import InstanceSearch
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.timestamps import moment_of
from altinn.protocol.wire import Flow

__all__ = [
    "APPROVAL_STAMP",
    "CREATION_LIMIT",
    "HASH_STAMP",
    "STAMP_NAMES",
    "STAMP_VERSION",
    "Filed",
    "Filing",
    "FilingKey",
    "PeriodReader",
    "choose",
    "is_delivered",
    "refuse_taken_stamps",
]

_PERHAPS_DONE = (
    AltinnNoAnswerError,
    AltinnAnswerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnServerError,
)
_SHORTEST_PAUSE = 0.5
"""Seconds before the next look where `settle` is 0."""


@dataclass(frozen=True, slots=True)
class Filed:
    """The instance that stands for a key.

    :param created: made by this call.
    :param others: further instances with the same key; they are never pushed.
    """

    instance: Instance
    created: bool
    others: tuple[str, ...] = ()


PeriodReader = Callable[[Instance], "Flow[str | None]"]
"""Reads the period of an instance that carries no stamp; None means that it cannot be told."""


@dataclass(frozen=True, slots=True)
class Filing:
    """The rules for one key.

    :param period_of: reads the period of an instance that somebody else made; without it such instances cannot be
        recognised and are only counted.
    :param on_foreign: "fail" stops when somebody else made an instance of this period, "ignore" goes on.
    :param on_existing: "adopt" takes what carries the key already; "fail" stops at it.
    :param settle: seconds within which a new instance shows in the query.
    :param known: ids that a local record names; a hint that is held against the stamp, and never a proof.
    :param fence: is called right before the creation; raises when this try is not the living one.
    :param report: takes one line for each decision, for the log.
    :param record: takes each decision and each effect, for the ledger.
    """

    session: Session
    app: App
    storage: Storage
    key: FilingKey
    period_of: PeriodReader | None = None
    on_foreign: str = "fail"
    on_existing: str = "adopt"
    settle: float = 30.0
    known: tuple[str, ...] = ()
    fence: Callable[[str], None] = lambda _what: None
    report: Callable[[str], None] = lambda _line: None
    record: Callable[[str, Mapping[str, Any]], None] = lambda _event, _more: None

    def find(self) -> Flow[Filed | None]:
        """Look for the key's instance over every page; take what is delivered, else the oldest finished draft.

        Nothing is written. `find_or_create` also makes a creation go on that failed half-way.

        :raises AltinnForeignInstanceError: somebody else made an instance of this period.
        :raises AltinnAmbiguousError: more than one instance of this key has been delivered.
        :raises AltinnNotYetError: a creation is still under way.
        """
        return (yield from self._found(adopting=False))

    def _found(self, *, adopting: bool) -> Flow[Filed | None]:
        ours = yield from self.look()
        chosen = the_delivered(ours)
        if chosen is None and adopting:
            yield from self.await_deleted(ours)
        if chosen is None:
            chosen = yield from self.oldest_finished(drafts_of(ours), adopting=adopting)
        if chosen is None:
            return None
        others = tuple(str(i.id) for i in ours if i.id != chosen.id)
        if others:
            self.report(f"{len(others)} more with the key {self.key}, never pushed: {', '.join(others)}")
        return Filed(chosen, created=False, others=others)

    def look(self) -> Flow[list[Instance]]:
        """Return every instance of the key, those that local records name included.

        :raises AltinnForeignInstanceError: somebody else made an instance of this period.
        """
        seen = yield from InstanceSearch(self.session, self.storage, self.key).instances()
        yield from self._refuse_foreign([i for i in seen if not self.key.is_on(i)])
        ours = [i for i in seen if self.key.is_on(i)]
        shown = {str(i.id) for i in seen}
        for name in self.known:
            if name not in shown:
                ours += yield from self._known_instance(name)
        return ours

    def _known_instance(self, name: str) -> Flow[list[Instance]]:
        """Read an instance that a local record names and the query does not show; a refusal is no proof of anything."""
        instance = yield from self.session.perform(self.storage.get_instance(InstanceId.parse(name)))
        if not (self.key.covers(instance) and self.key.is_on(instance)):
            self.report(f"{name} is remembered here, but does not carry the key {self.key}: left alone")
            return []
        self.report(f"{name} is remembered here and not shown by the query yet")
        return [] if instance.is_hard_deleted and not is_delivered(instance) else [instance]

    def oldest_finished(self, drafts: Sequence[Instance], *, adopting: bool = False) -> Flow[Instance | None]:
        """Return the first of these drafts whose creation has finished.

        :param adopting: the caller goes on with it, so that a creation that failed is to be resumed.
        :raises AltinnNotYetError: the creation of one before it is still under way.
        """
        creation = self._creation(self.fence if adopting else None)
        for draft in drafts:
            if (yield from creation.is_finished(draft)):
                return draft
            age = self._age(draft)
            if age is None or age < CREATION_LIMIT:
                raise AltinnNotYetError(
                    f"{draft.id} carries the key {self.key}, but its creation is still under way",
                    max(self.settle / 3, _SHORTEST_PAUSE),
                    CREATION_LIMIT,
                )
            if (yield from creation.was_left_alone(draft)):
                self.report(f"the creation of {draft.id} was lost in Altinn's engine, and nothing is left to wait for")
                return draft
            self.report(
                f"{draft.id} carries the key {self.key}, but its creation has not finished within "
                f"{CREATION_LIMIT:.0f} s: it is never adopted. Look at it in Altinn"
            )
        return None

    def await_deleted(self, ours: Sequence[Instance]) -> Flow[None]:
        """Wait where a draft was deleted while it was pushed: version 9's engine delivers it all the same.

        :raises AltinnNotYetError: it is at it.
        """
        for draft in ours:
            if not draft.is_soft_deleted or is_delivered(draft):
                continue
            process = yield from self.session.perform(self.app.get_process(draft.id))
            if process.workflow == "processing" and process.is_moving:
                raise AltinnNotYetError(
                    f"{draft.id} was deleted while Altinn was at a push of it from {process.where}, which may deliver "
                    "it all the same",
                    PUSH_PAUSE,
                    PUSH_LIMIT,
                )

    def _creation(self, fence: Callable[[str], None] | None) -> Creation:
        return Creation(self.session, self.app, fence, self.report, self.record)

    def _age(self, instance: Instance) -> float | None:
        created, now = moment_of(instance.created), self.session.now
        return (now() - created).total_seconds() if created and now else None

    def find_or_create(self, data_values: Mapping[str, str], hints: Mapping[str, str] | None = None) -> Flow[Filed]:
        """Adopt the key's instance, or create it with its stamps and look again.

        :param data_values: further `dataValues` that the app wants at creation.
        :param hints: stamps that are no part of the key.
        :raises AltinnNotYetError: Altinn needs time; coming back later starts with a look.
        :raises AltinnFilingError: there is one, and `on_existing` is "fail".
        """
        values = {**self._values(data_values), **(hints or {})}
        found = yield from self._found(adopting=True)
        if found is not None:
            return self._adopted(found)
        try:
            created = yield from self._create(values)
        except _PERHAPS_DONE as exc:
            return (yield from self._look_for_lost_creation(exc))
        self.record("created", {"instance_id": str(created.id)})
        return (yield from self._look_after(created))

    def _adopted(self, found: Filed) -> Filed:
        where = found.instance.process.where
        if self.on_existing == "fail" and str(found.instance.id) not in self.known:
            raise AltinnFilingError(
                f"{found.instance.id} carries the key {self.key} already ({where}), and on_existing is 'fail': nothing "
                "is filed. on_existing='adopt' goes on with it",
                [str(found.instance.id)],
            )
        self.report(f"adopted {found.instance.id} for {self.key}: {where}")
        self.record("adopted", {"instance_id": str(found.instance.id), "where": where})
        return found

    def _look_after(self, created: Instance) -> Flow[Filed]:
        """Look once more: an older one that shows now is the one to be filed. The first push looks again."""
        ours = yield from self.look()
        if str(created.id) not in {str(i.id) for i in ours}:
            self.report(f"{created.id} does not show in the query yet; the look before the first push decides")
            ours = [*ours, created]
        chosen = the_delivered(ours)
        if chosen is None:
            earlier = [i for i in drafts_of(ours) if i.id != created.id]
            chosen = (yield from self.oldest_finished(self._before(created, earlier), adopting=True)) or created
        others = tuple(str(i.id) for i in ours if i.id != chosen.id)
        if chosen.id != created.id:
            self.report(f"{created.id} is left alone: {chosen.id} is older or delivered")
            self.record("left alone", {"instance_id": str(created.id), "instead": str(chosen.id)})
        return Filed(chosen, created=chosen.id == created.id, others=others)

    def _before(self, created: Instance, drafts: Sequence[Instance]) -> list[Instance]:
        ordered = drafts_of([created, *drafts])
        return ordered[: next((n for n, i in enumerate(ordered) if i.id == created.id), len(ordered))]

    def _values(self, data_values: Mapping[str, str]) -> dict[str, str]:
        taken = sorted(name for name in data_values if name in {*STAMP_NAMES, HASH_STAMP, APPROVAL_STAMP})
        if taken:
            raise AltinnInputError(
                f"data_values must not set {', '.join(taken)}: the filing key is stamped there; leave them out"
            )
        return {**{str(k): str(v) for k, v in data_values.items()}, **self.key.stamps()}

    def _create(self, values: Mapping[str, str]) -> Flow[Instance]:
        self.fence(f"the creation for {self.key}")
        self.record("creating", {})
        try:
            created = yield from self.session.perform(self.app.create(self.key.owner, values))
        except _PERHAPS_DONE:
            raise
        except AltinnError as exc:
            self.record("creation refused", {"error": type(exc).__name__})
            raise
        missing = [name for name, value in values.items() if created.stamps.get(name) != value]
        if missing:
            raise AltinnFilingError(
                f"{self.key.app_id} does not keep {', '.join(missing)} in dataValues, so instance {created.id} could "
                "not be found again after a failure: delete that draft and use the app's own way to find instances",
                [str(created.id)],
            )
        self.report(f"created {created.id} for {self.key}")
        return created

    def _look_for_lost_creation(self, cause: AltinnError) -> Flow[Filed]:
        """Look for what a creation without a clean answer may have made; when nothing shows, come back later."""
        self.report(f"the creation for {self.key} got no clean answer ({type(cause).__name__}): looking for it")
        self.record("creation unclear", {"error": type(cause).__name__})
        if isinstance(cause, AltinnCreationError):
            yield from self._creation(self.fence).follow_advice(cause, self.storage, self.key)
        found = yield from self._found(adopting=True)
        if found is not None:
            self.report(f"found {found.instance.id}: made by the lost creation, or by somebody else")
            self.record("adopted", {"instance_id": str(found.instance.id), "where": found.instance.process.where})
            return found
        raise AltinnNotYetError(
            f"the creation for {self.key} got no clean answer and no instance shows yet; the next look decides whether "
            f"it is made again. Cause: {cause}",
            max(self.settle, _SHORTEST_PAUSE),
            CREATION_LIMIT,
        ) from cause

    def _refuse_foreign(self, instances: Sequence[Instance]) -> Flow[None]:
        """Stop at instances of this period without our stamp, or with a stamp of a version that is not known here."""
        if self.on_foreign == "ignore":
            return
        others = [i for i in instances if i.stamps.get(VERSION_STAMP) != STAMP_VERSION]
        foreign, unread = [], 0
        for instance in (i for i in others if is_delivered(i) or not i.is_soft_deleted):
            if VERSION_STAMP in instance.stamps:
                period = instance.stamps.get(PERIOD_STAMP)
            elif self.period_of is not None:
                period = yield from self.period_of(instance)
            else:
                unread += 1
                continue
            if period is None or period == self.key.period:
                foreign.append(str(instance.id))
        if unread:
            self.report(f"{unread} instance(s) without a stamp; their period is not looked at")
        if foreign:
            raise AltinnForeignInstanceError(
                f"somebody else made an instance for {self.key}, or one whose period cannot be read: "
                f"{', '.join(foreign)}. Look at it in Altinn; on_foreign='ignore' files all the same",
                foreign,
            )

"""The filing key: find what was filed under it, adopt it, or create it once.

Altinn has no idempotency key, and a creation goes on when its client is gone. So the key is stamped into the
instance as `dataValues` in the same write that makes it, and every creation looks before and after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from altinn.exceptions import (
    AltinnAmbiguousError,
    AltinnAnswerError,
    AltinnFilingError,
    AltinnForeignInstanceError,
    AltinnInputError,
    AltinnNoAnswerError,
    AltinnServerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnUnknownOutcomeError,
)
from altinn.protocol.app_api import App
from altinn.protocol.identifiers import AppId, InstanceOwner
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.timestamps import time_key
from altinn.protocol.wire import Flow, Sleep

STAMP_VERSION = "1"
STAMP_NAMES = ("filingversion", "filingperiod", "filingkind")
HASH_STAMP = "filingsha256"
_PERIOD = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,31}")
_MAX_PAGES = 200
_MAX_SCANS = 6
_PERHAPS_DONE = (
    AltinnNoAnswerError,
    AltinnAnswerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnServerError,
)


@dataclass(frozen=True, slots=True)
class FilingKey:
    """What there may be only one of.

    :param period: the period's normalised name, for example "2026-T5".
    :param correction: 0 for the main filing, else the correction's number.
    """

    app_id: AppId
    owner: InstanceOwner
    period: str
    correction: int = 0

    @classmethod
    def of(cls, app_id: AppId, owner: InstanceOwner, period: str, kind: str, correction: int) -> FilingKey:
        """Build a key from a user's input.

        :param kind: "main" or "correction".
        :raises AltinnInputError: the period or the kind cannot be part of a key.
        """
        normalised = str(period).strip().upper()
        if not _PERIOD.fullmatch(normalised):
            raise AltinnInputError(
                f"period {str(period)[:60]!r} cannot be a filing key: use letters, digits, '-' and '.', at most 32, "
                "for example '2026-T5'"
            )
        if kind not in ("main", "correction") or correction < 0 or (kind == "correction") != (correction > 0):
            raise AltinnInputError(
                f"kind {kind!r} with correction number {correction}: use kind='main' without a number, or "
                "kind='correction' with correction_number=1, 2 …"
            )
        return cls(app_id, owner, normalised, correction)

    @property
    def kind(self) -> str:
        """The kind as it is stamped."""
        return f"correction-{self.correction}" if self.correction else "main"

    def stamps(self) -> dict[str, str]:
        """Return the `dataValues` that carry the key."""
        return dict(zip(STAMP_NAMES, (STAMP_VERSION, self.period, self.kind), strict=True))

    def covers(self, instance: Instance) -> bool:
        """Whether an instance is of this app and this owner, so that a server that ignores a filter does no harm."""
        return instance.app_id == str(self.app_id) and self.owner.matches(
            party_id=instance.id.party, organisation_number=instance.organisation_number
        )

    def is_on(self, instance: Instance) -> bool:
        """Whether an instance carries this key."""
        own = self.stamps()
        return all(instance.stamps.get(name) == value for name, value in own.items())

    def __str__(self) -> str:
        return f"{self.app_id}, {self.owner.label}, {self.period}, {self.kind}"


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
    :param settle: seconds within which a new instance shows in the query.
    :param report: takes one line for each decision, for the log.
    """

    session: Session
    app: App
    storage: Storage
    key: FilingKey
    period_of: PeriodReader | None = None
    on_foreign: str = "fail"
    settle: float = 30.0
    report: Callable[[str], None] = lambda _line: None

    def find(self) -> Flow[Filed | None]:
        """Look for the key's instance over every page; adopt what is delivered, else the oldest draft.

        :raises AltinnForeignInstanceError: somebody else made an instance of this period.
        :raises AltinnAmbiguousError: more than one instance of this key has been delivered.
        """
        scanned = yield from self._scan()
        seen = [i for i in scanned if self.key.covers(i) and (is_delivered(i) or not i.is_hard_deleted)]
        yield from self._refuse_foreign([i for i in seen if not self.key.is_on(i)])
        ours = [i for i in seen if self.key.is_on(i)]
        chosen = choose(ours)
        if chosen is None:
            return None
        yield from self._await_creation(chosen)
        others = tuple(str(i.id) for i in ours if i.id != chosen.id)
        if others:
            self.report(f"{len(others)} more with the key {self.key}, never pushed: {', '.join(others)}")
        return Filed(chosen, created=False, others=others)

    def find_or_create(self, data_values: Mapping[str, str], hints: Mapping[str, str] | None = None) -> Flow[Filed]:
        """Adopt the key's instance, or create it with its stamps and look again.

        :param data_values: further `dataValues` that the app wants at creation.
        :param hints: stamps that are no part of the key.
        :raises AltinnUnknownOutcomeError: the creation's answer was lost and no instance shows; a retry looks first.
        """
        values = {**self._values(data_values), **(hints or {})}
        found = yield from self.find()
        if found is not None:
            self.report(f"adopted {found.instance.id} for {self.key}: {found.instance.process.where}")
            return found
        try:
            created = yield from self._create(values)
        except _PERHAPS_DONE as exc:
            self.report(f"the creation for {self.key} got no clean answer ({type(exc).__name__}): looking for it")
            return (yield from self._look_for_lost_creation(exc))
        survivor = yield from self._look_after(created)
        if survivor.instance.id != created.id:
            self.report(f"{created.id} is left alone: {survivor.instance.id} is older or delivered")
            return survivor
        return Filed(created, created=True, others=survivor.others)

    def _look_after(self, created: Instance) -> Flow[Filed]:
        """Look until the own instance shows: a query that does not show it yet hides those of others as well."""
        for pause in (0.0, *_pauses(self.settle)):
            if pause:
                yield Sleep(pause, f"{created.id} does not show in the query yet")
            survivor = yield from self.find()
            if survivor is not None and str(created.id) in (str(survivor.instance.id), *survivor.others):
                return survivor
        raise AltinnFilingError(
            f"{created.id} was made for {self.key}, but the query does not show it after {self.settle:.0f} s, so it "
            "could not be found again after a failure: see whether this identity may read the owner's instances",
            [str(created.id)],
        )

    def _values(self, data_values: Mapping[str, str]) -> dict[str, str]:
        taken = sorted(name for name in data_values if name in STAMP_NAMES or name == HASH_STAMP)
        if taken:
            raise AltinnInputError(
                f"data_values must not set {', '.join(taken)}: the filing key is stamped there; leave them out"
            )
        return {**{str(k): str(v) for k, v in data_values.items()}, **self.key.stamps()}

    def _create(self, values: Mapping[str, str]) -> Flow[Instance]:
        created = yield from self.session.perform(self.app.create(self.key.owner, values))
        missing = [name for name, value in values.items() if created.stamps.get(name) != value]
        if missing:
            raise AltinnFilingError(
                f"{self.key.app_id} does not keep {', '.join(missing)} in dataValues, so instance {created.id} could "
                "not be found again after a failure: delete that draft and use the app's own way to find instances",
                [str(created.id)],
            )
        self.report(f"created {created.id} for {self.key}")
        return created

    def _look_for_lost_creation(self, cause: Exception) -> Flow[Filed]:
        waited = 0.0
        for pause in (0.0, *_pauses(self.settle)):
            if pause:
                yield Sleep(pause, "a creation whose answer was lost may still show")
                waited += pause
            found = yield from self.find()
            if found is not None:
                self.report(f"found {found.instance.id}: made by the lost creation, or by somebody else")
                return found
        raise AltinnUnknownOutcomeError(
            f"the creation for {self.key} got no clean answer and no instance shows within {waited:.0f} s; a retry "
            f"looks again before it creates. Cause: {cause}"
        ) from cause

    def _await_creation(self, instance: Instance) -> Flow[None]:
        """Adopt only what has been made completely: the first task's start is the creation's last step."""
        for pause in (0.0, *_pauses(max(self.settle, 30.0))):
            if pause:
                yield Sleep(pause, f"the creation of {instance.id} is still going on")
            if instance.process.is_ended:
                return
            history = yield from self.session.perform(self.app.history(instance.id))
            if history:
                return
        raise AltinnUnknownOutcomeError(
            f"instance {instance.id} carries the key {self.key}, but is not made yet; a retry looks again",
            [str(instance.id)],
        )

    def _scan(self) -> Flow[tuple[Instance, ...]]:
        """Read every page; more than one page is read until two scans agree, since rows move while they are read."""
        previous: tuple[tuple[str, str], ...] | None = None
        for _ in range(_MAX_SCANS):
            instances, pages = yield from self._scan_once()
            marks = tuple(sorted((str(i.id), i.last_changed) for i in instances))
            if pages <= 1 or marks == previous:
                return instances
            previous = marks
        raise AltinnUnknownOutcomeError(
            f"the instances of {self.key.owner.label} kept changing while they were read {_MAX_SCANS} times; a retry "
            "looks again"
        )

    def _scan_once(self) -> Flow[tuple[tuple[Instance, ...], int]]:
        by_id: dict[str, Instance] = {}
        page = yield from self.session.perform(self.storage.query(self.key.app_id, self.key.owner))
        pages = 1
        while True:
            by_id.update((str(i.id), i) for i in page.instances)
            if not page.next:
                return tuple(by_id.values()), pages
            if pages >= _MAX_PAGES:
                raise AltinnUnknownOutcomeError(
                    f"the instance query for {self.key.owner.label} has more than {_MAX_PAGES} pages: not read further"
                )
            page = yield from self.session.perform(self.storage.following(page, self.key.owner))
            pages += 1

    def _refuse_foreign(self, instances: Sequence[Instance]) -> Flow[None]:
        """Stop at instances of this period without our stamp, or with a stamp of a version that is not known here."""
        if self.on_foreign == "ignore":
            return
        others = [i for i in instances if i.stamps.get(STAMP_NAMES[0]) != STAMP_VERSION]
        foreign, unread = [], 0
        for instance in (i for i in others if is_delivered(i) or not i.is_soft_deleted):
            if STAMP_NAMES[0] in instance.stamps:
                period = instance.stamps.get(STAMP_NAMES[1])
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


def refuse_taken_stamps(app_id: AppId, metadata: Mapping[str, Any]) -> None:
    """Stop when the app copies form fields into the `dataValues` that the key needs.

    :param metadata: the app's `applicationmetadata`.
    :raises AltinnFilingError: names the fields.
    """
    names = {str(item.get("id")) for item in metadata.get("dataFields") or ()}
    taken = sorted(names & {*STAMP_NAMES, HASH_STAMP})
    if taken:
        raise AltinnFilingError(f"{app_id} writes {', '.join(taken)} into dataValues itself, where the filing key goes")


def choose(ours: Sequence[Instance]) -> Instance | None:
    """Pick the instance that stands for the key: the delivered one, else the oldest that is not deleted.

    :raises AltinnAmbiguousError: more than one has been delivered.
    """
    delivered = [i for i in ours if is_delivered(i)]
    if len(delivered) > 1:
        ids = [str(i.id) for i in delivered]
        raise AltinnAmbiguousError(f"more than one instance of this key has been delivered: {', '.join(ids)}", ids)
    if delivered:
        return delivered[0]
    drafts = sorted((i for i in ours if not i.is_soft_deleted), key=lambda i: (time_key(i.created), str(i.id)))
    return drafts[0] if drafts else None


def is_delivered(instance: Instance) -> bool:
    """Whether the authority has the filing: the process ended or waits for the authority's feedback."""
    return instance.process.is_ended or instance.is_archived or instance.process.task_type == "feedback"


def _pauses(limit: float) -> list[float]:
    """Growing pauses, in seconds, that add up to `limit`."""
    pauses, total, pause = [], 0.0, 0.5
    while total < limit:
        step = min(pause, limit - total)
        pauses.append(step)
        total += step
        pause = min(pause * 2, 10.0)
    return pauses

"""Reads from Altinn where a company stands with each period: what is ours or others', and what the authority says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from altinn.authorities.authority import Authority
from altinn.exceptions import (
    AltinnError,
    AltinnForbiddenError,
    AltinnNotFoundError,
    AltinnUnknownOutcomeError,
)
from altinn.filing_calendar.calendar_rows import (
    ACCEPTED,
    DIFFERING,
    FILED,
    FILED_ELSEWHERE,
    MISSING,
    NOT_DUE,
    REJECTED,
    UNKNOWN,
    WAITING_FOR_SIGNATURE,
    CalendarRow,
)
from altinn.periods import Period, months_of_term, parse_period
from altinn.protocol import outcome
from altinn.protocol.app_api import App
from altinn.protocol.feedback import with_feedback
from altinn.protocol.filing_key import (
    HASH_STAMP,
    KIND_STAMP,
    PERIOD_STAMP,
    STAMP_VERSION,
    VERSION_STAMP,
    FilingKey,
    correction_of,
    is_delivered,
)
from altinn.protocol.identifiers import InstanceOwner
from altinn.protocol.instance_search import InstanceSearch
from altinn.protocol.model import Instance
from altinn.protocol.outcome import Outcome
from altinn.protocol.session import Session
from altinn.protocol.signature import with_signature
from altinn.protocol.storage_api import Storage
from altinn.protocol.verdict_documents import VerdictDocuments
from altinn.protocol.wire import Flow

_STATES = {
    outcome.ACCEPTED: ACCEPTED,
    outcome.REJECTED: REJECTED,
    outcome.SUBMITTED: FILED,
    outcome.WAITING_FOR_AUTHORITY: FILED,
    outcome.WAITING_FOR_PERSON: WAITING_FOR_SIGNATURE,
    outcome.UNKNOWN: UNKNOWN,
}

_WORST_FIRST = (
    DIFFERING, REJECTED, UNKNOWN, MISSING, NOT_DUE, WAITING_FOR_SIGNATURE, FILED, FILED_ELSEWHERE, ACCEPTED,
)  # fmt: skip

_STANDING = (ACCEPTED, FILED, FILED_ELSEWHERE)

PeriodReader = Callable[[Instance], "Flow[str | None]"]
_ByPeriod = dict[str, list[Instance]]


@dataclass(frozen=True, slots=True)
class CompanyCalendar:
    """The calendar of one company and one app.

    :param due_date: the deadline of a period.
    :param today: the day in Norway.
    :param period_of: reads the period of an instance that carries no stamp of ours.
    :param link: the address where a person sees an instance.
    :param expected: hash over the source documents by period, where the caller knows what was meant.
    :param undelivered: periods that the authority itself lists as not delivered, of whatever kind; None when it was not
        asked.
    :param kind: as it is stamped ("main", "correction-1"): only this filing counts; the newest one when left empty.
    """

    session: Session
    app: App
    storage: Storage
    authority: Authority
    owner: InstanceOwner
    company: str
    due_date: Callable[[Period], date]
    today: date
    period_of: PeriodReader
    link: Callable[[Instance], str]
    expected: Mapping[str, str] = field(default_factory=dict)
    undelivered: frozenset[str] | None = None
    kind: str = ""

    def rows(self, key: FilingKey, periods: Sequence[Period]) -> Flow[list[CalendarRow]]:
        """Read the owner's instances once, and return a row for each period.

        :param key: any key of the app and the owner.
        """
        instances = yield from InstanceSearch(self.session, self.storage, key).instances()
        ours: _ByPeriod = {}
        others: _ByPeriod = {}
        for instance in instances:
            if is_own(instance):
                name: str | None = instance.stamps.get(PERIOD_STAMP, "")
            elif self.authority.makes_instances or _is_handed_in(instance):
                name = yield from self.period_of(instance)
            else:
                continue
            if not self._is_ours(instance):
                others.setdefault(name or "", []).append(instance)
            elif not self.kind or self._kind(instance) == self.kind:
                ours.setdefault(name or "", []).append(instance)
        found = []
        for period in periods:
            row = yield from self._row(period, ours.get(period.name, []), others.get(period.name, []))
            row = yield from self._with_months(row, period, ours, others)
            unread = [i for i in (*ours.get("", ()), *others.get("", ())) if not is_own(i)]
            found.append(row if row.instance_id else self._unread(row, unread))
        return found

    def _is_ours(self, instance: Instance) -> bool:
        """Say whether what is filed with an instance is this sender's own doing, and not somebody else's beside it."""
        return is_own(instance) or self.authority.makes_instances

    def _kind(self, instance: Instance) -> str:
        """Return which filing of its period an instance is; what the authority has made is the period's only one."""
        return _kind(instance) or ("main" if self._is_ours(instance) else "")

    def _row(self, period: Period, ours: Sequence[Instance], others: Sequence[Instance]) -> Flow[CalendarRow]:
        delivered = sorted((i for i in ours if is_delivered(i)), key=_correction)
        drafts = [i for i in ours if not (is_delivered(i) or i.is_soft_deleted or i.is_hard_deleted)]
        if correction_of(self.kind):
            others = ()  # What somebody else has filed is what this one corrects.
        rejected, standing = yield from self._parted([i for i in others if is_delivered(i)])
        by_hand = [i for i in others if not is_delivered(i)]
        if len({self._kind(i) for i in delivered}) < len(delivered):
            return self._filed_twice(period, delivered, standing)
        if delivered and standing:
            refused, kept = yield from self._parted(delivered)
            if kept:
                return self._filed_twice(period, delivered, standing)
            reason = f"filed without this provider's key; {refused[-1].id}, which has it, was rejected"
            return self._about(period, FILED_ELSEWHERE, reason, standing[-1])
        if delivered:
            row = yield from self._judged(period, delivered[-1])
            filed = {self._kind(i) for i in delivered}
            row = self._with_drafts(row, period, [i for i in drafts if self._kind(i) not in filed])
            return self._with_by_hand(row, period, by_hand)
        if standing:
            return self._about(period, FILED_ELSEWHERE, "filed without this provider's key", standing[-1])
        if rejected and not (drafts or by_hand):
            reason = "filed without this provider's key, and rejected"
            return self._about(period, REJECTED, reason, rejected[-1])
        row = self._not_filed(period, [*drafts, *by_hand])
        if not rejected:
            return row
        return replace(row, reason=f"{row.reason}; filed without this provider's key, and rejected: {rejected[-1].id}")

    def _filed_twice(self, period: Period, delivered: Sequence[Instance], standing: Sequence[Instance]) -> CalendarRow:
        ids = ", ".join(str(i.id) for i in (*delivered, *standing))
        return self._about(period, DIFFERING, f"filed more than once: {ids}", delivered[-1])

    def _with_months(self, row: CalendarRow, period: Period, ours: _ByPeriod, others: _ByPeriod) -> Flow[CalendarRow]:
        """Look for a term that was filed by its months, as a company may that reports monthly.

        Nothing else stands for another period: a company may owe a year's return of another kind beside its terms.
        """
        months = months_of_term(period)
        parts = [
            part for part in months if any(map(_is_handed_in, (*ours.get(part.name, ()), *others.get(part.name, ()))))
        ]
        if correction_of(self.kind) or not parts:
            return row
        names = ", ".join(part.name for part in parts)
        is_open = not row.instance_id or row.state in (MISSING, NOT_DUE, REJECTED)
        if len(parts) < len(months):
            return replace(row, reason=f"{row.reason}; of it, {names} is there") if is_open else row
        # The authority's list and the deadline are about the whole term.
        reader = replace(self, due_date=lambda _: self.due_date(period), undelivered=None)
        rows = []
        for part in parts:
            found = yield from reader._row(part, ours.get(part.name, []), others.get(part.name, []))
            rows.append(found)
        worst = min(rows, key=lambda one: _WORST_FIRST.index(one.state))
        if not is_open:
            if row.state in _STANDING and worst.state in _STANDING:
                return replace(row, state=DIFFERING, reason=f"filed more than once: also as {names}")
            return replace(row, reason=f"{row.reason}; as {names}: {worst.reason}")
        listed = self._listed(period)
        if listed and worst.state in _STANDING:
            worst = replace(worst, state=DIFFERING, reason=f"the authority lists {listed} as not delivered")
        return replace(worst, period=period.name, reason=f"filed as {names}: {worst.reason}")

    def _parted(self, others: Sequence[Instance]) -> Flow[tuple[list[Instance], list[Instance]]]:
        """Part what others have filed into what the authority has rejected, and the rest."""
        rejected: list[Instance] = []
        rest: list[Instance] = []
        for instance in others:
            verdict = yield from self._verdict(instance)
            (rejected if verdict.state == outcome.REJECTED else rest).append(instance)
        return rejected, rest

    def _with_drafts(self, row: CalendarRow, period: Period, drafts: Sequence[Instance]) -> CalendarRow:
        """Let a correction that is under way show beside what it corrects: a person may have to sign it."""
        draft, why = _waiting_for_person(sorted(drafts, key=_correction, reverse=True))
        if draft is not None:
            reason = f"{self._kind(draft)}: {why}; {row.kind} is {row.state.replace('_', ' ')}"
            return self._about(period, WAITING_FOR_SIGNATURE, reason, draft)
        if not drafts:
            return row
        told = "; ".join(f"a draft of {self._kind(draft)} is at {draft.process.where}" for draft in drafts)
        return replace(row, reason=f"{row.reason}; {told}")

    def _with_by_hand(self, row: CalendarRow, period: Period, by_hand: Sequence[Instance]) -> CalendarRow:
        """Tell what somebody began by hand beside a filing; where that one was rejected, it is what is to come."""
        if not by_hand:
            return row
        told = f"{by_hand[-1].id}, made without this provider's key, is at {by_hand[-1].process.where}"
        if row.state == REJECTED:
            return self._about(period, WAITING_FOR_SIGNATURE, f"{told}; {row.instance_id} was rejected", by_hand[-1])
        return replace(row, reason=f"{row.reason}; {told}")

    def _judged(self, period: Period, instance: Instance) -> Flow[CalendarRow]:
        verdict = yield from self._verdict(instance)
        state = _STATES.get(verdict.state, UNKNOWN)
        reason = "; ".join((verdict.reason, *verdict.codes))
        listed = self._listed(period)
        if state in (ACCEPTED, FILED) and listed:
            return self._about(period, DIFFERING, f"the authority lists {listed} as not delivered", instance)
        meant, stamped = self.expected.get(period.name), instance.stamps.get(HASH_STAMP)
        if state in (ACCEPTED, FILED) and meant and stamped and meant != stamped:
            return self._about(period, DIFFERING, "its draft was made with other documents than these", instance)
        return self._about(period, state, reason, instance)

    def _verdict(self, instance: Instance) -> Flow[Outcome]:
        """Read what the authority added, as far as its verdict needs it."""
        documents = VerdictDocuments(instance.id)
        awaited = self.authority.awaited()
        instance = yield from with_feedback(self.session, self.app, instance, awaited)
        try:
            instance = yield from with_signature(self.session, self.storage, instance, awaited)
            for data_type in awaited.receipt_types:
                for element in instance.of_type(data_type):
                    answer = yield from self.session.perform(self.app.read_data(instance.id, element.id))
                    documents.add(data_type, element.id, answer.body)
            return self.authority.verdict(instance, documents)
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            return Outcome(outcome.UNKNOWN, str(exc).splitlines()[0])
        except AltinnUnknownOutcomeError as exc:
            return Outcome(outcome.UNKNOWN, str(exc))

    def _not_filed(self, period: Period, drafts: Sequence[Instance]) -> CalendarRow:
        draft, why = _waiting_for_person(drafts)
        if draft is not None:
            whose = "" if self._is_ours(draft) else "; it was made without this provider's key"
            return self._about(period, WAITING_FOR_SIGNATURE, why + whose, draft)
        late = self.due_date(period) < self.today
        reason = f"a draft is at {drafts[0].process.where}" if drafts else "Altinn shows this login no instance of it"
        listed = self._listed(period)
        if listed:
            reason += f"; the authority lists {listed} as not delivered"
        # The list is about what was never delivered: it says nothing of a correction.
        elif self.undelivered is not None and late and not correction_of(self.kind):
            return self._not_listed(period, drafts)
        return self._about(period, MISSING if late else NOT_DUE, reason, drafts[0] if drafts else None)

    def _not_listed(self, period: Period, drafts: Sequence[Instance]) -> CalendarRow:
        """Take the list's silence for a delivery only where it speaks of periods of this length."""
        strange = sorted(name for name in self.undelivered or () if parse_period(name).kind != period.kind)
        if strange:
            reason = f"the authority's list names other periods than this report's: {', '.join(strange)}"
            return self._about(period, UNKNOWN, reason, drafts[0] if drafts else None)
        return self._about(period, FILED_ELSEWHERE, "the authority does not list it as undelivered", None)

    def _listed(self, period: Period) -> str:
        """Name what the authority lists as not delivered of this period; empty when there is nothing.

        A company may report by other periods than these: a month that is not delivered is a part of its term.
        """
        listed = sorted((parse_period(name) for name in self.undelivered or ()), key=lambda one: one.start)
        return ", ".join(one.name for one in listed if one.start <= period.end and period.start <= one.end)

    def _unread(self, row: CalendarRow, unreadable: Sequence[Instance]) -> CalendarRow:
        """Say that an instance whose period nobody can read may be the missing one."""
        if not unreadable or row.state != MISSING:
            return row
        ids = ", ".join(str(i.id) for i in unreadable)
        reason = f"nothing with a known period is filed, but the period of {ids} cannot be read"
        return replace(row, state=UNKNOWN, reason=reason)

    def _about(self, period: Period, state: str, reason: str, instance: Instance | None) -> CalendarRow:
        there = {
            "kind": self._kind(instance),
            "instance_id": str(instance.id),
            "filed_at": (instance.process.ended or instance.last_changed) if is_delivered(instance) else "",
            "url": self.link(instance),
        } if instance else {}  # fmt: skip
        return CalendarRow(
            self.owner.organisation_number,
            self.company,
            period.name,
            state,
            self.due_date(period).isoformat(),
            reason,
            **there,
        )


def unreadable_rows(
    organisation_number: str, company: str, periods: Sequence[Period], due: Callable[[Period], date], error: AltinnError
) -> list[CalendarRow]:
    """Return the rows of a company that could not be read, so that the others are shown all the same."""
    reason = str(error).splitlines()[0]
    return [
        CalendarRow(organisation_number, company, period.name, UNKNOWN, due(period).isoformat(), reason)
        for period in periods
    ]


def _waiting_for_person(drafts: Sequence[Instance]) -> tuple[Instance | None, str]:
    """Return the first draft that a person has to confirm or sign, and why."""
    for draft in drafts:
        stands = outcome.standing(draft)
        if stands.state == outcome.WAITING_FOR_PERSON:
            return draft, stands.reason
    return None, ""


def _is_handed_in(instance: Instance) -> bool:
    """Say whether an instance is with the authority, or has only to be confirmed or signed by a person."""
    return is_delivered(instance) or outcome.standing(instance).state == outcome.WAITING_FOR_PERSON


def is_own(instance: Instance) -> bool:
    """Whether the instance carries this provider's stamp."""
    return instance.stamps.get(VERSION_STAMP) == STAMP_VERSION


def _kind(instance: Instance) -> str:
    return instance.stamps.get(KIND_STAMP, "") if is_own(instance) else ""


def _correction(instance: Instance) -> int:
    """Return the correction's number; 0 for the main filing."""
    return correction_of(_kind(instance))

"""Judges a run by the emulator's own record and by what was sent; never by what a client says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from altinn.emulator.world import World
from tests.fuzz.airflow_run import Run
from tests.fuzz.bystanders import PERSON, SENDER
from tests.fuzz.clients import PERIOD
from tests.fuzz.journal import Journal, Note
from tests.fuzz.judge_cases import Case, Content, cases, meant, redeployments
from tests.fuzz.schedules import REDEPLOYED, Schedule
from tests.fuzz.wire_to_emulator import WAY

DOUBLED, LOST = "doubled", "lost"
UNASKED, REPLACED, NEEDLESS, DELETED, UNCLEAR = (
    "unasked confirmation",
    "acted after it was replaced",
    "second draft beside a visible one",
    "deleted what it may not",
    "error that is none of ours",
)
WITHDRAWN, UNAPPROVED, UNWANTED, ELSEWHERE = (
    "pushed what was seen to be deleted",
    "pushed without the approval that it was made for",
    "correction that nobody asked for",
    "filed under another key than was meant",
)
SERVED = WAY + 0.001
"""Seconds after which a question is answered by what the server knows then, whoever came right before it."""


@dataclass(frozen=True)
class Violation:
    """Something that must not happen."""

    kind: str
    what: str


@dataclass
class Verdict:
    """How a schedule ended.

    :param delivered: number of instances that the authority received with the sender's reports in them.
    """

    outcome: str
    delivered: int
    violations: list[Violation] = field(default_factory=list)


def judge(schedule: Schedule, world: World, journal: Journal, runs: Sequence[Run], errors: Sequence[str]) -> Verdict:
    """Judge one run of this provider's clients, or of others."""
    found = cases(world)
    received = [c for c in found if c.delivered is not None]
    violations = [
        *_doubled(schedule, received, journal.notes),
        *_content(world, received, journal.notes),
        *_green_without_filing(world, runs, found),
        *_unasked(schedule, world, received, journal.notes),
        *_unwanted(schedule, received),
        *_pushed_in_spite(runs, found, journal.notes),
        *_replaced(journal),
        *_needless(found, journal),
        *_deletions(found, journal.notes),
        *(Violation(UNCLEAR, text) for text in errors),
    ]
    kinds = {v.kind for v in violations}
    if DOUBLED in kinds:
        outcome = DOUBLED
    elif LOST in kinds:
        outcome = LOST
    else:
        outcome = "filed once" if received else "clear error"
    return Verdict(outcome, len(received), violations)


def _pushes(case: Case, notes: Iterable[Note], action: bytes = b"") -> list[Note]:
    """Return the pushes of an instance that were sent before it was delivered."""
    return [
        n for n in notes if n.is_push and n.guid == case.guid and action in n.body and n.at < (case.delivered or 0.0)
    ]


def _doubled(schedule: Schedule, received: list[Case], notes: list[Note]) -> Iterable[Violation]:
    ours = [c for c in received if c.by == SENDER]
    for what in (_key_of, _content_of):
        for _, same in groupby(sorted(ours, key=what), key=what):
            filed = [c.guid for c in same]
            if len(filed) > 1:
                yield Violation(DOUBLED, f"{len(filed)} instances filed: {', '.join(filed)}")
    if any(plan.on_foreign == "ignore" for plan in schedule.plans):
        return
    for own in ours:
        looked = max((n.looked for n in _pushes(own, notes)), default=0.0)
        for other in received:
            if other.stamped and other.key != own.key:
                continue  # A person has pushed the draft of the filing that this one corrects, or the other way round.
            if other.by == PERSON and (other.delivered or 0.0) < looked and other.deleted is None:
                yield Violation(DOUBLED, f"{own.guid} filed although a person had filed {other.guid}, for all to see")


def _key_of(case: Case) -> tuple[str, str]:
    return case.key


def _content_of(case: Case) -> Content:
    return case.content


def _content(world: World, received: list[Case], notes: list[Note]) -> Iterable[Violation]:
    for case in received:
        if case.taken_back:
            yield Violation(LOST, f"{case.guid} was delivered, then deleted by the creation's clean-up")
        pushes = _pushes(case, notes)
        if case.by != SENDER or case.content in [meant(world, n.meant) for n in pushes]:
            continue
        compared = max((n.compared for n in pushes), default=0.0)
        # What others do between the last comparison and the push, no client can prevent; it has to be red.
        if not any(at >= compared for at in (*case.touched, *case.rewritten)):
            yield Violation(LOST, f"{case.guid} was filed with other bytes than were meant, for all to see")


def _green_without_filing(world: World, runs: Sequence[Run], found: list[Case]) -> Iterable[Violation]:
    for run in runs:
        if run.state != "success":
            continue
        made = run.xcoms["instantiate"]
        guid = (made if isinstance(made, str) else made[0]).rpartition("/")[2]
        case = next((c for c in found if c.guid == guid), None)
        if case is None or case.delivered is None:
            yield Violation(LOST, f"{run.name} is green, and {guid} was never filed")
        elif case.content != meant(world, run.meant):
            yield Violation(LOST, f"{run.name} is green, and {guid} was filed with other bytes than were meant")
        elif case.stamped and case.key[0] != PERIOD:
            yield Violation(ELSEWHERE, f"{run.name} is green, and {guid} is of {case.key[0]}")


def _unasked(schedule: Schedule, world: World, received: list[Case], notes: list[Note]) -> Iterable[Violation]:
    if "rights_not_split" in schedule.regimes and not is_calm(schedule):
        return
    others = redeployments(world) if may_be_redeployed(schedule) else []
    for case in received:
        pushes = _pushes(case, notes)
        asked = _pushes(case, notes, b"confirm") or [n for n in pushes if not n.body and n.status == 200]
        if case.by != SENDER or len(asked) >= 1 + (not asked or not asked[0].body):
            continue
        if case.confirmed_by == PERSON:
            continue
        # An app that is redeployed after the last look at the process, no client can see.
        if not any(at > pushes[-1].read + SERVED for at in others):
            yield Violation(UNASKED, f"{case.guid} was confirmed, which nobody had asked for")


def _unwanted(schedule: Schedule, received: list[Case]) -> Iterable[Violation]:
    if any(plan.on_changed == "correction" for plan in schedule.plans):
        return
    for case in received:
        if case.key[1].startswith("correction"):
            yield Violation(UNWANTED, f"{case.guid} was filed as {case.key[1]}")


def _pushed_in_spite(runs: Sequence[Run], found: list[Case], notes: list[Note]) -> Iterable[Violation]:
    """Yield pushes of what had been deleted when its pusher looked, or of what it had no approval for."""
    approved = {run.name for run in runs if run.plan.approval == "given"}
    by_guid = {c.guid: c for c in found}
    for note in notes:
        case = by_guid.get(note.guid) if note.is_push else None
        if case is None:
            continue
        gone = case.deleted is not None and case.deleted < note.looked + SERVED
        if gone and not (case.delivered is not None and case.delivered < (case.deleted or 0.0)):
            yield Violation(WITHDRAWN, f"{note.client} pushed {note.guid}, which was deleted at {case.deleted:.1f} s")
        if case.for_approval and note.run not in approved:
            yield Violation(UNAPPROVED, f"{note.client} pushed {note.guid}, which a person had to approve")


def may_be_redeployed(schedule: Schedule) -> bool:
    """Say whether the app may get other tasks while clients are at work."""
    return any(strike.fault in REDEPLOYED for strike in schedule.strikes)


def is_calm(schedule: Schedule) -> bool:
    """Say whether no two pushes can be under way at the same time: without split rights nobody keeps them apart."""
    waiting = {"late_duplicate", "stuck_in_proxy", "lock_race"}
    return (
        len(schedule.plans) == 1
        and not schedule.plans[0].disturbances
        and not waiting & {s.fault for s in schedule.strikes}
    )


def _replaced(journal: Journal) -> Iterable[Violation]:
    for note in journal.notes:
        since = journal.replaced.get(note.client)
        if since is not None and (note.is_push or note.is_creation) and note.looked > since:
            yield Violation(REPLACED, f"{note.client} sent {note.method} {note.url} at {note.at:.1f} s")


def _needless(found: list[Case], journal: Journal) -> Iterable[Violation]:
    made = [n for n in journal.notes if n.is_creation]
    for note in made:
        for case in found:
            if not case.stamped or case.key != note.key:
                continue
            seen = case.finished is not None and case.finished < note.began
            known = any(n.made == case.guid and _knew(journal, n, note) for n in made)
            gone = case.deleted is not None and (case.delivered is None or case.delivered >= note.began)
            if (seen or known) and not gone:
                yield Violation(NEEDLESS, f"{note.client} made an instance although {case.guid} was there to be seen")


def _knew(journal: Journal, earlier: Note, later: Note) -> bool:
    """Say whether a run could remember an answer that one of its earlier tries had got."""
    living = journal.replaced.get(earlier.client, later.began)
    return earlier.run == later.run and 0.0 < earlier.answered <= living and earlier.answered < later.began


def _deletions(found: list[Case], notes: list[Note]) -> Iterable[Violation]:
    by_guid = {c.guid: c for c in found}
    for note in notes:
        if note.method != "DELETE" or not note.guid or "/data/" in note.url:
            continue
        case = by_guid[note.guid]
        if "hard=true" in note.url or not case.stamped:
            yield Violation(DELETED, f"{note.client} deleted {note.guid} for good, or one that is not its own")
        elif case.delivered is not None and case.delivered < note.looked:
            yield Violation(DELETED, f"{note.client} deleted {note.guid}, which had been delivered")

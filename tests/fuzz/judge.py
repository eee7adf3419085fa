"""Judges a run by the emulator's own record and by what was sent; never by what a client says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from altinn.emulator.formcodec import read_xml, stored_xml
from altinn.emulator.world import World
from tests.fuzz.airflow_run import Run
from tests.fuzz.clients import APP, FORM, LETTER, PARTY
from tests.fuzz.journal import Journal, Note
from tests.fuzz.schedules import Schedule
from tests.fuzz.virtual_time import EPOCH

SENDER, PERSON = 1337, 1001
DOUBLED, LOST = "doubled", "lost"
UNASKED, REPLACED, NEEDLESS, DELETED, UNCLEAR = (
    "unasked confirmation",
    "acted after it was replaced",
    "second draft beside a visible one",
    "deleted what it may not",
    "error that is none of ours",
)


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


@dataclass
class Case:
    """One instance, as the server remembers it; times are virtual seconds."""

    guid: str
    stamped: bool
    delivered: float | None
    by: int | None
    content: list[tuple[str, str]]
    made: float
    finished: float | None
    touched: list[float]
    deleted: float | None
    taken_back: bool


def _seconds(stamp: str) -> float:
    moment = datetime.strptime(stamp[:26], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    return moment.timestamp() - EPOCH


def meant(world: World) -> list[tuple[str, str]]:
    """Return the types and hashes of what was meant, as the app keeps it."""
    model = world.apps[APP].models["model"]
    form = stored_xml(model, read_xml(model, FORM))
    return [("letter", hashlib.sha256(LETTER).hexdigest()), ("model", hashlib.sha256(form).hexdigest())]


def cases(world: World) -> list[Case]:
    """Return the company's instances."""
    return [_case(world, r) for r in world.store.instances() if r["party"] == PARTY and r["appId"] == APP]


def _case(world: World, record: dict[str, Any]) -> Case:
    guid = record["guid"]
    filing, events = world.store.filing(guid), world.store.events(guid)
    times = {kind: [_seconds(e["created"]) for e in events if e["eventType"] == kind] for kind in KINDS}
    ends = [e for e in events if e["eventType"] == "process_EndEvent"]
    hidden = world.hidden.get(guid, 0.0) - EPOCH
    by_hand = [e for e in events if (e["user"] or {}).get("userId") == PERSON]
    return Case(
        guid=guid,
        stamped="filingperiod" in (record["dataValues"] or {}),
        delivered=_seconds(filing["submitted"]) if filing else None,
        by=ends[0]["user"]["userId"] if ends else None,
        content=sorted((e["dataType"], e["sha256"]) for e in filing["elements"]) if filing else [],
        made=max(min(times["Created"], default=0.0), hidden),
        finished=max(min(times["process_StartEvent"]), hidden) if times["process_StartEvent"] else None,
        touched=[_seconds(e["created"]) for e in by_hand if e["eventType"] in ("Saved", "Created", "Deleted")],
        deleted=min(times["Deleted"], default=None),
        taken_back=bool(filing and filing["deleted"] and not times["Deleted"]),
    )


KINDS = ("Created", "Deleted", "process_StartEvent")


def judge(schedule: Schedule, world: World, journal: Journal, runs: Sequence[Run], errors: Sequence[str]) -> Verdict:
    """Judge one run of this provider's clients, or of others."""
    found = cases(world)
    received = [c for c in found if c.delivered is not None]
    violations = [
        *_doubled(received, journal.notes),
        *_content(received, journal.notes, meant(world)),
        *_green_without_filing(runs, found, meant(world)),
        *_unasked(schedule, received, journal.notes),
        *_replaced(journal),
        *_needless(found, journal.notes),
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


def _doubled(received: list[Case], notes: list[Note]) -> Iterable[Violation]:
    ours = [c for c in received if c.by == SENDER]
    if len(ours) > 1:
        yield Violation(DOUBLED, f"{len(ours)} instances filed: {', '.join(c.guid for c in ours)}")
    for own in ours:
        looked = max((n.looked for n in _pushes(own, notes)), default=0.0)
        for other in received:
            if other.by == PERSON and (other.delivered or 0.0) < looked and other.deleted is None:
                yield Violation(DOUBLED, f"{own.guid} filed although a person had filed {other.guid}, for all to see")


def _content(received: list[Case], notes: list[Note], wanted: list[tuple[str, str]]) -> Iterable[Violation]:
    for case in received:
        if case.taken_back:
            yield Violation(LOST, f"{case.guid} was delivered, then deleted by the creation's clean-up")
        if case.by != SENDER or case.content == wanted:
            continue
        compared = max((n.compared for n in _pushes(case, notes)), default=0.0)
        # What a person does between the last comparison and the push, no client can prevent; it has to be red.
        if not any(at >= compared for at in case.touched):
            yield Violation(LOST, f"{case.guid} was filed with other bytes than were meant, for all to see")


def _green_without_filing(runs: Sequence[Run], found: list[Case], wanted: list[tuple[str, str]]) -> Iterable[Violation]:
    for run in runs:
        if run.state != "success":
            continue
        made = run.xcoms["instantiate"]
        guid = (made if isinstance(made, str) else made[0]).rpartition("/")[2]
        case = next((c for c in found if c.guid == guid), None)
        if case is None or case.delivered is None:
            yield Violation(LOST, f"{run.name} is green, and {guid} was never filed")
        elif case.content != wanted:
            yield Violation(LOST, f"{run.name} is green, and {guid} was filed with other bytes than were meant")


def _unasked(schedule: Schedule, received: list[Case], notes: list[Note]) -> Iterable[Violation]:
    if "rights_not_split" in schedule.regimes and not is_calm(schedule):
        return
    for case in received:
        asked = _pushes(case, notes, b"confirm") or [n for n in _pushes(case, notes) if not n.body and n.status == 200]
        if case.by == SENDER and len(asked) < 1 + (not asked or not asked[0].body):
            yield Violation(UNASKED, f"{case.guid} was confirmed, which nobody had asked for")


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


def _needless(found: list[Case], notes: list[Note]) -> Iterable[Violation]:
    for note in notes:
        if not note.is_creation:
            continue
        for case in found:
            seen = case.stamped and case.finished is not None and case.finished < note.began
            if seen and (case.deleted is None or (case.delivered is not None and case.delivered < note.began)):
                yield Violation(NEEDLESS, f"{note.client} made an instance although {case.guid} was there to be seen")


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

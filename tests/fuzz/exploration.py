"""Draws schedules, runs them, counts how they end, and makes a schedule that shows something as small as it gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar, cast

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.clients import FilingRun, PlainRun
from tests.fuzz.drawing import schedules
from tests.fuzz.filing_machine import live_through
from tests.fuzz.judge import Verdict
from tests.fuzz.live import Story
from tests.fuzz.mutant_kind import Mutant
from tests.fuzz.mutants import MUTANTS
from tests.fuzz.schedules import PLAIN, Plan, Schedule
from tests.fuzz.simulation import Simulation

T = TypeVar("T", bound=Schedule | Story)

OUTCOMES = ("filed once", "clear error", "doubled", "lost")
SHOWN = 5
LIVED = 5
"""One of so many schedules is drawn move by move."""
MOST_LIVED = 200
"""Of those, how many are tried for a mutant."""


@dataclass
class Tally:
    """How many schedules ended how.

    :ivar inside: our clients, within the conditions.
    :ivar outside: our clients, outside of them, by the reason.
    :ivar plain: the plain HTTP tasks, a single client of each schedule.
    :ivar kinds: violations within the conditions.
    :ivar found: the first schedules that showed one, with what they showed.
    """

    inside: Counter[str] = field(default_factory=Counter)
    outside: dict[str, Counter[str]] = field(default_factory=dict)
    plain: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    found: list[tuple[Schedule | Story, str, str]] = field(default_factory=list)

    def note(self, schedule: Schedule | Story, verdict: Verdict) -> None:
        """Count how our clients ended."""
        if schedule.outside:
            self.outside.setdefault(schedule.outside, Counter())[verdict.outcome] += 1
            return
        self.inside[verdict.outcome] += 1
        self.kinds.update({v.kind for v in verdict.violations})
        if verdict.violations and len(self.found) < SHOWN:
            self.found.append((schedule, verdict.violations[0].kind, verdict.violations[0].what))

    def add(self, other: Tally) -> None:
        """Add what another process has counted."""
        self.inside += other.inside
        self.plain += other.plain
        self.kinds += other.kinds
        for reason, counted in other.outside.items():
            self.outside[reason] = self.outside.get(reason, Counter()) + counted
        self.found = [*self.found, *other.found][:SHOWN]


class Found(BaseException):
    """Ends the drawing: a schedule has shown what was looked for."""


def draw(
    count: int,
    number: int,
    take: Callable[[Schedule], None],
    drawn: Callable[[], st.SearchStrategy[Schedule]] = schedules,
) -> None:
    """Draw schedules and give them away, until somebody raises.

    :param number: the seed; the same one draws the same schedules.
    :param drawn: how they are drawn.
    """

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(drawn())
    def each(schedule: Schedule) -> None:
        take(schedule)

    each()


def explore(count: int, number: int, progress: Callable[[int], None] = lambda _done: None) -> Tally:
    """Run schedules with our clients and with a plain one, and count."""
    tally, simulation, done = Tally(), Simulation(), 0

    def take(schedule: Schedule) -> None:
        nonlocal done
        tally.note(schedule, simulation.run(schedule, FilingRun).verdict)
        if not schedule.outside:
            tally.plain[simulation.run(schedule, PlainRun, clients=1).verdict.outcome] += 1
        done += 1
        progress(done)

    lived = count // LIVED
    draw(count - lived, number, take)
    live_through(simulation, lived, number, tally.note)
    tally.found = [(_smallest(simulation, s, kind), kind, what) for s, kind, what in tally.found]
    simulation.close()
    return tally


def _kinds(simulation: Simulation, schedule: Schedule | Story) -> set[str]:
    """Return what a schedule shows of our clients."""
    if isinstance(schedule, Story):
        return {v.kind for v in schedule.told(simulation).violations}
    return {v.kind for v in simulation.run(schedule, FilingRun).verdict.violations}


def _smallest(simulation: Simulation, schedule: Schedule | Story, kind: str) -> Schedule | Story:
    """Leave out of a schedule what is not needed for a violation of a kind."""
    return minimal(schedule, lambda other: not other.outside and kind in _kinds(simulation, other))


@dataclass
class Hunt:
    """What became of a mutant.

    :param tried: schedules until it was found; all of them when it was not.
    :param kind: of the violation; empty when none was found.
    :param lived: schedules drawn move by move until one showed it; 0 when none did.
    """

    rule: str
    tried: int
    kind: str = ""
    schedule: str = ""
    lived: int = 0


def hunt(index: int, count: int, number: int) -> Hunt:
    """Look for a schedule in which a mutant does what it must not.

    Half of the schedules are drawn as all others are, half of them where its rule is hard pressed.

    :param index: of the mutant in MUTANTS.
    """
    mutant, simulation, tried = MUTANTS[index], Simulation(), 0
    found: list[tuple[Schedule, str]] = []

    def take(schedule: Schedule) -> None:
        nonlocal tried
        if schedule.outside:
            return
        tried += 1
        kind = _only_the_mutant(mutant, simulation, schedule)
        if kind:
            found.append((schedule, kind))
            raise Found

    try:
        # Not one_of, which would take each kind that `schedules` draws for a branch beside `pressed`.
        draw(count, number, take, lambda: st.booleans().flatmap(lambda all_: schedules() if all_ else mutant.pressed()))
    except Found:
        schedule, kind = found[0]
        smallest = minimal(
            schedule,
            lambda other: not other.outside and _only_the_mutant(mutant, simulation, other) == kind,
        )
        return Hunt(mutant.rule, tried, kind, str(smallest), hunt_live(mutant, simulation, count, number))
    finally:
        simulation.close()
    return Hunt(mutant.rule, tried)


def hunt_live(mutant: Mutant, simulation: Simulation, count: int, number: int) -> int:
    """Return after how many schedules, drawn move by move, a mutant is seen; 0 when it is not."""
    tried = 0

    def take(story: Story, verdict: Verdict) -> None:
        nonlocal tried
        tried += 1
        if {v.kind for v in verdict.violations} & set(mutant.kinds):
            raise Found

    try:
        with mutant.at_work():
            live_through(simulation, min(count // LIVED, MOST_LIVED), number, take)
    except Found:
        return tried
    return 0


def _only_the_mutant(mutant: Mutant, simulation: Simulation, schedule: Schedule | Story) -> str:
    """Return what a schedule shows of the mutant that it does not show with all rules on; empty for nothing."""
    with mutant.at_work():
        kinds = _kinds(simulation, schedule) & set(mutant.kinds)
    return min(kinds - _kinds(simulation, schedule) if kinds else kinds, default="")


def minimal(schedule: T, shows_it: Callable[[T], bool]) -> T:
    """Leave out of a schedule whatever is not needed to show the same."""
    progress = True
    while progress:
        progress = False
        shorter = _told_shorter(schedule) if isinstance(schedule, Story) else _smaller(schedule)
        for smaller in cast("Iterator[T]", shorter):
            if shows_it(smaller):
                schedule, progress = smaller, True
                break
    return schedule


def _told_shorter(story: Story) -> Iterator[Story]:
    yield from (replace(story, regimes=story.regimes - {name}) for name in sorted(story.regimes))
    yield from (replace(story, moves=_without(story.moves, n)) for n in reversed(range(len(story.moves))))


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Yield schedules with something less in them, the most first."""
    yield from (replace(schedule, plans=_without(schedule.plans, n)) for n in range(len(schedule.plans)) if n)
    yield from (replace(schedule, regimes=schedule.regimes - {name}) for name in sorted(schedule.regimes))
    yield from (replace(schedule, strikes=_without(schedule.strikes, n)) for n in range(len(schedule.strikes)))
    yield from (replace(schedule, deeds=_without(schedule.deeds, n)) for n in range(len(schedule.deeds)))
    for n, plan in enumerate(schedule.plans):
        for other in _simpler(plan):
            yield replace(schedule, plans=(*schedule.plans[:n], other, *schedule.plans[n + 1 :]))
    half = len(schedule.delays)
    while half := half // 2:
        yield replace(schedule, delays=schedule.delays[:half])
    for n, delay in enumerate(schedule.delays):
        if delay:
            yield replace(schedule, delays=(*schedule.delays[:n], 0, *schedule.delays[n + 1 :]))
    if schedule.delays and not schedule.delays[-1]:
        yield replace(schedule, delays=schedule.delays[:-1])


def _simpler(plan: Plan) -> Iterator[Plan]:
    yield from (replace(plan, disturbances=_without(plan.disturbances, n)) for n in range(len(plan.disturbances)))
    if plan.clears > 1:
        yield replace(plan, clears=plan.clears - 1, documents=plan.documents[: plan.clears])
    for option in fields(Plan):
        plain = getattr(PLAIN, option.name)
        if option.name != "disturbances" and getattr(plan, option.name) != plain:
            yield replace(plan, **{option.name: plain})


def _without(items: tuple[object, ...], index: int) -> tuple:  # type: ignore[type-arg]
    return (*items[:index], *items[index + 1 :])

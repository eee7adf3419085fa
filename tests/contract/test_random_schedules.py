"""The fuzzer itself: a few schedules each time, the schedule for each rule, and proof that it repeats itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.fuzz.__main__ import line
from tests.fuzz.airflow_run import Run
from tests.fuzz.clients import FilingRun, PlainRun
from tests.fuzz.exploration import draw, hunt_live, minimal
from tests.fuzz.filing_machine import live_through
from tests.fuzz.judge import DOUBLED, Verdict
from tests.fuzz.live import Acts, Passes, Starts, Story
from tests.fuzz.mutant_kind import Mutant
from tests.fuzz.mutants import MUTANTS
from tests.fuzz.schedules import (
    CREATE,
    NEXT,
    PROCESS,
    QUERY,
    READ,
    STAMPS_DROPPED,
    THROWN_AWAY,
    Deed,
    Disturbance,
    Plan,
    Schedule,
    Strike,
    paused,
)
from tests.fuzz.simulation import Simulation


@pytest.fixture(scope="module")
def simulation() -> Iterator[Simulation]:
    running = Simulation()
    yield running
    running.close()


TOGETHER = (Plan(), Plan(0.005))
LATE_CREATION = (Plan(disturbances=paused(NEXT, 1, 300.0)), Plan(0.005, paused(CREATE, 0, 40.0)))
"""The second client has looked, and creates after the first one's last look and before its last push."""

SHOWN_BY = {
    "look before a creation": Schedule((Plan(clears=1),)),
    "look after a creation, and before each push": Schedule(TOGETHER),
    "look before each push": Schedule(strikes=(Strike(PROCESS, "person_files"),)),
    "every page of the query": Schedule((Plan(clears=2), Plan(clears=2)), regimes=frozenset({"small_pages"})),
    "settle before the first push": Schedule(
        (Plan(), Plan(2.0, paused(NEXT, 1, 40.0))), (Strike(CREATE, "created_earlier", 1, 20.0),)
    ),
    "the oldest survives (here: the smallest id)": Schedule(LATE_CREATION, seed=1),
    "the oldest survives (here: the youngest)": Schedule(LATE_CREATION),
    "something delivered wins": Schedule((Plan(clears=1),)),
    "adopt only finished creations": Schedule((Plan(), Plan(2.0)), (Strike(CREATE, "creation_cleanup", 1, 700.0),)),
    "never hard-delete": Schedule(TOGETHER),
    "foreign instances stop the run": Schedule(strikes=(Strike(PROCESS, "person_files"),)),
    "fence of the living try": Schedule((Plan(disturbances=(Disturbance("orphan", 0, 60.0, where=PROCESS),)),)),
    "compare contents before each push": Schedule(strikes=(Strike(PROCESS, "person_edits"),)),
    "read back what was delivered": Schedule(strikes=(Strike(PROCESS, "person_adds_file", 4),)),
    "name the action": Schedule((Plan(disturbances=paused(NEXT, 1, 40.0)),), (Strike(NEXT, "late_duplicate", 1, 5.0),)),
    "never repeat a push": Schedule(strikes=(Strike(NEXT, "answer_lost"),), regimes=frozenset({"rights_not_split"})),
    "a step that failed goes on only after the same looks": Schedule(
        deeds=(Deed(40.0, "person_adds_file"),), regimes=frozenset({"step_fails"})
    ),
    "a push under way is no creation that broke off": Schedule(
        (Plan(disturbances=(Disturbance("mark", 1, 60.0, sent=True, where=NEXT),), clears=1),),
        regimes=frozenset({"step_waits", "version_9"}),
        seed=3,
    ),
    "what was deleted is not pushed": Schedule(strikes=(Strike(PROCESS, "person_deletes"),)),
    "tasks as planned": Schedule(regimes=frozenset({"task_removed"})),
    'a 403 or 404 is not "gone"': Schedule(
        (Plan(disturbances=(Disturbance("kill", 1, where=QUERY),), retry=0.5),),
        (Strike(CREATE, "query_lag", 1, 29.0), Strike(READ, "404")),
    ),
    "local records are hints": Schedule((Plan(misled=True),)),
    "a creation echoes the stamps": Schedule(
        (Plan(clears=1, on_foreign="ignore"),), regimes=frozenset({STAMPS_DROPPED})
    ),
    "look at deleted rows too": Schedule((Plan(), Plan(300.0)), deeds=(Deed(100.0, THROWN_AWAY),)),
    "on_changed=fail stops": Schedule((Plan(clears=1, documents=(0, 1)),)),
    "compare what was delivered, not its stamp": Schedule(
        (
            Plan(
                disturbances=(Disturbance("mark", 0, 1.0, where=PROCESS),),
                clears=2,
                documents=(0, 1, 1),
                on_changed="correction",
            ),
        )
    ),
    "a correction that was delivered is read too": Schedule(
        (Plan(clears=2, documents=(0, 1, 1), on_changed="correction"),)
    ),
    "who adopts a draft inherits the approval": Schedule((Plan(approval="asked"), Plan(2.0))),
}


PAGED = [
    Schedule(
        (Plan(), Plan(0.005), Plan(300.0)), (Strike(QUERY, "rows_move", number),), regimes=frozenset({"small_pages"})
    )
    for number in range(8, 30)
]
"""A row moves in one of the looks; which of them matters is found out."""


def verdict(simulation: Simulation, schedule: Schedule, kind: type[Run] = FilingRun) -> Verdict:
    return simulation.run(schedule, kind).verdict


def test_a_run_without_faults_files_once(simulation: Simulation) -> None:
    ended = simulation.run(Schedule(), FilingRun)
    assert (ended.verdict.outcome, ended.verdict.delivered, ended.verdict.violations) == ("filed once", 1, [])
    assert [run.state for run in ended.runs] == ["success"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.rule)
def test_each_rule_is_needed_in_its_schedule(simulation: Simulation, mutant: Mutant) -> None:
    for schedule in [SHOWN_BY[mutant.rule]] if mutant.rule in SHOWN_BY else PAGED:
        assert schedule.outside == ""
        with mutant.at_work():
            kinds = {v.kind for v in verdict(simulation, schedule).violations}
        assert verdict(simulation, schedule).violations == []
        if kinds & set(mutant.kinds):
            return
    raise AssertionError(f"not seen; seen were {kinds}")


def test_plain_http_tasks_file_twice(simulation: Simulation) -> None:
    """The engineer clears the run; nothing else is needed."""
    cleared = Schedule((Plan(clears=1),))
    assert {v.kind for v in verdict(simulation, cleared, PlainRun).violations} >= {DOUBLED}
    assert verdict(simulation, cleared).violations == []


def test_a_deleted_draft_whose_push_comes_late_is_counted_apart(simulation: Simulation) -> None:
    """The data task's push was held up, and acts on the failed step when the other run has filed: nobody can know."""
    stopped = Plan(disturbances=(Disturbance("orphan", 1, 300.0, sent=True, where=PROCESS),))
    step, deleted = frozenset({"step_fails"}), (Deed(100.0, "person_deletes"),)
    held_up = Schedule((stopped, Plan(120.0)), regimes=step, deeds=deleted)
    assert "a push that comes late" in held_up.outside
    assert {v.kind for v in verdict(simulation, held_up).violations} == {DOUBLED}
    inside = [
        Schedule((Plan(), Plan(120.0)), regimes=step, deeds=deleted),
        Schedule((stopped, Plan(120.0)), regimes=step),
        Schedule((stopped, Plan(120.0)), regimes=step | {"version_9"}, deeds=deleted),
        Schedule((stopped, Plan(120.0)), deeds=deleted),
    ]
    for schedule in inside:
        assert schedule.outside == ""
        assert verdict(simulation, schedule).violations == []


def test_drawn_schedules_hold(simulation: Simulation) -> None:
    seen: Counter[str] = Counter()

    def take(schedule: Schedule) -> None:
        ended = verdict(simulation, schedule)
        seen["outside" if schedule.outside else ended.outcome] += 1
        assert schedule.outside or ended.violations == [], f"{ended.violations} in {schedule}"

    draw(40, 20_261_125, take)
    assert seen["filed once"] > 20


SEEN_LIVE = (
    "look before a creation",
    "look after a creation, and before each push",
    "something delivered wins",
    "never hard-delete",
    "tasks as planned",
)
"""Mutants that the state machine sees soon."""


def test_schedules_that_are_drawn_move_by_move_hold(simulation: Simulation) -> None:
    seen: Counter[str] = Counter()

    def take(story: Story, ended: Verdict) -> None:
        seen[ended.outcome] += 1
        assert ended.violations == [], f"{ended.violations} in {story!r}"

    live_through(simulation, 20, 20_261_125, take)
    assert seen.total() == 20
    assert seen["filed once"] > 10


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.rule in SEEN_LIVE], ids=lambda m: m.rule)
def test_the_state_machine_sees_rules_that_are_off(simulation: Simulation, mutant: Mutant) -> None:
    assert hunt_live(mutant, simulation, 400, 20_261_125) > 0


def test_a_story_is_told_alike(simulation: Simulation) -> None:
    told: list[tuple[Story, Verdict]] = []
    live_through(simulation, 6, 7, lambda story, ended: told.append((story, ended)))
    again = [(story, story.told(simulation)) for story, _ in told]
    assert [(v.outcome, v.delivered) for _, v in again] == [(v.outcome, v.delivered) for _, v in told]
    assert len({story for story, _ in told}) == 6


def test_a_run_whose_draft_another_one_filed_with_other_documents_is_not_green(simulation: Simulation) -> None:
    """Also when a person has thrown away what was delivered, before the first run comes to look."""
    another = Starts(Plan(2.0, documents=(2,)))
    moves = (Starts(Plan()), another, Passes(32.0), Acts("person_deletes_filed"))
    ended = Story(frozenset(), 0, moves).told(simulation)
    assert (ended.delivered, ended.violations) == (1, [])


def test_a_story_is_cut_down_to_what_matters() -> None:
    moves = (Starts(Plan()), Passes(10.0), Acts("person_files"), Strike(NEXT, "answer_lost"))
    story = Story(frozenset({"small_pages"}), 1, moves)
    assert minimal(story, lambda s: moves[2] in s.moves) == Story(frozenset(), 1, (moves[2],))


def test_the_same_schedule_runs_alike(simulation: Simulation) -> None:
    schedule = Schedule(
        (Plan(clears=1), Plan(0.02, (Disturbance("kill", 7, sent=True),)), Plan(2.0)),
        (Strike(CREATE, "answer_lost"), Strike(NEXT, "late_duplicate", 2), Strike(QUERY, "502", 4)),
        (1, 5, 2, 0, 6, 3, 4, 1, 7, 2),
        seed=3,
    )

    def sent() -> list[tuple[str, str, str, float, int]]:
        notes = simulation.run(schedule, FilingRun).journal.notes
        return [(n.client, n.method, n.url, round(n.at, 6), n.status) for n in notes]

    first = sent()
    verdict(simulation, Schedule(TOGETHER, seed=5))
    assert sent() == first
    assert len(first) > 60


def test_a_schedule_is_cut_down_to_what_matters() -> None:
    schedule = Schedule(
        (Plan(), Plan(2.0, (Disturbance("kill", 3),), 2)),
        (Strike(CREATE, "502"), Strike(NEXT, "answer_lost")),
        (0, 5, 6),
        frozenset({"small_pages"}),
    )
    smallest = minimal(schedule, lambda s: any(strike.fault == "answer_lost" for strike in s.strikes))
    assert smallest == Schedule((Plan(),), (Strike(NEXT, "answer_lost"),))


def test_the_last_line_is_for_scripts() -> None:
    counted = Counter({"filed once": 7, "clear error": 2})
    assert line(counted) == "9 schedules, 7 filed once, 2 clear errors, 0 doubled, 0 lost"

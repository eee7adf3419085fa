"""The same simulation as Hypothesis's state machine: it sees after each move where everything stands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.fuzz.drawn_parts import strikes
from tests.fuzz.judge import Verdict
from tests.fuzz.live import Acts, Befalls, Clears, Live, Move, Passes, Starts, Story
from tests.fuzz.schedules import (
    CREATE,
    DEEDS,
    FORM,
    LAGS,
    NEXT,
    PROCESS,
    QUERY,
    READ,
    SETTLE,
    STAMPS_DROPPED,
    Disturbance,
    Plan,
    Strike,
)
from tests.fuzz.simulation import Simulation

STEPS = 14
CLIENTS = 3
REGIMES = ("small_pages", "rights_not_split", "library_8_10", "version_9", "task_removed", "step_fails", STAMPS_DROPPED)
SECONDS = st.sampled_from((0.004, 0.02, 0.2, 1.0, 10.0, 32.0, 100.0, 700.0))
CLIENT = st.integers(0, CLIENTS - 1)
DOCUMENTS = st.sampled_from((0, 0, 0, 1, 2))
Take = Callable[[Story, Verdict], None]


class FilingMachine(RuleBasedStateMachine):
    """Clients that start, fail and are cleared, a person, and faults.

    :cvar simulation: in which everything happens.
    :cvar take: is told how each run went; raises to end the drawing.
    """

    simulation: ClassVar[Simulation]
    take: ClassVar[Take]

    def __init__(self) -> None:
        super().__init__()
        self.live: Live | None = None
        self.story = Story(frozenset(), 0)

    @initialize(
        regimes=st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(REGIMES), max_size=1)),
        number=st.integers(0, 7),
    )
    def begin(self, regimes: frozenset[str], number: int) -> None:
        """Begin anew."""
        self.story = Story(regimes, number)
        self.live = Live(self.simulation, regimes, number)
        self._make(Starts(Plan()))

    def _make(self, move: Move) -> None:
        self.story = Story(self.story.regimes, self.story.seed, (*self.story.moves, move))
        if self.live is not None:
            self.live.do(move)

    @precondition(lambda self: self.live is not None and len(self.live.schedule.plans) < CLIENTS)
    @rule(
        start=st.sampled_from((0.0, 0.005, 2.0)),
        retry=st.sampled_from((60.0, 60.0, 0.5)),
        approval=st.sampled_from(("", "", "", "asked", "given")),
        documents=DOCUMENTS,
        on_changed=st.sampled_from(("fail", "fail", "correction")),
    )
    def client_starts(self, start: float, retry: float, approval: str, documents: int, on_changed: str) -> None:
        """Start one more client, which may mean other documents than those before it."""
        self._make(Starts(Plan(start, retry=retry, approval=approval, documents=(documents,), on_changed=on_changed)))

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        """Let time pass."""
        self._make(Passes(seconds))

    @rule(strike=strikes().filter(lambda s: not (s.fault in LAGS and s.seconds > SETTLE)))
    def fault_is_ordered(self, strike: Strike) -> None:
        """Order a fault for one of the next requests."""
        self._make(strike)

    @rule(act=st.sampled_from(DEEDS))
    def person_acts(self, act: str) -> None:
        """Let a person do something."""
        self._make(Acts(act))

    @rule(
        client=CLIENT,
        what=st.builds(
            Disturbance,
            st.sampled_from(("kill", "orphan", "pause", "mark")),
            st.integers(0, 5),
            st.sampled_from((1.0, 40.0, 300.0)),
            st.booleans(),
            st.sampled_from((CREATE, NEXT, NEXT, FORM, PROCESS, READ, QUERY, ("*", r"/instances"))),
        ),
    )
    def client_is_disturbed(self, client: int, what: Disturbance) -> None:
        """Kill or stop a process, or mark its task as failed."""
        self._make(Befalls(client, what))

    @precondition(lambda self: self.live is not None and bool(self.live.ended()))
    @rule(client=CLIENT, documents=DOCUMENTS)
    def run_is_cleared(self, client: int, documents: int) -> None:
        """Clear a run that has ended; its documents may be others by then."""
        self._make(Clears(client, documents))

    @invariant()
    def nothing_happened_that_must_not(self) -> None:
        """Judge where everything stands, between two moves as well as at the end."""
        verdict = self.live.verdict() if self.live is not None else None
        if verdict is not None and verdict.violations:
            self._tell(verdict)

    def teardown(self) -> None:
        """Let everything come to its end, and tell how it went."""
        self._tell(None)

    def _tell(self, seen: Verdict | None) -> None:
        """Tell once how the run went, or what was seen in the middle of it."""
        if self.live is None:
            return
        live, self.live = self.live, None
        ended = live.end()
        type(self).take(self.story, ended if seen is None or ended.violations else seen)


class Enough(BaseException):
    """Ends the drawing."""


def live_through(simulation: Simulation, count: int, number: int, take: Take) -> None:
    """Draw this many runs move by move, or fewer when somebody raises.

    :param number: the seed; the same one draws the same moves.
    """
    told = 0

    def one(story: Story, verdict: Verdict) -> None:
        nonlocal told
        told += 1
        take(story, verdict)
        if told == count:
            raise Enough

    while told < count:
        with contextlib.suppress(Enough):
            _run(simulation, count, number, one)
        number += 1


def _run(simulation: Simulation, count: int, number: int, take: Take) -> None:
    @seed(number)
    class Drawn(FilingMachine):
        """The machine with a seed of its own."""

    Drawn.simulation, Drawn.take = simulation, staticmethod(take)
    run_state_machine_as_test(
        Drawn,
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )

"""A schedule that is lived step by step: each move happens now, and what has become of everything can be judged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.fuzz import bystanders
from tests.fuzz.airflow_run import Run
from tests.fuzz.clients import FilingRun
from tests.fuzz.judge import Verdict
from tests.fuzz.schedules import Deed, Disturbance, Plan, Schedule, Strike
from tests.fuzz.simulation import Simulation, Work


@dataclass(frozen=True)
class Starts:
    """A client starts; `plan.start` lies that many seconds ahead."""

    plan: Plan


@dataclass(frozen=True)
class Passes:
    """Time passes."""

    seconds: float


@dataclass(frozen=True)
class Befalls:
    """Something befalls a client at one of its next requests; `what.step` is counted from now."""

    client: int
    what: Disturbance


@dataclass(frozen=True)
class Acts:
    """A person does something."""

    act: str


@dataclass(frozen=True)
class Clears:
    """Somebody clears a client's run, which then means this version of the documents."""

    client: int
    documents: int


Move = Starts | Passes | Befalls | Acts | Clears | Strike


class Live:
    """One run of the simulation, move by move.

    :param regimes: what holds for the app from the beginning.
    """

    def __init__(self, simulation: Simulation, regimes: frozenset[str] = frozenset(), seed: int = 0) -> None:
        self._simulation = simulation
        self._opening = Schedule((), regimes=regimes, seed=seed)
        self._journal = simulation.begin(self._opening)
        self._strikes: list[Strike] = []
        self._plans: list[Plan] = []
        self._runs: list[Run] = []
        self._works: list[Work] = []

    def ended(self) -> list[int]:
        """Return the clients whose run has ended."""
        return [number for number, work in enumerate(self._works) if work.done()]

    def do(self, move: Move) -> None:
        """Make a move; one that is not possible now changes nothing, so that any move can be left out of a story."""
        if isinstance(move, Starts):
            self._start(move.plan)
        elif isinstance(move, Passes):
            self._simulation.loop.run_until_complete(asyncio.sleep(move.seconds))
        elif isinstance(move, Acts):
            bystanders.act(self._simulation.world, move.act)
        elif isinstance(move, Strike):
            self._strikes.append(move)
            self._simulation.order([move])
        elif isinstance(move, Befalls) and move.client < len(self._runs):
            plan = self._plans[move.client]
            self._plans[move.client] = replace(plan, disturbances=(*plan.disturbances, move.what))
            self._runs[move.client].befall(move.what)
        elif isinstance(move, Clears) and move.client in self.ended():
            again = self._runs[move.client].again(move.documents)
            self._works[move.client] = self._simulation.loop.create_task(again)

    def _start(self, plan: Plan) -> None:
        name = f"client {len(self._runs) + 1}"
        run = FilingRun(name, plan, self._simulation.wire, self._journal, iter(()))
        self._plans.append(plan)
        self._runs.append(run)
        self._works.append(self._simulation.loop.create_task(run.work()))

    @property
    def schedule(self) -> Schedule:
        """What has been ordered so far, for the judge."""
        return replace(self._opening, plans=tuple(self._plans), strikes=tuple(self._strikes))

    def verdict(self, errors: Sequence[str] = ()) -> Verdict:
        """Judge what has happened so far."""
        return self._simulation.judged(self.schedule, self._journal, self._runs, errors)

    def end(self) -> Verdict:
        """Let everything come to its end, and judge."""
        ending = self._simulation.to_the_end(self._runs, self._works)
        return self.verdict(self._simulation.loop.run_until_complete(ending))


@dataclass(frozen=True)
class Story:
    """The moves of one run; the same ones always lead to the same end."""

    regimes: frozenset[str]
    seed: int
    moves: tuple[Move, ...] = ()

    @property
    def outside(self) -> str:
        """Why it lies outside what is promised; empty when it does not."""
        befallen = tuple(move.what for move in self.moves if isinstance(move, Befalls))
        strikes = tuple(move for move in self.moves if isinstance(move, Strike))
        deeds = tuple(Deed(0.0, move.act) for move in self.moves if isinstance(move, Acts))
        return Schedule((Plan(disturbances=befallen),), strikes, (), self.regimes, self.seed, deeds).outside

    def told(self, simulation: Simulation) -> Verdict:
        """Live through it from a clean start."""
        live = Live(simulation, self.regimes, self.seed)
        for move in self.moves:
            live.do(move)
        return live.end()

    def __str__(self) -> str:
        return "; ".join([*map(repr, self.moves), *sorted(self.regimes)])

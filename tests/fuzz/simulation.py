"""Runs one schedule: emulator, clients and person in one loop on virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from altinn.emulator.faults.fault_script import EVERY
from altinn.emulator.world import World
from tests.fuzz import bystanders
from tests.fuzz.airflow_run import Run
from tests.fuzz.clients import APP
from tests.fuzz.journal import Journal
from tests.fuzz.judge import Verdict, judge
from tests.fuzz.own_step import with_own_step
from tests.fuzz.schedules import OWN_STEPS, QUERY, STAMPS_DROPPED, Deed, Schedule, Strike
from tests.fuzz.virtual_time import StuckError, VirtualLoop
from tests.fuzz.wire_to_emulator import Wire

AFTERWARDS = 1000.0
"""Seconds in which everything that is still on its way arrives."""
ENOUGH = 200_000.0
"""Seconds after which a run that has not ended never will."""
Work = asyncio.Task[None]


@dataclass
class Ended:
    """What a schedule led to."""

    verdict: Verdict
    runs: list[Run]
    journal: Journal


class Simulation:
    """Runs schedules one after the other, each from a clean start."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.wire = Wire(self.loop)
        self._plain = self.world.apps[APP]

    @property
    def world(self) -> World:
        """What the emulator knows."""
        return self.wire.world

    def close(self) -> None:
        """Close the loop and the emulator."""
        self.world.close()
        self.loop.close()

    def run(self, schedule: Schedule, kind: type[Run], clients: int | None = None) -> Ended:
        """Run a schedule to its end and judge it.

        :param kind: of the clients.
        :param clients: how many of the schedule's clients take part; all of them when left out.
        """
        journal = self.begin(schedule)
        delays = iter(schedule.delays)
        runs = [
            kind(f"client {number}", plan, self.wire, journal, delays)
            for number, plan in enumerate(schedule.plans[:clients], 1)
        ]
        errors = self.loop.run_until_complete(self._all(runs, schedule.deeds))
        return Ended(self.judged(schedule, journal, runs, errors), runs, journal)

    def begin(self, schedule: Schedule) -> Journal:
        """Start anew, with the faults and regimes of a schedule; return the judge's empty journal."""
        self.loop.rewind()
        self.world.reset(seed=schedule.seed)
        self.wire.forget()
        self.world.regimes.refresh()  # The last schedule's are over.
        self.world.apps[APP] = self._plain
        if schedule.own_step:
            self.world.apps[APP] = with_own_step(self._plain, schedule.own_step, schedule.seed)
        for regime in sorted(schedule.regimes):
            if regime in OWN_STEPS:
                continue
            if regime == STAMPS_DROPPED:
                self.wire.drops_stamps = True
            elif regime == "small_pages":
                self.world.faults.add(regime, method=QUERY[0], path=QUERY[1], occurrence=EVERY)
            else:
                self.world.faults.add(regime, path="/instances")
        self.order(schedule.strikes)
        if any(plan.misled for plan in schedule.plans):
            self.wire.earlier = bystanders.made_earlier(self.world)
        return Journal(self.loop.time)

    def order(self, strikes: Sequence[Strike]) -> None:
        """Order faults; their requests are counted from now on."""
        self.world.faults.order(
            {
                "method": s.where[0],
                "path": s.where[1],
                "fault": s.fault,
                "occurrence": s.occurrence,
                "seconds": s.seconds,
            }
            for s in strikes
        )

    def judged(self, schedule: Schedule, journal: Journal, runs: Sequence[Run], errors: Sequence[str] = ()) -> Verdict:
        """Judge what has happened so far."""
        return judge(schedule, self.world, journal, runs, [*errors, *self.wire.failures])

    async def _all(self, runs: list[Run], deeds: Sequence[Deed]) -> list[str]:
        tasks = [asyncio.ensure_future(run.work()) for run in runs]
        acting = [asyncio.ensure_future(self._act(deed)) for deed in deeds]
        return await self.to_the_end(runs, tasks, acting)

    async def _act(self, deed: Deed) -> None:
        await asyncio.sleep(deed.at)
        bystanders.act(self.world, deed.act)

    async def to_the_end(self, runs: Sequence[Run], tasks: Sequence[Work], acting: Sequence[Work] = ()) -> list[str]:
        """Let all runs end, then everything that is still on its way; return errors that are none of ours."""
        with contextlib.suppress(StuckError):
            await asyncio.wait([*tasks, *acting], timeout=ENOUGH)
        await asyncio.sleep(AFTERWARDS)
        await self.wire.ask("GET", "http://altinn.test/_emulator/filings", {}, b"")
        errors = [f"{task.exception()!r}" for task in (*tasks, *acting) if task.done() and task.exception()]
        errors += [f"{run.name} did not end" for run, task in zip(runs, tasks, strict=True) if not task.done()]
        await self.sweep()
        return errors

    async def sweep(self) -> None:
        """End whatever is still under way."""
        left: list[asyncio.Task[Any]] = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

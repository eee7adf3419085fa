"""Runs one schedule: emulator, clients and person in one loop on virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from altinn.emulator.faults.fault_script import EVERY
from tests.fuzz.airflow_run import Run
from tests.fuzz.journal import Journal
from tests.fuzz.judge import Verdict, judge
from tests.fuzz.schedules import QUERY, Schedule
from tests.fuzz.virtual_time import StuckError, VirtualLoop
from tests.fuzz.wire_to_emulator import Wire

AFTERWARDS = 1000.0
"""Seconds in which everything that is still on its way arrives."""
ENOUGH = 200_000.0
"""Seconds after which a run that has not ended never will."""


@dataclass
class Ended:
    """What a schedule led to."""

    verdict: Verdict
    runs: list[Run]
    journal: Journal


class Simulation:
    """Runs schedules one after the other, each from a clean start."""

    def __init__(self) -> None:
        self._loop = VirtualLoop()
        self._wire = Wire(self._loop)

    def close(self) -> None:
        """Close the loop and the emulator."""
        self._wire.world.close()
        self._loop.close()

    def run(self, schedule: Schedule, kind: type[Run], clients: int | None = None) -> Ended:
        """Run a schedule to its end and judge it.

        :param kind: of the clients.
        :param clients: how many of the schedule's clients take part; all of them when left out.
        """
        self._begin(schedule)
        journal = Journal(self._loop.time)
        delays = iter(schedule.delays)
        runs = [
            kind(f"client {number}", plan, self._wire, journal, delays)
            for number, plan in enumerate(schedule.plans[:clients], 1)
        ]
        errors = self._loop.run_until_complete(self._all(runs))
        verdict = judge(schedule, self._wire.world, journal, runs, [*errors, *self._wire.failures])
        return Ended(verdict, runs, journal)

    def _begin(self, schedule: Schedule) -> None:
        self._loop.rewind()
        world = self._wire.world
        world.reset(seed=schedule.seed)
        self._wire.forget()
        for regime in sorted(schedule.regimes):
            if regime == "small_pages":
                world.faults.add(regime, method=QUERY[0], path=QUERY[1], occurrence=EVERY)
            else:
                world.faults.add(regime, path="/instances")
        world.faults.order(
            {
                "method": s.where[0],
                "path": s.where[1],
                "fault": s.fault,
                "occurrence": s.occurrence,
                "seconds": s.seconds,
            }
            for s in schedule.strikes
        )

    async def _all(self, runs: list[Run]) -> list[str]:
        """Let all runs end, then everything that is still on its way; return errors that are none of ours."""
        tasks = [asyncio.ensure_future(run.work()) for run in runs]
        with contextlib.suppress(StuckError):
            await asyncio.wait(tasks, timeout=ENOUGH)
        await asyncio.sleep(AFTERWARDS)
        await self._wire.ask("GET", "http://altinn.test/_emulator/filings", {}, b"")
        errors = [f"{task.exception()!r}" for task in tasks if task.done() and task.exception()]
        errors += [f"{run.name} did not end" for run, task in zip(runs, tasks, strict=True) if not task.done()]
        left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return errors

"""A DAG run as Airflow works it off: tasks in their order, tries with pauses, kills, clears."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from altinn.exceptions import AltinnError
from tests.fuzz.journal import Journal
from tests.fuzz.process import Befalls, Killed, Process
from tests.fuzz.schedules import Disturbance, Plan
from tests.fuzz.wire_to_emulator import Wire

TRIES = 4
CLEAR_DELAY = 90.0


class MarkedError(AltinnError):
    """A user has marked the task as failed."""


class Run:
    """One run of a DAG: a client that files.

    :ivar state: "success" or "failed"; how the run ended last.
    :ivar errors: what its tries ended with.
    :ivar meant: the version of the documents that it means now.
    """

    tasks: tuple[str, ...] = ()

    def __init__(self, name: str, plan: Plan, wire: Wire, journal: Journal, delays: Iterator[int]) -> None:
        self.name, self.plan = name, plan
        self._wire, self._journal = wire, journal
        self._befalls = Befalls(plan, delays)
        self._living: dict[str, int] = {}
        self._tries = 0
        self._orphans: list[asyncio.Task[Any]] = []
        self.xcoms: dict[str, Any] = {}
        self.state = "running"
        self.meant = plan.documents[0]
        self.errors: list[BaseException] = []

    @abstractmethod
    async def attempt(self, task: str, process: Process, number: int) -> Any:
        """Do a task's work once."""

    async def work(self) -> None:
        """Work off the run, and work it off again as often as somebody clears it."""
        await asyncio.sleep(self.plan.start)
        await self._once()
        for number in range(1, self.plan.clears + 1):
            await asyncio.sleep(CLEAR_DELAY)
            self.meant = self.plan.documents[min(number, len(self.plan.documents) - 1)]
            await self._once()
        await self._see_orphans_off()

    async def again(self, meant: int) -> None:
        """Work off the run once more, as somebody has cleared it, with these documents."""
        self.meant = meant
        await self._once()
        await self._see_orphans_off()

    def befall(self, what: Disturbance) -> None:
        """Let something befall one of its next requests."""
        self._befalls.order(what)

    async def _see_orphans_off(self) -> None:
        for orphan in self._orphans:
            await asyncio.wait({orphan})
            if not orphan.cancelled():
                self._note(orphan.exception())

    def _note(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, Killed):
            self.errors.append(error)

    async def _once(self) -> None:
        self.state = "running"
        for task in self.tasks:
            try:
                self.xcoms[task] = await self._task(task)
            except AltinnError:
                self.state = "failed"
                return
        self.state = "success"

    async def _task(self, task: str) -> Any:
        """Try a task until it succeeds or has no tries left.

        :raises AltinnError: what the last try ended with.
        """
        error: BaseException = AltinnError("never tried")
        for number in range(TRIES):
            if number:
                await asyncio.sleep(self.plan.retry)
            self._tries += 1
            self._living[task] = self._tries
            try:
                return await self._try(task, self._tries)
            except MarkedError:
                raise
            except (AltinnError, Killed) as exc:
                error = exc
                self._note(exc)
        raise error if isinstance(error, AltinnError) else AltinnError(f"{task}: killed in every try")

    async def _try(self, task: str, number: int) -> Any:
        """Run one try in a process of its own, until it ends or Airflow takes it for dead."""
        ended = self._wire.loop.create_future()

        client = f"{self.name}/{number}"

        def end(error: BaseException) -> None:
            if not ended.done():
                self._living[task] = 0
                self._journal.replaced[client] = self._wire.loop.time()
                ended.set_exception(error)

        def marked() -> None:
            end(MarkedError(f"{task} was marked as failed"))

        process = Process(self._wire, self._journal, client, self.meant, self._befalls, lambda: end(Killed()), marked)
        running = asyncio.ensure_future(self._shielded(task, process, number))
        await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            self._orphans.append(running)
            return ended.result()
        ended.cancel()
        return self._outcome(running.result())

    async def _shielded(self, task: str, process: Process, number: int) -> tuple[Any, BaseException | None]:
        """Let a process's end, whatever it is, be a result: a loop would not survive a killed task."""
        try:
            return await self.attempt(task, process, number), None
        except (AltinnError, Killed) as exc:
            return None, exc

    def _outcome(self, ended: tuple[Any, BaseException | None]) -> Any:
        if ended[1] is not None:
            raise ended[1]
        return ended[0]

    def is_living(self, task: str, number: int) -> bool:
        """Say whether a try is the one that Airflow knows."""
        return self._living.get(task) == number

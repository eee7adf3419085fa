"""A process that runs flows: at every step something may befall it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from altinn.exceptions import AltinnError, AltinnSupersededError
from altinn.protocol.wire import Flow, HttpRequest, HttpResponse, NeedToken, Sleep, Step
from tests.fuzz.journal import Journal, Seen
from tests.fuzz.schedules import DELAYS, Disturbance, Plan
from tests.fuzz.wire_to_emulator import Wire

T = TypeVar("T")
LOGIN_PAUSE = 1.0
"""Two test tokens of the same second are one and the same."""


class Killed(BaseException):
    """The process is gone."""


class Befalls:
    """What befalls a client, step by step; steps are counted over all its processes.

    :param delays: shared by all clients: whoever makes the next step takes the next one.
    """

    def __init__(self, plan: Plan, delays: Iterator[int]) -> None:
        self._left = list(plan.disturbances)
        self._delays = delays
        self._counts: Counter[tuple[str, str]] = Counter()

    def step(self, request: HttpRequest) -> tuple[float, Disturbance | None]:
        """Return how long to wait before a request, and what befalls it."""
        path, befallen = urlsplit(request.url).path, None
        for where in {d.where for d in self._left}:
            if where[0] not in ("*", request.method) or not re.search(where[1], path):
                continue
            number, self._counts[where] = self._counts[where], self._counts[where] + 1
            befallen = next((d for d in self._left if d.where == where and d.step == number), befallen)
        if befallen is not None:
            self._left.remove(befallen)
        return DELAYS[next(self._delays, 0)], befallen

    def order(self, what: Disturbance) -> None:
        """Let something befall the client from now on; its step is counted from here."""
        self._left.append(replace(what, step=what.step + self._counts[what.where]))


class Process:
    """One process of a task.

    :param meant: the version of the documents that its run means.
    :param lost: is called when Airflow takes the process for dead: a retry may begin.
    :param marked: is called when a user marks the task as failed.
    """

    def __init__(
        self,
        wire: Wire,
        journal: Journal,
        client: str,
        meant: int,
        befalls: Befalls,
        lost: Callable[[], None],
        marked: Callable[[], None],
    ) -> None:
        self._wire, self._journal, self._client, self._meant = wire, journal, client, meant
        self._befalls, self._lost, self._marked = befalls, lost, marked
        self._token = ""
        self._seen = Seen.nothing(wire.loop.time())

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end, and return its result; its errors come out as they are."""
        reply: HttpResponse | str | None = None
        error: AltinnError | None = None
        while True:
            try:
                step = flow.throw(error) if error is not None else flow.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            reply = error = None
            try:
                reply = await self._do(step)
            except AltinnError as exc:
                error = exc

    async def _do(self, step: Step) -> HttpResponse | str | None:
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
            return None
        if isinstance(step, NeedToken):
            return await self._login(step)
        assert isinstance(step, HttpRequest), step
        return await self.request(step)

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Send one request, unless the process does not live to do so."""
        delay, befallen = self._befalls.step(request)
        await asyncio.sleep(delay)
        if befallen is not None and not befallen.sent:
            await self._befall(befallen)
        asked = self._wire.loop.time()
        note = self._journal.sent(self._client, request, self._seen, self._meant)
        answer = asyncio.ensure_future(self._wire.send(request))
        if befallen is not None and befallen.sent:
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())
            await self._befall(befallen)
        response = await answer
        self._journal.answered(note, response)
        if request.method == "GET" and "/storage/" in request.url:
            self._seen.looked = asked
        elif request.method == "GET" and "/data/" in request.url:
            self._seen.compared = self._seen.looked
        elif request.method == "GET" and request.url.endswith("/process"):
            self._seen.read = asked
        return response

    async def _befall(self, what: Disturbance) -> None:
        if what.kind in ("kill", "orphan"):
            self._lost()
        if what.kind == "kill":
            raise Killed
        if what.kind == "mark":
            self._marked()
        await asyncio.sleep(what.seconds)

    async def _login(self, need: NeedToken) -> str:
        if not self._token or need.rejected == self._token or need.min_validity:
            self._token = await self._wire.token()
        if need.rejected == self._token:
            await asyncio.sleep(LOGIN_PAUSE)
            self._token = await self._wire.token()
        return self._token


def fence_of(is_living: Callable[[], bool]) -> Callable[[str], None]:
    """Return the fence of a process: it asks Airflow whether this still is the living try."""

    def prove(what: str) -> None:
        if not is_living():
            raise AltinnSupersededError(f"another try has begun, or a user has ended this one: {what} is not sent")

    return prove

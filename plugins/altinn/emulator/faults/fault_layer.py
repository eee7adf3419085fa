"""Strikes requests with faults, around the whole service."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altinn.emulator.faults.bystander import Bystander, party_of
from altinn.emulator.faults.fault_answers import IN_PLACE, REFUSALS, html_page, token_refused
from altinn.emulator.faults.fault_catalogue import Stage
from altinn.emulator.faults.fault_script import Fault
from altinn.emulator.faults.held_messages import Answered, ConnectionDropped, Heard, whole_body

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

CONTROL = "/_emulator"
CLOCK = f"{CONTROL}/clock"
INSTANCE = re.compile(r"/instances/-?\d+/(?P<guid>[0-9a-fA-F-]{36})(?:/|$)")
APP = re.compile(r"/(?P<org>[^/]+)/(?P<app>[^/]+)/")
UNREAD = ("reset_before_body", "reset_in_request_body")
NO_ANSWER = 0


@dataclass(slots=True)
class Late:
    """A request that is still on its way."""

    heard: Heard
    due: float
    name: str


class FaultLayer:
    """The service, with faults.

    :param app: the service.
    """

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app, self._world = app, world
        self._late: list[Late] = []
        self._refused: dict[str, str] = {}
        self._timers: set[asyncio.Task[None]] = set()
        self._generation = self._resets = 0
        self._arriving = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        :raises ConnectionDropped: it is to get no answer, or no more of it.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._forget()
        self._world.regimes.refresh()
        await self.deliver_late()
        path = scope["path"]
        if path == "/" or path.startswith(CONTROL):
            await self._controlled(scope, receive, send)
            return
        struck = self._world.faults.strike(scope["method"], path)
        heard = Heard(scope, b"", receive)
        if not struck and not (self._refused and heard.token in self._refused):
            await self._app(scope, receive, send)
            return
        await self._struck(heard, struck, send)

    async def _controlled(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve who watches or directs: nothing that is due is still on its way while or after they are answered."""
        async with self._arriving:
            pass
        if scope["path"] != CLOCK:
            await self._app(scope, receive, send)
            return
        answered = Answered()
        await self._app(scope, receive, answered.send)
        await self.deliver_late()
        await answered.deliver(send)

    def _forget(self) -> None:
        """Forget what faults left behind once the script was cleared; what is on its way still arrives."""
        if self._generation != self._world.faults.generation:
            self._generation = self._world.faults.generation
            self._refused = {}
        if self._resets != self._world.resets:
            self._resets = self._world.resets
            self._late = []

    async def _struck(self, heard: Heard, struck: list[Fault], send: Send) -> None:
        unread = next((f for f in struck if f.fault in UNREAD), None)
        if unread is not None:
            self._note(heard, NO_ANSWER, unread.fault)
            raise ConnectionDropped
        heard.body = await whole_body(heard.receive)
        for fault in struck:
            if fault.kind.stage is Stage.REGIME and (app := self._app_of(heard)) is not None:
                self._world.regimes.begin(fault, app)
            elif fault.kind.stage is Stage.BYSTANDER:
                self._bystander(heard, fault)
            elif fault.fault == "lock_held" and (record := self._record_of(heard)) is not None:
                self._world.locks.acquire(record["guid"], fault.seconds)
        refusal = next((f for f in struck if f.kind.stage is Stage.REFUSAL), None)
        if refusal is not None:
            await self._refuse(heard, refusal, send)
            return
        if heard.token in self._refused:
            self._note(heard, 401, "token")
            await token_refused(self._refused[heard.token])(heard.scope, heard.receive, send)
            return
        answered = Answered()
        scope, receive = heard.replayed(struck)
        await self._app(scope, receive, answered.send)
        outcomes = [f for f in struck if f.kind.stage is Stage.OUTCOME]
        await self._give(heard, answered, outcomes, send)

    async def _refuse(self, heard: Heard, fault: Fault, send: Send) -> None:
        """Do nothing of what was asked."""
        name = fault.fault
        if name == "stuck_in_proxy":
            self._later(heard, fault)
        if name == "timeout_before":
            await self._world.pause(fault.seconds, heard.receive)
        if name not in REFUSALS:
            self._note(heard, NO_ANSWER, name)
            raise ConnectionDropped
        if name in ("token_expired", "token_revoked") and heard.token:
            self._refused[heard.token] = "The token has expired" if name == "token_expired" else "The token was revoked"
        answer = REFUSALS[name](fault)
        self._note(heard, answer.status_code, name)
        await answer(heard.scope, heard.receive, send)

    async def _give(self, heard: Heard, answered: Answered, outcomes: list[Fault], send: Send) -> None:
        """Send what the service answered, or what becomes of it."""
        for fault in outcomes:
            name = fault.fault
            if name == "late_duplicate":
                self._later(heard, fault)
            elif name in ("slow_answer", "timeout"):
                await self._world.pause(fault.seconds, heard.receive)
        for fault in outcomes:
            if fault.fault in ("answer_lost", "timeout"):
                raise ConnectionDropped
            if fault.fault == "reset_in_body":
                await answered.deliver(send, half=True)
                raise ConnectionDropped
            if fault.fault in IN_PLACE:
                await IN_PLACE[fault.fault](fault)(heard.scope, heard.receive, send)
                return
            answered = _spoiled(answered, fault.fault)
        await answered.deliver(send)

    def _note(self, heard: Heard, status: int, fault: str) -> None:
        self._world.note_request(heard.method, heard.path, status, fault)

    def _app_of(self, heard: Heard) -> AppFolder | None:
        """Return the app that a request is about: by its path, its instance, or its query."""
        record = self._record_of(heard)
        if record is not None:
            return self._world.apps.get(record["appId"].lower())
        found = APP.match(heard.path)
        app = self._world.app(found["org"], found["app"]) if found else None
        query = heard.scope.get("query_string", b"").decode("latin-1")
        named = re.search(r"(?:^|&)appId=([^&]+)", query, re.IGNORECASE)
        if app is None and named:
            app = self._world.apps.get(named[1].replace("%2F", "/").lower())
        return app

    def _record_of(self, heard: Heard) -> dict[str, Any] | None:
        found = INSTANCE.search(heard.path)
        return self._world.instances.get(found["guid"].lower()) if found else None

    def _bystander(self, heard: Heard, fault: Fault) -> None:
        app, record = self._app_of(heard), self._record_of(heard)
        if app is None:
            return
        query = heard.scope.get("query_string", b"").decode("latin-1")
        party = party_of(self._world, record, query, heard.headers, heard.body)
        Bystander(self._world, app, record["guid"] if record else None, party).act(fault.fault)

    def _later(self, heard: Heard, fault: Fault) -> None:
        """Let a copy of a request arrive once its time has come."""
        late = Late(heard, self._world.clock.seconds() + fault.seconds, fault.fault)
        self._late.append(late)
        task = asyncio.get_running_loop().create_task(self._when_due(late))
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)

    async def _when_due(self, late: Late) -> None:
        while late in self._late:
            left = late.due - self._world.clock.seconds()
            if left > 0:
                await asyncio.sleep(left)
            else:
                await self.deliver_late()

    async def deliver_late(self) -> None:
        """Let the requests arrive whose time has come."""
        self._forget()
        if not self._late:
            return
        now = self._world.clock.seconds()
        due = [late for late in self._late if late.due <= now]
        self._late = [late for late in self._late if late.due > now]
        async with self._arriving:
            for late in due:
                scope, receive = late.heard.replayed((), late.name)
                await self._app(scope, receive, Answered().send)


def _spoiled(answered: Answered, name: str) -> Answered:
    """Return an answer that arrives whole, but not as it was."""
    if name == "truncated_json":
        return answered.with_body(answered.body[: len(answered.body) // 2])
    if name == "html":
        page: Response = html_page()
        return answered.with_body(bytes(page.body), page.headers["content-type"])
    return answered

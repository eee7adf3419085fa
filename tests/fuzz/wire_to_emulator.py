"""Carries the requests of clients to the emulator, in one process and without sockets."""

from __future__ import annotations

import asyncio
import email.utils
import json
from typing import Any
from urllib.parse import unquote, urlsplit

from altinn.emulator.faults.held_messages import ConnectionDropped
from altinn.emulator.identity import Principal
from altinn.emulator.service import build_service
from altinn.emulator.world import Options, World
from altinn.exceptions import AltinnNoAnswerError
from altinn.protocol.wire import HttpRequest, HttpResponse, StreamBody
from tests.fuzz.virtual_time import VirtualLoop

HOST = "altinn.test"
BASE = f"http://{HOST}"
FRESH = 60.0
WAY = 0.004
"""Seconds that a request takes to the server, and an answer back."""


class Wire:
    """The emulator, and the way to it.

    :ivar drops_stamps: the app's own code leaves out the `dataValues` of what it makes.
    :ivar earlier: an instance of another period, made beforehand; empty for none.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.world = World(Options(seed=1, wall=loop.wall, think_time=0.01, authority_delay=5.0))
        self.service = build_service(self.world)
        self.under_way: set[asyncio.Task[Any]] = set()
        self.failures: list[str] = []
        self.drops_stamps = False
        self.earlier = ""
        self._known: dict[str, tuple[Principal | None, float]] = {}
        self._check = self.world.identity.authenticate
        self.world.identity.authenticate = self._authenticate  # type: ignore[method-assign]

    def forget(self) -> None:
        """Forget whose tokens were checked, what failed and what was set up: time begins anew."""
        self.drops_stamps, self.earlier = False, ""
        self.failures.clear()
        self._known.clear()

    def _authenticate(self, bearer: str | None) -> Principal | None:
        """Check a token's signature once a minute only: it takes longer than all the rest."""
        now = self.loop.time()
        known = self._known.get(bearer or "")
        if known is None or known[0] is None or not 0 <= now - known[1] < FRESH:
            known = self._known[bearer or ""] = self._check(bearer), now
        return known[0]

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; the server goes on with it when its client is gone.

        :raises AltinnNoAnswerError: the connection broke, or the answer took too long.
        """
        task = self.loop.create_task(self._serve(request))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        done, _ = await asyncio.wait({task}, timeout=request.read_timeout)
        if not done:
            raise AltinnNoAnswerError(f"{request.method} got no answer within {request.read_timeout:.0f} s")
        response = task.result()
        await asyncio.sleep(WAY)
        if response is None:
            raise AltinnNoAnswerError(f"{request.method} was sent and got no whole answer")
        if request.sink is None or response.status >= 300:
            return response
        with request.sink() as sink:
            sink.write(response.body)
        return HttpResponse(response.status, response.headers)

    async def _serve(self, request: HttpRequest) -> HttpResponse | None:
        await asyncio.sleep(WAY)
        try:
            body = _bytes_of(request)
            if self.drops_stamps and request.method == "POST" and request.url.endswith("/instances"):
                body = json.dumps({**json.loads(body), "dataValues": None}).encode()
            return await self.ask(request.method, request.url, dict(request.headers), body)
        except Exception as exc:
            self.failures.append(f"the emulator failed: {exc!r}")
            return HttpResponse(500)

    async def ask(self, method: str, url: str, headers: dict[str, str], body: bytes) -> HttpResponse | None:
        """Have the emulator answer; None for no whole answer."""
        parts = urlsplit(url)
        told = {"host": HOST, "content-length": str(len(body)), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in told.items()],
            "server": (HOST, 80),
            "client": ("client.test", 1),
            "state": {},
        }
        answer: dict[str, Any] = {"body": b""}
        given = False

        async def receive() -> dict[str, Any]:
            nonlocal given
            if given:
                await self.loop.create_future()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.update(status=message["status"], headers=message["headers"])
            else:
                answer["body"] += message.get("body", b"")

        try:
            await self.service(scope, receive, send)
        except ConnectionDropped:
            return None
        received = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in answer["headers"]}
        received["date"] = email.utils.formatdate(self.loop.wall(), usegmt=True)
        return HttpResponse(answer["status"], received, answer["body"])

    async def token(self) -> str:
        """Log in as LocalTest's user 1337."""
        response = await self.ask("GET", f"{BASE}/Home/GetTestUserToken/1337", {}, b"")
        if response is None or response.status != 200:
            raise AltinnNoAnswerError("no login")
        return response.text


def _bytes_of(request: HttpRequest) -> bytes:
    if request.body is None or isinstance(request.body, bytes):
        return request.body or b""
    if isinstance(request.body, StreamBody):
        with request.body.open() as stream:
            return stream.read()
    raise TypeError("no client here sends multipart")

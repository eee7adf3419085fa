"""An HTTP proxy between the client and an emulator that loses or falsifies answers on command.

Each rule waits for the n-th request that fits; every other request passes unchanged. The Host header passes as well, so
that addresses in answers lead through the proxy again.
"""

from __future__ import annotations

import http.client
import re
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Without a status, the connection is closed before one is sent."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


LOST = Answer(0)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that reached the proxy; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(slots=True)
class _Rule:
    method: str
    path: re.Pattern[str]
    number: int
    times: int
    answer: Answer
    forward: bool
    before: Callable[[], object]
    seen: int = 0

    def applies(self, request: Seen) -> bool:
        if self.method != request.method or not self.path.search(request.path):
            return False
        self.seen += 1
        return self.number <= self.seen < self.number + self.times


class AltinnProxy:
    """Stands before an emulator.

    :param target: the emulator's base address.
    """

    def __init__(self, target: str) -> None:
        self.seen: list[Seen] = []
        self._rules: list[_Rule] = []
        self._target = urllib.parse.urlsplit(target).netloc
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                proxy._handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = _answer

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def base_url(self) -> str:
        """The address that takes the emulator's place."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def lose_answer(self, method: str, path: str, *, number: int = 1, times: int = 1) -> None:
        """Forward the n-th request that fits, and lose its answer; `times` of them in a row."""
        self._add(method, path, number, times, LOST, forward=True)

    def lose_request(self, method: str, path: str, *, number: int = 1, times: int = 1) -> None:
        """Take the n-th request that fits, never forward it, and close the connection."""
        self._add(method, path, number, times, LOST, forward=False)

    def falsify(
        self,
        method: str,
        path: str,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        number: int = 1,
        times: int = 1,
        forward: bool = False,
    ) -> None:
        """Answer the n-th request that fits with something else, having it forwarded before or not."""
        self._add(method, path, number, times, Answer(status, headers or {}, body), forward=forward)

    def before(self, method: str, path: str, action: Callable[[], object], *, number: int = 1) -> None:
        """Do something right before the n-th request that fits is forwarded, and pass its own answer on."""
        self._add(method, path, number, 1, Answer(-1), forward=True, before=action)

    def requests(self, method: str, path: str) -> list[Seen]:
        """Return what was asked, in its order."""
        return [seen for seen in self.seen if seen.method == method and re.search(path, seen.path)]

    def _add(
        self,
        method: str,
        path: str,
        number: int,
        times: int,
        answer: Answer,
        *,
        forward: bool,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        with self._lock:
            self._rules.append(_Rule(method, re.compile(path), number, times, answer, forward, before))

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length") or 0))
        request = Seen(handler.command, handler.path, headers)
        with self._lock:
            self.seen.append(request)
            fitting = [rule for rule in self._rules if rule.applies(request)]
        for rule in fitting:
            rule.before()
        answer = Answer(-1)
        if all(rule.forward for rule in fitting):
            answer = self._forward(request, body)
        for rule in fitting:
            answer = rule.answer if rule.answer.status >= 0 else answer
        _send(handler, answer)

    def _forward(self, request: Seen, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self._target, timeout=30)
        try:
            headers = {name: value for name, value in request.headers.items() if name != "connection"}
            connection.request(request.method, request.path, body or None, headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def __enter__(self) -> AltinnProxy:
        """Start."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    handler.close_connection = True
    if answer.status == 0:
        return
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(answer.body)

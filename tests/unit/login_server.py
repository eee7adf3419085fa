"""A small HTTP server that gives tokens and counts, and a driver for it, for tests with many processes.

ID-porten's refresh tokens rotate, and a used one is refused, so that any mistake in sharing them shows.
"""

from __future__ import annotations

import json
import multiprocessing
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs

from altinn.protocol.tokens import TokenSet
from altinn.protocol.wire import Flow, HttpRequest, HttpResponse
from tests.unit.login_samples import Script, token

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

FORK = multiprocessing.get_context("fork")


class _Handler(BaseHTTPRequestHandler):
    lock: ClassVar[Lock] = Lock()
    logins: ClassVar[int] = 0
    refresh_token: ClassVar[str] = "first-refresh-token"

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        time.sleep(0.02)  # Gives those who would log in as well the time to do so.
        with self.lock:
            refresh_token = form.get("refresh_token", [""])[0]
            if refresh_token and refresh_token != _Handler.refresh_token:
                self._answer(400, json.dumps({"error": "invalid_grant", "error_description": "used"}))
                return
            _Handler.logins += 1
            if refresh_token:
                _Handler.refresh_token = f"refresh-token-{_Handler.logins}"
            more = {"refresh_token": _Handler.refresh_token} if refresh_token else {}
            access_token = token(600, {"login": _Handler.logins}, now=time.time())
        self._answer(200, json.dumps({"access_token": access_token, "expires_in": 600, **more}))

    def do_GET(self) -> None:
        if self.path == "/logins":
            self._answer(200, str(_Handler.logins))
        else:
            self._answer(200, token(1800, {"exchange": _Handler.logins}, now=time.time()))

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 64


def _serve(ready: Connection) -> None:
    server = _Server(("127.0.0.1", 0), _Handler)
    ready.send(server.server_port)
    server.serve_forever()


@contextmanager
def login_server() -> Iterator[str]:
    """Run the server in a process of its own, so that the test's process has no threads when it forks."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


def logins(host: str) -> int:
    with urllib.request.urlopen(f"{host}/logins") as response:
        return int(response.read())


def send(request: HttpRequest) -> HttpResponse:
    assert request.body is None or isinstance(request.body, bytes)
    sent = urllib.request.Request(request.url, data=request.body, headers=dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(sent) as response:
            return HttpResponse(response.status, {}, response.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return HttpResponse(refused.code, {}, refused.read())


def run(flow: Flow[TokenSet]) -> TokenSet:
    """Drive a login over real HTTP."""
    return Script(send=send).run(flow)

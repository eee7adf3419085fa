"""A secrets backend that can write, as a server, and a vault of an installation's own that keeps tokens there."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import socket
import threading
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from altinn.exceptions import AltinnTimeoutError
from altinn.token_vault import Kept

ADDRESS = "BACKEND_VAULT"


class BackendVault:
    """Keeps tokens in the backend; a lock is an open connection, which the backend ends when its holder dies."""

    def __init__(self) -> None:
        self._netloc = os.environ[ADDRESS]

    def load(self, key: str) -> Kept | None:
        """Return the latest that was saved under a key by any process, or nothing."""
        try:
            with urllib.request.urlopen(f"http://{self._netloc}/values/{key}", timeout=30) as answer:
                return Kept(**json.loads(answer.read()))
        except urllib.error.HTTPError:
            return None

    def save(self, key: str, kept: Kept) -> None:
        """Keep something durably."""
        body = json.dumps(dataclasses.asdict(kept)).encode()
        request = urllib.request.Request(f"http://{self._netloc}/values/{key}", body, method="PUT")
        urllib.request.urlopen(request, timeout=30).close()

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold a key for oneself among all processes on all machines."""
        connection = http.client.HTTPConnection(self._netloc, timeout=120)
        try:
            connection.request("POST", f"/locks/{key}")
            if connection.getresponse().status != 200:
                raise AltinnTimeoutError("the backend gave no lock")
            yield
        finally:
            connection.close()


class _Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    values: dict[str, bytes]
    locks: defaultdict[str, threading.Lock]

    def do_GET(self) -> None:
        found = self.values.get(self.path)
        self._answer(200 if found else 404, found or b"")

    def do_PUT(self) -> None:
        self.values[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b"")

    def do_POST(self) -> None:
        with self.locks[self.path]:
            self._answer(200, b"")
            self.wfile.flush()
            self.connection.recv(1, socket.MSG_PEEK)  # Returns when the holder lets go or dies.
        self.close_connection = True

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def backend() -> Iterator[str]:
    """Run a backend and give its host and port."""
    handler = type("Backend", (_Backend,), {"values": {}, "locks": defaultdict(threading.Lock)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()

"""The redirect back to this machine (RFC 8252, section 7.3): a listener for one answer, on 127.0.0.1 alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from altinn.exceptions import AltinnConfigurationError, AltinnLoginRefusedError, AltinnTimeoutError

if TYPE_CHECKING:
    from types import TracebackType

LOOPBACK = "127.0.0.1"
PATH = "/callback"
DEFAULT_PORT = 8471

_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Altinn login</title>"
    '<body style="font:16px system-ui;margin:4rem auto;max-width:32rem"><h1>{title}</h1><p>{text}</p></body></html>'
)
_STEP = 0.5
"""Seconds without a request after which the limit is looked at again."""


class LoopbackListener:
    """Waits for the browser on a port of this machine.

    :param port: the one in the registered redirect address.
    :raises AltinnConfigurationError: the port is taken.
    """

    def __init__(self, port: int = DEFAULT_PORT) -> None:
        self._accept: Callable[[str], None] = lambda _url: None
        self._refused: list[str] = []
        self._done = False
        try:
            self._server = HTTPServer((LOOPBACK, port), self._handler())
        except OSError as exc:
            raise AltinnConfigurationError(
                f"port {port} of this machine is taken ({exc.strerror}): free it, or register another redirect address "
                "with the client and give its --port"
            ) from exc
        self._server.timeout = _STEP

    @property
    def redirect_uri(self) -> str:
        """The address to register with the client."""
        return f"http://{LOOPBACK}:{self._server.server_port}{PATH}"

    def wait(self, accept: Callable[[str], None], limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Pass answers on until one is accepted.

        An answer that is refused does not end the wait: any page in the browser can send one here.

        :param accept: takes the whole address; raises AltinnLoginRefusedError for an answer that is not ours.
        :param limit: seconds.
        :raises AltinnTimeoutError: none came; says what was refused meanwhile.
        """
        self._accept = accept
        ends = clock() + limit
        while not self._done:
            if clock() >= ends:
                refused = f"; refused meanwhile: {self._refused[-1]}" if self._refused else ""
                raise AltinnTimeoutError(f"nobody logged in within {limit:.0f} s{refused}")
            self._server.handle_request()

    def __enter__(self) -> LoopbackListener:
        """Listen."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._server.server_close()

    def _take(self, url: str) -> tuple[int, str, str]:
        try:
            self._accept(url)
        except AltinnLoginRefusedError as exc:
            self._refused.append(str(exc))
            return 400, "Not logged in", "The terminal says why."
        self._done = True
        return 200, "Logged in", "You can close this page; the terminal says more."

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:
                own = f"{LOOPBACK}:{self.server.server_port}"  # type: ignore[attr-defined]
                if urlsplit(self.path).path != PATH or self.headers.get("Host") != own or listener._done:
                    self.send_error(404)
                    return
                status, title, text = listener._take(f"http://{own}{self.path}")
                content = _PAGE.format(title=title, text=text).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the address holds the code."""

        return Handler

"""A request and its answer, held while a fault decides what becomes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from altinn.emulator.faults.fault_script import Fault

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


class ConnectionDropped(Exception):
    """The connection is to be reset; whoever holds it does so."""


@dataclass(slots=True)
class Heard:
    """A request with its body."""

    scope: Scope
    body: bytes
    receive: Receive

    @property
    def method(self) -> str:
        """The method."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path, without the query string."""
        return str(self.scope["path"])

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case."""
        return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in self.scope["headers"]}

    @property
    def token(self) -> str:
        """A digest of the bearer token; empty without one."""
        bearer = self.headers.get("authorization", "")
        return hashlib.sha256(bearer[7:].strip().encode()).hexdigest() if bearer[:7].lower() == "bearer " else ""

    def replayed(self, faults: Iterable[Fault], name: str = "") -> tuple[Scope, Receive]:
        """Return the request once more for the service, with the faults that its handlers look for."""
        told = {fault.fault: fault for fault in faults}
        scope = {**self.scope, "altinn.faults": told, "altinn.fault": name or ", ".join(told), "state": {}}
        given = False

        async def receive() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": self.body, "more_body": False}
            return await self.receive()

        return scope, receive


@dataclass(slots=True)
class Answered:
    """What the service answered, held back."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        """Take a message of the service."""
        if message["type"] == "http.response.start":
            self.status, self.headers = int(message["status"]), list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def with_body(self, body: bytes, content_type: str | None = None) -> Answered:
        """Return the answer with another body."""
        replaced = {b"content-length", *([b"content-type"] if content_type else [])}
        headers = [(k, v) for k, v in self.headers if k.lower() not in replaced]
        headers.append((b"content-length", str(len(body)).encode()))
        if content_type:
            headers.append((b"content-type", content_type.encode()))
        return Answered(self.status, headers, body)

    async def deliver(self, send: Send, half: bool = False) -> None:
        """Send the answer, or its head and half of its body."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        body = self.body[: len(self.body) // 2] if half else self.body
        await send({"type": "http.response.body", "body": body, "more_body": half})


async def whole_body(receive: Receive) -> bytes:
    """Read a request's body."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionDropped
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body

"""Resets connections of the server that the emulator runs in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

from altinn.emulator.faults.held_messages import ConnectionDropped

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

NO_LINGER = struct.pack("ii", 1, 0)
FLUSH_SECONDS = 0.02


class ResettingConnections:
    """The service, whose dropped connections are reset as a network does it (uvicorn has no call for that)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await self._app(scope, receive, send)
        except ConnectionDropped:
            await asyncio.sleep(FLUSH_SECONDS)
            _reset(getattr(receive, "__self__", None))
            while (await receive())["type"] != "http.disconnect":
                pass


def _reset(cycle: object) -> None:
    """Close the connection that a request came on, so that its client sees a reset."""
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise TypeError(f"cannot reset a connection of {type(cycle).__name__}: it names no transport")
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError, ValueError):  # closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()

"""An event loop on a clock of its own: whoever waits is woken at once, in the order of time.

Emulator and clients run in one thread and one loop. Nothing but the schedule decides who comes before whom, so the
same schedule always runs alike, and an hour of waiting takes no time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

EPOCH = 1_800_000_000.0
"""Where the clock begins, in seconds since 1970."""


class StuckError(RuntimeError):
    """Everybody waits for something that never comes."""


class _Skip(selectors.SelectSelector):
    """Passes the time instead of waiting for it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError("no timer is set, and nothing else can happen")
        self._loop.pass_time(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_Skip(self))
        self.set_exception_handler(_raise)

    def time(self) -> float:
        """Return virtual seconds."""
        return self._virtual

    def wall(self) -> float:
        """Return virtual seconds since 1970."""
        return EPOCH + self._virtual

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self._virtual += max(seconds, 0.0)

    def rewind(self) -> None:
        """Begin at zero again; nothing may be under way."""
        self._virtual = 0.0


def _raise(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Let no failure of a task pass unseen."""
    exception = context.get("exception")
    if isinstance(exception, Exception):
        raise exception

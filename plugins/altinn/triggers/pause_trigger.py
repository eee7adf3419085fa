"""Waits until a moment, so that a task that has to wait takes no worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class AltinnPauseTrigger(BaseTrigger):
    """Fires once at a moment; asks nobody and changes nothing.

    :param until: epoch seconds; absolute, so that a restart of the triggerer does not prolong the wait.
    """

    def __init__(self, *, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the moment."""
        return "altinn.triggers.pause_trigger.AltinnPauseTrigger", {"until": self.until}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event when the moment has come."""
        while (left := self.until - time.time()) > 0:
            await asyncio.sleep(left)
        yield TriggerEvent({"status": "done"})  # type: ignore[no-untyped-call]

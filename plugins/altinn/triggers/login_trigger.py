"""Waits until somebody has logged in for a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from altinn.exceptions import AltinnError
from altinn.hooks.altinn_hook import AltinnHook
from altinn.retries import is_worth_a_retry


class AltinnLoginTrigger(BaseTrigger):
    """Looks at what is kept of a connection's login, and uses it once it is there.

    As long as there is no login, ID-porten is not asked anything.

    :param deadline: epoch seconds after which the wait is given up; absolute, so that a restart does not prolong it.
    :param remind_at: epoch seconds of the next reminder; None for no more.
    :param poll_interval: seconds between two looks.
    """

    def __init__(
        self, *, altinn_conn_id: str, deadline: float, remind_at: float | None = None, poll_interval: float = 15.0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.altinn_conn_id = altinn_conn_id
        self.deadline = deadline
        self.remind_at = remind_at
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ids and numbers only; the login is looked at where the trigger runs."""
        return (
            "altinn.triggers.login_trigger.AltinnLoginTrigger",
            {
                "altinn_conn_id": self.altinn_conn_id,
                "deadline": self.deadline,
                "remind_at": self.remind_at,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: "done", "reminder", "timeout", or "error" with its text."""
        try:
            event = {"status": await self._wait()}
        except AltinnError as exc:
            event = {"status": "error", "message": str(exc)}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _wait(self) -> str:
        seen = ""
        while True:
            usable, said = await self._looked()
            if usable:
                return "done"
            if said != seen:
                self.log.info("%s", said)
                seen = said
            now = time.time()
            if self.remind_at is not None and now >= self.remind_at:
                return "reminder"
            if now >= self.deadline:
                return "timeout"
            next_event = min(self.deadline, self.remind_at or self.deadline)
            await asyncio.sleep(min(self.poll_interval, max(0.05, next_event - now)))

    async def _looked(self) -> tuple[bool, str]:
        """Read the connection anew: a login in it changes it."""
        hook = AltinnHook(self.altinn_conn_id)
        settings = await hook.asettings()
        try:
            return await asyncio.to_thread(hook.use_login, settings)
        except AltinnError as exc:
            if not is_worth_a_retry(exc):
                raise
            return False, f"a login service did not answer ({type(exc).__name__})"

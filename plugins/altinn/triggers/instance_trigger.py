"""Waits until an instance has what its sender waits for; GET only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from altinn.exceptions import AltinnError
from altinn.hooks.altinn_hook import AltinnHook
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.outcome import Awaited
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.retries import is_worth_a_retry


class AltinnInstanceTrigger(BaseTrigger):
    """Reads the instance from Storage until its process has ended and its receipts are there.

    Storage's GET is used, because the app's marks the instance as read. A stop of the triggerer changes nothing in
    Altinn, so there is nothing to clean up, and nothing is withdrawn when somebody ends the task: what is delivered
    stays delivered.

    :param receipt_types: data types that must be there.
    :param deadline: epoch seconds after which the wait is given up; absolute, so that a restart does not prolong it.
    :param poll_interval: seconds between the first two looks; grows to `max_poll_interval`.
    """

    def __init__(
        self,
        *,
        instance_id: str,
        altinn_conn_id: str,
        receipt_types: list[str],
        deadline: float,
        poll_interval: float,
        max_poll_interval: float,
        on_behalf_of: str | None = None,
        external_ref: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.instance_id = instance_id
        self.altinn_conn_id = altinn_conn_id
        self.receipt_types = receipt_types
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.max_poll_interval = max_poll_interval
        self.on_behalf_of = on_behalf_of
        self.external_ref = external_ref

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ids and numbers only; the login is fetched where the trigger runs."""
        return (
            "altinn.triggers.instance_trigger.AltinnInstanceTrigger",
            {
                "instance_id": self.instance_id,
                "altinn_conn_id": self.altinn_conn_id,
                "receipt_types": self.receipt_types,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
                "max_poll_interval": self.max_poll_interval,
                "on_behalf_of": self.on_behalf_of,
                "external_ref": self.external_ref,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: "done", "timeout", or "error" with its text."""
        try:
            yield TriggerEvent(await self._wait())  # type: ignore[no-untyped-call]
        except AltinnError as exc:
            failed = {"status": "error", "instance_id": self.instance_id, "message": str(exc)}
            yield TriggerEvent(failed)  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, str]:
        hook = AltinnHook(self.altinn_conn_id, on_behalf_of=self.on_behalf_of, external_ref=self.external_ref)
        settings = await hook.asettings()
        call = Storage(settings.environment.platform_url).get_instance(InstanceId.parse(self.instance_id))
        awaited = Awaited(tuple(self.receipt_types))
        interval, seen = self.poll_interval, ""
        async with hook.awaiting_driver() as driver:
            while True:
                try:
                    missing = awaited.missing(await driver.run(Session().perform(call)))
                except AltinnError as exc:
                    if not is_worth_a_retry(exc):
                        raise
                    missing = f"Altinn did not answer ({type(exc).__name__})"
                if not missing:
                    return {"status": "done", "instance_id": self.instance_id}
                if missing != seen:
                    self.log.info("%s: waiting, %s", self.instance_id, missing)
                    seen = missing
                left = self.deadline - time.time()
                if left <= 0:
                    return {"status": "timeout", "instance_id": self.instance_id, "message": missing}
                await asyncio.sleep(min(interval, left))
                interval = min(interval * 1.5, self.max_poll_interval)

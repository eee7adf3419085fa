"""Waits until an instance has come to what its sender waits for; GET only."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from altinn.exceptions import (
    AltinnError,
    AltinnForbiddenError,
    AltinnHttpError,
    AltinnNotFoundError,
    AltinnUnknownNameError,
)
from altinn.hooks.altinn_hook import app_of
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.session import RepeatRules, Session
from altinn.protocol.wait_look import look
from altinn.protocol.waiting import DONE, STOPPED, Progress, WaitFor
from altinn.retries import is_worth_waiting, waiting_despite
from altinn.triggers.shared_session import kept_open, shared_session

_GROWTH = 3.0
_JITTER = 0.15
_LONGEST_ASKED = 3600.0
"""Seconds of a `Retry-After` that are obeyed."""

_GONE_LOOKS, _GONE_SECONDS = 4, 900.0
"""So many looks in a row, over so many seconds, that show no instance end the wait: a living one may answer a single
one with 404 or 403."""

_ONCE = Session(RepeatRules(attempts=1))
"""The next look is the repeat: nobody else waits for this one's turn meanwhile."""


def pause(waited: float, first: float, longest: float, chance: float = 0.5) -> float:
    """Return the seconds until the next look.

    Grows with the time that has been waited already, so that a restart of the triggerer does not begin anew with short
    intervals, and varies, so that a thousand waits that begin together do not look together.

    :param waited: seconds since the wait began.
    :param first: seconds between the first looks.
    :param longest: seconds that the growth ends at.
    :param chance: a number in [0, 1).
    """
    grown = min(longest, first + max(0.0, waited) / _GROWTH)
    return grown * (1.0 + _JITTER * (2.0 * chance - 1.0))


class AltinnInstanceTrigger(BaseTrigger):
    """Reads the instance from Storage until what is waited for is there.

    Storage's GET is used, because the app's marks the instance as read. A stop of the triggerer changes nothing in
    Altinn, so there is nothing to clean up there, and nothing is withdrawn when somebody ends the task: what is
    delivered stays delivered.

    :param instance_id: "party/guid".
    :param wait_for: `WaitFor.as_json()`.
    :param deadline: epoch seconds after which the wait is given up; absolute, so that a restart does not prolong it.
    :param since: epoch seconds at which the wait began.
    :param poll_interval: seconds between the first two looks; grows to `max_poll_interval`.
    """

    def __init__(
        self,
        *,
        instance_id: str,
        altinn_conn_id: str,
        wait_for: Mapping[str, Any],
        deadline: float,
        since: float,
        poll_interval: float,
        max_poll_interval: float,
        on_behalf_of: str | None = None,
        external_ref: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.instance_id = instance_id
        self.altinn_conn_id = altinn_conn_id
        self.wait_for = dict(wait_for)
        self.deadline = deadline
        self.since = since
        self.poll_interval = poll_interval
        self.max_poll_interval = max_poll_interval
        self.on_behalf_of = on_behalf_of
        self.external_ref = external_ref
        self._name_checked = False
        self._unseen: list[float] = []

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ids and numbers only; the login is fetched where the trigger runs."""
        return (
            "altinn.triggers.instance_trigger.AltinnInstanceTrigger",
            {
                "instance_id": self.instance_id,
                "altinn_conn_id": self.altinn_conn_id,
                "wait_for": self.wait_for,
                "deadline": self.deadline,
                "since": self.since,
                "poll_interval": self.poll_interval,
                "max_poll_interval": self.max_poll_interval,
                "on_behalf_of": self.on_behalf_of,
                "external_ref": self.external_ref,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: "done", "stopped", "timeout", or "error" with its text."""
        try:
            event = await self._wait()
        except AltinnError as exc:
            event = self._event("error", f"{exc}{self._vanished()}")
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Say that ending the task does not withdraw anything."""
        self.log.info("%s: nobody waits any more; nothing was changed in Altinn", self.instance_id)

    async def _wait(self) -> dict[str, str]:
        wanted, seen = WaitFor.from_json(self.wait_for), ""
        async with kept_open():
            while True:
                progress, at_least = await self._look(wanted)
                if progress.state in (DONE, STOPPED):
                    return self._event(progress.state, progress.text)
                if progress.text != seen:
                    (self.log.warning if progress.warn else self.log.info)(
                        "%s: waiting, %s", self.instance_id, progress.text
                    )
                    seen = progress.text
                left = self.deadline - time.time()
                if left <= 0:
                    return self._event("timeout", progress.text)
                waited = time.time() - self.since
                seconds = pause(waited, self.poll_interval, self.max_poll_interval, random.random())
                await asyncio.sleep(min(max(seconds, at_least), left))

    async def _look(self, wanted: WaitFor) -> tuple[Progress, float]:
        """Read once; an error that time may mend is one more reason to wait.

        :return: how far it is, and the seconds that the server asked to wait before the next look.
        """
        instance_id = InstanceId.parse(self.instance_id)
        try:
            async with shared_session(self.altinn_conn_id, self.on_behalf_of, self.external_ref) as session:
                found = look(
                    _ONCE,
                    session.storage,
                    partial(app_of, session.settings),
                    instance_id,
                    wanted,
                    check_name=not self._name_checked,
                )
                progress = await session.run(found)
        except AltinnUnknownNameError:
            raise
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            self._unseen.append(time.time())
            if self._is_gone():
                raise
            return waiting_despite(exc), 0.0
        except AltinnError as exc:
            if not is_worth_waiting(exc):
                raise
            asked = exc.retry_after if isinstance(exc, AltinnHttpError) else None
            return waiting_despite(exc), min(asked or 0.0, _LONGEST_ASKED)
        self._name_checked = True
        self._unseen.clear()
        return progress, 0.0

    def _is_gone(self) -> bool:
        return len(self._unseen) >= _GONE_LOOKS and self._unseen[-1] - self._unseen[0] >= _GONE_SECONDS

    def _vanished(self) -> str:
        """Say how often nothing was seen before the wait gave up; empty when that was not the reason."""
        if not self._is_gone():
            return ""
        minutes = (self._unseen[-1] - self._unseen[0]) / 60
        return (
            f". So it was in {len(self._unseen)} looks over {minutes:.0f} minutes. Look in Altinn whether the instance "
            "is there and whether this connection may still read it, then clear this task: it only waits"
        )

    def _event(self, status: str, message: str) -> dict[str, str]:
        return {"status": status, "instance_id": self.instance_id, "message": message}

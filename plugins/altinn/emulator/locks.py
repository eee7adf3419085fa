"""The instance lock: one holder at a time, by token, until it is released or has run out."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from altinn.emulator.world import World

OWN = "process/next"


class Locks:
    """Holds instances for one caller (Storage's InstanceLockController).

    A lock outlives the process that took it: an app that dies inside `process/next` leaves its lock behind.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def _holder(self, guid: str) -> str | None:
        lock = self._world.store.lock(guid)
        return lock[0] if lock and lock[1] > self._world.clock.seconds() else None

    def take(self, guid: str) -> bool:
        """Take the lock for `process/next`; False when somebody holds it."""
        taken = self.acquire(guid, self._world.options.lock_seconds, OWN) is not None
        self._world.store.commit()
        return taken

    def release(self, guid: str) -> None:
        """Give back the lock that `take` took."""
        if self._holder(guid) == OWN:
            self._world.store.delete_lock(guid)

    def acquire(self, guid: str, seconds: float, token: str | None = None) -> str | None:
        """Take the lock for a time; None when somebody holds it.

        :returns: the token with which it can be changed.
        """
        if self._holder(guid) is not None:
            return None
        chosen = token or base64.b64encode(secrets.token_bytes(32)).decode("ascii")
        self._world.store.put_lock(guid, chosen, self._world.clock.seconds() + seconds)
        return chosen

    def change(self, guid: str, token: str, seconds: float) -> Literal["changed", "expired", "unknown"]:
        """Give a lock another time from now on; 0 releases it, and a released lock has expired."""
        lock = self._world.store.lock(guid)
        if lock is None or lock[0] != token or token == OWN:
            return "unknown"
        if lock[1] <= self._world.clock.seconds():
            return "expired"
        self._world.store.put_lock(guid, token, self._world.clock.seconds() + seconds)
        return "changed"

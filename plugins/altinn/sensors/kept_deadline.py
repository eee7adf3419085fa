"""The end of a wait as an absolute time: restarts and retries keep it, and whoever clears the task waits anew."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context


@dataclass(frozen=True, slots=True)
class KeptDeadline:
    """Keeps one task's deadline in Airflow's store of task states, which outlives tries and clears.

    :param key: its name there.
    :param about: what is waited for; a wait for something else has a deadline of its own.
    """

    key: str
    about: str

    def of(self, context: Context, timeout: timedelta | float) -> float:
        """Return the deadline in seconds since 1970: the one that is kept, else one that begins now, and is kept.

        Airflow runs nothing of ours when a person marks a waiting task as failed, so the deadline of such a wait stays.
        But each clear gives the task further tries, which no retry and no restart does.
        """
        from airflow.sdk.execution_time.context import NEVER_EXPIRE

        store, tries = context["task_state_store"], context["ti"].max_tries
        kept = _read(store.get(self.key), self.about, tries)
        if kept is not None:
            return kept
        deadline = time.time() + seconds_of(timeout)
        # A wait may last longer than Airflow keeps what tasks note.
        store.set(self.key, {"about": self.about, "deadline": deadline, "max_tries": tries}, retention=NEVER_EXPIRE)
        return deadline

    def forget(self, context: Context) -> None:
        """Forget the deadline of a wait that is over."""
        context["task_state_store"].delete(self.key)


def seconds_of(timeout: timedelta | float) -> float:
    """Return a sensor's timeout in seconds."""
    return timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)


def _read(kept: Any, about: str, tries: int) -> float | None:
    """Return a deadline that still counts."""
    if not isinstance(kept, Mapping) or kept.get("about") != about:
        return None
    deadline, counted = kept.get("deadline"), kept.get("max_tries")
    if not isinstance(deadline, int | float) or not isinstance(counted, int) or tries > counted:
        return None
    return float(deadline)

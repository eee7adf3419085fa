"""The emulator's time: real time plus what `POST /_emulator/clock` has added."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

LONGEST = 100 * 365.25 * 86_400


class SimulatedClock:
    """Tells simulated time; never goes backwards, and no two readings are the same.

    :param wall: seconds since the epoch, real time.
    :param advanced: seconds already added.
    """

    def __init__(self, wall: Callable[[], float] = time.time, advanced: float = 0.0) -> None:
        self._wall = wall
        self._last = 0.0
        self.advanced = advanced

    def seconds(self) -> float:
        """Return simulated seconds since the epoch, at least a microsecond after the last reading."""
        self._last = max(self._wall() + self.advanced, self._last + 1e-6)
        return self._last

    def now(self) -> datetime:
        """Return the simulated time in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def stamp(self) -> str:
        """Return the simulated time as Altinn writes it, with seven decimals (.NET's ticks)."""
        return f"{self.now():%Y-%m-%dT%H:%M:%S.%f}0Z"

    def days_since(self, stamp: str) -> float:
        """Return the simulated days that have passed since a time stamp."""
        then = datetime.strptime(stamp[:26], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
        return (self.now() - then).total_seconds() / 86_400

    def advance(self, seconds: float) -> None:
        """Move simulated time forward.

        :raises ValueError: when `seconds` is negative or no number, or more than a century in all.
        """
        if not seconds >= 0:
            raise ValueError(f"the clock only goes forward; advance_seconds is {seconds}")
        if self.advanced + seconds > LONGEST:
            raise ValueError(f"the clock goes a century ahead at most; advance_seconds is {seconds}")
        self.advanced += seconds

    def reset(self) -> None:
        """Return to real time."""
        self.advanced = 0.0
        self._last = 0.0

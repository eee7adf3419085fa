"""What the commands write: lines with the time since the start, coloured on a terminal only."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import TextIO

RED, GREEN, YELLOW, BOLD, DIM = "31", "32", "33", "1", "2"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def wants_colour(out: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether to colour: a terminal that is not dumb, and nobody set NO_COLOR (https://no-color.org)."""
    return out.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def elapsed_text(seconds: float) -> str:
    """Write a duration as `mm:ss.t`, so that stamps align."""
    tenths = int(seconds * 10)
    return f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def printable(text: object) -> str:
    """Return a text without control characters, which could rewrite the terminal: most texts come from elsewhere."""
    return _CONTROL.sub("?", str(text))


class Console:
    """Write lines with a time stamp; what is being waited for shows in a line that is rewritten.

    :param out: where to; a line is flushed at once, so that it shows in a pipe too.
    :param clock: monotonic seconds.
    """

    def __init__(self, out: TextIO, *, colour: bool | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._colour = wants_colour(out) if colour is None else colour
        self._live = out.isatty()
        self._began = clock()
        self._waiting = False

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def paint(self, text: str, *codes: str) -> str:
        """Colour a text, if colours are wanted."""
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self._colour and codes else text

    def line(self, text: str = "") -> None:
        """Write a line without a stamp."""
        self._clear()
        self._out.write(f"{text}\n")
        self._out.flush()

    def step(self, text: str) -> None:
        """Write a line with the time since the start."""
        self.line(f"{self.paint(elapsed_text(self.elapsed), DIM)}  {text}")

    def waiting(self, text: str) -> None:
        """Show what is being waited for, until the next line; on a terminal only."""
        if self._live:
            self._out.write(f"\r\x1b[K{elapsed_text(self.elapsed)}  {text}")
            self._out.flush()
            self._waiting = True

    def _clear(self) -> None:
        if self._waiting:
            self._out.write("\r\x1b[K")
            self._waiting = False

"""What the commands share: exit statuses, and how they complain."""

from __future__ import annotations

import sys
from pathlib import Path

OK, NOT_OK, NOT_DONE = 0, 1, 2
"""The question was answered with yes; with no; it could not be answered."""


def cannot(why: str) -> int:
    """Complain on standard error and return the status for it."""
    sys.stderr.write(f"altinn: {why}\n")
    return NOT_DONE


def content_of(path: Path) -> bytes | None:
    """Read a file; complain and return None when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as exc:
        cannot(f"{path} cannot be read: {exc.strerror or type(exc).__name__}")
        return None

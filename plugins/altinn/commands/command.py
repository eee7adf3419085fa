"""What the commands share: exit statuses, and how they complain."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

from altinn.exceptions import AltinnError

OK, NOT_OK, NOT_DONE = 0, 1, 2
"""The question was answered with yes; with no; it could not be answered."""


def perform(run: Callable[[argparse.Namespace, TextIO], int], options: argparse.Namespace) -> int:
    """Run a subcommand and return its exit status.

    Connections are found where Airflow's own commands find them, in its database as well: its task SDK asks that only
    in a process that says it is one of the servers. What Airflow logs goes to standard error, so that results can be
    read by a program.
    """
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    out = sys.stdout
    try:
        with redirect_stdout(sys.stderr):
            return run(options, out)
    except AltinnError as exc:
        return cannot(str(exc))


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

"""Log in with an Airflow connection and say what failed."""

from __future__ import annotations

import argparse
from typing import TextIO

from altinn.commands.command import NOT_OK, OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--conn-id", default="altinn_default")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Try the login and return 0 (works), 1 (does not) or 2 (could not be tried)."""
    from altinn.hooks.altinn_hook import AltinnHook

    hook = AltinnHook(options.conn_id)
    hook.require_connection()
    works, message = hook.test_connection()
    out.write(f"{options.conn_id}: {message}\n")
    return OK if works else NOT_OK

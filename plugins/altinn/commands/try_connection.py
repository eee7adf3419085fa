"""Log in with an Airflow connection and say what failed."""

from __future__ import annotations

import argparse
from typing import TextIO

from altinn.commands.command import NOT_OK, OK, cannot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--conn-id", default="altinn_default")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Try the login and return 0 (works), 1 (does not) or 2 (could not be tried)."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from altinn.hooks.altinn_hook import AltinnHook

    try:
        hook = AltinnHook(options.conn_id)
        hook.get_connection(options.conn_id)
        works, message = hook.test_connection()
    except AirflowNotFoundException:
        return cannot(f"there is no connection {options.conn_id!r} in this Airflow")
    out.write(f"{options.conn_id}: {message}\n")
    return OK if works else NOT_OK

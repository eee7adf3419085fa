"""The command `altinn`, with one subcommand per question; each lives in a module of `altinn.commands`.

    altinn check DOCUMENT --schema SCHEMA   is this document valid?          0 valid, 1 invalid, 2 could not be checked
    altinn connection --conn-id ID          does this connection log in?     0 yes, 1 no, 2 could not be tried
    altinn doctor --conn-id ID              which link is broken?            0 none, 1 one is, 2 could not be started
    altinn login --conn-id ID               a person logs in                 0 done, 1 refused, 2 could not be started
    altinn system-user ACTION --system ID   request, status, list            0 there is one, 1 not yet, 2 not asked
    altinn hash DOCUMENT...                 what is the SHA-256 of a file?   as receipts show it
    altinn periods REPORT --json            when is a report due?        its periods, deadlines and filing days
    altinn verify-receipt PATH              is this bundle whole, unchanged? 0 yes, 1 no, 2 no bundle there
    altinn reconcile --conn-id ID --ledger PATH   is each recorded filing there, once?   0 yes, 1 look, 2 could not tell

Results go to standard output, complaints to standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from altinn import __version__
from altinn.commands.command import perform

COMMANDS = {
    "check": "altinn.commands.check_document",
    "connection": "altinn.commands.try_connection",
    "doctor": "altinn.commands.ask_doctor",
    "hash": "altinn.commands.hash_files",
    "periods": "altinn.commands.list_periods",
    "login": "altinn.commands.log_in",
    "system-user": "altinn.commands.system_user",
    "verify-receipt": "altinn.commands.verify_receipt",
    "reconcile": "altinn.commands.reconcile_ledger",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    options = _parser().parse_args(arguments)
    return perform(options.run, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="altinn", description="File periodic reports through Altinn 3.")
    parser.add_argument("--version", action="version", version=f"altinn {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module_name in COMMANDS.items():
        module = import_module(module_name)
        text = str(module.__doc__).splitlines()[0]
        subparser = commands.add_parser(name, help=text, description=text)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""The command `altinn`, with one subcommand per question.

    altinn check DOCUMENT --schema SCHEMA   is this document valid?          0 valid, 1 invalid, 2 could not be checked
    altinn connection --conn-id ID          does this connection log in?     0 yes, 1 no, 2 could not be tried
    altinn hash DOCUMENT...                 what is the SHA-256 of a file?   as receipts show it

Results go to standard output, complaints to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from altinn import __version__
from altinn.exceptions import AltinnError, Issue
from altinn.issue_table import table_of

OK, NOT_OK, NOT_DONE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace, TextIO], int] = options.command
    try:
        return command(options, sys.stdout)
    except AltinnError as exc:
        sys.stderr.write(f"altinn: {exc}\n")
        return NOT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="altinn", description="File periodic reports through Altinn 3.")
    parser.add_argument("--version", action="version", version=f"altinn {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="check a document against its schema, without sending anything")
    check.add_argument("document", type=Path)
    check.add_argument("--schema", type=Path, required=True, help="an XSD")
    check.add_argument("--schema-root", type=Path, help="the folder that the schema may read from; by default its own")
    check.add_argument("--json", action="store_true", help="print the findings as JSON")
    check.set_defaults(command=_check)

    connection = commands.add_parser("connection", help="log in with an Airflow connection and say what failed")
    connection.add_argument("--conn-id", default="altinn_default")
    connection.set_defaults(command=_connection)

    hashes = commands.add_parser("hash", help="print the SHA-256 of files, as receipts show it")
    hashes.add_argument("documents", nargs="+", type=Path)
    hashes.set_defaults(command=_hash)
    return parser


def _check(options: argparse.Namespace, out: TextIO) -> int:
    from altinn.validation.xml_check import SchemaSource, check_xml

    schema = options.schema.absolute()
    root = (options.schema_root or schema.parent).absolute()
    if not schema.is_relative_to(root):
        return _cannot(f"{schema} does not lie in --schema-root {root}")
    content = _content(options.document)
    if content is None:
        return NOT_DONE
    issues = check_xml(content, SchemaSource(root, str(schema.relative_to(root))))
    refused = any(issue.code.startswith("refused-") for issue in issues)
    errors = [issue for issue in issues if issue.severity == "error"]
    _print_findings(options, issues, errors, out)
    if refused:
        return NOT_DONE
    return NOT_OK if errors else OK


def _print_findings(options: argparse.Namespace, issues: Sequence[Issue], errors: Sequence[Issue], out: TextIO) -> None:
    if options.json:
        result = {"document": str(options.document), "valid": not errors, "issues": [i.as_json() for i in issues]}
        out.write(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        return
    if issues:
        out.write(table_of(issues) + "\n")
    out.write(f"{options.document}: {f'{len(errors)} error(s)' if errors else 'valid'}\n")


def _connection(options: argparse.Namespace, out: TextIO) -> int:
    from airflow.sdk.exceptions import AirflowNotFoundException

    from altinn.hooks.altinn_hook import AltinnHook

    try:
        works, message = AltinnHook(options.conn_id).test_connection()
    except AirflowNotFoundException:
        return _cannot(f"there is no connection {options.conn_id!r} in this Airflow")
    out.write(f"{options.conn_id}: {message}\n")
    return OK if works else NOT_OK


def _hash(options: argparse.Namespace, out: TextIO) -> int:
    import hashlib

    status = OK
    for path in options.documents:
        content = _content(path)
        if content is None:
            status = NOT_DONE
        else:
            out.write(f"{hashlib.sha256(content).hexdigest()}  {path}\n")
    return status


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as exc:
        _cannot(f"{path} cannot be read: {exc.strerror or type(exc).__name__}")
        return None


def _cannot(why: str) -> int:
    sys.stderr.write(f"altinn: {why}\n")
    return NOT_DONE


if __name__ == "__main__":
    sys.exit(main())

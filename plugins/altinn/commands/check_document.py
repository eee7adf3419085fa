"""Check a document against its schema, without sending anything."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TextIO

from altinn.commands.command import NOT_DONE, NOT_OK, OK, cannot
from altinn.exceptions import AltinnDocumentError, AltinnError, Issue
from altinn.issue_table import table_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("document", type=Path)
    parser.add_argument("--schema", type=Path, required=True, help="an XSD or a JSON Schema")
    parser.add_argument("--schema-root", type=Path, help="the folder that the schema may read from; by default its own")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--engine", choices=("auto", "pure", "fast"), default="auto", help="fast needs the extra [fast]"
    )
    parser.add_argument("--max-issues", type=_positive, default=100, metavar="N", help="stop after so many problems")
    parser.add_argument("--show-values", action="store_true", help="repeat the values found; they may be secret")
    lenient = parser.add_argument_group("for lenient receivers; each use leaves a warning")
    lenient.add_argument("--assume-namespace", action="store_true", help="take a document without one for the schema's")
    lenient.add_argument("--strip-altinn-row-id", action="store_true", help="pass over the attribute altinnRowId")
    lenient.add_argument(
        "--anchored-patterns",
        choices=("strict", "dotnet"),
        default="strict",
        help="dotnet reads ^ and $ around a pattern as anchors",
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Check, print the findings, and return 0 (valid), 1 (invalid) or 2 (refused or could not be checked)."""
    from altinn.validation.document_check import refused

    try:
        issues = _checked(options)
    except (AltinnError, OSError) as exc:
        return _not_done(options, out, str(exc), [])
    why = refused(issues)
    if why:
        return _not_done(options, out, f"{options.document} was not judged: {why}", issues)
    errors = [issue for issue in issues if issue.severity == "error"]
    if options.json:
        _print_json(options, out, issues, valid=not errors)
    else:
        if issues:
            out.write(table_of(issues, limit=options.max_issues + 10) + "\n")
        out.write(f"{options.document}: {f'{len(errors)} error(s)' if errors else 'valid'}\n")
    return NOT_OK if errors else OK


def _checked(options: argparse.Namespace) -> list[Issue]:
    from altinn.validation.compatibility import Compatibility
    from altinn.validation.document_check import CheckOptions, check_content, read_limited, schema_source

    compatibility = Compatibility(options.assume_namespace, options.strip_altinn_row_id, options.anchored_patterns)
    wanted = CheckOptions(options.engine, options.max_issues, options.show_values, compatibility)
    source = schema_source(options.schema, options.schema_root)
    if not source.path.is_file():
        raise FileNotFoundError(f"there is no schema {options.schema}; check the path")
    try:
        with options.document.open("rb") as stream:
            content = read_limited(stream)
    except AltinnDocumentError as exc:
        return list(exc.issues)
    except OSError as exc:
        raise OSError(f"{options.document} cannot be read: {exc.strerror or type(exc).__name__}") from exc
    return check_content(content, source, wanted)


def _not_done(options: argparse.Namespace, out: TextIO, why: str, issues: list[Issue]) -> int:
    """Say why there is no verdict; a program that reads the output gets it there too."""
    if options.json:
        _print_json(options, out, issues, valid=None, reason=why)
    cannot(why)
    return NOT_DONE


def _print_json(
    options: argparse.Namespace, out: TextIO, issues: list[Issue], *, valid: bool | None, reason: str = ""
) -> None:
    result: dict[str, object] = {"document": str(options.document), "schema": str(options.schema), "valid": valid}
    if reason:
        result["reason"] = reason
    result["issues"] = [issue.as_json() for issue in issues]
    out.write(json.dumps(result, indent=1, ensure_ascii=False) + "\n")

"""Check a document against its schema, without sending anything."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from altinn.commands.command import NOT_DONE, NOT_OK, OK, cannot, content_of
from altinn.exceptions import Issue
from altinn.issue_table import table_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("document", type=Path)
    parser.add_argument("--schema", type=Path, required=True, help="an XSD")
    parser.add_argument("--schema-root", type=Path, help="the folder that the schema may read from; by default its own")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Check, print the findings, and return 0 (valid), 1 (invalid) or 2 (could not be checked)."""
    from altinn.validation.xml_check import SchemaSource, check_xml

    schema = options.schema.absolute()
    root = (options.schema_root or schema.parent).absolute()
    if not schema.is_relative_to(root):
        return cannot(f"{schema} does not lie in --schema-root {root}")
    content = content_of(options.document)
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

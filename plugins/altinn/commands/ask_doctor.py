"""Walk everything between this machine and a filing, and name the link that is broken."""

from __future__ import annotations

import argparse
from typing import TextIO

from altinn.commands.command import NOT_OK, OK, cannot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--conn-id", default="altinn_default")
    parser.add_argument("--org-number", default="", metavar="N", help="the organisation to file for")
    parser.add_argument("--app", default="", metavar="ORG/APP", help="look at this app as well")
    parser.add_argument(
        "--try-draft",
        action="store_true",
        help="in a test environment: create a draft and delete it, to see whether the app keeps dataValues",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Examine, print one line for each link, and return 0 (nothing failed), 1 (something did) or 2 (not started)."""
    from altinn.doctor.examination import Question
    from altinn.doctor.findings import as_json, as_text, nothing_failed
    from altinn.hooks.altinn_hook import AltinnHook

    if options.try_draft and not options.app:
        return cannot("--try-draft needs --app")
    question = Question(options.app, options.org_number, options.try_draft)
    hook = AltinnHook(options.conn_id)
    hook.require_connection()
    findings = hook.examine(question)
    out.write((as_json(options.conn_id, findings) if options.json else as_text(findings)) + "\n")
    return OK if nothing_failed(findings) else NOT_OK

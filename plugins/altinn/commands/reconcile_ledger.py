"""Compare a ledger with Altinn: is each recorded filing there, and once."""

from __future__ import annotations

import argparse
import json
from typing import TextIO

from altinn.commands.command import NOT_OK, OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--conn-id", required=True, help="the connection whose environment is looked at")
    parser.add_argument("--ledger", required=True, help="the ledger's folder: a path, or s3://bucket/folder")
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Only read, and return 0 (all well), 1 (somebody has to look) or 2 (could not be compared)."""
    from altinn.filing_ledger import read_ledger
    from altinn.hooks.altinn_hook import AltinnHook
    from altinn.protocol.reconciliation import Reconciliation, recorded_keys

    hook = AltinnHook(options.conn_id)
    environment = hook.settings.environment.name
    recorded = recorded_keys(read_ledger(options.ledger), environment)
    reconciliation = Reconciliation(hook.session, hook.storage, hook.app)
    findings = [hook.run(reconciliation.check(one)) for one in recorded]
    if options.json:
        out.write(json.dumps([finding.as_json() for finding in findings], indent=1, ensure_ascii=False) + "\n")
    else:
        for f in findings:
            named = f" {', '.join(f.instance_ids)}" if f.instance_ids else ""
            out.write(f"{f.verdict:15} {f.app}, {f.owner}, {f.period}, {f.kind}: {f.text}{named}\n")
        look = sum(not finding.is_well for finding in findings)
        out.write(f"{len(findings)} filing(s) recorded for {environment}, {look} to look at\n")
    return OK if all(finding.is_well for finding in findings) else NOT_OK

"""Compare a ledger with Altinn: is each recorded filing there, and once."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from typing import TextIO

from altinn.commands.command import NOT_OK, OK, cannot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--conn-id", required=True, help="the connection whose environment is looked at")
    parser.add_argument("--ledger", required=True, help="the ledger's folder: a path, or s3://bucket/folder")
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Only read, and return 0 (all well), 1 (somebody has to look) or 2 (could not be compared)."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from altinn.filing_ledger import read_ledger
    from altinn.hooks.altinn_hook import AltinnHook
    from altinn.protocol.reconciliation import Reconciliation, recorded_keys

    hook = AltinnHook(options.conn_id)
    with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to standard output, which is the answer's here.
        try:
            environment = hook.settings.environment.name
        except AirflowNotFoundException:
            return cannot(f"there is no connection {options.conn_id!r} in this Airflow")
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

"""`python -m bench [--quick] [--only NAME]... [--json FILE]`: run the benchmarks, print them side by side, write JSON.

Each benchmark is a module of this package with a function `run(mode) -> Report`; a new one is added to `BENCHMARKS`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from bench.figures import PROJECT, machine

BENCHMARKS = ("check_speed", "dag_import", "upload_speed", "whole_filing", "waiting_loop", "waiting_filings")


def main() -> int:
    """Run, print, and return 0 when every goal is met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer rounds")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="run this one; may be repeated")
    parser.add_argument("--json", type=Path, default=PROJECT / ".run" / "bench.json", help="where the figures go")
    options = parser.parse_args()
    conditions = machine()
    sys.stdout.write(", ".join(f"{name} {value}" for name, value in conditions.items()) + "\n")
    results = []
    for name in options.only or BENCHMARKS:
        report = importlib.import_module(f"bench.{name}").run("quick" if options.quick else "full")
        sys.stdout.write("\n" + report.shown() + "\n")
        sys.stdout.flush()
        results.append({"benchmark": name, "title": report.title, "figures": [f.as_json() for f in report.figures]})
    options.json.parent.mkdir(parents=True, exist_ok=True)
    written = {"conditions": conditions, "mode": "quick" if options.quick else "full", "results": results}
    options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"\nfigures in {options.json}\n")
    missed = [figure["name"] for result in results for figure in result["figures"] if figure["met"] is False]
    if missed:
        sys.stdout.write("goals not met: " + "; ".join(missed) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

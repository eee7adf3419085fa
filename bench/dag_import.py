"""The time that parsing a DAG file takes: one with our operators against one with HttpOperator."""

from __future__ import annotations

import json
import sys
import time

from bench.figures import Report, in_child, in_turns

GOAL = 1.1
ROUNDS = {"quick": 5, "full": 11}
HEAD = """
from datetime import datetime, timezone
from airflow.sdk import DAG
"""
HTTP = """
from airflow.providers.http.operators.http import HttpOperator
with DAG("http", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    steps = [HttpOperator(task_id=f"step_{n}", endpoint="a", http_conn_id="altinn") for n in range(5)]
"""
OURS = """
from altinn.taskgroups import altinn_filing
with DAG("altinn", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    altinn_filing(app="ttd/basic", period="2026", documents=[{"data_type": "model", "path": "/a.xml"}])
"""


def run(mode: str) -> Report:
    """Measure both in turns, each in a fresh process."""
    report = Report("Import of a DAG file in a fresh process")
    in_child("bench.dag_import", "ours")  # Whatever is compiled or cached at the first time, is so for both.
    in_child("bench.dag_import", "http")
    ours, theirs = in_turns(
        ROUNDS[mode], lambda: in_child("bench.dag_import", "ours"), lambda: in_child("bench.dag_import", "http")
    )
    for name, taken in (("ours", ours), ("HttpOperator", theirs)):
        report.add(f"{name}, processor time", "s", [one["processor"] for one in taken])
        report.add(f"{name}, wall", "s", [one["wall"] for one in taken])
    report.ratio(
        "ours against HttpOperator, processor time",
        [one["processor"] for one in ours],
        [one["processor"] for one in theirs],
        GOAL,
    )
    return report


def _child(kind: str) -> dict[str, float]:
    code = compile(HEAD + {"ours": OURS, "http": HTTP}[kind], "dag.py", "exec")
    wall, processor = time.perf_counter(), time.process_time()
    exec(code, {"__name__": "dag"})
    return {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_child(sys.argv[1])) + "\n")

"""A whole filing in a real Airflow: this provider against a DAG of the same steps with HttpOperator."""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.figures import PROJECT, Report
from scripts.airflow_api import AirflowApi
from scripts.console import Console
from scripts.demo_identity import INSTANCE_SCOPES, SYSTEM_CLIENT, SYSTEM_USER, demo_identity
from scripts.rest import Service, wait_until
from scripts.run_folder import RunFolder
from scripts.stack import DEMO, Endpoints, Stack

ROUNDS = {"quick": 2, "full": 5}
GOAL = 1.0
OURS, THEIRS = "bench_altinn", "bench_http"
LIMIT = 240.0
TOKENS = ("POST /maskinporten/token", "GET /authentication/api/v1/exchange/maskinporten")
REASONS = {
    "GET /storage/api/v1/instances": "looks for the filing before it is created, and again after: exactly one",
    "GET /storage/api/v1/instances/{id}": "the state right before each step: nothing is written into what has moved on",
    "GET /{app}/api/v1/applicationmetadata": "limits and form types, so that a wrong file is refused before it is sent",
    "GET /{app}/instances/{id}/data/{id}": "prefill before it is overwritten; what the app kept, after the upload and "
    "before each push",
    "GET /{app}/instances/{id}/process": "where the instance is and what may be done there, before and after a push",
    "GET /{app}/instances/{id}/process/history": "whether a creation is finished",
}


def run(mode: str) -> Report:
    """Start an Airflow and an emulator of our own, run both DAGs in turns, and stop them."""
    report = Report("A whole filing (instantiate, upload, validate, push, confirm) in Airflow; settle 1 s")
    with tempfile.TemporaryDirectory(prefix="altinn-bench-") as folder:
        run_folder = RunFolder(Path(folder) / "run")
        stack = Stack(run_folder, Console(sys.stderr), dags=PROJECT / "bench" / "dags")
        try:
            endpoints = stack.start(DEMO)
            _measure(report, stack, endpoints, Path(folder), ROUNDS[mode])
        finally:
            stack.stop()
    return report


def _measure(report: Report, stack: Stack, endpoints: Endpoints, folder: Path, rounds: int) -> None:
    api = stack.connect(endpoints)
    api.keep_connection({"connection_id": THEIRS, "conn_type": "http", "host": endpoints.emulator})
    _write_login(stack.folder, endpoints)
    form = folder / "form.xml"
    form.write_bytes(b"<model><property1>a</property1><property2>b</property2></model>")
    emulator = Service("the Altinn emulator", endpoints.emulator)
    for dag in (OURS, THEIRS):
        if not wait_until(lambda dag=dag: api.dag(dag) is not None, LIMIT):  # type: ignore[misc]
            raise RuntimeError(f"Airflow does not know {dag}: {api.import_errors()}")
        api.unpause(dag)
    seconds: dict[str, list[float]] = {OURS: [], THEIRS: []}
    tasks: dict[str, list[dict[str, float]]] = {OURS: [], THEIRS: []}
    calls: dict[str, list[Counter[str]]] = {OURS: [], THEIRS: []}
    for number in range(rounds + 1):
        for dag in (OURS, THEIRS):
            before = len(emulator.call("GET", "/_emulator/journal"))
            conf = {"period": f"20{number + 10}", "form": str(form)}
            took, durations = _one_run(api, stack, dag, conf)
            if number:  # The first run of each warms up the execution API and the caches of both.
                seconds[dag].append(took)
                tasks[dag].append(durations)
                calls[dag].append(Counter(_shape(e) for e in emulator.call("GET", "/_emulator/journal")[before:]))
    for name, dag in (("ours", OURS), ("HttpOperator", THEIRS)):
        report.add(f"{name}, wall of the run", "s", seconds[dag])
        report.add(f"{name}, time in tasks", "s", [sum(durations.values()) for durations in tasks[dag]])
        report.add(f"{name}, HTTP calls", "", [sum(counts.values()) for counts in calls[dag]])
        report.add(f"{name}, token calls", "", [sum(counts[path] for path in TOKENS) for counts in calls[dag]])
    report.ratio("ours against HttpOperator, wall", seconds[OURS], seconds[THEIRS], GOAL)
    by_name = {figure.name: figure for figure in report.figures}
    fewer, others = by_name["ours, token calls"], by_name["HttpOperator, token calls"]
    fewer.goal, fewer.met = "fewer than HttpOperator", fewer.median < others.median
    report.text = "\n".join([*_durations(tasks), _table(calls[OURS][-1], calls[THEIRS][-1])])


def _durations(tasks: dict[str, list[dict[str, float]]]) -> list[str]:
    """Show how long each task took, by its median."""
    lines = []
    for dag, runs in tasks.items():
        medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        lines.append(f"  {dag}: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in medians.items()))
    return lines


def _one_run(api: AirflowApi, stack: Stack, dag: str, conf: dict[str, Any]) -> tuple[float, dict[str, float]]:
    """Run a DAG to its end and return its seconds, and those of each task."""
    run_id = api.trigger(dag, conf)

    def ended() -> bool:
        return api.run_state(dag, run_id) in ("success", "failed")

    if not wait_until(ended, LIMIT, tick=stack.check_alive) or api.run_state(dag, run_id) != "success":
        failed = [t["task_id"] for t in api.task_instances(dag, run_id) if t["state"] not in ("success", None)]
        raise RuntimeError(f"{dag} {run_id} did not succeed: {failed}; logs in {stack.folder.airflow_home / 'logs'}")
    [run] = [run for run in api.runs(dag, "success") if run["dag_run_id"] == run_id]
    start, end = (datetime.fromisoformat(run[name].replace("Z", "+00:00")) for name in ("start_date", "end_date"))
    durations = {t["task_id"]: float(t["duration"] or 0) for t in api.task_instances(dag, run_id)}
    return (end - start).total_seconds(), durations


def _write_login(folder: RunFolder, endpoints: Endpoints) -> None:
    identity = demo_identity(folder)
    login = {
        "issuer": f"{endpoints.emulator}/maskinporten/",
        "token_url": f"{endpoints.emulator}/maskinporten/token",
        "exchange_url": f"{endpoints.emulator}/authentication/api/v1/exchange/maskinporten",
        "client_id": SYSTEM_CLIENT,
        "scope": " ".join(INSTANCE_SCOPES),
        "organisation": SYSTEM_USER["org_number"],
        "private_key_file": str(identity.system.private_key_file),
        "key_id": identity.system.key_id,
    }
    (folder.files / "bench_login.json").write_text(json.dumps(login))


def _shape(entry: dict[str, Any]) -> str:
    """Return a request without its ids."""
    path = re.sub(r"/ttd/basic", "/{app}", entry["path"])
    path = re.sub(r"/[0-9]+/[0-9a-f-]{36}|/[0-9a-f-]{36}", "/{id}", path)
    return f"{entry['method']} {path}"


def _table(ours: Counter[str], theirs: Counter[str]) -> str:
    """Show every call of both, and why there is one more."""
    rows = [("call", "ours", "HttpOperator", "why the extra ones")]
    for path in sorted(set(ours) | set(theirs), key=lambda path: (path.split()[1], path)):
        reason = REASONS.get(path, "") if ours[path] > theirs[path] else ""
        rows.append((path, str(ours[path]), str(theirs[path]), reason))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append(f"  {'  '.join([*cells, row[3]])}".rstrip())
    return "\n".join(lines)

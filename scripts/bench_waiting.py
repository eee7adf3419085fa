"""Measure filings that wait on one triggerer: its CPU, its memory, and the requests that it makes.

    python -m scripts.bench_waiting [--filings 200 1000] [--seconds 60] [--interval 30]

Starts the stack, has the emulator make an instance for each filing, and lets Airflow defer one task for each straight
to the triggerer, as the sensors do after their first look. Each number of filings is measured for a while at a fixed
interval, which is harder than real life, where the interval grows to half an hour. From the slope between the two
numbers follows an estimate for 10,000.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.airflow_api import AirflowApi
from scripts.console import Console
from scripts.failure import CommandError
from scripts.rest import Service, wait_until
from scripts.run_folder import PROJECT, RunFolder
from scripts.stack import DEMO, Stack

if TYPE_CHECKING:
    import psutil

APP, COMPANY = "ssb/ra0000-01", "950474084"
MANY = 10_000
REAL_INTERVAL = 1800.0
START_LIMIT = 900.0


@dataclass(frozen=True)
class Measured:
    """What the triggerer took for a number of waiting filings.

    :param cpu: share of one core, 1.0 is all of it.
    :param memory: bytes, private to the triggerer's processes.
    :param requests: a second.
    """

    filings: int
    cpu: float
    memory: float
    requests: float

    def line(self) -> str:
        """Return the measurement as a line of the table."""
        return f"{self.filings:>8} {self.cpu:>9.1%} {self.memory / 2**20:>10.0f} {self.requests:>14.1f}"


def main() -> int:
    """Measure and print; return 1 when the triggerer could not keep up or the stack did not start."""
    parser = argparse.ArgumentParser(prog="bench_waiting", description=__doc__)
    parser.add_argument("--filings", type=int, nargs=2, default=[200, 1000], metavar=("FEW", "MANY"))
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each number is measured")
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between two looks at a filing")
    options = parser.parse_args()
    console = Console(sys.stdout)
    with tempfile.TemporaryDirectory(prefix="altinn-bench-") as folder:
        try:
            few, many = measure(Path(folder), console, options)
        except CommandError as exc:
            console.line(f"bench_waiting: {exc}")
            return 1
    report(console, few, many, options.interval)
    expected = many.filings / options.interval
    if many.requests < 0.8 * expected:
        console.line(f"bench_waiting: the triggerer did not keep up: {expected:.1f} requests a second were due")
        return 1
    return 0


def report(console: Console, few: Measured, many: Measured, interval: float) -> None:
    """Print both measurements and what follows for ten thousand."""
    load = os.getloadavg()[0]
    console.line(f"Filings waiting on one triggerer, a look every {interval:.0f} s (load of this machine: {load:.1f})")
    console.line(f"{'filings':>8} {'CPU':>9} {'MB':>10} {'requests/s':>14}")
    console.line(few.line())
    console.line(many.line())
    cpu = (many.cpu - few.cpu) / (many.requests - few.requests) if many.requests > few.requests else 0.0
    memory = (many.memory - few.memory) / (many.filings - few.filings)
    base = many.cpu - cpu * many.requests
    console.line(f"A request takes {cpu * 1000:.1f} ms of CPU, a waiting filing {memory / 1024:.0f} kB of memory.")
    for every in (interval, REAL_INTERVAL):
        rate = MANY / every
        total = (many.memory + memory * (MANY - many.filings)) / 2**20
        console.line(
            f"Estimate for {MANY} filings, a look every {every:.0f} s: {rate:.1f} requests/s, "
            f"{base + cpu * rate:.0%} of a core, {total:.0f} MB"
        )


def measure(folder: Path, console: Console, options: argparse.Namespace) -> tuple[Measured, Measured]:
    """Start the stack and measure both numbers."""
    capacity = {"TRIGGERER__CAPACITY": str(2 * max(options.filings))}
    stack = Stack(RunFolder(folder / "run"), console, dags=folder / "dags", settings=capacity)
    try:
        (folder / "dags").mkdir()
        endpoints = stack.start(DEMO)
        api = stack.connect(endpoints)
        emulator = Service("the Altinn emulator", endpoints.emulator)
        few, many = sorted(options.filings)
        first = _measured(stack, api, emulator, folder, few, few, options)
        second = _measured(stack, api, emulator, folder, many - few, many, options)
        return first, second
    finally:
        stack.stop()


def _measured(
    stack: Stack, api: AirflowApi, emulator: Service, folder: Path, new: int, total: int, options: argparse.Namespace
) -> Measured:
    """Let so many more filings wait, and measure when all of them do."""
    dag_id = f"waiting_{total}"
    ids = [
        emulator.call("POST", "/_emulator/instances", {"app": APP, "organisation_number": COMPANY})["instance"]
        for _ in range(new)
    ]
    (folder / f"{dag_id}.json").write_text(json.dumps(ids), "utf-8")
    source = (PROJECT / "scripts" / "bench_waiting_dag.txt").read_text("utf-8")
    settings = {"ids": str(folder / f"{dag_id}.json"), "dag_id": dag_id, "interval": options.interval}
    (folder / "dags" / f"{dag_id}.py").write_text(source.replace("{}  # SETTINGS", json.dumps(settings)), "utf-8")
    _until(stack, lambda: api.dag(dag_id) is not None, f"Airflow to read {dag_id}")
    api.unpause(dag_id)
    run_id = api.trigger(dag_id, {})
    stack.console.step(f"{total} filings: waiting until all of them wait")
    _until(stack, lambda: _waiting(api, dag_id, run_id) >= new, f"{new} tasks to be deferred")
    time.sleep(2 * options.interval)
    before, cpu_before, start = _looks(emulator), _cpu(stack), time.monotonic()
    time.sleep(options.seconds)
    seconds = time.monotonic() - start
    requests, cpu = _looks(emulator) - before, _cpu(stack) - cpu_before
    return Measured(total, cpu / seconds, _memory(stack), requests / seconds)


def _until(stack: Stack, ready: Callable[[], bool], what: str) -> None:
    if not wait_until(ready, START_LIMIT, tick=stack.check_alive, pause=1.0):
        raise CommandError(f"waited {START_LIMIT:.0f} s in vain for {what}")


def _waiting(api: AirflowApi, dag_id: str, run_id: str) -> int:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?state=deferred&limit=1"
    return int(api.service.call("GET", path)["total_entries"])


def _looks(emulator: Service) -> int:
    """Count the looks at instances so far."""
    return sum(e["method"] == "GET" and "/storage/" in e["path"] for e in emulator.call("GET", "/_emulator/journal"))


def _cpu(stack: Stack) -> float:
    """Return the CPU seconds of the triggerer's processes."""
    times = [process.cpu_times() for process in stack.component("triggerer").members()]
    return sum(one.user + one.system for one in times)


def _memory(stack: Stack) -> float:
    """Return the memory that belongs to the triggerer's processes alone."""
    members: list[psutil.Process] = stack.component("triggerer").members()
    return float(sum(process.memory_full_info().uss for process in members))


if __name__ == "__main__":
    sys.exit(main())

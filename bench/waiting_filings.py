"""Filings that wait on one triggerer: its CPU, its memory, and the requests that it makes.

Starts a stack of its own, has the emulator make an instance for each filing, and makes a run for each whose task is
deferred to the triggerer, where the sensors are after their first look. Each number of filings is measured for a while
at a fixed interval, which is harder than real life, where the interval grows to half an hour. From the slope between
the two numbers follows an estimate for ten thousand.

Not with `start_from_trigger`: for each such task the triggerer keeps a whole DAG of its own, which a deferred one has
no need of.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import PROJECT, Report
from scripts.airflow_api import AirflowApi
from scripts.console import Console
from scripts.failure import CommandError
from scripts.rest import Service, wait_until
from scripts.run_folder import RunFolder
from scripts.stack import DEMO, Stack

if TYPE_CHECKING:
    import psutil

APP, COMPANY = "ssb/ra0000-01", "950474084"
MANY = 10_000
REAL_INTERVAL = 1800.0
START_LIMIT = 900.0
ENOUGH = 0.8
"""Share of the requests that are due which has to be made."""

BUSY = 0.9
"""Share of a core, or of the machine, from which it counts as all of it."""


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    :param interval: seconds between two looks at a filing.
    :param seconds: how long each number of filings is measured.
    """

    few: int
    many: int
    interval: float
    seconds: float


SCALES = {"quick": Scale(20, 100, 10.0, 20.0), "full": Scale(200, 1000, 30.0, 60.0)}


@dataclass(frozen=True)
class Measured:
    """What the triggerer took for a number of waiting filings.

    :param cpu: share of one core, 1.0 is all of it.
    :param memory: bytes, private to the triggerer's processes.
    :param requests: a second.
    :param emulator: the emulator's share of one core.
    :param machine: share of all of the machine's cores, whoever used them.
    """

    filings: int
    cpu: float
    memory: float
    requests: float
    emulator: float
    machine: float

    def limit(self, due: float) -> str:
        """Say what kept the requests below what was due; empty when nothing did."""
        if self.requests >= ENOUGH * due:
            return ""
        if self.cpu >= BUSY:
            return "the triggerer is the limit"
        if self.emulator >= BUSY:
            return "the emulator is the limit: no measure of the triggerer"
        return "the machine is the limit: no measure of the triggerer" if self.machine >= BUSY else "slow answers"


def run(mode: str) -> Report:
    """Measure a few and many waiting filings, and estimate ten thousand."""
    scale = SCALES[mode]
    with tempfile.TemporaryDirectory(prefix="altinn-bench-") as folder:
        few, many = measure(Path(folder), scale)
    report = Report(f"Filings that wait on one triggerer, a look every {scale.interval:.0f} s")
    due = many.filings / scale.interval
    for one in (few, many):
        report.add(f"{one.filings} filings: CPU of one core", "%", [100 * one.cpu])
        report.add(f"{one.filings} filings: memory", "MB", [one.memory / 2**20])
        goal = {"goal": f">= {ENOUGH * due:.1f} 1/s", "met": one.requests >= ENOUGH * due} if one is many else {}
        note = one.limit(one.filings / scale.interval)
        report.add(f"{one.filings} filings: requests", "1/s", [one.requests], note=note, **goal)
        others = f"whole machine {100 * one.machine:.0f} % busy"
        report.add(f"{one.filings} filings: the emulator's CPU of one core", "%", [100 * one.emulator], note=others)
    slope = (many.cpu - few.cpu) / (many.requests - few.requests) if many.requests > few.requests else 0.0
    # On a busy machine the difference is lost in the noise: then all of the CPU counts as the requests', which is more.
    cpu, how = (slope, "by the slope") if slope > 0 else (many.cpu / many.requests, "at most: no slope to be seen")
    memory = max(0.0, (many.memory - few.memory) / (many.filings - few.filings))
    report.add(f"CPU of a request, {how}", "ms", [1000 * cpu])
    report.add("memory of a waiting filing, by the slope", "kB", [memory / 1024])
    total = many.memory + memory * (MANY - many.filings)
    for every in (scale.interval, REAL_INTERVAL):
        rate = MANY / every
        share = many.cpu + cpu * (rate - many.requests)
        name = f"estimate for {MANY}, a look every {every:.0f} s"
        report.add(
            f"{name}: CPU of one core", "%", [100 * share], note=f"{rate:.1f} requests/s, {total / 2**20:.0f} MB"
        )
    return report


def measure(folder: Path, scale: Scale) -> tuple[Measured, Measured]:
    """Start the stack and measure both numbers."""
    capacity = {"TRIGGERER__CAPACITY": str(2 * scale.many)}
    stack = Stack(RunFolder(folder / "run"), Console(sys.stderr), dags=folder / "dags", settings=capacity)
    try:
        (folder / "dags").mkdir()
        endpoints = stack.start(DEMO)
        api = stack.connect(endpoints)
        emulator = Service("the Altinn emulator", endpoints.emulator)
        first = _measured(stack, api, emulator, folder, scale.few, scale.few, scale)
        second = _measured(stack, api, emulator, folder, scale.many - scale.few, scale.many, scale)
        return first, second
    finally:
        stack.stop()


def _measured(
    stack: Stack, api: AirflowApi, emulator: Service, folder: Path, new: int, total: int, scale: Scale
) -> Measured:
    """Let so many more filings wait, and measure when all of them do."""
    dag_id = f"waiting_{total}"
    ids = [
        emulator.call("POST", "/_emulator/instances", {"app": APP, "organisation_number": COMPANY})["instance"]
        for _ in range(new)
    ]
    source = (PROJECT / "bench" / "waiting_dag.txt").read_text("utf-8")
    (folder / "dags" / f"{dag_id}.py").write_text(
        source.replace("{}  # SETTINGS", json.dumps({"dag_id": dag_id})), "utf-8"
    )
    _until(stack, lambda: api.dag(dag_id) is not None, f"Airflow to read {dag_id}")
    stack.console.step(f"{total} filings: a run for each")
    for _ in range(new):
        api.trigger(dag_id, {})
    looks = requests_so_far(emulator)
    settings = folder / f"{dag_id}.json"
    settings.write_text(json.dumps({"dag_id": dag_id, "ids": ids, "interval": scale.interval}), "utf-8")
    command = [sys.executable, "-m", "bench.defer_tasks", str(settings)]
    subprocess.run(command, cwd=PROJECT, env=dict(stack.environment), check=True, timeout=START_LIMIT)
    stack.console.step(f"{total} filings: waiting until all of them wait")
    _until(stack, lambda: requests_so_far(emulator) - looks >= total, f"{total} tasks to have looked")
    time.sleep(2 * scale.interval)
    return _window(stack, emulator, total, scale.seconds)


def _window(stack: Stack, emulator: Service, total: int, length: float) -> Measured:
    """Measure for so many seconds."""
    import psutil

    parts = ("triggerer", "emulator")
    requests, start = requests_so_far(emulator), time.monotonic()
    before = [_cpu(stack, part) for part in parts]
    psutil.cpu_percent()
    time.sleep(length)
    machine = psutil.cpu_percent() / 100
    own, other = (_cpu(stack, part) - then for part, then in zip(parts, before, strict=True))
    made, seconds = requests_so_far(emulator) - requests, time.monotonic() - start
    return Measured(total, own / seconds, _memory(stack), made / seconds, other / seconds, machine)


def _until(stack: Stack, ready: Callable[[], bool], what: str) -> None:
    if not wait_until(ready, START_LIMIT, tick=stack.check_alive, pause=1.0):
        raise CommandError(f"waited {START_LIMIT:.0f} s in vain for {what}")


def requests_so_far(emulator: Service) -> int:
    """Return how many requests there were so far; the waits make all of them.

    Only the newest entry is read: the emulator cannot answer anybody while it writes out a journal of thousands.
    """
    newest = emulator.call("GET", "/_emulator/journal?last=1")
    return int(newest[0]["n"]) if newest else 0


def _cpu(stack: Stack, component: str) -> float:
    """Return the CPU seconds of a component's processes."""
    times = [process.cpu_times() for process in stack.component(component).members()]
    return sum(one.user + one.system for one in times)


def _memory(stack: Stack) -> float:
    """Return the memory that belongs to the triggerer's processes alone."""
    members: list[psutil.Process] = stack.component("triggerer").members()
    return float(sum(process.memory_full_info().uss for process in members))

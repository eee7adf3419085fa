"""`make crash`: run the matrix, print it as a table, and fail when anything was doubled or lost.

    python -m tests.crash [--jobs N] [--match TEXT] [--every N] [--verbose]

The judge is the emulator: deliveries are counted there, those of instances that were deleted afterwards included.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tests.crash.crash_cells import Cell
    from tests.crash.crash_verdict import Verdict

_SERVE = (
    "import sys, threading; from altinn.emulator import Emulator\n"
    "with Emulator(apps=sys.argv[1:]) as e: print(e.base_url, flush=True); sys.stdin.read()\n"
)
_TOLD_EVERY = 250
"""Cells between two lines that say how far the matrix has come."""
_OUTCOMES = ("filed once", "clear error", "doubled", "lost")


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cells that were asked for; 0 if nothing was doubled or lost."""
    options = _options(arguments)
    from tests.crash.crash_cells import cells, plain_cells

    chosen = [c for c in (*cells(), *plain_cells()) if options.match in str(c)][:: options.every]
    if options.exactly:
        chosen = [c for c in chosen if str(c) in options.exactly]
    if not chosen:
        say("no cell is chosen: see --match and --exactly")
        return 2
    begun = time.monotonic()
    found: list[Verdict] = []
    for verdict in _run_all(chosen, options.jobs, options.verbose):
        found.append(verdict)
        if len(found) % _TOLD_EVERY == 0:
            say(f"{len(found)} of {len(chosen)} cells after {time.monotonic() - begun:.0f} s")
    _print_table(found)
    say(f"{len(found)} cells in {time.monotonic() - begun:.0f} s")
    return _summary(found)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=str(__doc__).splitlines()[0])
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--match", default="", help="only cells whose name contains this")
    parser.add_argument("--exactly", action="append", default=[], help="only this cell; may be given several times")
    parser.add_argument("--every", type=int, default=1, help="only every n-th of them")
    parser.add_argument("--verbose", action="store_true", help="print each cell")
    return parser.parse_args(arguments)


def _run_all(chosen: list[Cell], jobs: int, verbose: bool) -> Iterator[Verdict]:
    """Share the cells among workers, each a process with an emulator of its own."""
    workers = []
    for number in range(min(jobs, len(chosen)) or 1):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _worker(chosen[number::jobs], os.fdopen(writing, "w"))
        os.close(writing)
        workers.append((pid, os.fdopen(reading), chosen[number::jobs]))
    arrived: queue.Queue[Verdict | None] = queue.Queue()
    pumps = [threading.Thread(target=_pump, args=(lines, mine, arrived), daemon=True) for _, lines, mine in workers]
    try:
        for pump in pumps:
            pump.start()
        left = len(pumps)
        while left:
            verdict = arrived.get()
            if verdict is None:
                left -= 1
                continue
            if verbose or verdict.outcome in ("doubled", "lost"):
                say(f"{verdict.outcome:12} {verdict.cell}  {verdict.why[:600]}")
            yield verdict
    finally:
        for pid, _lines, _ in workers:
            try:
                os.kill(pid, signal.SIGTERM)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                continue


def _pump(lines: TextIO, mine: list[Cell], arrived: queue.Queue[Verdict | None]) -> None:
    """Read a worker's verdicts as they come; None when it has ended."""
    from tests.crash.crash_verdict import Verdict

    left = list(mine)
    for line in lines:
        arrived.put(Verdict(left.pop(0), *json.loads(line)))
    for cell in left:
        arrived.put(Verdict(cell, "lost", "the harness failed: the worker of this cell has died"))
    arrived.put(None)


def _worker(mine: list[Cell], out: TextIO) -> None:
    from tests.archiving_app import make_archiving_app
    from tests.crash.crash_verdict import BROKEN, Bench, Verdict
    from tests.crash.task_process import preload

    preload()
    folder = Path(tempfile.mkdtemp(prefix="altinn-crash-"))
    make_archiving_app(folder / "apps", folder / BROKEN)
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(folder / "apps")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        base_url = server.stdout.readline().decode().strip() if server.stdout else ""
        bench = Bench(base_url, folder)
        bench.learn()
        for cell in mine:
            try:
                verdict = bench.run(cell)
            except Exception as exc:
                verdict = Verdict(cell, "lost", f"the harness failed: {type(exc).__name__}: {exc}")
            out.write(json.dumps([verdict.outcome, verdict.why, verdict.has_crashed]) + "\n")
            out.flush()
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _print_table(found: list[Verdict]) -> None:
    """Print for each operator and crash point how its cells ended."""
    table: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for verdict in found:
        where = verdict.cell.operator if verdict.cell.inside else f"{verdict.cell.operator} (outside)"
        table[where, verdict.cell.point][verdict.outcome] += 1
    say(f"{'operator':27}{'crash point':12}" + "".join(f"{name:>13}" for name in _OUTCOMES))
    for (operator, point), counts in table.items():
        say(f"{operator:27}{point:12}" + "".join(f"{counts[name] or '.':>13}" for name in _OUTCOMES))


_PLURAL = {"filed once": "filed once", "clear error": "clear errors", "doubled": "doubled", "lost": "lost"}


def _summary(found: list[Verdict]) -> int:
    plain = [v for v in found if v.cell.operator.startswith("plain")]
    guarded = [v for v in found if not v.cell.operator.startswith("plain")]
    inside = [v for v in guarded if v.cell.inside]
    outside = [v for v in guarded if not v.cell.inside]
    unreached = sum(not v.has_crashed for v in found)
    if unreached:
        say(f"in {unreached} cells the fault kept the try from reaching its crash point")
    if plain:
        say("plain HttpOperator: " + _text(plain, "cells"))
    if outside:
        say("outside the conditions: " + _text(outside, "cells"))
    say(_text(inside, "cells"))
    return 1 if any(v.outcome in ("doubled", "lost") for v in inside) else 0


def _text(found: list[Verdict], what: str) -> str:
    counts = Counter(v.outcome for v in found)
    return f"{len(found)} {what}, " + ", ".join(f"{counts[name]} {said}" for name, said in _PLURAL.items())


if __name__ == "__main__":
    sys.exit(main())

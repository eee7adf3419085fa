"""A sample of the crash matrix (`make crash` runs all of it), in processes of its own: it forks and kills."""

from __future__ import annotations

import io
import os
import queue
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.__main__ import main as chaos
from tests.crash.__main__ import _pump, _summary, main
from tests.crash.crash_cells import cells
from tests.crash.crash_verdict import Verdict

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
CELLS = [
    "instantiate | commit | none | split",
    "instantiate | stop | answer_lost | split",
    "push | commit | none | not split",
    "push | stop | none | split",
    "confirm | answer | answer_lost | split",
    "confirm | stop | late_duplicate | not split",
    "upload file | commit | answer_lost | split",
    "delete | commit | none | split",
    "receipt | commit | none | split",
    "correct at push | commit | none | split",
    "confirm, step fails | commit | none | split",
    "push past it | stop | none | split",
    "resume it | answer | none | split",
    "change after push | commit | none | split",
]
RED_FIRST = 1
"""The last one: its documents change under a draft that has left its data task, which somebody has to delete."""


def test_the_sample_files_once_each() -> None:
    """In one process for all, because a start of the runner takes longer than a cell."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    chosen = [argument for cell in CELLS for argument in ("--exactly", cell)]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.crash", "--jobs", "1", *chosen],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    number = len(CELLS)
    assert ran.stdout.splitlines()[-1:] == [
        f"{number} cells, {number - RED_FIRST} filed once, {RED_FIRST} clear errors, 0 doubled, 0 lost"
    ], ran.stdout + ran.stderr[-2000:]
    assert ran.returncode == 0


def test_the_cells_of_a_worker_that_has_died_are_lost(capsys: pytest.CaptureFixture[str]) -> None:
    mine = list(islice(cells(), 3))
    arrived: queue.Queue[Verdict | None] = queue.Queue()
    _pump(io.StringIO('["filed once", "", true]\n'), mine, arrived)
    found = [verdict for verdict in iter(arrived.get, None) if verdict is not None]
    assert [(one.cell, one.outcome) for one in found] == [
        (mine[0], "filed once"),
        (mine[1], "lost"),
        (mine[2], "lost"),
    ]
    assert _summary(found) == 1
    assert capsys.readouterr().out.endswith("3 cells, 1 filed once, 0 clear errors, 0 doubled, 2 lost\n")


def test_no_cell_and_no_scenario_show_nothing() -> None:
    assert main(["--match", "no such cell"]) == 2
    assert chaos(["--match", "no such scenario"]) == 2

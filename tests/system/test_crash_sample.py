"""A sample of the crash matrix (`make crash` runs all of it), in processes of its own: it forks and kills."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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

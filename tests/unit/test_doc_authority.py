"""The guide's own authority works, and its own test passes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def test_the_guides_test_passes() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_staffing_report.py"]
    paths = f"{ROOT / 'plugins'}:{EXAMPLES}"
    done = subprocess.run(
        [*command, "--rootdir", str(EXAMPLES)],
        cwd=EXAMPLES,
        env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout

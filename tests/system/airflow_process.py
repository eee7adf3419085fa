"""Airflow's installed commands in processes of their own, with a home and a database of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

BINARIES = Path(sys.executable).parent
LIMIT = 240.0
"""Seconds for one command; on a quiet machine it takes a few."""

Environment = dict[str, str]


def own_airflow(home: Path) -> Environment:
    """Return the environment of an Airflow that has no database yet."""
    dropped = ("AIRFLOW", "_AIRFLOW", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        # A test opens no window of this machine's browser.
        "BROWSER": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def run(environment: Environment, *command: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """Run an installed command, and insist on its exit status."""
    done = subprocess.run(
        [str(BINARIES / command[0]), *command[1:]],
        env=environment, capture_output=True, text=True, check=False, timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == expected, done.stdout + done.stderr
    return done

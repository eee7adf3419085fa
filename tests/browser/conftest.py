"""A real Airflow and the emulator for the browser tests, started once as `make up` does, and stopped at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.airflow_api import AirflowApi
from scripts.browser import chromium
from scripts.failure import CommandError
from scripts.rest import Service
from scripts.run_folder import RunFolder
from scripts.stack import Endpoints

PROJECT = Path(__file__).resolve().parents[2]


def run_command(command: str, folder: Path) -> str:
    """Run `python -m scripts COMMAND` with its state in a folder, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts", command, "--folder", str(folder)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the stack running for all browser tests, and name its folder."""
    try:
        chromium()
    except CommandError as exc:
        pytest.fail(str(exc))
    folder = tmp_path_factory.mktemp("run")
    try:
        run_command("up", folder)
        yield folder
    finally:
        run_command("down", folder)


@pytest.fixture(scope="session")
def endpoints(run_folder: Path) -> Endpoints:
    """Say where the stack answers."""
    return Endpoints(**json.loads(RunFolder(run_folder).endpoints.read_text("utf-8")))


@pytest.fixture
def api(endpoints: Endpoints) -> AirflowApi:
    """Talk to Airflow as its administrator."""
    api = AirflowApi(Service("Airflow", endpoints.airflow))
    api.log_in(endpoints.username, endpoints.password)
    return api

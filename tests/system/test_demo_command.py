"""`make demo` as a user runs it: a real Airflow, the emulator, a filing; then once more; and what it leaves behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests

from altinn.emulator import Emulator
from scripts.airflow_settings import base_environment
from scripts.demo_run import CONF
from scripts.run_folder import RunFolder
from tests.secret_search import found_in, secrets_of

PROJECT = Path(__file__).resolve().parents[2]
LIMIT = 300.0


@dataclass
class Demo:
    folder: Path
    first: str
    second: str
    journal: list[dict[str, object]]
    filings: list[dict[str, object]]


def run_command(command: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "scripts", command, "--folder", str(folder)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run the demo twice, then ask the emulator what it was told."""
    folder = tmp_path_factory.mktemp("run")
    first, second = run_command("demo", folder), run_command("demo", folder)
    with Emulator(state=RunFolder(folder).emulator_state) as emulator:
        journal = requests.get(f"{emulator.base_url}/_emulator/journal", timeout=30).json()
        filings = requests.get(f"{emulator.base_url}/_emulator/filings", timeout=30).json()
    return Demo(folder, first, second, journal, filings)


def instance_of(output: str) -> str:
    match = re.search(r"^  instance +(\d+/[0-9a-f-]{36})$", output, re.MULTILINE)
    assert match, output
    return match[1]


def test_the_demo_ends_with_the_receipt(demo: Demo) -> None:
    assert re.search(r"^  outcome +accepted$", demo.first, re.MULTILINE)
    assert re.search(r"^  confirmed by +user 1337 at \d{4}-", demo.first, re.MULTILINE)
    assert len(re.findall(r"sha256 [0-9a-f]{64}$", demo.first, re.MULTILINE)) == 3
    assert re.search(r"kid \d+$", demo.first, re.MULTILINE)
    assert re.search(r"http://127\.0\.0\.1:\d+/dags/vat_return/runs/manual__", demo.first)
    assert "filed already" not in demo.first


def test_each_step_is_shown_with_its_time(demo: Demo) -> None:
    steps = re.findall(r"^\d\d:\d\d\.\d  (\w+) +success +\d+\.\d s$", demo.first, re.MULTILINE)
    for task in ("prepare", "instantiate", "upload_envelope", "validate", "submit", "confirm", "receipt"):
        assert task in steps


def test_the_second_run_files_nothing(demo: Demo) -> None:
    assert f"{CONF['period']} is filed already; nothing was sent" in demo.second
    assert instance_of(demo.second) == instance_of(demo.first)
    assert len(demo.filings) == 1
    pushes = [e for e in demo.journal if e["method"] == "PUT" and str(e["path"]).endswith("/process/next")]
    created = [e for e in demo.journal if e["method"] == "POST" and str(e["path"]).endswith("/instances")]
    assert (len(created), len(pushes)) == (1, 2)


def test_everything_it_started_has_ended(demo: Demo) -> None:
    left = []
    for process in psutil.process_iter():
        try:
            places = [*process.cmdline(), process.cwd()]
        except psutil.Error:
            continue
        if any(str(demo.folder) in place for place in places):
            left.append(process.pid)
    assert left == []


def test_the_envelope_lists_the_files_that_were_sent(demo: Demo) -> None:
    envelope, *sent = re.findall(r"^  (?:sent)? +(\S+) \(\d+ bytes\)  sha256", demo.first, re.MULTILINE)
    written = next(demo.folder.rglob(envelope)).read_text("utf-8")
    listed = re.findall(r"<filnavn>([^<]+)</filnavn><filekstensjon>([^<]+)</filekstensjon>", written)
    assert [f"{name}.{extension}" for name, extension in listed] == sent


def test_the_receipts_are_whole(demo: Demo) -> None:
    (manifest,) = demo.folder.rglob("manifest.json")
    done = subprocess.run(
        [Path(sys.executable).with_name("altinn"), "verify-receipt", str(manifest.parent)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_secret_is_left_in_logs_database_or_output(demo: Demo) -> None:
    folder = RunFolder(demo.folder)
    secrets = secrets_of(folder)
    assert len(secrets) > 50
    assert found_in(demo.first + demo.second, secrets) == []
    places = [folder.logs, folder.files, folder.airflow_home]
    read = 0
    for path in (path for place in places for path in place.rglob("*") if path.is_file()):
        read += 1
        text = path.read_bytes().decode("utf-8", errors="replace")
        assert found_in(text, secrets) == [], path
    assert read > 20


def test_the_command_finds_connections_in_airflow_s_database(demo: Demo) -> None:
    folder = RunFolder(demo.folder)
    environment = base_environment(os.environ, Path(sys.executable).parent) | {
        "AIRFLOW_HOME": str(folder.airflow_home),
        "AIRFLOW__CORE__FERNET_KEY": (folder.secrets / "fernet_key").read_text("utf-8"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder.airflow_home / 'airflow.db'}",
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("altinn"), "connection", "--conn-id", "altinn_default"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    # The emulator has been stopped: the command reads the connection, and says that nobody answers there.
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("altinn_default: ")
    assert "127.0.0.1" in done.stdout

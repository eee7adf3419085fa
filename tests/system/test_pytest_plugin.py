"""The pytest plugin as a user has it: from the wheel, found by its entry point, on the documented example."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "docs" / "examples"
LOADED = (
    "import sys, altinn.emulator.pytest_plugin as p; "
    "print(sorted({'airflow', 'starlette', 'uvicorn', 'sqlite3', 'requests', 'asyncio'} & (set(sys.modules) - before)))"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _environment(home: Path, site: Path, project: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "PYTHON", "PYTEST"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(site),
    }


def test_the_documented_test_of_a_dag_passes(tmp_path: Path, site: Path) -> None:
    project = tmp_path / "project"
    (project / "dags").mkdir(parents=True)
    shutil.copy(EXAMPLES / "my_filing.py", project / "dags")
    shutil.copy(EXAMPLES / "test_my_dag.py", project)
    environment = _environment(tmp_path / "home", site, project)
    for command in (["airflow", "db", "migrate"], ["pytest", "-q", "-p", "no:cacheprovider", "test_my_dag.py"]):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, (done.stdout[-4000:], done.stderr[-2000:])
    assert "1 passed" in done.stdout


def test_a_project_that_does_not_use_it_pays_nothing(tmp_path: Path, site: Path) -> None:
    code = f"import sys, pytest; before = set(sys.modules); {LOADED}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=_environment(tmp_path, site, tmp_path),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"

"""A real Airflow and the emulator for whole years of filings; slower than the other tests, so a suite of its own.

ALTINN_RUN_FOLDER names the folder of a stack that runs already (`make up` keeps it in `.run`); else one is started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from altinn.authorities.vat_periods import VatPeriod
from scripts.airflow_api import AirflowApi
from scripts.rest import Service, wait_until
from scripts.run_folder import RunFolder
from scripts.stack import Endpoints

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT / "include" / "samples" / "kompensasjon_mvamelding.xml"
LIMIT = 900.0
VAT = "vat_return"


def run_command(command: str, folder: Path) -> None:
    """Run `python -m scripts COMMAND` with its state in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts", command, "--folder", str(folder)],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    running = os.environ.get("ALTINN_RUN_FOLDER")
    if running:
        yield Path(running).absolute()
        return
    folder = tmp_path_factory.mktemp("run")
    try:
        run_command("up", folder)
        yield folder
    finally:
        run_command("down", folder)


class Installation:
    """Airflow and the emulator, as somebody who operates them sees them."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        endpoints = Endpoints(**json.loads(folder.endpoints.read_text("utf-8")))
        self.airflow = Service("Airflow", endpoints.airflow)
        self.emulator = Service("the emulator", endpoints.emulator)
        self.api = AirflowApi(self.airflow)
        self.token = self.api.log_in(endpoints.username, endpoints.password)

    def enable(self, dag_id: str) -> None:
        """Wait until Airflow has read a DAG, and let its runs proceed."""
        assert wait_until(lambda: self.api.dag(dag_id) is not None, 120.0), self.api.import_errors()
        self.api.unpause(dag_id)

    def backfill(self, dag_id: str, first: date, last: date, conf: Mapping[str, Any], **more: Any) -> int:
        """Backfill a range and wait until it is done; return its id."""
        body = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "dag_run_conf": dict(conf),
            "max_active_runs": 4,
            **more,
        }
        known = self._backfills(dag_id)
        found: list[int] = []

        def made_it() -> bool:
            answer = self.airflow.call("POST", "/api/v2/backfills", body, missing=(500, 503))
            # An error may hide a backfill that was made all the same; a second one would run beside it.
            found.extend(self._backfills(dag_id) - known if answer is None else [int(answer["id"])])
            return bool(found)

        assert wait_until(made_it, 120.0, pause=1.0), "the database stays locked"
        (made,) = found
        done = wait_until(lambda: bool(self.airflow.call("GET", f"/api/v2/backfills/{made}")["completed_at"]), LIMIT)
        assert done, self.states(dag_id)
        return made

    def _backfills(self, dag_id: str) -> set[int]:
        """Return the ids of every backfill of a DAG."""
        found = self.airflow.call("GET", f"/api/v2/backfills?dag_id={quote(dag_id)}&limit=100")["backfills"]
        return {int(one["id"]) for one in found}

    def run(self, dag_id: str, conf: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Start a run as the REST API does, wait for its end, and return it."""
        body = {"logical_date": None, "conf": dict(conf), **more}
        run_id = str(self.airflow.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])
        return self.await_run(dag_id, run_id)

    def clear_run(self, dag_id: str, first_day: date) -> None:
        """Clear every task of the run about the period that begins on a day, and wait for its end."""
        found = self.airflow.call("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
        (run_id,) = [str(run["dag_run_id"]) for run in found if (run["logical_date"] or "")[:10] == str(first_day)]
        self.airflow.call("POST", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/clear", {"dry_run": False})
        self.await_run(dag_id, run_id)

    def clear_task(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Clear one task alone, wait for its run's end, and return the run's state."""
        body = {"dag_run_id": run_id, "task_ids": [task_id], "dry_run": False, "only_failed": False}
        body |= {"include_downstream": False, "reset_dag_runs": True}
        self.airflow.call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)
        return str(self.await_run(dag_id, run_id)["state"])

    def await_run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Wait for a run's end and return it."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
        assert wait_until(lambda: self.airflow.call("GET", path)["state"] in ("success", "failed"), LIMIT)
        found: dict[str, Any] = self.airflow.call("GET", path)
        return found

    def states(self, dag_id: str) -> dict[str, str]:
        """Return the state of every run that is about a period by its dates, by the period's first day."""
        found = self.airflow.call("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
        return {run["logical_date"][:10]: run["state"] for run in found if run["logical_date"]}

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return every task instance of a run; Airflow gives at most a hundred at a time."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit=100&order_by=id"
        found: list[dict[str, Any]] = []
        while True:
            page = self.airflow.call("GET", f"{path}&offset={len(found)}")
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run."""
        return {one["task_id"]: str(one["state"]) for one in self.api.task_instances(dag_id, run_id)}

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return a task's log as text."""
        return json.dumps(self.api.log(dag_id, run_id, task_id, 1))

    def filings(self) -> list[dict[str, Any]]:
        """Return what the authorities have received."""
        found: list[dict[str, Any]] = self.emulator.call("GET", "/_emulator/filings")
        return found

    def writes(self) -> int:
        """Return how many requests so far may have changed something in Altinn."""
        journal = self.emulator.call("GET", "/_emulator/journal")
        logins = ("/maskinporten", "/idporten", "/authentication", "/_emulator")
        return sum(1 for one in journal if one["method"] != "GET" and not one["path"].startswith(logins))


@pytest.fixture(scope="session")
def installation(run_folder: Path) -> Installation:
    return Installation(RunFolder(run_folder))


class Returns:
    """VAT returns on disk, as an accounting system would leave them: one file for each period."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, *, reference: str = "regnskapssystem_referanse") -> None:
        """Write the return of a period; another reference makes another document."""
        period = VatPeriod.parse(name)
        text = SAMPLE.read_text("utf-8")
        text = text.replace("september-oktober", period.value).replace("<aar>2022<", f"<aar>{period.year}<")
        text = text.replace("regnskapssystem_referanse", reference)
        (self.folder / f"{name}.xml").write_text(text, "utf-8")

    @property
    def path(self) -> str:
        """The DAG's `return_path`."""
        return f"{self.folder}/{{period}}.xml"


@pytest.fixture
def returns(tmp_path: Path) -> Returns:
    return Returns(tmp_path)

"""The guide's new authority, rehearsed as the guide says: its file, its app in the emulator, its DAG."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.dag_processing.dagbag import DagBag

from altinn.cli import main
from altinn.emulator import Emulator
from tests.system.conftest import SOPHIE, Connect, Outcome, RunTask

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PERSON_TASK, WAIT, ACCEPTED = "filing.wait_2_confirmation", "filing.wait_for_feedback", "filing.accepted"


@pytest.fixture
def rehearsal() -> Iterator[Emulator]:
    """Start an emulator that has the guide's app as well."""
    with Emulator(seed=1, apps=[EXAMPLES / "staffing_app"]) as emulator:
        yield emulator


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Lay the files out as the guide does, and load the DAG."""
    company = tmp_path / "my_company"
    company.mkdir()
    (company / "__init__.py").touch()
    shutil.copy(EXAMPLES / "staffing_report.py", company)
    monkeypatch.syspath_prepend(tmp_path)
    source = (EXAMPLES / "staffing_filing.py").read_text("utf-8")
    form = tmp_path / "report.xml"
    form.write_text("<model><aar>2025</aar><ansatte>12</ansatte></model>", "utf-8")
    source = source.replace("/data/receipts", str(tmp_path / "receipts"))
    source = source.replace("{{ dag_run.conf['report'] }}", str(form)).replace("{{ dag_run.conf['period'] }}", "2025")
    file = tmp_path / "staffing_filing.py"
    file.write_text(source, "utf-8")
    bag = DagBag(file)
    assert bag.import_errors == {}
    return {task.task_id: task for task in bag.dags["staffing_filing"].topological_sort()}  # type: ignore[no-untyped-call]


def rehearsed(
    run_task: RunTask, connect: Connect, emulator: Emulator, tasks: dict[str, Any], decision: dict[str, Any]
) -> Outcome:
    """Run the DAG task by task; the person confirms and the authority decides when they are waited for."""
    connect(emulator.base_url, **SOPHIE)
    instance = ""
    for task_id, task in tasks.items():
        done = run_task(task)
        if task_id == "filing.instantiate":
            instance = f"{emulator.base_url}/_emulator/instances/{done.result}"
        if task_id == ACCEPTED:
            return done
        if task_id in (PERSON_TASK, WAIT):
            assert done.state == "deferred", (task_id, done.error)
            what, document = ("act", {"action": "confirm", "person": 1337}), ("decide", decision)
            name, body = what if task_id == PERSON_TASK else document
            requests.post(f"{instance}/{name}", json=body, timeout=10).raise_for_status()
            done = run_task(task)
        assert done.state == "success", (task_id, done.error)
    raise AssertionError(f"the group has no task {ACCEPTED}: {list(tasks)}")


def test_an_accepted_report_is_green_with_its_receipt(
    run_task: RunTask, connect: Connect, rehearsal: Emulator, tasks: dict[str, Any]
) -> None:
    done = rehearsed(run_task, connect, rehearsal, tasks, {"outcome": "accepted"})
    assert done.state == "success", done.error
    assert (done.result["outcome"], done.xcoms["case_number"]) == ("accepted", "2026/1")
    bundle = Path(done.result["bundle"].removeprefix("file://"))
    assert [path.name for path in (bundle / "receipts").iterdir()] == ["kvittering.xml"]
    assert main(["verify-receipt", str(bundle), "--sha256", done.result["manifest_sha256"]]) == 0


def test_a_rejected_report_is_red_with_the_authority_s_code(
    run_task: RunTask, connect: Connect, rehearsal: Emulator, tasks: dict[str, Any]
) -> None:
    decision = {"outcome": "rejected", "codes": ["A1: for < fem ansatte"]}
    done = rehearsed(run_task, connect, rehearsal, tasks, decision)
    assert done.state == "failed"
    assert "A1: for < fem ansatte" in str(done.error)

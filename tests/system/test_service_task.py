"""An app whose last step is its own: where that failed, the next try makes it go on, and that may deliver.

So a push over such a step, and version 9's resumption, are looked at, compared and fenced as the push before them was.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from altinn.emulator import Emulator
from altinn.exceptions import AltinnDiffersError, AltinnSupersededError, AltinnUnexpectedStateError
from altinn.operators import AltinnInstantiateOperator, AltinnProcessNextOperator, AltinnUploadDataOperator
from tests.archiving_app import APP, make_archiving_app
from tests.system.conftest import Look, MemorySupervisor, Outcome, RunTask


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name the file that says how often the service task will fail."""
    return tmp_path_factory.mktemp("state") / "broken"


@pytest.fixture(scope="module", params=[8, 9])
def shared_emulator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, broken: Path
) -> Iterator[Emulator]:
    apps = tmp_path_factory.mktemp("apps")
    make_archiving_app(apps, broken)
    with Emulator(apps=[apps], app_library=request.param, workflow_wait=2.0) as running:
        yield running


class Filing:
    """One filing, task by task."""

    def __init__(self, run_task: RunTask, form: str) -> None:
        self.run_task = run_task
        made = run_task(AltinnInstantiateOperator(task_id="instantiate", app=APP, period="2026-T5"))
        assert made.state == "success", made.error
        self.instance_id = str(made.result)
        document = {"data_type": "model", "path": form}
        upload = AltinnUploadDataOperator(task_id="upload", app=APP, instance_id=self.instance_id, documents=[document])
        self.documents: Any = run_task(upload).result
        assert self.push("data").state == "success"

    def push(self, from_task: str, **how: Any) -> Outcome:
        task = AltinnProcessNextOperator(
            task_id=f"push_{from_task}",
            app=APP,
            instance_id=self.instance_id,
            documents=self.documents,
            from_task=from_task,
        )
        return self.run_task(task, **how)


@pytest.fixture
def halted(run_task: RunTask, connection: str, form: str, look: Look, broken: Path) -> Filing:
    """Have a filing whose confirmation came to a halt in the app's own step; the app is mended."""
    filing = Filing(run_task, form)
    broken.write_text("1000")
    confirmed = filing.push("confirmation")
    broken.unlink()
    assert confirmed.state == "up_for_retry", confirmed.error
    assert look.filings() == []
    return filing


def test_the_next_try_makes_it_go_on_and_says_that_it_did(halted: Filing, look: Look) -> None:
    again = halted.push("confirmation", try_number=2)
    assert again.state == "success", again.error
    assert (again.result["ended"], again.result["moved"]) == (True, True)
    assert [one["instance"] for one in look.filings()] == [halted.instance_id]
    once_more = halted.push("confirmation", try_number=3)
    assert (once_more.state, once_more.result["moved"]) == ("success", False)
    assert len(look.filings()) == 1


def test_a_halted_filing_that_was_thrown_away_is_not_filed_beside_the_one_made_instead(
    halted: Filing, look: Look, supervisor: MemorySupervisor, run_task: RunTask, form: str
) -> None:
    look.api("DELETE", f"/{APP}/instances/{halted.instance_id}?hard=false")
    supervisor.store.clear()
    other = Filing(run_task, form)
    assert other.instance_id != halted.instance_id
    assert other.push("confirmation").state == "success"
    again = halted.push("confirmation", try_number=2)
    assert again.state == "failed"
    assert isinstance(again.error, AltinnUnexpectedStateError)
    assert "has been deleted" in str(again.error)
    assert [one["instance"] for one in look.filings()] == [other.instance_id]


def test_a_task_that_was_marked_as_failed_does_not_make_it_go_on(
    halted: Filing, look: Look, supervisor: MemorySupervisor
) -> None:
    supervisor.state = "failed"
    again = halted.push("confirmation", try_number=2)
    assert isinstance(again.error, AltinnSupersededError)
    assert look.filings() == []


def test_what_somebody_has_changed_meanwhile_does_not_go_on(halted: Filing, look: Look) -> None:
    """The app's rights do not keep everybody from writing while it stands there."""
    files = {"Content-Type": "text/plain", "Content-Disposition": 'attachment; filename="more.txt"'}
    look.api("POST", f"/{APP}/instances/{halted.instance_id}/data/attachment", data=b"more", headers=files)
    again = halted.push("confirmation", try_number=2)
    assert again.state == "failed"
    assert isinstance(again.error, AltinnDiffersError)
    assert "more.txt" in str(again.error)
    assert look.filings() == []

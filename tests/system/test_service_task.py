"""An app whose last step is its own: where that failed, the next try makes it go on, and that may deliver.

So a push over such a step, and version 9's resumption, are looked at, compared and fenced as the push before them was.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from altinn.exceptions import (
    AltinnDiffersError,
    AltinnFilingError,
    AltinnSupersededError,
    AltinnUnexpectedStateError,
)
from altinn.hooks.altinn_hook import AltinnHook
from altinn.operators import (
    AltinnDeleteInstanceOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
)
from altinn.protocol.session import Session
from tests.archiving_app import APP, HOLDS, WAITS, make_archiving_app
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

    def push(self, from_task: str, deferrable: bool = True, **how: Any) -> Outcome:
        task = AltinnProcessNextOperator(
            task_id=f"push_{from_task}",
            app=APP,
            instance_id=self.instance_id,
            documents=self.documents,
            from_task=from_task,
            deferrable=deferrable,
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


def test_the_next_try_makes_it_go_on_and_says_that_it_did(
    halted: Filing, look: Look, supervisor: MemorySupervisor
) -> None:
    again = halted.push("confirmation", try_number=2)
    assert again.state == "success", again.error
    assert supervisor.store["altinn_pushed"] == {"instance_id": halted.instance_id, "task": "Task_2"}
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


@pytest.mark.parametrize("how", [{}, {"content_sha256": "a" * 64}, {"dry_run": True}, {"state": "failed"}])
def test_who_looks_for_the_instance_does_not_make_it_go_on(
    halted: Filing, look: Look, supervisor: MemorySupervisor, run_task: RunTask, how: dict[str, Any]
) -> None:
    """Not even a run that adopts it: the push that follows compares first."""
    supervisor.store.clear()
    options = dict(how)
    supervisor.state = options.pop("state", "running")
    again = run_task(AltinnInstantiateOperator(task_id="instantiate", app=APP, period="2026-T5", **options))
    assert look.filings() == []
    assert again.state == ("skipped" if "dry_run" in how else "success")
    assert "dry_run" in how or again.result == halted.instance_id


@pytest.fixture
def library(shared_emulator: Emulator, look: Look) -> int:
    """Tell which version of the app library the app runs on."""
    metadata = look.api("GET", f"/{APP}/api/v1/applicationmetadata").json()
    return int(metadata["altinnNugetVersion"].partition(".")[0])


@pytest.fixture
def version_9(library: int, broken: Path) -> Iterator[None]:
    """Go on only where an engine does what the app has to do."""
    if library == 8:
        pytest.skip("version 8 does everything within the push")
    yield
    broken.unlink(missing_ok=True)


def push_and_leave(look: Look, instance_id: str, action: str) -> None:
    """Push as a client that is gone before the answer comes."""
    token = requests.get(f"{look.base_url}/Home/GetTestUserToken/1337", timeout=10).text
    address = f"{look.base_url}/{APP}/instances/{instance_id}/process/next"
    requests.put(address, json={"action": action}, headers={"Authorization": f"Bearer {token}"}, timeout=10)


def instantiate(run_task: RunTask, **options: Any) -> Outcome:
    return run_task(AltinnInstantiateOperator(task_id="instantiate", app=APP, period="2026-T5", **options))


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_left_data(look: Look, instance_id: str) -> bool:
    return bool(look.instance(instance_id)["process"]["currentTask"]["elementId"] != "Task_1")


def mends(broken: Path, happened: Callable[[], bool]) -> Callable[[Any, float], None]:
    """Return a pause during which whatever keeps the app's step from being done goes away."""

    def pause(_task: Any, _seconds: float) -> None:
        broken.unlink(missing_ok=True)
        until(happened)

    return pause


@pytest.mark.usefixtures("connection", "version_9")
def test_a_push_waits_for_a_step_that_waits_and_reads_back(
    run_task: RunTask,
    form: str,
    look: Look,
    broken: Path,
    monkeypatch: pytest.MonkeyPatch,
    supervisor: MemorySupervisor,
) -> None:
    filing = Filing(run_task, form)
    broken.write_text(WAITS)
    monkeypatch.setattr(AltinnProcessNextOperator, "_sleep", mends(broken, lambda: look.filings() != []))
    confirmed = filing.push("confirmation", deferrable=False)
    assert confirmed.state == "success", confirmed.error
    assert (confirmed.result["ended"], confirmed.result["moved"]) == (True, True)
    assert supervisor.store["altinn_pushed"]["task"] == "Task_2"
    sent = [f"{one['method']} {one['path']}" for one in look.journal()]
    pushed = max(number for number, one in enumerate(sent) if one.endswith("/process/next"))
    assert [one for one in sent[pushed:] if re.match(rf"GET /{APP}/instances/{filing.instance_id}/data/", one)]


@pytest.mark.usefixtures("connection", "version_9")
def test_a_push_that_is_under_way_for_long_is_no_creation_that_broke_off(
    run_task: RunTask,
    form: str,
    look: Look,
    broken: Path,
    monkeypatch: pytest.MonkeyPatch,
    supervisor: MemorySupervisor,
) -> None:
    """Another run finds a draft's push under way, longer than any creation takes."""
    filing = Filing(run_task, form)
    broken.write_text(WAITS)
    push_and_leave(look, filing.instance_id, "confirm")
    supervisor.store.clear()
    with monkeypatch.context() as later:
        now = lambda: datetime.now(UTC) + timedelta(minutes=11)  # noqa: E731
        later.setattr(AltinnHook, "session", property(lambda _hook: Session(now=now)))
        assert instantiate(run_task).result == filing.instance_id
        assert instantiate(run_task, dry_run=True).state == "skipped"
    broken.unlink()
    until(lambda: look.filings() != [])
    assert Filing(run_task, form).push("confirmation").state == "success"
    assert [one["instance"] for one in look.filings()] == [filing.instance_id]


@pytest.mark.usefixtures("connection", "version_9")
def test_nothing_is_written_beneath_a_push_that_is_under_way(
    run_task: RunTask, look: Look, broken: Path, monkeypatch: pytest.MonkeyPatch, supervisor: MemorySupervisor
) -> None:
    made = str(instantiate(run_task).result)
    supervisor.store.clear()

    monkeypatch.setattr(AltinnInstantiateOperator, "_sleep", mends(broken, lambda: has_left_data(look, made)))
    broken.write_text(HOLDS)
    push_and_leave(look, made, "write")
    assert not has_left_data(look, made)
    again = instantiate(run_task, deferrable=False)
    assert has_left_data(look, made)
    assert again.result == made


@pytest.mark.usefixtures("connection", "version_9")
def test_a_draft_is_not_deleted_beneath_a_push_that_is_under_way(
    run_task: RunTask, look: Look, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = str(instantiate(run_task).result)
    broken.write_text(HOLDS)
    push_and_leave(look, made, "write")

    monkeypatch.setattr(AltinnDeleteInstanceOperator, "_sleep", mends(broken, lambda: has_left_data(look, made)))
    task = AltinnDeleteInstanceOperator(task_id="delete", app=APP, instance_id=made, deferrable=False, retries=0)
    ended = run_task(task)
    assert isinstance(ended.error, AltinnFilingError)
    assert "no draft any more" in str(ended.error)
    assert not look.instance(made)["status"]["isSoftDeleted"]

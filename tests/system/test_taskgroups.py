"""`altinn_filing` hands its arguments on to the operators it wires."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRunType

from altinn.exceptions import AltinnFilingError
from altinn.operators.approval_check import approved_sha256
from altinn.operators.instantiate import COMPANY_KEY
from altinn.taskgroups import FilingTasks, altinn_filing
from tests.system.conftest import NOW, Look, MemorySupervisor, Outcome, RunTask, task_instance

UPLOADED = {"data_type": "model", "file_name": "a.xml", "size": 1, "sha256": "a" * 64, "element_id": "1", "how": "put"}
DOCUMENTS = [{"data_type": "model", "path": "/data/report.xml"}]


def wired(**more: Any) -> FilingTasks:
    with DAG("wired", schedule=None, start_date=NOW):
        return altinn_filing(app="ttd/basic", period="2026-T5", documents=DOCUMENTS, wait_for_feedback=False, **more)


def test_what_the_app_may_change_reaches_the_upload() -> None:
    assert wired(allow_changes=["/model/sum"]).upload.allow_changes == ["/model/sum"]


def test_the_documents_are_known_before_the_draft_is_made() -> None:
    tasks = wired(content_sha256="0" * 64)
    assert tasks.instantiate.documents == tasks.upload.documents == DOCUMENTS
    assert tasks.instantiate.content_sha256 == "0" * 64


def test_the_tasks_stand_in_their_order() -> None:
    tasks = wired()
    order = [tasks.instantiate, tasks.upload, tasks.validate, *tasks.pushes]
    for before, after in pairwise(order):
        assert after.task_id in before.downstream_task_ids


def judged(**more: Any) -> FilingTasks:
    """Wire a group that asks a person and ends with a verdict."""
    options: dict[str, Any] = {
        "authority": {"accepted_when": "ended"},
        "receipts": "/tmp/receipts",
        "require_approval": True,
    }
    with DAG("judged", schedule=None, start_date=NOW, render_template_as_native_obj=True):
        return altinn_filing(app="ttd/basic", period="2026-T5", **{"documents": DOCUMENTS, **options, **more})


def test_one_of_many_filings_shows_and_knows_itself_alone(run_task: RunTask, supervisor: MemorySupervisor) -> None:
    """A mapped group's instances leave the same keys, and a plain pull would give all of them."""
    tasks = judged()
    assert tasks.approval is not None
    for key, values in ((COMPANY_KEY, ["950474084", "897069650"]), ("altinn_delivered", [False, True])):
        supervisor.mapped[tasks.instantiate.task_id, key] = dict(enumerate(values))
    tasks.approval.documents = [UPLOADED]
    tasks.approval.instance_id = "500000/00000000-0000-4000-8000-000000000001"
    run_task(tasks.approval, map_index=1)
    (shown,) = supervisor.told_of("CreateHITLDetailPayload")
    assert "897069650" in shown.body
    assert "950474084" not in shown.body
    for index, known in enumerate([False, True]):
        verdict = judged().accepted
        assert verdict is not None
        instance = task_instance(verdict, 1, None, "manual", index, {})
        instance.task.render_template_fields(instance.get_template_context())
        assert getattr(instance.task, "already_filed", None) is known


def test_a_person_approves_before_the_first_push_and_the_verdict_comes_last() -> None:
    tasks = judged()
    assert tasks.approval is not None
    assert tasks.feedback is not None
    assert tasks.accepted is not None
    order = [tasks.instantiate, tasks.upload, tasks.validate, tasks.approval, *tasks.pushes]
    for before, after in pairwise([*order, tasks.feedback, tasks.accepted]):
        assert after.task_id in before.downstream_task_ids
    accepted: Any = tasks.accepted
    assert accepted.documents.operator.task_id == "filing.upload"
    assert accepted.validation.operator.task_id == "filing.validate"
    assert tasks.instantiate.approval
    # It is for this draft alone.
    asked: Any = tasks.approval
    assert asked.instance_id.operator.task_id == "filing.instantiate"
    assert [push.needs_approval for push in tasks.pushes] == [True, True]
    assert {push.approved.operator.task_id for push in tasks.pushes} == {"filing.approve"}


BACKFILL = {"run_type": DagRunType.BACKFILL}


def run_all(run_task: RunTask, tasks: FilingTasks, of_run: dict[str, Any] | None = None) -> dict[str, Outcome]:
    """Run every task, also those that Airflow would not start after a failed or skipped one."""
    assert tasks.accepted is not None
    order = [tasks.instantiate, tasks.upload, tasks.validate, *tasks.pushes, tasks.accepted]
    return {task.task_id.removeprefix("filing."): run_task(task, of_run=of_run) for task in order}


def filed(run_task: RunTask, form: str, folder: Path, **more: Any) -> FilingTasks:
    documents = [{"data_type": "model", "path": form}]
    return judged(documents=documents, require_approval=False, receipts=str(folder), **more)


@pytest.mark.parametrize(
    ("rules", "of_run", "state", "said"),
    [
        ({"on_backfill": "verify_only"}, BACKFILL, "failed", "is not filed"),
        ({"dry_run": "{{ true }}"}, None, "skipped", "an instance would be made"),
    ],
)
@pytest.mark.usefixtures("connection")
def test_a_run_that_may_only_look_writes_nothing(
    run_task: RunTask, form: str, look: Look, tmp_path: Path, rules: Any, of_run: Any, state: str, said: str
) -> None:
    outcomes = run_all(run_task, filed(run_task, form, tmp_path / "receipts", **rules), of_run)
    assert (outcomes["instantiate"].state, look.writes(), look.filings()) == (state, [], [])
    told = outcomes["instantiate"].xcoms.get("altinn_dry_run", {}).get("would") or str(outcomes["instantiate"].error)
    assert said in told
    assert not (tmp_path / "receipts").exists()


@pytest.mark.usefixtures("connection")
def test_a_task_that_is_cleared_alone_may_only_look_as_well(
    run_task: RunTask, form: str, look: Look, tmp_path: Path
) -> None:
    tasks = filed(run_task, form, tmp_path, on_backfill="verify_only")
    for task in (tasks.instantiate, tasks.upload):
        assert run_task(task).state == "success"
    Path(form).write_bytes(Path(form).read_bytes().replace(b">a<", b">c<"))
    before = look.writes()
    for cleared in (tasks.upload, *tasks.pushes):
        refused = run_task(cleared, of_run=BACKFILL)
        assert isinstance(refused.error, AltinnFilingError), refused.error
        assert "nothing was written" in str(refused.error)
    assert look.writes() == before


@pytest.mark.usefixtures("connection")
def test_a_verifying_backfill_proves_what_is_filed(run_task: RunTask, form: str, look: Look, tmp_path: Path) -> None:
    tasks = filed(run_task, form, tmp_path, on_backfill="verify_only")
    first = run_all(run_task, tasks)
    assert {name: done.state for name, done in first.items()} == dict.fromkeys(first, "success")
    assert first["accepted"].result["already_filed"] is False
    before = look.writes()
    again = run_all(run_task, tasks, BACKFILL)
    assert again.pop("accepted").state == "skipped"
    assert {name: done.state for name, done in again.items()} == dict.fromkeys(again, "success")
    assert look.writes() == before
    later = run_all(run_task, tasks)
    assert later["accepted"].result["already_filed"] is True


@pytest.mark.usefixtures("connection")
def test_a_verifying_backfill_asks_nobody(run_task: RunTask) -> None:
    tasks = judged(on_backfill="verify_only")
    assert tasks.approval is not None
    tasks.approval.documents = []
    assert run_task(tasks.approval, of_run=BACKFILL).state == "success"


def test_the_approver_sees_whose_filing_it_is_and_where_it_lies(
    run_task: RunTask, connection: str, supervisor: MemorySupervisor, form: str
) -> None:
    tasks = judged(documents=[{"data_type": "model", "path": form}])
    assert tasks.approval is not None
    made = run_task(tasks.instantiate)
    supervisor.xcoms["filing.instantiate", "altinn_company"] = "950474084"  # LocalTest's person files for herself
    run_task(tasks.upload)
    assert run_task(tasks.approval).state == "awaiting_input"
    (detail,) = supervisor.told_of("CreateHITLDetailPayload")
    for line in ("**App**: ttd/basic", "**Company**: 950474084", "**Period**: 2026-T5", "**Filing**: main"):
        assert line in detail.body
    assert f"/ttd/basic/#/instance/{made.result}" in detail.body
    assert approved_sha256(supervisor.xcoms["filing.upload", "return_value"]) in detail.body

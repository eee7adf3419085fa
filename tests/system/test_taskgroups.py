"""`altinn_filing` hands its arguments on to the operators it wires."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from airflow.sdk import DAG

from altinn.taskgroups import FilingTasks, altinn_filing
from tests.system.conftest import NOW

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

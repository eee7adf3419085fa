"""AltinnProcessNextOperator: at most one push, from the task it names, and never a blind one."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import altinn.emulator
from altinn.emulator import Emulator
from altinn.exceptions import (
    AltinnActionDeniedError,
    AltinnConflictError,
    AltinnDiffersError,
    AltinnInputError,
    AltinnUnexpectedStateError,
    AltinnUnknownOutcomeError,
    AltinnValidationError,
)
from altinn.operators import AltinnInstantiateOperator, AltinnProcessNextOperator, AltinnUploadDataOperator
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import FORM, SOPHIE, Connect, Look, Outcome, RunTask

NEXT = "/process/next"


def _upload(run_task: RunTask, draft: dict[str, Any], path: Path, content: bytes = FORM) -> list[dict[str, Any]]:
    path.write_bytes(content)
    data_type = "model" if path.suffix == ".xml" else "attachment"
    put = run_task(AltinnUploadDataOperator(task_id="upload", data_type=data_type, path=str(path), **draft))
    assert put.state == "success", put.error
    uploaded: list[dict[str, Any]] = put.result
    return uploaded


def _push(run_task: RunTask, draft: dict[str, Any], from_task: str = "data", **arguments: Any) -> Outcome:
    return run_task(AltinnProcessNextOperator(task_id="push", from_task=from_task, **draft, **arguments))


@pytest.mark.parametrize("from_task", ["data", "Task_1"])
def test_one_push_with_its_action_named(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path, from_task: str
) -> None:
    documents = _upload(run_task, draft, tmp_path / "form.xml")
    pushed = _push(run_task, draft, from_task, documents=documents)
    assert pushed.state == "success", pushed.error
    assert pushed.result == {
        "instance_id": draft["instance_id"],
        "task": "Task_2",
        "task_type": "confirmation",
        "flow": 3,
        "ended": False,
        "moved": True,
    }
    assert len(look.requests("PUT", NEXT)) == 1


def test_a_retry_after_success_pushes_nothing(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml")
    _push(run_task, draft)
    again = _push(run_task, draft)
    assert again.state == "success"
    assert again.result["moved"] is False
    assert again.result["task_type"] == "confirmation"
    assert len(look.requests("PUT", NEXT)) == 1


def test_a_lost_answer_after_the_push_is_a_success(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml")
    proxy.lose_answer("PUT", NEXT)
    pushed = _push(run_task, draft)
    assert pushed.state == "success", pushed.error
    assert pushed.result["moved"] is True
    assert len(look.requests("PUT", NEXT)) == 1


def test_a_lost_push_is_left_to_the_retry(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml")
    proxy.lose_request("PUT", NEXT)
    lost = _push(run_task, draft, lock_wait=1.0)
    assert lost.state == "up_for_retry"
    assert isinstance(lost.error, AltinnUnknownOutcomeError)
    assert look.requests("PUT", NEXT) == []
    again = _push(run_task, draft, lock_wait=1.0)
    assert again.result["moved"] is True
    assert len(look.requests("PUT", NEXT)) == 1


def test_the_last_push_files_once_though_its_answer_is_lost(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml")
    _push(run_task, draft)
    proxy.lose_answer("PUT", NEXT)
    confirmed = _push(run_task, draft, "confirmation")
    assert confirmed.state == "success", confirmed.error
    assert confirmed.result["ended"] is True
    assert len(look.requests("PUT", NEXT)) == 2
    assert len(look.filings()) == 1


def test_findings_stop_the_push_and_are_shown(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml", FORM.replace(b">a<", b">FEIL<"))
    refused = _push(run_task, draft)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnValidationError)
    assert "property1 kan ikke være FEIL" in str(refused.error)
    assert "correct the data; nothing was submitted" in str(refused.error)
    assert look.instance(draft["instance_id"])["process"]["currentTask"]["elementId"] == "Task_1"


def test_a_conflict_without_findings_is_explained_by_one_validation(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml", FORM.replace(b">a<", b">FEIL<"))
    body = json.dumps({"title": "Conflict", "status": 409, "detail": "stopped", "validationIssues": None}).encode()
    proxy.falsify("PUT", NEXT, 409, headers={"Content-Type": "application/problem+json"}, body=body)
    refused = _push(run_task, draft)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnValidationError)
    assert "property1 kan ikke være FEIL" in str(refused.error)
    assert len(proxy.requests("GET", "/validate")) == 1
    assert len(proxy.requests("PUT", NEXT)) == 1


def test_a_validation_that_fails_does_not_hide_the_conflict(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml")
    body = json.dumps({"title": "Conflict", "status": 409, "detail": "stopped", "validationIssues": None}).encode()
    proxy.falsify("PUT", NEXT, 409, headers={"Content-Type": "application/problem+json"}, body=body)
    proxy.falsify("GET", "/validate", 403)
    refused = _push(run_task, draft)
    assert isinstance(refused.error, AltinnConflictError)
    assert "409 (Conflict: stopped)" in str(refused.error)
    assert look.requests("PUT", NEXT) == []


def test_warnings_join_a_conflict_without_findings(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml", FORM.replace(b">a<", b">ADVARSEL<"))
    body = json.dumps({"title": "Conflict", "status": 409, "detail": "stopped", "validationIssues": None}).encode()
    proxy.falsify("PUT", NEXT, 409, headers={"Content-Type": "application/problem+json"}, body=body)
    refused = _push(run_task, draft)
    assert type(refused.error) is AltinnConflictError
    assert "property1 er en advarsel" in str(refused.error)
    assert look.requests("PUT", NEXT) == []


def test_somebody_elses_change_between_upload_and_push_is_refused(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    documents = _upload(run_task, draft, tmp_path / "note.txt", b"ours")
    base = f"/ttd/basic/instances/{draft['instance_id']}/data"
    headers = {"Content-Type": "text/plain", "Content-Disposition": 'attachment; filename="note.txt"'}
    look.api("PUT", f"{base}/{documents[0]['element_id']}", data=b"them", headers=headers)
    changed = _push(run_task, draft, documents=documents)
    assert changed.state == "failed"
    assert isinstance(changed.error, AltinnDiffersError)
    assert "note.txt is not what was uploaded: nothing was pushed" in str(changed.error)

    look.api("PUT", f"{base}/{documents[0]['element_id']}", data=b"ours", headers=headers)
    look.api(
        "POST",
        f"{base}/attachment",
        data=b"x",
        headers={**headers, "Content-Disposition": "attachment; filename=b.txt"},
    )
    added = _push(run_task, draft, documents=documents)
    assert isinstance(added.error, AltinnDiffersError)
    assert "not ours: attachment b.txt" in str(added.error)

    look.api("DELETE", f"{base}/{documents[0]['element_id']}")
    gone = _push(run_task, draft, documents=documents)
    assert "missing: attachment note.txt" in str(gone.error)
    assert look.requests("PUT", NEXT) == []


def test_a_file_of_a_type_that_was_not_uploaded_stops_the_push(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    """It would be filed with the rest."""
    documents = _upload(run_task, draft, tmp_path / "form.xml")
    address = f"/ttd/basic/instances/{draft['instance_id']}/data/attachment"
    headers = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=b.txt"}
    look.api("POST", address, data=b"x", headers=headers)
    stopped = _push(run_task, draft, documents=documents)
    assert isinstance(stopped.error, AltinnDiffersError)
    assert "not ours: attachment b.txt" in str(stopped.error)
    assert look.requests("PUT", NEXT) == []
    allowed = _push(run_task, draft, documents=documents, ignored_types=["attachment"])
    assert allowed.state == "success", allowed.error


def test_documents_of_several_uploads_are_compared_together(
    run_task: RunTask, draft: dict[str, Any], tmp_path: Path
) -> None:
    form = _upload(run_task, draft, tmp_path / "form.xml")
    first = _upload(run_task, draft, tmp_path / "first.txt", b"1")
    second = _upload(run_task, draft, tmp_path / "second.txt", b"2")
    partial = _push(run_task, draft, documents=[form, first])
    assert "not ours: attachment second.txt" in str(partial.error)
    whole = _push(run_task, draft, documents=[form, [first, second]])
    assert whole.state == "success", whole.error


def test_a_deleted_draft_is_not_pushed(run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path) -> None:
    _upload(run_task, draft, tmp_path / "form.xml")
    look.api("DELETE", f"/ttd/basic/instances/{draft['instance_id']}")
    refused = _push(run_task, draft)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnUnexpectedStateError)
    assert "has been deleted" in str(refused.error)
    assert look.requests("PUT", NEXT) == []


def test_a_task_that_is_still_ahead_is_refused(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml")
    refused = _push(run_task, draft, "confirmation")
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnUnexpectedStateError)
    assert "is at Task_1 (data, flow 2), expected confirmation" in str(refused.error)
    assert look.requests("PUT", NEXT) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"from_task": ""}, "from_task is empty"),
        ({"documents": "documents"}, "pass its .output"),
        ({"documents": [{"data_type": "model"}]}, "documents must be what AltinnUploadDataOperator returned"),
        ({"instance_id": "501337"}, "is not an instance id: expected 'party/guid'"),
        ({"instance_id": "None"}, "is not an instance id: expected 'party/guid'"),
    ],
)
def test_bad_input_pushes_nothing(
    run_task: RunTask, draft: dict[str, Any], look: Look, arguments: dict[str, Any], said: str
) -> None:
    refused = run_task(AltinnProcessNextOperator(task_id="push", **{"from_task": "data", **draft, **arguments}))
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnInputError)
    assert said in str(refused.error)
    assert look.requests("PUT", NEXT) == []


@pytest.fixture
def without_confirm(tmp_path: Path) -> Iterator[Emulator]:
    """Run an app whose policy lets nobody confirm."""
    folder = tmp_path / "apps" / "unconfirmed"
    shutil.copytree(Path(altinn.emulator.__file__).parent / "apps" / "ttd" / "basic", folder)
    metadata = folder / "config" / "applicationmetadata.json"
    metadata.write_text(metadata.read_text().replace('"ttd/basic"', '"ttd/unconfirmed"'))
    policy = folder / "config" / "authorization" / "policy.xml"
    policy.write_text(re.sub(r">confirm<", ">complete<", policy.read_text().replace(">basic<", ">unconfirmed<")))
    with Emulator(apps=[tmp_path / "apps"]) as running:
        yield running


def test_an_action_that_is_not_granted_is_not_tried(
    run_task: RunTask, connect: Connect, without_confirm: Emulator, tmp_path: Path
) -> None:
    connect(without_confirm.base_url, **SOPHIE)
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", app="ttd/unconfirmed", period="2026-T5"))
    draft = {"app": "ttd/unconfirmed", "instance_id": made.result}
    _upload(run_task, draft, tmp_path / "form.xml")
    assert _push(run_task, draft).state == "success"

    denied = _push(run_task, draft, "confirmation")
    assert denied.state == "failed"
    assert isinstance(denied.error, AltinnActionDeniedError)
    assert "may not do 'confirm' in Task_2" in str(denied.error)
    assert "Nothing was pushed" in str(denied.error)
    assert len(Look(without_confirm).requests("PUT", NEXT)) == 1


def test_somebody_elses_push_in_the_last_moment_counts_as_done(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    _upload(run_task, draft, tmp_path / "form.xml")
    address = f"/ttd/basic/instances/{draft['instance_id']}/process/next"
    proxy.before("PUT", NEXT, lambda: look.api("PUT", address, json={"action": "write"}))
    pushed = _push(run_task, draft)
    assert pushed.state == "success", pushed.error
    assert look.instance(draft["instance_id"])["process"]["currentTask"]["elementId"] == "Task_2"
    assert look.filings() == []

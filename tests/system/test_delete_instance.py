"""AltinnDeleteInstanceOperator: only drafts, and only our own."""

from __future__ import annotations

from typing import Any

from altinn.exceptions import AltinnFilingError
from altinn.operators import AltinnDeleteInstanceOperator
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import Look, Outcome, RunTask


def _delete(run_task: RunTask, arguments: dict[str, Any]) -> Outcome:
    return run_task(AltinnDeleteInstanceOperator(task_id="delete", **arguments))


def _deletions(look: Look) -> int:
    return len(look.requests("DELETE", ""))


def test_an_own_draft_is_marked_once(run_task: RunTask, draft: dict[str, Any], look: Look) -> None:
    assert _delete(run_task, draft).result is True
    assert look.instance(draft["instance_id"])["status"]["isSoftDeleted"] is True
    again = _delete(run_task, draft)
    assert again.state == "success"
    assert again.result is False
    assert _deletions(look) == 1


def test_a_lost_answer_is_found_out_by_the_retry(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look
) -> None:
    proxy.lose_answer("DELETE", "/instances/")
    assert _delete(run_task, draft).state == "up_for_retry"
    again = _delete(run_task, draft)
    assert again.state == "success", again.error
    assert again.result is False
    assert look.instance(draft["instance_id"])["status"]["isSoftDeleted"] is True


def test_somebody_elses_draft_stays(run_task: RunTask, connection: str, look: Look) -> None:
    other = look.api("POST", "/ttd/basic/instances", json={"instanceOwner": {"partyId": "501337"}}).json()["id"]
    refused = _delete(run_task, {"app": "ttd/basic", "instance_id": other})
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnFilingError)
    assert "not ours to delete" in str(refused.error)
    assert _deletions(look) == 0


def test_what_has_been_delivered_stays(run_task: RunTask, draft: dict[str, Any], look: Look) -> None:
    look.submit(draft["instance_id"])
    refused = _delete(run_task, draft)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnFilingError)
    assert "a delivered filing is never deleted" in str(refused.error)
    assert _deletions(look) == 0
    assert [filing["deleted"] for filing in look.filings()] == [False]


def test_what_waits_for_confirmation_stays(run_task: RunTask, draft: dict[str, Any], look: Look, form: str) -> None:
    base = f"/ttd/basic/instances/{draft['instance_id']}"
    (element,) = [e["id"] for e in look.instance(draft["instance_id"])["data"]]
    with open(form, "rb") as content:
        look.api("PUT", f"{base}/data/{element}", data=content, headers={"Content-Type": "application/xml"})
    look.api("PUT", f"{base}/process/next", json={"action": "write"})
    refused = _delete(run_task, draft)
    assert refused.state == "failed"
    assert _deletions(look) == 0

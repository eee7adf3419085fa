"""Approval before the push: what was shown is what may be pushed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from airflow.sdk import DAG, TaskInstanceState
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time import task_runner

from altinn.exceptions import (
    AltinnActionDeniedError,
    AltinnConfigurationError,
    AltinnDiffersError,
    AltinnInputError,
)
from altinn.operators import AltinnProcessNextOperator, AltinnUploadDataOperator
from altinn.operators.approval import AltinnApprovalOperator
from altinn.operators.approval_check import approved_sha256, check_approval
from tests.system.conftest import NOW, Look, MemorySupervisor, Outcome, RunTask, task_instance

FORM = {"data_type": "model", "file_name": "form.xml", "size": 10, "sha256": "a" * 64, "element_id": "1", "how": "put"}
OTHER = FORM | {"sha256": "b" * 64}
ANNA = {"id": "anna", "name": "anna"}
YES = {"chosen_options": ["Approve"], "responded_by_user": ANNA, "content_sha256": approved_sha256([FORM])}


def test_the_person_sees_what_will_be_filed(run_task: RunTask, supervisor: MemorySupervisor) -> None:
    filing = {"Period": "2026-T5", "Company": "314 | <b>x</b>"}
    waiting = run_task(AltinnApprovalOperator(task_id="approve", documents=[[FORM]], filing=filing))
    assert waiting.state == "awaiting_input"
    (detail,) = supervisor.told_of("CreateHITLDetailPayload")
    assert "| model | form.xml | 10 | `" + "a" * 64 + "` |" in detail.body
    assert approved_sha256([FORM]) in detail.body
    assert "**Period**: 2026-T5" in detail.body
    assert "<b>" not in detail.body
    assert supervisor.store["altinn_approval_shown"] == approved_sha256([FORM])


DRAFT = "500000/00000000-0000-4000-8000-000000000001"


def answer(option: str) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime(2026, 11, 25, tzinfo=UTC),
        "responded_by_user": ANNA,
    }


class Store:
    """The state store of the task that asked."""

    def get(self, key: str, default: Any = None) -> Any:
        return {"altinn_approval_shown": approved_sha256([FORM]), "altinn_shown_draft": DRAFT}.get(key, default)


CONTEXT: Any = {"task_state_store": Store()}


def test_the_answer_carries_the_hash_that_was_shown() -> None:
    operator = AltinnApprovalOperator(task_id="approve", documents=[OTHER])
    approved = operator.execute_complete(CONTEXT, answer("Approve"))
    assert approved["content_sha256"] == approved_sha256([FORM])
    assert approved["responded_at"] == "2026-11-25T00:00:00+00:00"
    assert approved["instance_id"] == DRAFT
    check_approval(approved, [[FORM]], DRAFT)


def test_a_rejection_fails_the_task() -> None:
    operator = AltinnApprovalOperator(task_id="approve", documents=[FORM])
    with pytest.raises(AirflowFailException, match=r"nothing is filed.*Reject"):
        operator.execute_complete(CONTEXT, answer("Reject"))


@pytest.mark.parametrize(
    "event",
    [{**answer("Reject"), "timedout": False}, {"error": "nobody answered", "error_type": "timeout"}],
    ids=["rejected", "nobody answered"],
)
def test_what_was_not_approved_is_not_asked_again(supervisor: MemorySupervisor, event: dict[str, Any]) -> None:
    """A DAG's `default_args` give every task retries; another person might approve what the first one has refused."""
    with DAG("retrying", schedule=None, start_date=NOW, default_args={"retries": 2}):
        operator = AltinnApprovalOperator(task_id="approve", documents=[FORM])
    resumed = {"next_method": "execute_complete", "next_kwargs": {"event": event}}
    instance = task_instance(operator, 1, None, "manual", -1, resumed, None, None)
    context = instance.get_template_context()
    state, _, error = task_runner.run(instance, context, structlog.get_logger("altinn.tests"))
    assert isinstance(error, AirflowFailException)
    assert state == TaskInstanceState.FAILED


def test_only_what_was_approved_may_be_pushed() -> None:
    check_approval(YES, [FORM], DRAFT)
    with pytest.raises(AltinnDiffersError, match="is not what would be filed"):
        check_approval(YES, [OTHER], DRAFT)
    with pytest.raises(AltinnDiffersError):
        check_approval(YES, [FORM, OTHER], DRAFT)


def test_an_approval_is_for_one_draft_alone() -> None:
    """Another period's may have the very same documents."""
    given = YES | {"instance_id": DRAFT}
    check_approval(given, [FORM], DRAFT)
    with pytest.raises(AltinnDiffersError, match=f"approved is {DRAFT}, and 1/a would be filed"):
        check_approval(given, [FORM], "1/a")


@pytest.mark.parametrize("approved", [None, {}, "yes", {"chosen_options": ["Reject"]}, YES | {"chosen_options": []}])
def test_no_approval_no_push(approved: Any) -> None:
    with pytest.raises(AltinnActionDeniedError, match="no approval"):
        check_approval(approved, [FORM], DRAFT)


def test_an_approval_that_nobody_gave_is_none() -> None:
    with pytest.raises(AltinnActionDeniedError, match="names nobody"):
        check_approval(YES | {"responded_by_user": None}, [FORM], DRAFT)


@pytest.mark.parametrize("options", [{"defaults": "Approve"}, {"defaults": ["Approve"]}, {"fail_on_reject": False}])
def test_no_option_lets_a_filing_pass_without_a_person(options: dict[str, Any]) -> None:
    with pytest.raises(AltinnConfigurationError):
        AltinnApprovalOperator(task_id="approve", documents=[FORM], **options)
    assert AltinnApprovalOperator(task_id="approve", documents=[FORM], defaults=["Reject"]).defaults == ["Reject"]


@pytest.mark.parametrize("documents", [[], None, [{"data_type": "model"}], "text"])
def test_nothing_cannot_be_approved(documents: Any) -> None:
    with pytest.raises(AltinnInputError):
        check_approval(YES, documents, DRAFT)


def test_the_push_refuses_without_this_run_s_approval(
    run_task: RunTask, draft: dict[str, Any], form: str, look: Look
) -> None:
    put = run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=form, **draft))

    def push(approved: Any) -> Outcome:
        operator = AltinnProcessNextOperator(
            task_id="push", from_task="data", documents=put.result, approved="a template", retries=0, **draft
        )
        operator.approved = approved
        return run_task(operator)

    for refused in (None, {"chosen_options": ["Reject"]}, YES):
        done = push(refused)
        assert done.state == "failed", refused
        assert "nothing was pushed" in str(done.error)
    assert look.requests("PUT", "process/next") == []
    fitting = YES | {"content_sha256": approved_sha256(put.result)}
    assert push(fitting).state == "success"

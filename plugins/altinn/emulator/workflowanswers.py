"""What a version 9 app answers about its workflows (ProcessController, WorkflowInitializationProblemDetails)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from altinn.emulator.answers import JSON, json_answer, problem
from altinn.emulator.guards import Refused
from altinn.emulator.routing import Ask
from altinn.emulator.store import Record
from altinn.emulator.workflows import Workflow

if TYPE_CHECKING:
    from starlette.responses import Response

MOVING = "Something went wrong while moving to the next task."
STEP_FAILED = "A workflow step failed while performing the process action."
TIMED_OUT = "Timeout while waiting for workflows to complete."
INITIALIZATION = "Instance initialization failed."
REFUSED_CONNECTION = "Connection refused (localhost:9090)"
NOT_ACCEPTED = (
    "Runtime submitted the initial workflow, but could not determine whether the workflow engine accepted"
    " it. Inspect the instance and workflow state before retrying instance creation."
)
ACCEPTED = (
    "The workflow engine accepted the initial workflow, but the workflow failed before instance initialization"
    " completed. Do not create a duplicate instance; resolve the workflow failure and call the resume"
    " endpoint."
)
HIDDEN = ("occurredAt", "message")


async def check_engine(ask: Ask, title: str) -> None:
    """Refuse when the workflow engine cannot be reached.

    :raises Refused: 500.
    """
    engine = ask.world.workflows
    if engine.condition == "down":
        raise Refused(problem(500, title, REFUSED_CONNECTION))
    if engine.condition == "frozen":
        await asyncio.sleep(engine.scaled(30))
        detail = "The request was canceled due to the configured HttpClient.Timeout of 30 seconds elapsing."
        raise Refused(problem(500, title, detail))


async def status_of(ask: Ask, record: Record) -> dict[str, Any]:
    """Return the member `workflow` of a process.

    :raises Refused: 500, the engine cannot be asked.
    """
    engine = ask.world.workflows
    title = f"Failed to access process for {record['id']}"
    if engine.condition == "down":
        raise Refused(problem(500, title, REFUSED_CONNECTION))
    if engine.condition == "frozen":
        await asyncio.sleep(engine.scaled(5))
        detail = f"Live workflow status resolution for instance {record['id']} timed out (resolution budget 5s)."
        raise Refused(problem(500, title, detail))
    workflow = engine.current(record["guid"])
    return workflow.status() if workflow else {"status": "idle"}


def busy(workflow: Workflow | None) -> Response | None:
    """Return the refusal of a move while a workflow is under way or has failed."""
    if workflow is None:
        return None
    if workflow.failed:
        return resume_required()
    return retrying()


def resume_required() -> Response:
    """Return the refusal while a failed workflow waits to be resumed."""
    detail = "The current task has a failed workflow that must be resumed before it can continue."
    return problem(
        409,
        "Task must be resumed before it can continue.",
        detail,
        validationIssues=None,
        processNextState="resumeRequired",
    )


def retrying() -> Response:
    """Return the refusal while the engine is at work."""
    detail = (
        "The current task is still being processed by the workflow engine. Wait for automatic retries to finish"
        " before trying again."
    )
    return problem(409, "Task is still being processed.", detail, validationIssues=None, processNextState="retrying")


def nothing_to_resume() -> Response:
    """Return the refusal to resume what has not failed."""
    detail = "The current task does not have a failed workflow that can be resumed."
    return problem(409, "Task does not need to be resumed.", detail, validationIssues=None)


def move_failed(workflow: Workflow | None, before: Record, after: Record) -> Response:
    """Answer a move whose workflow has failed for good, or has not ended in time."""
    changed = {}
    if (before["process"]["currentTask"] or {}).get("flow") != (after["process"]["currentTask"] or {}).get("flow"):
        changed = {"processStateChanged": True, "processState": after["process"]}
    if workflow is not None and workflow.failed and workflow.failure:
        failure = {k: v for k, v in workflow.failure.items() if k not in HIDDEN}
        return problem(500, MOVING, STEP_FAILED, workflowFailure=failure, **changed)
    return problem(504, MOVING, TIMED_OUT, workflowFailure={"kind": "timeout"}, **changed)


def _names(record: Record) -> dict[str, Any]:
    return {"instanceId": record["id"], "instanceOwnerPartyId": record["party"], "instanceGuid": record["guid"]}


def creation_unknown(record: Record) -> Response:
    """Answer a creation whose workflow may or may not have reached the engine."""
    body = {
        "title": INITIALIZATION,
        "status": 500,
        "detail": NOT_ACCEPTED,
        "initializationState": "workflowAcceptanceUnknown",
        "recommendedAction": "inspectInstance",
        "instanceDeleted": False,
        "workflowSubmissionFailureKind": "unknown",
        "workflowCollectionKey": record["guid"],
    }
    return json_answer(body | _names(record), 500, JSON)


def creation_failed(record: Record, workflow: Workflow | None) -> Response:
    """Answer a creation whose workflow has failed, or has not ended in time."""
    failure: dict[str, Any] = {"kind": "timeout"}
    if workflow is not None and workflow.failed and workflow.failure:
        kept = {k: v for k, v in workflow.failure.items() if k not in HIDDEN}
        error = {
            "timestamp": workflow.failure["occurredAt"],
            "message": workflow.failure["message"],
            "httpStatusCode": 422,
            "wasRetryable": False,
        }
        retry = {k: kept.pop(k) for k in ("retryAction", "retryTargetWorkflowId")}
        failure = {**kept, "lastError": error, **retry}
    resume = {"method": "POST", "path": f"/{record['appId']}/instances/{record['id']}/process/resume"}
    body = {
        "title": INITIALIZATION,
        "status": 500,
        "detail": ACCEPTED,
        "initializationState": "workflowFailed",
        "recommendedAction": "resumeCurrentTask",
        "resumeEndpoint": resume,
        "workflowAccepted": True,
        "workflowFailure": failure,
    }
    return json_answer(body | _names(record), 500, JSON)

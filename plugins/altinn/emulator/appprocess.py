"""An app's process: read, move on, complete, resume, history, actions (ProcessController, ActionsController)."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from altinn.emulator.answers import default_problem, empty, json_answer, problem, text
from altinn.emulator.behaviour import HookFailure
from altinn.emulator.bpmn import Task
from altinn.emulator.casefile import CaseFile
from altinn.emulator.events import process_history
from altinn.emulator.formvalidation import ERROR, Validation
from altinn.emulator.guards import Refused, acts_as_nobody, find_instance, with_right
from altinn.emulator.negotiation import said
from altinn.emulator.processengine import ServiceTaskFailed
from altinn.emulator.processmoves import NoWay
from altinn.emulator.processview import enriched, shown_state
from altinn.emulator.requestbody import flag, json_object, text_member
from altinn.emulator.rights import actions_to_leave
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.store import Record
from altinn.emulator.workflowanswers import busy, check_engine, move_failed, nothing_to_resume, retrying

if TYPE_CHECKING:
    from starlette.responses import Response

BASE = "/{org}/{app}/instances/{party:int}/{guid:guid}"
STEP = 0.002
NOWHERE: Record = {"process": {"currentTask": None}}


def add_process_routes(table: RouteTable) -> None:
    """Register the paths of an app's process and validation."""
    table.add("GET", f"{BASE}/process", get_process)
    table.add("GET", f"{BASE}/process/next", get_next)
    table.add("PUT", f"{BASE}/process/next", put_next)
    table.add("PUT", f"{BASE}/process/completeProcess", complete_process)
    table.add("GET", f"{BASE}/process/history", get_history)
    table.add("POST", f"{BASE}/process/start", start_process)
    table.add("POST", f"{BASE}/process/resume", resume)
    table.add("POST", f"{BASE}/actions", post_action)
    table.add("GET", f"{BASE}/enriched", get_enriched)


async def get_process(ask: Ask) -> Response:
    """Return the process."""
    return json_answer(await shown_state(ask, with_right(ask, "read")))


async def get_next(ask: Ask) -> Response:
    """Answer the obsolete question for the next elements."""
    record = with_right(ask, "read")
    if not record["process"]["currentTask"]:
        return said(ask, "Instance does not have valid info about currentTask", 409)
    return json_answer([])


async def start_process(ask: Ask) -> Response:
    """Refuse to start: instances are started when they are created."""
    with_right(ask, "read")
    return said(ask, "Process is already started. Use next.", 409)


async def get_history(ask: Ask) -> Response:
    """Return what happened to the process."""
    record = with_right(ask, "read")
    return json_answer({"processHistory": process_history(ask.world.store.events(record["guid"]))})


def _wanted_action(ask: Ask) -> str | None:
    """Return the action that the body names.

    :raises Refused: the body is no JSON object, or of another type.
    """
    document = json_object(ask)
    return (text_member(document, "action") or None) if document is not None else None


def check_action(ask: Ask, record: Record, action: str | None) -> None:
    """Refuse a move that the caller may not make, as the app sees it and then as Storage does.

    :raises Refused: 403.
    """
    task = record["process"]["currentTask"]
    kind, rights = task["altinnTaskType"], ask.world.rights
    wanted = (action,) if action else actions_to_leave(kind)
    if not any(rights.may(ask.principal, ask.application, record, a) for a in wanted):
        detail = (
            f"User is not authorized to perform process next. Task ID: {task['elementId']}. Task type: {kind}."
            f" Action: {action or 'none'}."
        )
        raise Refused(problem(403, "Unauthorized", detail))
    storage = (*actions_to_leave(kind), "reject")
    if not any(rights.may(ask.principal, ask.application, record, a) for a in storage):
        raise Refused(empty(403))


async def put_next(ask: Ask) -> Response:
    """Move the process on by one task."""
    action = _wanted_action(ask)
    if ask.application.library == 9:
        flag(ask, "returnInstance")
    await _wait_for_another(ask)
    record = find_instance(ask)
    if acts_as_nobody(ask.principal, record["instanceOwner"]["organisationNumber"]):
        return problem(400, "Process next failed.", None)
    record = with_right(ask, "read")
    if not record["process"]["currentTask"]:
        return problem(409, None, "Process is ended.", validationIssues=None)
    if ask.application.library == 9:
        await check_engine(ask, "Process next failed.")
    check_action(ask, record, action)
    place = await _move(ask, record, action)
    return await _moved(ask, place)


async def _wait_for_another(ask: Ask) -> None:
    """Hold this push back, when a fault says so, until another one is through."""
    world, fault = ask.world, ask.fault("lock_race")
    if fault is None:
        return
    before, until = find_instance(ask)["process"], world.clock.seconds() + fault.seconds
    while find_instance(ask)["process"] == before and world.clock.seconds() < until:
        await asyncio.sleep(STEP)


async def _moved(ask: Ask, place: tuple[str, str] | None = None) -> Response:
    record = find_instance(ask)
    if ask.application.library == 9 and flag(ask, "returnInstance"):
        return json_answer(enriched(ask, record, await shown_state(ask, record)))
    return json_answer(await shown_state(ask, record, place))


async def get_enriched(ask: Ask) -> Response:
    """Return an instance with what the caller may do in its process; version 9 only, and it marks nothing as read."""
    if ask.application.library != 9:
        return empty(404)
    record = with_right(ask, "read")
    return json_answer(enriched(ask, record, await shown_state(ask, record)))


async def _move(ask: Ask, record: Record, action: str | None) -> tuple[str, str] | None:
    """Leave the current task while holding the instance's lock.

    :returns: the service task that version 9 passed, where it looks up the rights that it shows.
    :raises Refused: locked, not valid, refused by the app, or failed.
    """
    world, app = ask.world, ask.application
    task = app.process.tasks.get(record["process"]["currentTask"]["elementId"])
    if task is None:
        raise Refused(_failed(f"No element with id {record['process']['currentTask']['elementId']} was found"))
    if app.takes_lock and not world.locks.take(record["guid"]):
        raise Refused(default_problem(409))
    try:
        under_way = busy(world.workflows.current(record["guid"]))
        if under_way is not None:
            raise Refused(under_way)
        await asyncio.sleep(world.options.think_time)
        _prepare(ask, record, task, action)
        if app.library == 9:
            return await _workflow(ask, record, task, action)
        world.engine.move(app, record, ask.principal, action)
    except ServiceTaskFailed as exc:
        raise Refused(problem(500, "Service task failed!", str(exc))) from exc
    except (HookFailure, NoWay) as exc:
        raise Refused(_failed(str(exc))) from exc
    finally:
        world.locks.release(record["guid"])
    return None


def _prepare(ask: Ask, record: Record, task: Task, action: str | None) -> None:
    """Do what comes before a move: sign, validate, ask the app.

    :raises Refused: not valid, or refused by the app.
    """
    app = ask.application
    if action == "sign" and task.kind == "signing":
        ask.world.engine.sign(app, record, ask.principal, task)
    if action != "reject":
        _check_valid(ask, record, task.id)
    refusal = app.behaviour.before_next(CaseFile(ask.world, app, record["guid"]), task.id, action)
    if refusal is not None:
        answer = problem(refusal.status, refusal.title, refusal.detail)
        raise Refused(answer if refusal.text is None else text(refusal.status, refusal.text, refusal.content_type))


async def _workflow(ask: Ask, record: Record, task: Task, action: str | None) -> tuple[str, str] | None:
    """Let the workflow engine make a move, and wait for it as long as the app does.

    :raises Refused: failed, or not done in time.
    """
    engine, guid = ask.world.workflows, record["guid"]
    target = ask.world.engine.target(ask.application, record, task.id, action)
    engine.submit(record, ask.principal, task.id, target, action)
    ask.world.store.commit()
    while (outcome := await engine.wait(guid)) == "unreachable":
        await check_engine(ask, "Process next failed.")
    if outcome in ("failed", "timeout"):
        raise Refused(move_failed(engine.current(guid), record, find_instance(ask)))
    passed = target in ask.application.process.tasks and ask.application.process.tasks[target].service
    now = find_instance(ask)["process"]["currentTask"]
    return ("urn:altinn:task", target) if passed and now and now["elementId"] != target else None


async def resume(ask: Ask) -> Response:
    """Try the failed workflow of the current task again; version 9 only."""
    if ask.application.library != 9:
        return empty(404)
    record, engine = with_right(ask, "read"), ask.world.workflows
    if not record["process"]["currentTask"]:
        return problem(409, None, "Process is ended.", validationIssues=None)
    await check_engine(ask, "Resume current task failed.")
    check_action(ask, record, None)
    if not ask.world.locks.take(record["guid"]):
        return default_problem(409)
    try:
        workflow = engine.current(record["guid"])
        if workflow is None:
            return nothing_to_resume()
        if not workflow.failed:
            return retrying()
        engine.resume(workflow)
        while (outcome := await engine.wait(record["guid"])) == "unreachable":
            await check_engine(ask, "Resume current task failed.")
        if outcome in ("failed", "timeout"):
            # The answer tells a change since the process was at the failed workflow's source.
            before = record if workflow.source == record["process"]["currentTask"]["elementId"] else NOWHERE
            return move_failed(engine.current(record["guid"]), before, find_instance(ask))
    finally:
        ask.world.locks.release(record["guid"])
    return await _moved(ask)


def _failed(detail: str) -> Response:
    return problem(500, "Process next failed.", detail)


def _check_valid(ask: Ask, record: Record, task_id: str) -> None:
    issues = Validation(ask.world, ask.application, record, ask.principal).of_task(task_id)
    errors = sum(issue["severity"] == ERROR for issue in issues)
    if errors:
        detail = f"{errors} validation errors found for task {task_id}"
        raise Refused(problem(409, "Validation failed for task", detail, validationIssues=issues))


async def complete_process(ask: Ask) -> Response:
    """Move on until the process has ended."""
    record = with_right(ask, "read")
    if not record["process"]["currentTask"]:
        return said(ask, "Process is ended. It cannot be restarted.", 409)
    if ask.application.library == 9:
        await check_engine(ask, "Complete process failed.")
    for _ in range(len(ask.application.process.tasks) + 1):
        task = record["process"]["currentTask"]
        if not task:
            break
        wanted = actions_to_leave(task["altinnTaskType"])
        if not any(ask.world.rights.may(ask.principal, ask.application, record, a) for a in wanted):
            return empty(403)
        check_action(ask, record, wanted[0])
        await _move(ask, record, wanted[0])
        record = find_instance(ask)
    return json_answer(await shown_state(ask, record))


async def post_action(ask: Ask) -> Response:
    """Perform a user action of the current task without moving on: signing, or what the app defines."""
    record = find_instance(ask)
    task = record["process"]["currentTask"]
    if not task:
        return said(ask, "Process is ended.", 409)
    try:
        wanted = json.loads(ask.body or b"{}").get("action")
    except (ValueError, AttributeError):
        wanted = None
    if not isinstance(wanted, str) or not wanted:
        body = {"instanceId": record["id"], "errors": {"ActionName": ["Action is missing in the request"]}}
        return json_answer({"title": "Action name is missing in the request", "status": 400, **body}, 400)
    if not ask.world.rights.may(ask.principal, ask.application, record, wanted):
        return empty(403)
    element = ask.application.process.tasks[task["elementId"]]
    if wanted != "sign" or element.kind != "signing":
        detail = f"Action handler with id {wanted} not found"
        return problem(404, "Not Found", detail)
    ask.world.engine.sign(ask.application, record, ask.principal, element)
    return json_answer(
        {
            "instance": None,
            "updatedDataModels": None,
            "updatedValidationIssues": None,
            "clientActions": [],
            "error": None,
            "redirectUrl": None,
        }
    )

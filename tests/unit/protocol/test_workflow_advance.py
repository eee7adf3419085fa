"""Pushes where the app itself is at work: version 9's engine, and service tasks."""

from __future__ import annotations

from typing import Any

import pytest

from altinn.exceptions import (
    AltinnError,
    AltinnNotYetError,
    AltinnServerError,
    AltinnServiceTaskError,
    AltinnSupersededError,
    AltinnUnexpectedStateError,
)
from altinn.protocol.advance import Advance, Advanced
from altinn.protocol.app_api import App
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import Process
from altinn.protocol.wire import Flow, HttpRequest, HttpResponse, Sleep
from tests.unit.protocol.flow_driver import Client, session
from tests.unit.protocol.remote_altinn import APP_BASE, Kept, RemoteAltinn, _json

WITH_PDF = (("Task_1", "data"), ("Task_2", "pdf"), ("Task_3", "confirmation"))


class Engine(RemoteAltinn):
    """Version 9: `GET process` tells how the workflow engine is; a resume mends it, or does not."""

    workflow = "idle"
    resumed = 0
    mends = True
    next_answer: HttpResponse | None = None
    moves_before_answer = False

    def _process(self, kept: Kept, *, fresh: bool) -> dict[str, Any]:
        process = super()._process(kept, fresh=fresh)
        return {**process, **({"workflow": {"status": self.workflow}} if fresh else {})}

    def _next(self, kept: Kept, body: dict[str, Any]) -> HttpResponse:
        answer, self.next_answer = self.next_answer, None
        if answer is None:
            return super()._next(kept, body)
        if self.moves_before_answer:
            super()._next(kept, body)
        return answer

    def _of_instance(self, request: HttpRequest, kept: Kept, below: str, query: dict[str, list[str]]) -> HttpResponse:
        if (request.method, below) != ("POST", "/process/resume"):
            return super()._of_instance(request, kept, below, query)
        self.resumed += 1
        if self.workflow != "failed":
            return _json(409, {"status": 409, "detail": "Task does not need to be resumed.", "validationIssues": None})
        if not self.mends:
            return _json(500, {"title": "Workflow failed", "status": 500})
        self.workflow = "idle"
        return _json(200, self._process(kept, fresh=True))


def push(remote: RemoteAltinn, kept: Kept, from_task: str = "data", **more: Any) -> tuple[Advanced, Client]:
    client = Client(remote)
    flow = Advance(session(attempts=1), App(APP_BASE), InstanceId.parse(kept.id), from_task, lock_wait=1.0, **more)
    return client.run(flow.run()), client


def test_a_504_while_the_engine_goes_on_is_a_wait_and_not_a_failure() -> None:
    remote = Engine()
    kept = remote.make()
    remote.next_answer = _json(504, {"status": 504, "workflowFailure": {"kind": "timeout"}})

    def goes_on(request: HttpRequest) -> HttpResponse:
        answer = remote(request)
        if request.method == "PUT":
            remote.workflow = "processing"
        return answer

    plan = Advance(session(attempts=1), App(APP_BASE), InstanceId.parse(kept.id), "data", lock_wait=1.0)
    with pytest.raises(AltinnNotYetError, match="still at work"):
        Client(goes_on).run(plan.run())
    assert remote.pushes == []
    remote.workflow = "idle"
    remote.move(kept)
    done, client = push(remote, kept)
    assert (done.moved, done.process.task_id) == (False, "Task_2")
    assert not [r for r in client.requests if r.method == "PUT"]


def test_nothing_is_pushed_while_the_engine_is_at_work() -> None:
    remote = Engine()
    kept = remote.make()
    remote.workflow = "processing"
    with pytest.raises(AltinnNotYetError, match="still at work") as caught:
        push(remote, kept)
    assert caught.value.limit >= 3600
    assert remote.pushes == []


def test_a_step_that_failed_is_resumed_once_and_then_the_plan_goes_on() -> None:
    remote = Engine()
    kept = remote.make()
    remote.workflow = "failed"
    done, _ = push(remote, kept)
    assert (done.moved, remote.resumed, remote.pushes) == (True, 1, [(kept.id, "Task_1", "write")])


def test_a_step_that_fails_again_is_left_to_the_next_try() -> None:
    remote = Engine()
    kept = remote.make()
    remote.workflow, remote.mends = "failed", False
    with pytest.raises(AltinnServerError):
        push(remote, kept)
    assert (remote.resumed, remote.pushes) == (1, [])
    remote.mends = True
    assert push(remote, kept)[0].moved


def test_a_push_whose_step_fails_for_good_is_resumed_and_not_pushed_again() -> None:
    """500 `stepFailed`: the process has moved to the service task, and stands there."""
    remote = Engine(WITH_PDF)
    kept = remote.make()
    remote.next_answer = _json(500, {"status": 500, "workflowFailure": {"kind": "stepFailed"}})
    remote.moves_before_answer = True

    def fail_then(request: HttpRequest) -> HttpResponse:
        answer = remote(request)
        if request.method == "PUT":
            remote.workflow = "failed"
        return answer

    client = Client(fail_then)
    done = client.run(
        Advance(session(attempts=1), App(APP_BASE), InstanceId.parse(kept.id), "data", lock_wait=1.0).run()
    )
    assert (done.process.task_id, remote.resumed, remote.pushes) == ("Task_2", 1, [(kept.id, "Task_1", "write")])


@pytest.mark.parametrize("state", ["resumeRequired", "retrying"])
def test_the_engines_own_conflicts_are_followed(state: str) -> None:
    remote = Engine()
    kept = remote.make()
    remote.next_answer = _json(409, {"status": 409, "processNextState": state, "validationIssues": None})
    with pytest.raises(AltinnError):
        push(remote, kept)
    assert remote.pushes == []
    assert push(remote, kept)[0].moved


def test_a_resumption_is_only_sent_by_the_living_try() -> None:
    remote = Engine()
    kept = remote.make()
    remote.workflow = "failed"

    def refuse(what: str) -> None:
        raise AltinnSupersededError(what)

    with pytest.raises(AltinnSupersededError, match="the resumption of"):
        push(remote, kept, fence=refuse)
    assert remote.resumed == 0


# -- version 8's service tasks


def test_a_service_task_that_failed_is_an_error_of_its_own_and_is_pushed_on_by_the_next_try() -> None:
    remote = RemoteAltinn(WITH_PDF)
    kept = remote.make()

    def failing(request: HttpRequest) -> HttpResponse:
        answer = remote(request)
        failed = {
            "title": "Service task failed!",
            "status": 500,
            "detail": "Service task pdf returned a failed result!",
        }
        return _json(500, failed) if request.method == "PUT" else answer

    client = Client(failing)
    plan = Advance(session(attempts=1), App(APP_BASE), InstanceId.parse(kept.id), "data", lock_wait=1.0)
    with pytest.raises(AltinnServiceTaskError, match="pdf returned a failed result"):
        client.run(plan.run())
    assert remote.pushes == [(kept.id, "Task_1", "write")]
    done, _ = push(remote, kept)
    assert done.process.task_id == "Task_3"
    assert remote.pushes == [(kept.id, "Task_1", "write"), (kept.id, "Task_2", "write")]
    assert push(remote, kept)[0].moved is False


# -- the plan


class Listing(RemoteAltinn):
    """Lists the tasks of the process, as a fresh `GET process` does."""

    def _process(self, kept: Kept, *, fresh: bool) -> dict[str, Any]:
        listed = [{"elementId": task_id, "altinnTaskType": task_type} for task_id, task_type in self.tasks]
        return {**super()._process(kept, fresh=fresh), "processTasks": listed}


@pytest.mark.parametrize("to_task", ["confirmation", "Task_2"])
def test_an_app_without_the_confirmation_is_not_pushed_to_its_end(to_task: str) -> None:
    remote = Listing((("Task_1", "data"),))
    kept = remote.make()
    with pytest.raises(AltinnUnexpectedStateError, match=r"no task .* any more"):
        push(remote, kept, to_task=to_task)
    assert remote.pushes == []
    whole = Listing()
    assert push(whole, whole.make(), to_task=to_task)[0].process.task_id == "Task_2"


def test_an_app_that_is_redeployed_while_the_content_is_checked_is_not_pushed_to_its_end() -> None:
    remote = Listing()
    kept = remote.make()

    def guard(_process: Process) -> Flow[None]:
        remote.tasks = (("Task_1", "data"),)
        yield Sleep(0.0, "looking")

    with pytest.raises(AltinnUnexpectedStateError, match=r"no task .* any more"):
        push(remote, kept, to_task="confirmation", guard=guard)
    assert remote.pushes == []

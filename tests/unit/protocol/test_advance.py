"""A push is sent once, from where the plan expects it, and doubt is settled by looking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from altinn.exceptions import (
    AltinnActionDeniedError,
    AltinnConflictError,
    AltinnDiffersError,
    AltinnError,
    AltinnForbiddenError,
    AltinnInputError,
    AltinnLockedError,
    AltinnNotFoundError,
    AltinnNotYetError,
    AltinnProcessEndedError,
    AltinnRefusedError,
    AltinnResumeRequiredError,
    AltinnRetryingError,
    AltinnUnexpectedStateError,
    AltinnUnknownOutcomeError,
    AltinnValidationError,
)
from altinn.protocol.advance import Advance, Advanced
from altinn.protocol.app_api import App
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import Process
from altinn.protocol.wire import Flow, HttpRequest, HttpResponse, Sleep
from tests.unit.protocol.flow_driver import Client, session
from tests.unit.protocol.remote_altinn import APP_BASE, Kept, RemoteAltinn

NEXT = "/process/next$"
SIGNING = (("Task_1", "data"), ("Task_2", "signing"))
ISSUE = {"severity": 1, "field": "property1", "code": "property1.feil", "description": "kan ikke være FEIL"}


def pushes(client: Client) -> list[HttpRequest]:
    return [r for r in client.requests if r.url.endswith("/process/next")]


class Stage:
    """A server with one instance, and a client that pushes it."""

    def __init__(self, remote: RemoteAltinn | None = None, task: int = 0) -> None:
        self.remote = remote or RemoteAltinn()
        self.kept: Kept = self.remote.make()
        while self.kept.task != task:
            self.remote.move(self.kept)
        self.lines: list[str] = []
        self.client = Client(self.remote)

    def flow(self, from_task: str = "Task_1", **more: Any) -> Flow[Advanced]:
        instance_id = InstanceId.parse(self.kept.id)
        return Advance(session(), App(APP_BASE), instance_id, from_task, report=self.lines.append, **more).run()

    def push(self, from_task: str = "Task_1", **more: Any) -> Advanced:
        return self.client.run(self.flow(from_task, **more))

    def let_others_move(self, task: int, **to: int) -> None:
        """Let somebody else move the instance out of a task while this client waits."""

        def on_sleep(_seconds: float) -> None:
            if self.kept.task == task:
                self.remote.move(self.kept, **to)

        self.client = Client(self.remote, on_sleep)

    @property
    def pushed(self) -> list[tuple[str, str]]:
        return [(task, action) for _, task, action in self.remote.pushes]


# -- the plain way


@pytest.mark.parametrize("from_task", ["Task_1", "data"])
def test_a_task_is_left_with_its_own_action(from_task: str) -> None:
    stage = Stage()
    done = stage.push(from_task)
    assert (done.process.task_id, done.moved, stage.pushed) == ("Task_2", True, [("Task_1", "write")])
    assert [r.body for r in pushes(stage.client)] == [b'{"action": "write"}']


@pytest.mark.parametrize(("kind", "action"), [("confirmation", "confirm"), ("signing", "sign")])
def test_the_action_belongs_to_the_kind_of_task(kind: str, action: str) -> None:
    stage = Stage(RemoteAltinn((("Task_1", "data"), ("Task_2", kind))), task=1)
    assert stage.push(kind).process.is_ended
    assert stage.pushed == [("Task_2", action)]


TWICE = (("Task_1", "data"), ("Task_2", "confirmation"), ("Task_3", "confirmation"))


def test_a_type_that_several_tasks_have_is_left_once() -> None:
    """Pushed once more, as a retry does, it would leave the next task of the type: a confirmation nobody asked for."""
    stage = Stage(RemoteAltinn(TWICE), task=1)
    assert stage.push("confirmation").process.task_id == "Task_3"
    assert stage.push("confirmation", pushed_from="Task_2").moved is False
    with pytest.raises(AltinnInputError, match=r"has left Task_2; .*: Task_2, Task_3"):
        stage.push("confirmation")
    assert stage.push("Task_2").moved is False
    assert stage.pushed == [("Task_2", "confirm")]
    assert stage.push("Task_3").process.is_ended


def test_a_shared_type_is_left_once_also_where_altinn_does_not_list_the_tasks() -> None:
    stage = Stage(RemoteAltinn(TWICE, lists_tasks=False), task=1)
    stage.push("confirmation")
    assert stage.push("confirmation", pushed_from="Task_2").moved is False
    assert stage.pushed == [("Task_2", "confirm")]


def test_a_type_that_several_tasks_have_may_begin_with_the_second_of_them() -> None:
    """Where a gateway leads past the first one, as in a tax return without an auditor."""
    stage = Stage(RemoteAltinn(TWICE))
    stage.remote.move(stage.kept, to=2)
    assert stage.push("confirmation").process.is_ended
    assert stage.pushed == [("Task_3", "confirm")]


def test_a_move_to_another_task_of_the_type_while_the_guard_looked_is_seen() -> None:
    stage = Stage(RemoteAltinn(TWICE), task=1)

    def guard(_process: Process) -> Flow[None]:
        if stage.kept.task == 1:
            stage.remote.move(stage.kept)
        yield Sleep(0.0, "looking")

    assert stage.push("confirmation", guard=guard).moved is False
    assert stage.pushed == []


def test_what_several_tasks_share_is_no_matter_once_it_has_ended() -> None:
    stage = Stage(RemoteAltinn((("Task_1", "data"), ("Task_2", "data"))), task=1)
    stage.remote.move(stage.kept)
    assert stage.push("data").process.is_ended


def test_an_action_may_be_named() -> None:
    stage = Stage(RemoteAltinn(rights_by_task=False))
    stage.push(action="confirm")
    assert stage.pushed == [("Task_1", "confirm")]


# -- already past, or somewhere else


@pytest.mark.parametrize("from_task", ["Task_1", "data"])
def test_a_task_that_was_left_is_not_left_again(from_task: str) -> None:
    stage = Stage(task=1)
    done = stage.push(from_task)
    assert (done.moved, done.process.task_id, pushes(stage.client)) == (False, "Task_2", [])


@pytest.mark.parametrize("from_task", ["Task_1", "data", "Task_2", "confirmation"])
def test_an_ended_process_is_past_everything(from_task: str) -> None:
    stage = Stage()
    stage.remote.move(stage.kept)
    stage.remote.move(stage.kept)
    done = stage.push(from_task)
    assert (done.moved, done.process.is_ended, pushes(stage.client)) == (False, True, [])


@pytest.mark.parametrize("from_task", ["Task_2", "confirmation", "Task_9", "feedback", "dat"])
def test_a_task_that_has_not_been_reached_is_an_error(from_task: str) -> None:
    stage = Stage()
    with pytest.raises(
        AltinnUnexpectedStateError, match=r"is at Task_1 \(data, flow 2\), expected .*nothing was pushed"
    ):
        stage.push(from_task)
    assert pushes(stage.client) == []


def test_a_task_that_led_back_is_not_past() -> None:
    """A refused signature leads back to the data task: a green sign task would be a lie."""
    stage = Stage(RemoteAltinn(SIGNING), task=1)
    stage.remote.move(stage.kept, to=0)
    for from_task in ("Task_2", "signing"):
        with pytest.raises(AltinnUnexpectedStateError):
            stage.push(from_task)
    assert stage.push("Task_1").moved
    assert stage.push("Task_2").process.is_ended


def test_two_tasks_of_one_kind_are_told_apart_by_their_ids() -> None:
    stage = Stage(RemoteAltinn((("Task_1", "data"), ("Task_2", "signing"), ("Task_3", "data"))), task=2)
    assert not stage.push("Task_2").moved
    assert not stage.push("Task_1").moved
    assert stage.push("Task_3").process.is_ended


def test_a_denied_action_is_not_tried() -> None:
    stage = Stage(RemoteAltinn(SIGNING), task=1)
    with pytest.raises(AltinnActionDeniedError, match=r"may not do 'write' in Task_2.*it may do: read, sign"):
        stage.push("Task_2", action="write")
    assert pushes(stage.client) == []


def test_an_action_that_the_app_does_not_list_is_tried() -> None:
    """It lists read, write and what its process definition names; who may confirm is the server's to say."""
    stage = Stage(task=1)
    stage.remote.listed = ("write",)
    assert stage.push("Task_2").process.is_ended
    assert stage.pushed == [("Task_2", "confirm")]


# -- the guard


def test_the_guard_stops_the_push() -> None:
    def guard(_process: Process) -> Flow[None]:
        yield Sleep(0.0, "looking")
        raise AltinnDiffersError("not what was uploaded")

    stage = Stage()
    with pytest.raises(AltinnDiffersError):
        stage.push(guard=guard)
    assert pushes(stage.client) == []


def test_a_move_while_the_guard_looked_is_seen() -> None:
    """Where the rights are not split by task, this push would confirm."""
    stage = Stage(RemoteAltinn(rights_by_task=False))

    def guard(_process: Process) -> Flow[None]:
        stage.remote.move(stage.kept)
        yield Sleep(0.0, "looking")

    assert not stage.push(guard=guard).moved
    assert pushes(stage.client) == []


def test_a_round_trip_while_the_guard_looked_is_seen() -> None:
    stage = Stage()

    def guard(_process: Process) -> Flow[None]:
        stage.remote.move(stage.kept)
        stage.remote.move(stage.kept, to=0)
        yield Sleep(0.0, "looking")

    with pytest.raises(AltinnUnexpectedStateError, match="came back"):
        stage.push(guard=guard)
    assert pushes(stage.client) == []


def test_the_guard_does_not_run_where_nothing_is_pushed() -> None:
    def guard(_process: Process) -> Flow[None]:
        pytest.fail("the guard ran")
        yield Sleep(0.0, "")

    Stage(task=1).push(guard=guard)
    with pytest.raises(AltinnActionDeniedError):
        Stage(RemoteAltinn(SIGNING), task=1).push("Task_2", action="write", guard=guard)


# -- no clean answer

DOUBTS = ["lost after", "401", "500", "502", "503", "504", "408", "200"]


@pytest.mark.parametrize("rights_by_task", [True, False])
@pytest.mark.parametrize("kind", DOUBTS)
def test_a_push_that_happened_is_seen_and_not_repeated(kind: str, rights_by_task: bool) -> None:
    stage = Stage(RemoteAltinn(rights_by_task=rights_by_task))
    stage.remote.fault("PUT", NEXT, kind)
    done = stage.push()
    assert (done.process.task_id, done.moved, stage.pushed) == ("Task_2", True, [("Task_1", "write")])
    assert len(pushes(stage.client)) == 1


OWN_STEP = (("Task_1", "data"), ("Task_2", "confirmation"), ("Task_3", "pdf"))


@pytest.mark.parametrize("kind", DOUBTS)
def test_a_push_whose_end_nobody_saw_is_not_over_in_a_step_of_the_apps_own(kind: str) -> None:
    """Version 8 does that step within the push: where it stands there, it has failed or is at it still."""
    stage = Stage(RemoteAltinn(OWN_STEP), task=1)
    stage.remote.fault("PUT", NEXT, kind)
    with pytest.raises(AltinnUnknownOutcomeError, match=r"stands in Task_3 \(pdf, flow 4\), which the app has to do"):
        stage.push("confirmation", lock_wait=3.0)
    assert (len(pushes(stage.client)), sum(stage.client.sleeps) >= 3.0) == (1, True)
    again = stage.push("confirmation")
    assert (again.process.is_ended, stage.pushed) == (True, [("Task_2", "confirm"), ("Task_3", "write")])


def test_a_step_of_the_apps_own_that_ends_meanwhile_ends_the_push() -> None:
    stage = Stage(RemoteAltinn(OWN_STEP), task=1)
    stage.let_others_move(2)
    stage.remote.fault("PUT", NEXT, "lost after")
    done = stage.push("confirmation")
    assert (done.process.is_ended, done.moved, stage.pushed) == (True, True, [("Task_2", "confirm")])


def test_a_push_that_was_refused_is_not_over_in_a_step_of_the_apps_own_either() -> None:
    """Somebody else's went through, and it is not known how that ended."""
    stage = Stage(RemoteAltinn(OWN_STEP), task=1)
    stage.remote.meanwhile("PUT", NEXT, lambda: stage.remote.move(stage.kept))
    with pytest.raises(AltinnUnknownOutcomeError, match="stands in Task_3"):
        stage.push("confirmation", lock_wait=3.0)


@pytest.mark.parametrize("kind", ["lost before", *[f"before {status}" for status in (401, 408, 500, 502, 503, 504)]])
def test_a_push_that_did_not_happen_is_unknown_and_a_retry_pushes(kind: str) -> None:
    stage = Stage()
    stage.remote.fault("PUT", NEXT, kind)
    with pytest.raises(AltinnUnknownOutcomeError, match="was not seen to leave Task_1") as caught:
        stage.push(lock_wait=3.0)
    assert (len(pushes(stage.client)), sum(stage.client.sleeps) >= 3.0) == (1, True)
    assert list(caught.value.instance_ids) == [stage.kept.id]
    assert stage.push().moved
    assert stage.pushed == [("Task_1", "write")]


def test_a_push_that_never_left_is_repeated() -> None:
    stage = Stage()
    stage.remote.fault("PUT", NEXT, "not sent")
    assert stage.push().moved
    assert stage.pushed == [("Task_1", "write")]


def test_a_push_that_goes_on_while_its_client_looks_is_waited_for() -> None:
    stage = Stage()
    stage.remote.fault("PUT", NEXT, "before 504")
    stage.let_others_move(0)
    done = stage.push()
    assert (done.moved, done.process.task_id, len(pushes(stage.client))) == (True, "Task_2", 1)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_look_that_fails_does_not_hide_that_the_push_may_have_happened(status: int) -> None:
    """A role without `read` after the end gets 403: the push has happened all the same."""
    stage = Stage(task=1)
    stage.remote.fault("PUT", NEXT, "lost after")
    stage.remote.fault("GET", "/process$", f"before {status}", at=2, times=99)
    with pytest.raises(AltinnUnknownOutcomeError, match="was not seen to leave Task_2"):
        stage.push("Task_2", lock_wait=3.0)
    assert stage.pushed == [("Task_2", "confirm")]


def test_one_failed_look_is_not_the_last() -> None:
    stage = Stage()
    stage.remote.fault("PUT", NEXT, "lost after")
    stage.remote.fault("GET", "/process$", "before 404", at=2)
    assert stage.push().process.task_id == "Task_2"


def test_a_lost_push_that_somebody_turned_back_is_no_success() -> None:
    stage = Stage(RemoteAltinn(SIGNING), task=1)
    stage.remote.fault("PUT", NEXT, "lost before")
    stage.let_others_move(1, to=0)
    with pytest.raises(AltinnUnexpectedStateError, match="no clean answer"):
        stage.push("Task_2")


# -- refusals and other people's pushes


@pytest.mark.parametrize(
    ("status", "error"), [(400, AltinnRefusedError), (403, AltinnForbiddenError), (404, AltinnNotFoundError)]
)
def test_a_refusal_stands_if_nobody_moved_the_instance(status: int, error: type[AltinnError]) -> None:
    stage = Stage()
    stage.remote.fault("PUT", NEXT, f"before {status}")
    with pytest.raises(error):
        stage.push()
    assert stage.client.sleeps == []


@pytest.mark.parametrize("from_task", ["Task_1", "data"])
def test_a_refusal_because_somebody_else_was_faster_is_success_but_not_ours(from_task: str) -> None:
    stage = Stage()
    stage.remote.meanwhile("PUT", NEXT, lambda: stage.remote.move(stage.kept))
    done = stage.push(from_task)
    assert (done.moved, done.process.task_id, stage.pushed) == (False, "Task_2", [])


def test_an_end_that_somebody_else_reached_is_success() -> None:
    stage = Stage(task=1)
    stage.remote.meanwhile("PUT", NEXT, lambda: stage.remote.move(stage.kept))
    done = stage.push("Task_2")
    assert (done.moved, done.process.is_ended) == (False, True)


def test_a_lock_is_waited_for() -> None:
    stage = Stage()
    stage.remote.locked.add(stage.kept.guid)
    stage.let_others_move(0)
    done = stage.push()
    assert (done.moved, done.process.task_id, len(pushes(stage.client))) == (False, "Task_2", 1)


def test_a_lock_that_stays_is_waited_for_elsewhere_until_it_has_run_out() -> None:
    """An app that died inside a push leaves its lock behind for five minutes."""
    stage = Stage()
    stage.remote.locked.add(stage.kept.guid)
    with pytest.raises(AltinnNotYetError) as caught:
        stage.push(lock_wait=7.0)
    assert isinstance(caught.value.__cause__, AltinnLockedError)
    assert caught.value.limit > 300
    assert sum(stage.client.sleeps) >= 7.0
    assert len(pushes(stage.client)) == 1


# -- the other conflicts


class Conflicting(RemoteAltinn):
    """Answers pushes with a conflict of one's choice."""

    conflict: Any = None

    def _next(self, kept: Kept, body: dict[str, Any]) -> HttpResponse:
        if self.conflict is None:
            return super()._next(kept, body)
        return HttpResponse(409, {}, json.dumps(self.conflict).encode() if self.conflict else b"")


def conflicting(conflict: Any) -> Stage:
    remote = Conflicting()
    remote.conflict = conflict
    return Stage(remote)


def test_wrong_data_is_a_validation_error_with_its_issues() -> None:
    stage = Stage()
    stage.remote.issues = [ISSUE]
    with pytest.raises(AltinnValidationError, match="kan ikke være FEIL") as caught:
        stage.push()
    assert [i.code for i in caught.value.issues] == ["property1.feil"]
    assert stage.client.sent[-1].startswith("PUT")


@pytest.mark.parametrize("conflict", [{"title": "Validation", "status": 409}, "Data feil", ""])
def test_a_conflict_without_issues_is_joined_with_the_validation(conflict: Any) -> None:
    stage = conflicting(conflict)
    stage.remote.issues = [ISSUE, {**ISSUE, "severity": 2, "code": "warned"}]
    with pytest.raises(AltinnValidationError) as caught:
        stage.push()
    assert [i.code for i in caught.value.issues] == ["property1.feil", "warned"]
    assert caught.value.status == 409
    assert stage.client.sent[-1].startswith("GET /ttd/basic/instances/")


def test_a_conflict_that_the_validation_does_not_explain_stays_what_it_was() -> None:
    stage = conflicting({"title": "User action not supported!", "status": 409})
    stage.remote.issues = [{**ISSUE, "severity": 2}]
    with pytest.raises(AltinnConflictError, match="User action not supported") as caught:
        stage.push()
    assert type(caught.value) is AltinnConflictError


def test_an_engine_that_retries_is_waited_for_and_not_taken_for_wrong_data() -> None:
    stage = conflicting({"status": 409, "detail": "…", "validationIssues": None, "processNextState": "retrying"})
    stage.remote.issues = [ISSUE]
    with pytest.raises(AltinnNotYetError) as caught:
        stage.push(lock_wait=1.0)
    assert isinstance(caught.value.__cause__, AltinnRetryingError)
    stage.let_others_move(0)
    assert stage.push().process.task_id == "Task_2"


def test_an_engine_that_wants_to_be_resumed_says_so() -> None:
    stage = conflicting({"status": 409, "validationIssues": None, "processNextState": "resumeRequired"})
    stage.remote.issues = [ISSUE]
    with pytest.raises(AltinnResumeRequiredError, match="process/resume"):
        stage.push()
    assert stage.client.sleeps == []


def test_an_end_that_no_look_confirms_is_not_believed() -> None:
    stage = conflicting({"status": 409, "detail": "Process is ended.", "validationIssues": None})
    with pytest.raises(AltinnProcessEndedError):
        stage.push(lock_wait=1.0)

"""When an app's `feedback/status` is asked, and what its answer counts for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from altinn.exceptions import AltinnHttpError
from altinn.protocol.app_api import App
from altinn.protocol.feedback import with_feedback
from altinn.protocol.model import Instance
from altinn.protocol.outcome import Awaited
from altinn.protocol.session import RepeatRules, Session
from altinn.protocol.waiting import DONE, WAITING, WaitFor
from altinn.protocol.wire import HttpRequest, HttpResponse, NeedToken
from tests.unit.protocol import recorded_answers as recorded

EARLY = Awaited(("model",), feedback_types=("model",))
TASK = {"elementId": "Task_3", "altinnTaskType": "feedback"}
IN_FEEDBACK = Instance.from_json({**recorded.APP, "process": {"started": "2026-01-01T00:00:00Z", "currentTask": TASK}})
ENDED = Instance.from_json({**recorded.APP, "process": recorded.ENDED})


def asked(instance: Instance, awaited: Awaited, status: int, body: Any) -> tuple[Instance, list[str]]:
    session = Session(RepeatRules(attempts=1))
    flow, urls = with_feedback(session, App("https://skd.apps.altinn.no/skd/x"), instance, awaited), []
    try:
        step = next(flow)
        while True:
            if isinstance(step, HttpRequest):
                urls.append(f"{step.method} {step.url}")
                step = flow.send(HttpResponse(status, {}, json.dumps(body).encode()))
            else:
                assert isinstance(step, NeedToken)
                step = flow.send("token")
    except StopIteration as stop:
        return stop.value, urls


@pytest.mark.parametrize(("provided", "state"), [(True, DONE), (False, WAITING)])
def test_the_app_s_word_ends_the_wait_before_the_process_ends(provided: bool, state: str) -> None:
    found, urls = asked(IN_FEEDBACK, EARLY, 200, {"isFeedbackProvided": provided})
    assert found.feedback_provided is provided
    assert urls == [f"GET https://skd.apps.altinn.no/skd/x/instances/{IN_FEEDBACK.id}/feedback/status"]
    wanted = WaitFor("answer", receipt_types=("model",), feedback_types=("model",))
    assert wanted.progress(found).state == state


@pytest.mark.parametrize("status", [403, 404])
def test_where_the_app_does_not_say_the_process_decides(status: int) -> None:
    found, urls = asked(IN_FEEDBACK, EARLY, status, {})
    assert (found, len(urls)) == (IN_FEEDBACK, 1)
    assert EARLY.missing(found)


def test_an_error_that_passes_is_no_answer() -> None:
    with pytest.raises(AltinnHttpError):
        asked(IN_FEEDBACK, EARLY, 503, {})


@pytest.mark.parametrize(
    ("instance", "awaited"),
    [
        (ENDED, EARLY),
        (IN_FEEDBACK, Awaited(("model",))),
        (IN_FEEDBACK, Awaited(("model",), feedback_types=("model", "kvittering"))),
    ],
)
def test_it_is_not_asked_where_it_decides_nothing(instance: Instance, awaited: Awaited) -> None:
    assert asked(instance, awaited, 500, {}) == (instance, [])


def test_the_wait_travels_as_json() -> None:
    wanted = WaitFor("answer", receipt_types=("a",), feedback_types=("a", "b"))
    assert WaitFor.from_json(json.loads(json.dumps(wanted.as_json()))) == wanted
    assert WaitFor.from_json({"kind": "answer"}).awaited == Awaited()

"""The sensors and their trigger: one look, then a wait that only reads, shares its login and survives what passes."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airflow.sdk.exceptions import AirflowSensorTimeout

from altinn.exceptions import (
    AltinnAnswerError,
    AltinnConfigurationError,
    AltinnFilingError,
    AltinnInputError,
    AltinnNotFoundError,
    AltinnUnexpectedStateError,
)
from altinn.operators import AltinnInstantiateOperator, AltinnProcessNextOperator, AltinnUploadDataOperator
from altinn.protocol.session import RepeatRules, Session
from altinn.sensors import AltinnFeedbackSensor, AltinnProcessSensor, AltinnSignatureSensor
from altinn.triggers import shared_session
from altinn.triggers.instance_trigger import AltinnInstanceTrigger, pause
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import SOPHIE, Connect, Look, MemorySupervisor, RunTask

Pushed = Callable[..., dict[str, Any]]


@pytest.fixture
def pushed(run_task: RunTask, connection: str, form: str) -> Pushed:
    """Make an instance, fill it, and push it over the named tasks."""

    def make(app: str, *tasks: str, conn_id: str = connection) -> dict[str, Any]:
        made = run_task(AltinnInstantiateOperator(task_id="i", app=app, period="2026-T5", altinn_conn_id=conn_id))
        arguments = {"app": app, "instance_id": made.result, "altinn_conn_id": conn_id}
        put = run_task(AltinnUploadDataOperator(task_id="u", data_type="model", path=form, **arguments))
        assert put.state == "success", put.error
        for task in tasks:
            done = run_task(AltinnProcessNextOperator(task_id=f"push_{task}", from_task=task, **arguments))
            assert done.state == "success", done.error
        return arguments

    return make


def control(look: Look, instance_id: str, what: str, **document: Any) -> None:
    url = f"{look.base_url}/_emulator/instances/{instance_id}/{what}"
    requests.post(url, json=document, timeout=10).raise_for_status()


def trigger_for(instance_id: str, conn_id: str, **more: Any) -> AltinnInstanceTrigger:
    arguments: dict[str, Any] = {
        "instance_id": instance_id,
        "altinn_conn_id": conn_id,
        "wait_for": {"kind": "answer"},
        "deadline": time.time() + 60,
        "since": time.time(),
        "poll_interval": 0.01,
        "max_poll_interval": 0.02,
    }
    return AltinnInstanceTrigger(**(arguments | more))


async def event_of(trigger: AltinnInstanceTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        return event.payload  # type: ignore[no-any-return]
    raise AssertionError("the trigger ended without an event")


def test_deferred_then_done(run_task: RunTask, pushed: Pushed, look: Look) -> None:
    arguments = pushed("ttd/basic-feedback", "data", "confirmation")
    control(look, arguments["instance_id"], "decide", outcome="silent")
    sensor = AltinnFeedbackSensor(task_id="wait", authority={"accepted_when": "ended"}, **arguments)
    waiting = run_task(sensor)
    assert waiting.state == "deferred"
    assert waiting.message.trigger_timeout.days >= 13
    assert arguments["instance_id"].split("/")[1] in waiting.xcoms["altinn_instance_url"]
    path, kwargs = waiting.message.classpath, waiting.message.trigger_kwargs
    assert path.endswith("AltinnInstanceTrigger")

    control(look, arguments["instance_id"], "decide", outcome="rejected", codes=["R061: no"])
    event = asyncio.run(event_of(trigger_for(arguments["instance_id"], arguments["altinn_conn_id"])))
    assert event["status"] == "done"
    assert kwargs
    assert run_task(sensor).state == "success"


@pytest.mark.parametrize("rule", [{"accepted_when": "confirmed"}, {"accepted_when": "receipt", "receipt_types": ["r"]}])
def test_a_rejection_ends_the_wait_for_what_only_an_acceptance_brings(
    run_task: RunTask, pushed: Pushed, look: Look, rule: dict[str, Any]
) -> None:
    arguments = pushed("ttd/basic-feedback", "data", "confirmation")
    control(look, arguments["instance_id"], "decide", outcome="silent")
    sensor = AltinnFeedbackSensor(task_id="wait", authority=rule, **arguments)
    waiting = run_task(sensor)
    assert waiting.state == "deferred"
    control(look, arguments["instance_id"], "decide", outcome="rejected", codes=["R061: no"])
    wait_for = waiting.message.trigger_kwargs["wait_for"]
    trigger = trigger_for(arguments["instance_id"], arguments["altinn_conn_id"], wait_for=wait_for)
    assert asyncio.run(event_of(trigger))["status"] == "done"
    assert run_task(sensor).state == "success"


def test_it_only_reads_and_reads_storage(run_task: RunTask, pushed: Pushed, look: Look) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    before = len(look.journal())
    assert run_task(AltinnSignatureSensor(task_id="sign", **arguments)).state == "deferred"
    made = [e for e in look.journal()[before:] if "/instances/" in e["path"]]
    assert [(e["method"], e["path"].split("/instances/")[0]) for e in made] == [("GET", "/storage/api/v1")]


def test_a_signature_ends_the_wait(run_task: RunTask, pushed: Pushed, look: Look) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    sensor = AltinnSignatureSensor(task_id="sign", **arguments)
    assert run_task(sensor).state == "deferred"
    control(look, arguments["instance_id"], "act", action="sign", person=1337)
    assert run_task(sensor).state == "success"


def test_a_refused_signature_is_red_at_once(run_task: RunTask, pushed: Pushed, look: Look) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    control(look, arguments["instance_id"], "act", action="reject", person=1337)
    done = run_task(AltinnSignatureSensor(task_id="sign", **arguments))
    assert done.state == "failed"
    assert "refused" in str(done.error)
    wanted = {"kind": "left", "task": "signing"}
    trigger = trigger_for(arguments["instance_id"], arguments["altinn_conn_id"], wait_for=wanted)
    assert asyncio.run(event_of(trigger))["status"] == "stopped"


def test_the_process_sensor_waits_for_a_task(run_task: RunTask, pushed: Pushed) -> None:
    arguments = pushed("ttd/basic", "data")
    assert run_task(AltinnProcessSensor(task_id="a", until_task="confirmation", **arguments)).state == "success"
    assert run_task(AltinnProcessSensor(task_id="b", **arguments)).state == "deferred"


def test_the_deadline_is_kept_over_tries(run_task: RunTask, pushed: Pushed, supervisor: MemorySupervisor) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    sensor = AltinnSignatureSensor(task_id="sign", timeout=5000, **arguments)
    run_task(sensor)
    first = supervisor.store["altinn_wait_deadline"]
    assert "altinn_wait_deadline" in supervisor.kept_for_ever
    run_task(sensor, try_number=2)
    assert supervisor.store["altinn_wait_deadline"] == first
    supervisor.store["altinn_wait_deadline"] = {**first, "deadline": time.time() - 1}
    done = run_task(sensor, try_number=3)
    assert done.state == "failed"
    assert "came to its limit" in str(done.error)
    assert "altinn_wait_deadline" not in supervisor.store


def test_whoever_clears_a_wait_waits_anew(run_task: RunTask, pushed: Pushed, supervisor: MemorySupervisor) -> None:
    """Marked as failed by a person, a waiting task runs nothing that could forget its deadline."""
    arguments = pushed("ttd/basic-signing", "data")
    sensor = AltinnSignatureSensor(task_id="sign", timeout=5000, retries=2, **arguments)
    assert run_task(sensor).state == "deferred"
    old = {**supervisor.store["altinn_wait_deadline"], "deadline": time.time() - 1}
    supervisor.store["altinn_wait_deadline"] = old
    cleared = run_task(sensor, try_number=2, max_tries=3)
    assert cleared.state == "deferred", cleared.error
    assert cleared.message.trigger_kwargs["deadline"] > time.time() + 4000
    anew = supervisor.store["altinn_wait_deadline"]
    assert run_task(sensor, try_number=3, max_tries=3).state == "deferred"
    assert supervisor.store["altinn_wait_deadline"] == anew


def test_another_instance_has_a_deadline_of_its_own(
    run_task: RunTask, pushed: Pushed, supervisor: MemorySupervisor
) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    old = {"about": "501337/00000000-0000-4000-8000-000000000000", "deadline": time.time() - 1, "max_tries": 9}
    supervisor.store["altinn_wait_deadline"] = old
    sensor = AltinnSignatureSensor(task_id="sign", timeout=5000, **arguments)
    assert run_task(sensor).state == "deferred"
    assert supervisor.store["altinn_wait_deadline"]["deadline"] > time.time() + 4000


@pytest.mark.parametrize("action", ["sign", "reject"])
def test_a_wait_that_is_over_leaves_no_deadline(
    run_task: RunTask, pushed: Pushed, look: Look, supervisor: MemorySupervisor, action: str
) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    sensor = AltinnSignatureSensor(task_id="sign", **arguments)
    assert run_task(sensor).state == "deferred"
    control(look, arguments["instance_id"], "act", action=action, person=1337)
    assert run_task(sensor).state == ("success" if action == "sign" else "failed")
    assert "altinn_wait_deadline" not in supervisor.store


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"status": "done"}, None),
        ({"status": "stopped", "message": "refused"}, AltinnUnexpectedStateError),
        ({"status": "error", "message": "no"}, AltinnFilingError),
        ({"status": "timeout", "message": "signing"}, AirflowSensorTimeout),
        ({"status": "fine"}, AltinnAnswerError),
        (None, AltinnAnswerError),
    ],
)
def test_what_the_trigger_says_decides(event: dict[str, str] | None, error: type[Exception] | None) -> None:
    sensor = AltinnSignatureSensor(task_id="sign", app="ttd/basic-signing", instance_id="1/2")
    store: dict[str, Any] = {"altinn_wait_deadline": {}}
    context: Any = {"task_state_store": type("Store", (), {"delete": staticmethod(lambda key: store.pop(key))})}
    with pytest.raises(error) if error else nullcontext():
        sensor.execute_complete(context, event)
    assert (not store) == (error is not AltinnAnswerError)


@pytest.mark.parametrize("how", [{}, {"deferrable": False, "mode": "reschedule"}])
def test_what_passes_at_the_first_look_is_waited_out(
    run_task: RunTask, pushed: Pushed, proxied: str, proxy: AltinnProxy, how: dict[str, Any]
) -> None:
    arguments = {**pushed("ttd/basic-signing", "data"), "altinn_conn_id": proxied}
    sensor = AltinnSignatureSensor(task_id="sign", **how, **arguments)
    sensor.hook.session = Session(RepeatRules(attempts=1))
    proxy.falsify("GET", "/storage/", 503, times=50)
    done = run_task(sensor)
    assert done.state == ("up_for_reschedule" if how else "deferred"), done.error


def test_an_instance_that_is_not_there_is_not_waited_for(
    run_task: RunTask, pushed: Pushed, proxied: str, proxy: AltinnProxy
) -> None:
    arguments = {**pushed("ttd/basic-signing", "data"), "altinn_conn_id": proxied}
    proxy.falsify("GET", "/storage/", 404, times=50)
    sensor = AltinnSignatureSensor(task_id="sign", **arguments)
    sensor.hook.session = Session(RepeatRules(attempts=1))
    assert isinstance(run_task(sensor).error, AltinnNotFoundError)


@pytest.mark.parametrize("by_trigger", [False, True])
def test_a_task_that_the_app_does_not_have_is_an_error(run_task: RunTask, pushed: Pushed, by_trigger: bool) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    if by_trigger:
        wanted = {"kind": "left", "task": "signning"}
        trigger = trigger_for(arguments["instance_id"], arguments["altinn_conn_id"], wait_for=wanted)
        event = asyncio.run(event_of(trigger))
        assert event["status"] == "error"
        text = event["message"]
    else:
        done = run_task(AltinnSignatureSensor(task_id="sign", from_task="signning", **arguments))
        assert isinstance(done.error, AltinnInputError)
        text = str(done.error)
    assert "no task 'signning'" in text
    assert "signing" in text


def test_a_step_that_has_not_been_reached_is_waited_for(run_task: RunTask, pushed: Pushed, look: Look) -> None:
    arguments = pushed("ttd/basic-signing")
    sensor = AltinnSignatureSensor(task_id="sign", **arguments)
    assert run_task(sensor).state == "deferred"


def test_a_deadline_that_has_passed_ends_the_trigger(pushed: Pushed) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    trigger = trigger_for(arguments["instance_id"], arguments["altinn_conn_id"], deadline=time.time() - 1)
    event = asyncio.run(event_of(trigger))
    assert event["status"] == "timeout"
    assert "signing" in event["message"]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Write down the trigger's pauses; its clock, and nobody else's, goes on by them at once."""
    pauses: list[float] = []
    start = time.time()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    here = "altinn.triggers.instance_trigger"
    monkeypatch.setattr(f"{here}.asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(f"{here}.time", SimpleNamespace(time=lambda: start + sum(pauses)))
    return pauses


def test_the_trigger_s_pauses_grow(pushed: Pushed, slept: list[float]) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    now = time.time()
    trigger = trigger_for(
        arguments["instance_id"],
        arguments["altinn_conn_id"],
        since=now,
        deadline=now + 6000,
        poll_interval=10.0,
        max_poll_interval=900.0,
    )
    assert asyncio.run(event_of(trigger))["status"] == "timeout"
    assert slept[0] == pytest.approx(10, rel=0.2)
    assert slept[0] < slept[2] < slept[4] < slept[8]
    assert max(slept) == pytest.approx(900, rel=0.2)
    assert sum(slept) == pytest.approx(6000, abs=5)


def test_the_trigger_pauses_as_long_as_the_server_asks(
    pushed: Pushed, proxied: str, proxy: AltinnProxy, slept: list[float]
) -> None:
    arguments = pushed("ttd/basic", "data", "confirmation")
    proxy.falsify("GET", "/storage/", 503, headers={"Retry-After": "700"})
    now = time.time()
    trigger = trigger_for(arguments["instance_id"], proxied, since=now, deadline=now + 6000)
    assert asyncio.run(event_of(trigger))["status"] == "done"
    assert slept == [700]


def test_what_passes_is_waited_out(pushed: Pushed, proxied: str, proxy: AltinnProxy, look: Look) -> None:
    arguments = pushed("ttd/basic", "data", "confirmation")
    proxy.falsify("GET", "/storage/", 503, times=4)
    proxy.falsify("GET", "/storage/", 503, headers={"Retry-After": "1"}, number=5)
    proxy.lose_request("GET", "/storage/", number=6, times=2)
    event = asyncio.run(event_of(trigger_for(arguments["instance_id"], proxied)))
    assert event["status"] == "done"


@pytest.mark.parametrize("status", [403, 404])
def test_an_instance_that_stays_away_ends_the_wait_and_one_such_answer_does_not(
    pushed: Pushed, proxied: str, proxy: AltinnProxy, slept: list[float], status: int
) -> None:
    arguments = pushed("ttd/basic", "data", "confirmation")
    now = time.time()
    far: dict[str, Any] = {"since": now, "deadline": now + 90 * 86400}
    far |= {"poll_interval": 60.0, "max_poll_interval": 600.0}
    proxy.falsify("GET", "/storage/", status, times=3)
    assert asyncio.run(event_of(trigger_for(arguments["instance_id"], proxied, **far)))["status"] == "done"
    proxy.falsify("GET", "/storage/", status, times=50)
    event = asyncio.run(event_of(trigger_for(arguments["instance_id"], proxied, **far)))
    assert event["status"] == "error"
    assert str(status) in event["message"]
    assert re.search(r"in \d looks over \d\d minutes\. Look in Altinn whether", event["message"])
    assert 900 <= sum(slept) < 6000


def test_a_key_s_file_that_is_away_for_a_moment_ends_no_wait(
    pushed: Pushed, supervisor: MemorySupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Look
) -> None:
    """A secret that is renewed, or a full disk: the tasks before have used it."""
    arguments = pushed("ttd/basic-feedback", "data", "confirmation")
    control(look, arguments["instance_id"], "decide", outcome="silent")
    monkeypatch.setattr(shared_session, "RENEW_AFTER", 0.0)
    fields = supervisor.connections["altinn_default"]
    fitting, away = (
        fields["extra"],
        json.dumps({**json.loads(fields["extra"]), "person_number_file": str(tmp_path / "x")}),
    )
    trigger = trigger_for(arguments["instance_id"], arguments["altinn_conn_id"], poll_interval=0.05)

    async def wait() -> dict[str, Any]:
        waiting = asyncio.create_task(event_of(trigger))
        await asyncio.sleep(0.2)
        fields["extra"] = away
        await asyncio.sleep(0.4)
        assert not waiting.done()
        fields["extra"] = fitting
        await asyncio.to_thread(control, look, arguments["instance_id"], "decide", outcome="accepted")
        return await waiting

    assert asyncio.run(wait())["status"] == "done"


@pytest.mark.parametrize("option", ["soft_fail", "never_fail"])
def test_a_wait_that_fails_is_never_a_skip(run_task: RunTask, pushed: Pushed, option: str) -> None:
    """The rest of the run would be skipped, and the run green."""
    options: dict[str, Any] = {option: True, **pushed("ttd/basic")}
    sensor = AltinnFeedbackSensor(task_id="wait", authority={"accepted_when": "ended"}, **options)
    refused = run_task(sensor)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnConfigurationError)


def test_fifty_waits_share_one_login_and_one_session(
    pushed: Pushed, connect: Connect, look: Look, supervisor: MemorySupervisor
) -> None:
    conn_id = connect(look.base_url, conn_id="shared", **SOPHIE)
    arguments = pushed("ttd/basic", "data", "confirmation")
    logins = len(look.requests("GET", "GetTestUserToken"))
    before = len(supervisor.told_of("GetConnection"))

    async def all_of_them() -> list[dict[str, Any]]:
        triggers = [trigger_for(arguments["instance_id"], conn_id) for _ in range(50)]
        return await asyncio.gather(*(event_of(trigger) for trigger in triggers))

    events = asyncio.run(all_of_them())
    assert {event["status"] for event in events} == {"done"}
    assert [asked.conn_id for asked in supervisor.told_of("GetConnection")[before:]] == ["shared"]
    assert len(look.requests("GET", "GetTestUserToken")) - logins <= 1


def test_the_trigger_carries_ids_and_numbers_only(pushed: Pushed) -> None:
    arguments = pushed("ttd/basic", "data")
    path, kwargs = trigger_for(arguments["instance_id"], arguments["altinn_conn_id"]).serialize()
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert AltinnInstanceTrigger(**kwargs).serialize() == (path, kwargs)


def test_pauses_grow_with_the_time_waited() -> None:
    assert pause(0, 30, 1800) == 30
    assert pause(300, 30, 1800) == 130
    assert pause(1e9, 30, 1800) == 1800
    assert 0.85 * 30 <= pause(0, 30, 1800, 0.0) < pause(0, 30, 1800, 0.99) <= 1.15 * 30

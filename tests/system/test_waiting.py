"""The sensors and their trigger: one look, then a wait that only reads, shares its login and survives what passes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from altinn.operators import AltinnInstantiateOperator, AltinnProcessNextOperator, AltinnUploadDataOperator
from altinn.sensors import AltinnFeedbackSensor, AltinnProcessSensor, AltinnSignatureSensor
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
    run_task(sensor, try_number=2)
    assert supervisor.store["altinn_wait_deadline"] == first
    supervisor.store["altinn_wait_deadline"] = time.time() - 1
    done = run_task(sensor, try_number=3)
    assert done.state == "failed"
    assert "came to its limit" in str(done.error)
    assert "altinn_wait_deadline" not in supervisor.store


def test_a_deadline_that_has_passed_ends_the_trigger(pushed: Pushed) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    trigger = trigger_for(arguments["instance_id"], arguments["altinn_conn_id"], deadline=time.time() - 1)
    event = asyncio.run(event_of(trigger))
    assert event["status"] == "timeout"
    assert "signing" in event["message"]


def test_what_passes_is_waited_out(pushed: Pushed, proxied: str, proxy: AltinnProxy, look: Look) -> None:
    arguments = pushed("ttd/basic", "data", "confirmation")
    proxy.falsify("GET", "/storage/", 503, times=4)
    proxy.falsify("GET", "/storage/", 503, headers={"Retry-After": "1"}, number=5)
    proxy.lose_request("GET", "/storage/", number=6, times=2)
    event = asyncio.run(event_of(trigger_for(arguments["instance_id"], proxied)))
    assert event["status"] == "done"


def test_fifty_waits_share_one_login_and_one_session(
    pushed: Pushed, connect: Connect, look: Look, supervisor: MemorySupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn_id = connect(look.base_url, conn_id="shared", **SOPHIE)
    arguments = pushed("ttd/basic", "data", "confirmation")
    logins = len(look.requests("GET", "GetTestUserToken"))
    asked: list[str] = []
    original = supervisor.send

    def counted(message: Any) -> Any:
        if type(message).__name__ == "GetConnection":
            asked.append(message.conn_id)
        return original(message)

    monkeypatch.setattr(supervisor, "send", counted)

    async def all_of_them() -> list[dict[str, Any]]:
        triggers = [trigger_for(arguments["instance_id"], conn_id) for _ in range(50)]
        return await asyncio.gather(*(event_of(trigger) for trigger in triggers))

    events = asyncio.run(all_of_them())
    assert {event["status"] for event in events} == {"done"}
    assert asked == ["shared"]
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

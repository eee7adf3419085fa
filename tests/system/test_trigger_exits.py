"""How a wait in the triggerer ends: by itself, by the triggerer's stop, or because somebody ended the task."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from altinn.triggers import shared_session as sharing
from altinn.triggers.instance_trigger import AltinnInstanceTrigger
from tests.system.conftest import Look
from tests.system.test_waiting import Pushed, control, event_of, pushed, trigger_for

__all__ = ["pushed"]


def open_sessions() -> int:
    return len(sharing._SESSIONS.get(asyncio.get_running_loop(), {}))


async def ended(trigger: AltinnInstanceTrigger, waiting: asyncio.Task[Any], *, by_a_person: bool) -> None:
    """End a wait as Airflow's triggerer does: `on_kill` only where a person ended the task, `cleanup` always."""
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    if by_a_person:
        await trigger.on_kill()
    await trigger.cleanup()


async def seen(look: Look, count: int) -> None:
    """Return once the waits have looked so often."""
    while len(await asyncio.to_thread(look.requests, "GET", "/storage/api/v1/instances/")) < count:
        await asyncio.sleep(0.01)


def test_a_wait_that_somebody_ends_changes_nothing_and_leaves_the_others_waiting(pushed: Pushed, look: Look) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    before, looks = look.writes(), len(look.requests("GET", "/storage/api/v1/instances/"))

    async def scenario() -> tuple[dict[str, Any], int, int]:
        triggers = [trigger_for(arguments["instance_id"], arguments["altinn_conn_id"]) for _ in range(2)]
        first, second = (asyncio.create_task(event_of(trigger)) for trigger in triggers)
        await seen(look, looks + 4)
        await ended(triggers[0], first, by_a_person=True)
        shared = open_sessions()
        assert look.writes() == before
        await asyncio.to_thread(control, look, arguments["instance_id"], "act", action="sign", person=1337)
        event = await asyncio.wait_for(second, 30)
        return event, shared, open_sessions()

    event, while_one_waits, afterwards = asyncio.run(scenario())
    assert event["status"] == "done"
    assert (while_one_waits, afterwards) == (1, 0)


def test_a_triggerer_that_stops_changes_nothing_and_closes_its_session(pushed: Pushed, look: Look) -> None:
    arguments = pushed("ttd/basic-signing", "data")
    before, looks = look.writes(), len(look.requests("GET", "/storage/api/v1/instances/"))

    async def scenario() -> int:
        trigger = trigger_for(arguments["instance_id"], arguments["altinn_conn_id"])
        waiting = asyncio.create_task(event_of(trigger))
        await seen(look, looks + 1)
        await ended(trigger, waiting, by_a_person=False)
        return open_sessions()

    assert asyncio.run(scenario()) == 0
    assert look.writes() == before
    assert look.instance(arguments["instance_id"])["process"]["currentTask"]["altinnTaskType"] == "signing"

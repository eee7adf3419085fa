"""The wait for Skatteetaten's VAT feedback where the receipts come before the end of the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from altinn.operators import AltinnCollectReceiptOperator
from altinn.sensors import AltinnFeedbackSensor
from altinn.triggers.instance_trigger import AltinnInstanceTrigger
from tests.contract.test_vat_app import APP, Filing, envelope, vat_return
from tests.system.conftest import SOPHIE, Connect, Look, RunTask

DELAY, ENDING = 3600.0, 7200.0


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(authority_delay=DELAY, ending_delay=ENDING) as running:
        yield running


@pytest.fixture
def filed(emulator: Emulator, connect: Connect) -> dict[str, Any]:
    token = requests.get(f"{emulator.base_url}/Home/GetTestUserToken/1337", timeout=10).text
    filing = Filing(emulator.base_url, token)
    filing.prepare(envelope(), vat_return())
    for action in ("write", "confirm"):
        assert filing.push(action).status_code == 200
    instance_id = "/".join(filing.url.split("/")[-2:])
    return {"app": APP, "instance_id": instance_id, "altinn_conn_id": connect(emulator.base_url, **SOPHIE)}


def test_the_app_s_feedback_status_ends_the_wait(
    run_task: RunTask, filed: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    sensor = AltinnFeedbackSensor(task_id="wait", authority="skatteetaten_vat", **filed)
    waiting = run_task(sensor)
    assert waiting.state == "deferred"
    assert look.requests("GET", "/feedback/status") == []

    look.advance_clock(DELAY)
    instance = look.instance(filed["instance_id"])
    assert instance["process"]["currentTask"]["altinnTaskType"] == "feedback"
    assert run_task(sensor).state == "success"
    (asked,) = look.requests("GET", "/feedback/status")
    assert asked["status"] == 200

    receipt = AltinnCollectReceiptOperator(
        task_id="r", authority="skatteetaten_vat", folder=str(tmp_path), retries=0, **filed
    )
    done = run_task(receipt)
    assert done.state == "success", done.error
    assert (done.result["outcome"], done.xcoms["payment"]["amount"]) == ("accepted", "-29000")


def test_the_trigger_asks_it_too(run_task: RunTask, filed: dict[str, Any], look: Look) -> None:
    waiting = run_task(AltinnFeedbackSensor(task_id="wait", authority="skatteetaten_vat", **filed))
    look.advance_clock(DELAY)
    carried = waiting.message.trigger_kwargs
    arguments = {**carried, "deadline": time.time() + 30, "poll_interval": 0.01, "max_poll_interval": 0.02}

    async def first() -> dict[str, Any]:
        async for event in AltinnInstanceTrigger(**arguments).run():
            return event.payload  # type: ignore[no-any-return]
        raise AssertionError("the trigger ended without an event")

    assert asyncio.run(first())["status"] == "done"
    assert len(look.requests("GET", "/feedback/status")) == 1

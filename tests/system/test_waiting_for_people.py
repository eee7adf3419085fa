"""Waits for people where several of them have to act, step by step, on the emulator's imitation of a real app."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from altinn.authorities import skatteetaten_tax as tax
from altinn.authorities.tax_envelope import build_tax_envelope
from altinn.operators import AltinnInstantiateOperator, AltinnProcessNextOperator, AltinnUploadDataOperator
from altinn.sensors import AltinnProcessSensor, AltinnSignatureSensor
from tests.system.conftest import Connect, Look, RunTask
from tests.system.test_waiting import control, event_of, trigger_for

SAMPLES = Path(__file__).parents[2] / "include" / "samples" / "skatteetaten-skattemelding"
MANAGER, AUDITOR = 1337, 1002
COMPANY = "897069650"
"""A test company with a manager and a responsible auditor."""


@pytest.fixture
def pushed(run_task: RunTask, connect: Connect, look: Look, tmp_path: Path) -> dict[str, Any]:
    """File a tax return that the auditor has to confirm first, up to the auditor's step."""
    conn_id = connect(look.base_url, auth_mode="localtest", test_user_id=str(MANAGER))
    common: dict[str, Any] = {"app": tax.AUTHORITY.app_id("local"), "altinn_conn_id": conn_id}
    made = run_task(
        AltinnInstantiateOperator(
            task_id="i", period="2022", organisation_number=COMPANY, data_values={tax.YEAR_VALUE: "2022"}, **common
        )
    )
    arguments = {**common, "instance_id": made.result}
    form, envelope = tmp_path / "form.xml", tmp_path / "envelope.xml"
    form.write_bytes(tax.app_form(2022, audited=True))
    both = ((SAMPLES / name).read_bytes() for name in ("upersonligSkattemeldingV2.xml", "naeringspesifikasjon-v3.xml"))
    envelope.write_bytes(
        build_tax_envelope(*both, income_year=2022, created_by="test", current_document="SKI:755:14847")
    )
    documents = [
        {"data_type": tax.FORM, "path": str(form)},
        {"data_type": tax.ENVELOPE, "path": str(envelope), "content_type": "text/xml"},
    ]
    put = run_task(AltinnUploadDataOperator(task_id="u", documents=documents, **arguments))
    assert put.state == "success", put.error
    done = run_task(AltinnProcessNextOperator(task_id="p", from_task="data", **arguments))
    assert done.state == "success", done.error
    return arguments


def test_the_auditor_then_the_company(run_task: RunTask, pushed: dict[str, Any], look: Look) -> None:
    def state_of(task: str) -> str:
        return run_task(AltinnSignatureSensor(task_id="w", from_task=task, **pushed)).state

    assert [state_of(task) for task in ("Task_2", "Task_3", "confirmation")] == ["deferred"] * 3
    assert run_task(AltinnProcessSensor(task_id="r", until_task="Task_3", **pushed)).state == "deferred"
    control(look, pushed["instance_id"], "act", action="confirm", person=AUDITOR)
    assert [state_of(task) for task in ("Task_2", "Task_3", "confirmation")] == ["success", "deferred", "deferred"]
    assert run_task(AltinnProcessSensor(task_id="r", until_task="Task_3", **pushed)).state == "success"
    control(look, pushed["instance_id"], "act", action="confirm", person=MANAGER)
    assert [state_of(task) for task in ("Task_2", "Task_3", "confirmation")] == ["success"] * 3


def test_the_trigger_sees_the_same(pushed: dict[str, Any], look: Look) -> None:
    def status_of(task: str) -> str:
        wanted = {"kind": "left", "task": task}
        trigger = trigger_for(
            pushed["instance_id"], pushed["altinn_conn_id"], wait_for=wanted, deadline=time.time() + 0.3
        )
        return str(asyncio.run(event_of(trigger))["status"])

    assert [status_of(task) for task in ("Task_2", "Task_3", "Task_9")] == ["timeout", "timeout", "error"]
    control(look, pushed["instance_id"], "act", action="confirm", person=AUDITOR)
    assert [status_of(task) for task in ("Task_2", "Task_3")] == ["done", "timeout"]

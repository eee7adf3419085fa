"""Version 9 without its workflow engine for a while: what it could not finish is found, mended, and filed once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from altinn.hooks.altinn_hook import AltinnHook
from altinn.operators import AltinnInstantiateOperator, AltinnProcessNextOperator, AltinnUploadDataOperator
from altinn.protocol.session import Session
from tests.system.conftest import SOPHIE, Connect, Look, RunTask

APP = "ttd/basic"


@pytest.fixture(scope="module")
def shared_emulator() -> Iterator[Emulator]:
    with Emulator(app_library=9, workflow_wait=2.0) as running:
        yield running


def set_engine(look: Look, condition: str) -> None:
    address = f"{look.base_url}/_emulator/workflow-engine"
    requests.post(address, json={"condition": condition}, timeout=10).raise_for_status()


@pytest.mark.parametrize("is_down_for", [20.0, 700.0])
def test_a_creation_that_never_reached_the_engine_is_adopted_and_filed_once(
    run_task: RunTask, connect: Connect, form: str, look: Look, monkeypatch: pytest.MonkeyPatch, is_down_for: float
) -> None:
    """Altinn answers 500 and "inspectInstance"; the instance is there with its stamps, and without its form."""
    waited = 0.0

    def wait(_task: Any, seconds: float) -> None:
        nonlocal waited
        waited += seconds
        if waited >= is_down_for:
            set_engine(look, "up")

    def session(_hook: AltinnHook) -> Session:
        return Session(now=lambda: datetime.now(UTC) + timedelta(seconds=waited))

    monkeypatch.setattr(AltinnInstantiateOperator, "_sleep", wait)
    monkeypatch.setattr(AltinnHook, "session", property(session))
    connect(look.base_url, **SOPHIE, settle=60)  # It looks again every 20 s.
    set_engine(look, "down")
    made = AltinnInstantiateOperator(task_id="instantiate", app=APP, period="2026-T5", deferrable=False)
    instance_id = run_task(made).result
    set_engine(look, "up")
    if instance_id is None:  # Its try is over; Airflow makes the next one.
        instance_id = run_task(made, try_number=2).result
    assert waited > 550.0  # What the looks themselves took counts as well.
    assert len(look.requests("POST", f"^/{APP}/instances$")) == 1
    connect(look.base_url, **SOPHIE)
    arguments: dict[str, Any] = {"app": APP, "instance_id": instance_id}
    put = run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=form, **arguments))
    assert put.state == "success", put.error
    for task in ("data", "confirmation"):
        push = AltinnProcessNextOperator(task_id=task, from_task=task, documents=put.result, **arguments)
        assert run_task(push).state == "success"
    assert [one["instance"] for one in look.filings()] == [instance_id]

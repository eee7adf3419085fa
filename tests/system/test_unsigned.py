"""A signing task that somebody has pushed on without signing: Altinn lets it go, and no run may call it accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from altinn.exceptions import AltinnUnexpectedStateError, AltinnUnknownOutcomeError
from altinn.operators import (
    AltinnCollectReceiptOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnReconcileOperator,
    AltinnUploadDataOperator,
)
from altinn.sensors import AltinnSignatureSensor
from tests.system.conftest import Look, RunTask
from tests.system.test_waiting import control

SAMPLES = Path(__file__).resolve().parents[2] / "include" / "samples" / "aarsregnskap"
APP = "brg/aarsregnskap-vanlig-202406"


def locked(run_task: RunTask, period: str) -> str:
    """File annual accounts up to the lock, and return the instance."""
    made = run_task(AltinnInstantiateOperator(task_id="made", app=APP, period=period, organisation_number="950474084"))
    assert made.state == "success", made.error
    forms = [("Hovedskjema", "hovedskjema.xml"), ("Underskjema", "underskjema.xml")]
    documents = [{"data_type": data_type, "path": str(SAMPLES / name)} for data_type, name in forms]
    draft: dict[str, Any] = {"app": APP, "instance_id": str(made.result)}
    put = run_task(AltinnUploadDataOperator(task_id="put", documents=documents, **draft))
    assert put.state == "success", put.error
    push = AltinnProcessNextOperator(task_id="lock", from_task="data", action="confirm", documents=put.result, **draft)
    done = run_task(push)
    assert done.state == "success", done.error
    return str(draft["instance_id"])


def test_a_signing_task_that_was_left_without_a_signature_is_red(
    run_task: RunTask, connection: str, look: Look, tmp_path: Path
) -> None:
    instance_id = locked(run_task, "2025")
    token = requests.get(f"{look.base_url}/Home/GetTestUserToken/1337", timeout=10).text
    address = f"{look.base_url}/{APP}/instances/{instance_id}/process/next"
    requests.put(address, headers={"Authorization": f"Bearer {token}"}, timeout=10).raise_for_status()
    assert look.instance(instance_id)["process"]["ended"]
    waited = run_task(AltinnSignatureSensor(task_id="wait", from_task="signing", app=APP, instance_id=instance_id))
    assert waited.state == "failed"
    assert isinstance(waited.error, AltinnUnexpectedStateError)
    assert "was left without a signature" in str(waited.error)
    judged = run_task(receipt_of(instance_id, tmp_path))
    assert judged.state == "failed"
    assert isinstance(judged.error, AltinnUnknownOutcomeError)
    assert "without a signature" in str(judged.error)
    assert run_task(calendar()).result["counts"] == {"unknown": 1}


def receipt_of(instance_id: str, folder: Path) -> AltinnCollectReceiptOperator:
    return AltinnCollectReceiptOperator(
        task_id="accepted", authority="brreg_accounts", folder=str(folder), app=APP, instance_id=instance_id, retries=0
    )


def calendar() -> AltinnReconcileOperator:
    return AltinnReconcileOperator(
        task_id="calendar",
        app=APP,
        report="annual_accounts",
        authority="brreg_accounts",
        companies=["950474084"],
        periods=["2025"],
    )


def test_one_that_was_signed_is_done(run_task: RunTask, connection: str, look: Look, tmp_path: Path) -> None:
    instance_id = locked(run_task, "2025")
    control(look, instance_id, "act", action="sign", person=1337)
    waited = run_task(AltinnSignatureSensor(task_id="wait", from_task="signing", app=APP, instance_id=instance_id))
    assert waited.state == "success", waited.error
    judged = run_task(receipt_of(instance_id, tmp_path))
    assert judged.state == "success", judged.error
    assert run_task(calendar()).result["counts"] == {"accepted": 1}

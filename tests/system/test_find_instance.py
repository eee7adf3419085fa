"""AltinnFindInstanceOperator: the one instance that the authority made for a period, or a clear error."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from altinn.operators import AltinnFindInstanceOperator
from tests.system.conftest import SOPHIE, Connect, Outcome, RunTask

COMPANY = "897069650"


@pytest.fixture
def made(emulator: Emulator, connect: Connect) -> Any:
    """Let SSB make instances, each for a quarter of 2025."""
    connect(emulator.base_url, **SOPHIE)

    def make(quarter: str, kind: str = "KVRT") -> str:
        prefill = {"periodeType": kind, "periodeNummer": quarter, "periodeAAr": "2025"}
        document = {
            "app": "ssb/rs0182-01",
            "organisation_number": COMPANY,
            "prefill": {f"InternInfo.{name}": value for name, value in prefill.items()},
        }
        answer = requests.post(f"{emulator.base_url}/_emulator/instances", json=document, timeout=10)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["instance"])

    return make


def find(run_task: RunTask, period: str) -> Outcome:
    return run_task(
        AltinnFindInstanceOperator(
            task_id="find",
            app="ssb/rs0182-01",
            authority="ssb_surveys",
            data_type="A3_RS-0182_M",
            period=period,
            organisation_number=COMPANY,
            retries=0,
        )
    )


def test_the_period_in_the_form_decides(run_task: RunTask, made: Any) -> None:
    made("02")
    wanted = made("03")
    done = find(run_task, "2025-q3")
    assert (done.state, done.result) == ("success", wanted), done.error
    assert done.xcoms["altinn_delivered"] is False


def test_none_is_an_error(run_task: RunTask, made: Any) -> None:
    made("02")
    done = find(run_task, "2025-Q4")
    assert done.state == "failed"
    assert "has made no instance" in str(done.error)


def test_two_are_not_guessed_between(run_task: RunTask, made: Any) -> None:
    first, second = made("03"), made("03")
    done = find(run_task, "2025-Q3")
    assert done.state == "failed"
    assert first in str(done.error)
    assert second in str(done.error)


def test_one_whose_period_cannot_be_read_may_be_the_one(run_task: RunTask, made: Any) -> None:
    made("03")
    unreadable = made("03", kind="UKE")
    done = find(run_task, "2025-Q3")
    assert done.state == "failed"
    assert unreadable in str(done.error)


def test_without_a_period_nothing_is_looked_for(run_task: RunTask, made: Any) -> None:
    done = find(run_task, " ")
    assert done.state == "failed"
    assert "period is empty" in str(done.error)

"""Who takes each step of a report: the task group asks the report, and refuses what only a person may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from altinn.authorities.authority import Authority
from altinn.exceptions import AltinnConfigurationError
from altinn.taskgroups import FilingTasks, altinn_filing

STEPS = {
    "person": [{"task": "data"}, {"task": "signing", "action": "sign", "by": "person"}],
    "choice": [{"task": "data"}, {"task": "confirmation", "by": "choice"}],
    "machine": [{"task": "data"}, {"task": "confirmation"}],
}


def filing(authority: str | dict[str, Any] | Authority, **more: Any) -> FilingTasks:
    with DAG("steps", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        return altinn_filing(
            app="ttd/basic", period="2026-T5", documents=[], authority=authority, receipts="/tmp/receipts", **more
        )


def settled(steps: str) -> dict[str, Any]:
    return {"accepted_when": "ended", "steps": STEPS[steps]}


@pytest.mark.parametrize("authority", ["brreg_accounts", settled("person")])
def test_the_machine_may_not_take_a_person_s_step(authority: Any) -> None:
    with pytest.raises(AltinnConfigurationError, match="only a person may leave signing"):
        filing(authority, machine_confirms=True)
    (wait,) = filing(authority).signatures
    assert wait.from_task == "signing"


def test_where_nothing_is_left_to_choice_the_choice_is_refused() -> None:
    with pytest.raises(AltinnConfigurationError, match="no step that is left to choice"):
        filing(settled("machine"), machine_confirms=True)


@pytest.mark.parametrize(
    ("authority", "default"),
    [
        ("skatteetaten_tax", "person"),
        (settled("choice"), "person"),
        ("skatteetaten_vat", "machine"),
        ({"accepted_when": "ended"}, "machine"),
    ],
)
def test_a_choice_is_the_filing_s_and_else_the_report_s(authority: Any, default: str) -> None:
    by_a_person, by_the_machine = filing(authority, machine_confirms=False), filing(authority, machine_confirms=True)
    assert [task.from_task for task in by_a_person.pushes] == ["data"]
    assert [task.from_task for task in by_a_person.signatures] == ["confirmation"]
    assert [task.from_task for task in by_the_machine.pushes] == ["data", "confirmation"]
    assert by_the_machine.signatures == ()
    unsaid = filing(authority)
    assert len(unsaid.pushes) == {"person": 1, "machine": 2}[default]
    assert len(unsaid.signatures) == {"person": 1, "machine": 0}[default]

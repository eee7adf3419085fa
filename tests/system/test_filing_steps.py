"""Who takes each step of a report: the task group asks the report, and refuses what only a person may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from altinn.authorities.authority import Authority, Step
from altinn.exceptions import AltinnConfigurationError
from altinn.taskgroups import FilingTasks, altinn_filing

STEPS = {
    "person": [{"task": "data"}, {"task": "signing", "action": "sign", "by": "person"}],
    "choice": [{"task": "data"}, {"task": "confirmation", "by": "choice"}],
    "machine": [{"task": "data"}, {"task": "confirmation"}],
}


def filing(authority: str | dict[str, Any] | Authority | None, **more: Any) -> FilingTasks:
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


def test_without_an_authority_the_last_step_may_be_a_person_s() -> None:
    left = filing(None, machine_confirms=False)
    assert [task.from_task for task in left.pushes] == ["data"]
    assert [task.from_task for task in left.signatures] == ["confirmation"]
    for wanted in (None, True):
        assert [task.from_task for task in filing(None, machine_confirms=wanted).pushes] == ["data", "confirmation"]


@pytest.mark.parametrize(("authority", "more"), [(None, {"push_from": ["data"]}), (settled("machine"), {})])
def test_a_step_that_is_to_be_left_to_a_person_must_be_there(authority: Any, more: dict[str, Any]) -> None:
    with pytest.raises(AltinnConfigurationError, match="every step is the machine's"):
        filing(authority, machine_confirms=False, **more)


@pytest.mark.parametrize("authority", [None, "skatteetaten_vat"])
@pytest.mark.parametrize("option", ["machine_confirms", "require_approval"])
@pytest.mark.parametrize("value", ["False", "{{ params.confirm }}", 0, 1])
def test_what_decides_which_tasks_there_are_is_no_text(authority: Any, option: str, value: Any) -> None:
    with pytest.raises(AltinnConfigurationError, match=f"{option} must be True, False or"):
        filing(authority, **{option: value})


@pytest.mark.parametrize(("wanted", "is_asked"), [(True, True), ({}, True), (False, False)])
def test_an_approval_without_further_arguments_is_still_required(wanted: Any, is_asked: bool) -> None:
    tasks = filing("skatteetaten_vat", require_approval=wanted)
    assert (tasks.approval is not None) is is_asked
    assert bool(tasks.instantiate.approval) is is_asked
    assert [push.needs_approval for push in tasks.pushes] == [is_asked, is_asked]


def test_what_a_filing_does_about_others_reaches_the_tasks_that_look() -> None:
    tasks = filing("skatteetaten_vat", on_existing="fail", on_changed="correction", on_foreign="ignore")
    made = tasks.instantiate
    assert (made.on_existing, made.on_changed, made.on_foreign) == ("fail", "correction", "ignore")
    assert [push.on_foreign for push in tasks.pushes] == ["ignore", "ignore"]


@pytest.mark.parametrize(
    ("step", "name"), [({"by": "Person"}, "by"), ({"by": "choice", "default_by": "choice"}, "default_by")]
)
def test_nobody_else_takes_a_step_than_machine_or_person(step: dict[str, str], name: str) -> None:
    with pytest.raises(AltinnConfigurationError, match=rf"step 'confirmation': {name} must be one of"):
        Step("confirmation", **step)

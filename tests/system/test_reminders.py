"""Reminders to sign: at which moments Airflow's deadline alerts call, and that they stop once somebody has signed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.jobs.triggerer_job_runner import ToTriggerSupervisor
from airflow.sdk import DAG
from airflow.sdk.execution_time import comms
from airflow.serialization.decoders import decode_deadline_reference
from airflow.serialization.encoders import encode_deadline_reference
from pydantic import TypeAdapter

from altinn.deadlines import StatutoryDeadline
from altinn.exceptions import AltinnInputError
from altinn.operators import AltinnDeleteInstanceOperator
from altinn.reminders import remind_to_sign, reminders
from tests.system.conftest import Look, MemorySupervisor, RunTask
from tests.system.test_deadlines import Run, Session
from tests.system.test_waiting import Pushed, control, pushed

if TYPE_CHECKING:
    from airflow.sdk.definitions.deadline import DeadlineAlert

__all__ = ["pushed"]

DUE = datetime(2026, 7, 31, 22, tzinfo=UTC)
"""Midnight in Oslo after 31 July 2026, the last day for the accounts of 2025."""
DAYS = (10, 3, 1)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the day on which a run is made."""

    def at(moment: datetime) -> None:
        monkeypatch.setattr(StatutoryDeadline, "clock", staticmethod(lambda: moment))

    at(datetime(2026, 3, 1, tzinfo=UTC))
    return at


def alerts(path: Path, conn_id: str = "altinn_default") -> list[DeadlineAlert]:
    return reminders(
        "annual_accounts",
        "altinn.log_notifier.LogNotifier",
        {"text": "{{ altinn.days }} {{ altinn.where }} {{ altinn.link }}", "path": str(path)},
        app="ttd/basic-signing",
        altinn_conn_id=conn_id,
    )


def moment(alert: DeadlineAlert, run: Run) -> datetime | None:
    """Evaluate an alert as the scheduler does when it makes the run: from what is serialised."""
    reference = decode_deadline_reference(encode_deadline_reference(alert.reference))
    return reference.evaluate_with(  # type: ignore[no-any-return]
        session=Session(run), interval=alert.interval, dag_id="annual_accounts", run_id="r"
    )


@pytest.mark.parametrize(("number", "days"), list(enumerate(DAYS)))
def test_each_counts_back_from_the_legal_deadline(today: Any, tmp_path: Path, number: int, days: int) -> None:
    alert = alerts(tmp_path / "told")[number]
    assert moment(alert, Run(conf={"period": "2025"})) == DUE - timedelta(days=days)
    assert alert.callback.kwargs["days"] == days


def test_a_run_about_a_period_that_is_over_due_reminds_nobody(
    today: Callable[[datetime], None], tmp_path: Path
) -> None:
    today(DUE + timedelta(seconds=1))
    assert [moment(alert, Run(conf={"period": "2025"})) for alert in alerts(tmp_path / "told")] == [None] * 3


def test_a_dag_takes_all_three(today: Any, tmp_path: Path) -> None:
    made = alerts(tmp_path / "told")
    dag = DAG("annual_accounts", schedule=None, start_date=datetime(2025, 1, 1, tzinfo=UTC), deadline=made)
    assert isinstance(dag.deadline, list)
    assert [alert.interval for alert in dag.deadline] == [timedelta(days=-days) for days in DAYS]


class Filed:
    """A run whose instance waits for a signature."""

    def __init__(self, supervisor: MemorySupervisor, arguments: dict[str, Any], told: Path) -> None:
        self.instance_id = arguments["instance_id"]
        self.told = told
        self.alerts = alerts(told, arguments["altinn_conn_id"])
        supervisor.xcoms["filing.instantiate", "return_value"] = self.instance_id

    def call(self, number: int, days_left: float | None = None, **conf: str) -> str:
        """Call as Airflow does when an alert's moment has come, or later, so many days before the legal deadline."""
        left = DAYS[number] if days_left is None else days_left
        moment = datetime.now(UTC) + timedelta(days=left - DAYS[number])
        context = {
            "dag_run": {"dag_id": "annual_accounts", "dag_run_id": "r", "conf": conf},
            "deadline": {"id": "1", "deadline_time": moment},
        }
        return asyncio.run(remind_to_sign(context=context, **self.alerts[number].callback.kwargs))

    def lines(self) -> list[str]:
        return self.told.read_text().splitlines() if self.told.exists() else []


@pytest.fixture
def filed(supervisor: MemorySupervisor, pushed: Pushed, tmp_path: Path) -> Filed:
    return Filed(supervisor, pushed("ttd/basic-signing", "data"), tmp_path / "told")


def test_all_three_remind_until_somebody_signs(filed: Filed) -> None:
    assert [filed.call(number) for number in range(3)] == ["reminded"] * 3
    assert [line.split()[0] for line in filed.lines()] == ["10", "3", "1"]
    assert all(line.endswith(f"/ttd/basic-signing/#/instance/{filed.instance_id}") for line in filed.lines())


@pytest.mark.parametrize("signed_after", [0, 1, 2])
def test_they_stop_once_it_is_signed(filed: Filed, look: Look, signed_after: int) -> None:
    for number in range(signed_after):
        assert filed.call(number) == "reminded"
    control(look, filed.instance_id, "act", action="sign", person=1337)
    assert {filed.call(number) for number in range(signed_after, 3)} == {"signed"}
    assert len(filed.lines()) == signed_after


def test_nobody_is_reminded_of_what_is_not_there(filed: Filed, supervisor: MemorySupervisor) -> None:
    supervisor.xcoms.clear()
    assert filed.call(0) == "nothing to sign yet"
    assert filed.lines() == []


def test_a_refused_signature_is_told(filed: Filed, look: Look) -> None:
    control(look, filed.instance_id, "act", action="reject", person=1337)
    assert filed.call(2) == "reminded"
    assert "refused" in filed.lines()[0]


def test_where_altinn_does_not_answer_a_reminder_goes_out(filed: Filed, supervisor: MemorySupervisor) -> None:
    supervisor.connections["altinn_default"]["host"] = "http://127.0.0.1:9"
    assert filed.call(1) == "reminded"
    assert "cannot be seen at the moment" in filed.lines()[0]


def test_they_look_with_the_connection_that_the_run_was_started_with(
    filed: Filed, supervisor: MemorySupervisor, look: Look
) -> None:
    supervisor.connections["company_b"] = supervisor.connections.pop("altinn_default")
    control(look, filed.instance_id, "act", action="sign", person=1337)
    assert filed.call(0, altinn_conn_id="company_b") == "signed"
    # Without any connection they still remind, only without a link.
    assert filed.call(1) == "reminded"
    assert "cannot be seen at the moment" in filed.lines()[0]


@pytest.mark.parametrize(
    ("days_left", "reminding", "days"), [(9.5, 0, "10"), (8, 0, "8"), (2, 1, "2"), (0.5, 2, "1"), (3, 1, "3")]
)
def test_of_moments_that_have_passed_one_reminds_and_states_the_days_that_are_left(
    filed: Filed, days_left: float, reminding: int, days: str
) -> None:
    """A run that is made late has passed moments, which Airflow calls all at once."""
    passed = [number for number, before in enumerate(DAYS) if before >= days_left]
    assert [number for number in passed if filed.call(number, days_left) == "reminded"] == [reminding]
    assert [line.split()[0] for line in filed.lines()] == [days]


def test_a_draft_is_not_there_to_be_signed(supervisor: MemorySupervisor, pushed: Pushed, tmp_path: Path) -> None:
    filed = Filed(supervisor, pushed("ttd/basic-signing"), tmp_path / "told")
    assert filed.call(0) == "nothing to sign yet"
    assert filed.lines() == []


def test_what_has_been_deleted_is_not_there_to_be_signed(
    supervisor: MemorySupervisor, pushed: Pushed, run_task: RunTask, tmp_path: Path
) -> None:
    arguments = pushed("ttd/basic-signing")
    assert run_task(AltinnDeleteInstanceOperator(task_id="delete", **arguments)).state == "success"
    filed = Filed(supervisor, arguments, tmp_path / "told")
    assert filed.call(0) == "deleted"
    assert filed.lines() == []


def test_each_instance_of_a_mapped_filing_is_told(
    filed: Filed, supervisor: MemorySupervisor, pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pushed("ttd/basic")["instance_id"]
    made = {0: other, 2: filed.instance_id}  # The second company's instance has failed.
    supervisor.task_states = {"r": {f"filing.instantiate_{index}": "success" for index in range(3)}}

    def of_mapped(message: Any) -> Any:
        return comms.XComResult(key=message.key, value=made.get(message.map_index))

    monkeypatch.setattr(supervisor, "_GetXCom", of_mapped)
    assert filed.call(0) == "nothing to sign yet, reminded"
    assert [filed.instance_id in line for line in filed.lines()] == [True]


@pytest.mark.parametrize("days", [(), (-1,), ("3",)])
def test_days_that_are_none_are_refused(days: Any) -> None:
    with pytest.raises(AltinnInputError, match="whole numbers"):
        reminders("annual_accounts", "altinn.log_notifier.LogNotifier", days_before=days)


def test_a_reminder_asks_only_what_the_triggerer_answers(filed: Filed, supervisor: MemorySupervisor) -> None:
    """Airflow leaves any other message without an answer, and whoever waits for it waits for ever."""
    supervisor.told.clear()  # What the tasks that made the instance have asked.
    assert filed.call(0) == "reminded"
    taken = TypeAdapter[Any](ToTriggerSupervisor)
    assert supervisor.told
    for message in supervisor.told:
        taken.validate_python(message.model_dump())

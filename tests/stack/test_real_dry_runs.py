"""A dry run of every kind of run, in a real Airflow: it looks, says what it would do, and writes nothing."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from altinn.periods import Period, preceding, report_calendar
from scripts.failure import CommandError
from tests.stack.conftest import RealAirflow
from tests.stack.test_real_starts import FORM, runs, start

COMPANY = "314000001"
CLOCK, BACKFILL, EVENT = "stack_dry_terms", "stack_dry_backfill", "stack_dry_event"
LATEST = report_calendar("vat_terms").latest_ended(date.today())
EARLIER = preceding(preceding(LATEST))


class Company:
    """The company whose filings are dry, as Altinn and Airflow have it."""

    def __init__(self, airflow: RealAirflow) -> None:
        self.airflow = airflow
        wanted = {"user_id": 1337, "companies": [{"organisation_number": COMPANY, "name": "Dry"}]}
        (party,) = airflow.emulator.call("POST", "/_emulator/companies", wanted)
        self.party = str(party["partyId"])
        airflow.stack.folder.files.mkdir(parents=True, exist_ok=True)
        (airflow.stack.folder.files / "dry.xml").write_bytes(FORM)

    def writes(self) -> list[str]:
        """Return every request that may have changed an instance of the company's."""
        return [
            f"{one['method']} {one['path']}"
            for one in self.airflow.journal()
            if one["method"] != "GET" and str(one["instance"]).startswith(f"{self.party}/")
        ]

    def announced(self) -> int:
        """Return how many acceptances the DAGs have announced."""
        return sum(self._events_of(dag_id) for dag_id in (CLOCK, BACKFILL, EVENT))

    def _events_of(self, dag_id: str) -> int:
        """Airflow 3.3 answers 500 while a run that an event has started is still queued, and has no start date."""
        found: list[int] = []

        def is_answered() -> bool:
            path = f"/api/v2/assets/events?source_dag_id={dag_id}&limit=1"
            with contextlib.suppress(CommandError):
                found.append(self.airflow.api.service.call("GET", path)["total_entries"])
            return bool(found)

        self.airflow.until(is_answered, f"the events of {dag_id}", limit=60.0)
        return found[-1]

    def require_dry(self, dag_id: str, run_id: str, period: Period) -> None:
        """Wait for a run, and see that it has looked for its period, said so, and done nothing else."""
        self.airflow.require_success(dag_id, run_id)
        states = self.airflow.states(dag_id, run_id)
        assert set(states.values()) == {"skipped"}, states
        assert "filing.accepted" in states
        key = f"ttd/basic, organisation {COMPANY}, {period.name}, main"
        would = f"an instance would be made for {key}, filled in and filed"
        said = self.airflow.xcom(dag_id, run_id, "plan", "altinn_dry_run")
        assert said == {"period": period.name, "kind": "main", "would": would, "instance_id": None}
        tries = {one["task_id"]: one["try_number"] for one in self.airflow.api.task_instances(dag_id, run_id)}
        assert f"dry run: {would}" in self.airflow.log(dag_id, run_id, "plan", tries["plan"])
        assert (self.writes(), self.announced()) == ([], 0)


@pytest.fixture
def company(airflow: RealAirflow) -> Company:
    return Company(airflow)


def enable(airflow: RealAirflow, dag_id: str) -> None:
    airflow.until(lambda: airflow.api.dag(dag_id) is not None, f"{dag_id}: {airflow.import_errors()}")
    airflow.api.unpause(dag_id)


def type_of(airflow: RealAirflow, dag_id: str, run_id: str) -> str:
    return str(airflow.api.service.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["run_type"])


def backfill(airflow: RealAirflow, period: Period, **more: Any) -> str:
    """Backfill one period, and return its run once the backfill is over."""
    at = datetime.combine(period.start, time(), UTC).isoformat()
    body = {"dag_id": BACKFILL, "from_date": at, "to_date": at, **more}
    made = airflow.api.service.call("POST", "/api/v2/backfills", body)
    path = f"/api/v2/backfills/{made['id']}"
    airflow.until(lambda: bool(airflow.api.service.call("GET", path)["completed_at"]), "the backfill")
    (run_id,) = runs(airflow, BACKFILL)
    assert type_of(airflow, BACKFILL, run_id) == "backfill"
    return run_id


def test_scheduled_runs_and_those_by_hand_are_dry_and_stay_so_when_cleared(
    airflow: RealAirflow, company: Company
) -> None:
    enable(airflow, CLOCK)
    airflow.until(lambda: bool(runs(airflow, CLOCK)), "the scheduler to start the term's run")
    (scheduled,) = runs(airflow, CLOCK)
    assert type_of(airflow, CLOCK, scheduled) == "scheduled"
    company.require_dry(CLOCK, scheduled, LATEST)
    by_hand = start(airflow, CLOCK, conf={"period": LATEST.name})
    company.require_dry(CLOCK, by_hand, LATEST)
    for run_id in (scheduled, by_hand):
        airflow.clear(CLOCK, run_id, *airflow.states(CLOCK, run_id))
        company.require_dry(CLOCK, run_id, LATEST)
        (plan,) = [one for one in airflow.api.task_instances(CLOCK, run_id) if one["task_id"] == "plan"]
        assert plan["try_number"] == 2


def test_a_backfill_is_dry_and_so_is_what_it_clears(airflow: RealAirflow, company: Company) -> None:
    enable(airflow, BACKFILL)
    company.require_dry(BACKFILL, backfill(airflow, EARLIER), EARLIER)
    company.require_dry(BACKFILL, backfill(airflow, EARLIER, reprocess_behavior="completed"), EARLIER)


def test_an_event_with_a_partition_key_is_dry(airflow: RealAirflow, company: Company) -> None:
    enable(airflow, EVENT)
    named = "/api/v2/assets?name_pattern=stack_ledger_closed"
    airflow.until(lambda: bool(airflow.api.service.call("GET", named)["assets"]), "the asset")
    (asset,) = airflow.api.service.call("GET", named)["assets"]
    event = {"asset_id": asset["id"], "partition_key": LATEST.name}
    airflow.api.service.call("POST", "/api/v2/assets/events", event)
    airflow.until(lambda: bool(runs(airflow, EVENT)), "the event's run")
    (by_event,) = runs(airflow, EVENT)
    assert type_of(airflow, EVENT, by_event) == "asset_triggered"
    company.require_dry(EVENT, by_event, LATEST)
    by_key = start(airflow, EVENT, partition_key=LATEST.name)
    company.require_dry(EVENT, by_key, LATEST)


def test_a_run_that_says_so_files_and_a_later_dry_one_names_what_is_filed(
    airflow: RealAirflow, company: Company
) -> None:
    """The other tests would see a write and an announcement: this run makes both."""
    enable(airflow, CLOCK)
    wet = start(airflow, CLOCK, conf={"period": EARLIER.name, "dry_run": False})
    airflow.require_success(CLOCK, wet)
    assert airflow.states(CLOCK, wet)["filing.accepted"] == "success"
    instance_id = str(airflow.xcom(CLOCK, wet, "filing.instantiate"))
    assert instance_id.startswith(f"{company.party}/")
    writes = company.writes()
    assert any(one.startswith("POST /ttd/basic/instances") for one in writes)
    assert company.announced() == 1

    dry = backfill(airflow, EARLIER, reprocess_behavior="completed")
    said = airflow.xcom(BACKFILL, dry, "plan", "altinn_dry_run")
    assert said["instance_id"] == instance_id
    assert said["would"].startswith(f"nothing would be filed: {instance_id} is delivered already")
    assert (company.writes(), company.announced()) == (writes, 1)

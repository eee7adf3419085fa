"""Every way to start a run of a real Airflow: each gives the same period, and none files it twice."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from altinn.periods import report_calendar
from scripts.run_folder import PROJECT
from tests.stack.conftest import ENDED, RealAirflow

FORM = b"<model><property1>a</property1><property2>b</property2></model>"
TERMS = report_calendar("vat_terms")
LATEST = TERMS.latest_ended(date.today())


def filings(airflow: RealAirflow, period: str) -> list[str]:
    """Return the instances that were delivered for a period of the demonstration app."""
    received = airflow.emulator.call("GET", "/_emulator/filings")
    return [
        one["instance"]
        for one in received
        if one["app"] == "ttd/basic" and one["dataValues"].get("filingperiod") == period
    ]


def file_with(airflow: RealAirflow, dag_id: str, run_id: str) -> tuple[str, str]:
    """Wait for a run, and return its period and the instance that it filed or found."""
    airflow.require_success(dag_id, run_id)
    period = airflow.xcom(dag_id, run_id, "plan", "period")
    return str(period), str(airflow.xcom(dag_id, run_id, "filing.instantiate"))


def start(airflow: RealAirflow, dag_id: str, **body: Any) -> str:
    """Start a run as the REST API does."""
    document = {"logical_date": None, **body}
    return str(airflow.api.service.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", document)["dag_run_id"])


def runs(airflow: RealAirflow, dag_id: str) -> list[str]:
    found = airflow.api.service.call("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
    return [str(run["dag_run_id"]) for run in found]


def add_dag(airflow: RealAirflow, name: str, source: str) -> None:
    """Put a DAG file where Airflow reads them, let its runs begin, and wait until it is known."""
    (airflow.stack.dags / f"{name}.py").write_text(source, "utf-8")
    airflow.until(lambda: airflow.api.dag(name) is not None, f"Airflow to read {name}: {airflow.import_errors()}")
    airflow.api.unpause(name)


def test_the_clock_the_command_line_the_api_and_a_clear_file_a_term_once(airflow: RealAirflow) -> None:
    dag_id = "stack_terms"
    airflow.stack.folder.files.mkdir(parents=True, exist_ok=True)
    (airflow.stack.folder.files / "terms.xml").write_bytes(FORM)
    airflow.until(lambda: airflow.api.dag(dag_id) is not None, f"{dag_id}: {airflow.import_errors()}")
    airflow.api.unpause(dag_id)
    airflow.until(lambda: bool(runs(airflow, dag_id)), "the scheduler to start the term's run")
    (scheduled,) = runs(airflow, dag_id)
    assert scheduled.startswith("scheduled__")
    period, instance_id = file_with(airflow, dag_id, scheduled)
    assert period == LATEST.name

    conf = json.dumps({"period": period})
    airflow.command("dags", "trigger", dag_id, "--run-id", "by-command", "--conf", conf)
    others = ["by-command", start(airflow, dag_id, conf={"period": period})]
    assert [file_with(airflow, dag_id, run_id) for run_id in others] == [(period, instance_id)] * 2

    airflow.clear(dag_id, scheduled, *airflow.states(dag_id, scheduled))
    assert file_with(airflow, dag_id, scheduled) == (period, instance_id)
    assert filings(airflow, period) == [instance_id]


def test_an_event_with_a_partition_key_files_its_period_once(airflow: RealAirflow, tmp_path: Path) -> None:
    dag_id, period = "filing_on_event", TERMS.periods(2023, 2023)[0].name
    form = tmp_path / "form.xml"
    form.write_bytes(FORM)
    source = (PROJECT / "docs" / "examples" / f"{dag_id}.py").read_text("utf-8")
    add_dag(airflow, dag_id, source.replace("/data/report.xml", str(form)))
    named = "/api/v2/assets?name_pattern=vat_ledger_closed"
    airflow.until(lambda: bool(airflow.api.service.call("GET", named)["assets"]), "the asset")
    (asset,) = airflow.api.service.call("GET", named)["assets"]
    event = {"asset_id": asset["id"], "partition_key": period}
    for count in (1, 2):
        airflow.api.service.call("POST", "/api/v2/assets/events", event)
        airflow.until(lambda count=count: len(runs(airflow, dag_id)) == count, "the event's run")  # type: ignore[misc]
    start(airflow, dag_id, partition_key=period)
    found = {file_with(airflow, dag_id, run_id) for run_id in runs(airflow, dag_id)}
    assert len(found) == 1
    ((said, instance_id),) = found
    assert said == period
    assert filings(airflow, period) == [instance_id]
    for run_id in runs(airflow, dag_id):
        airflow.clear(dag_id, run_id, *airflow.states(dag_id, run_id))
        assert file_with(airflow, dag_id, run_id) == (period, instance_id)
    assert filings(airflow, period) == [instance_id]


COMMANDED = """
from datetime import UTC, datetime
from altinn.operators import AltinnPlanFilingOperator
from altinn.runs.trigger_form import filing_params
from altinn.taskgroups import altinn_filing
from altinn.timetables import vat_terms
from airflow.sdk import DAG

SCHEDULE = vat_terms(lead_days=60, automatic={automatic})

with DAG(
    "{dag_id}",
    schedule=SCHEDULE,
    start_date=datetime({start.year}, {start.month}, {start.day}, tzinfo=UTC),
    catchup=True,
    params=filing_params(SCHEDULE),
):
    common = {{"app": "ttd/basic", "organisation_number": "{company}", "altinn_conn_id": "altinn_vat"}}
    plan = AltinnPlanFilingOperator(task_id="plan", **common)
    period = "{{{{ ti.xcom_pull(task_ids='plan')['period'] }}}}"
    filing = altinn_filing(
        period=period,
        documents=[{{"data_type": "model", "path": "{folder}/" + period + ".xml"}}],
        wait_for_feedback=False,
        **common,
    )
    plan >> filing.group
"""
COMPANY = "314000002"


def test_a_backfill_by_command_files_what_the_schedule_missed_and_nothing_else(
    airflow: RealAirflow, tmp_path: Path
) -> None:
    wanted = {"user_id": 1337, "companies": [{"organisation_number": COMPANY, "name": "Commanded"}]}
    (party,) = airflow.emulator.call("POST", "/_emulator/companies", wanted)
    middle = TERMS.preceding(LATEST)
    terms = [TERMS.preceding(middle), middle, LATEST]
    for term in (terms[0], terms[2]):
        (tmp_path / f"{term.name}.xml").write_bytes(FORM)
    source = {"company": COMPANY, "folder": tmp_path, "start": terms[0].start}
    add_dag(airflow, "stack_commanded", COMMANDED.format(dag_id="stack_commanded", automatic=True, **source))

    def delivered() -> list[str]:
        received = airflow.emulator.call("GET", "/_emulator/filings")
        return sorted(one["dataValues"]["filingperiod"] for one in received if one["party"] == party["partyId"])

    def outcomes() -> dict[str, str]:
        found = airflow.api.service.call("GET", "/api/v2/dags/stack_commanded/dagRuns?limit=100")["dag_runs"]
        return {str(run["logical_date"])[:10]: str(run["state"]) for run in found}

    def all_ended() -> bool:
        return sorted(outcomes()) == [str(term.start) for term in terms] and set(outcomes().values()) <= set(ENDED)

    def backfill(reprocess: str) -> list[str]:
        """Backfill the three terms as an operator does, and return how each ended."""
        dates = ["--from-date", str(terms[0].start), "--to-date", str(terms[2].start)]
        airflow.command("backfill", "create", "--dag-id", "stack_commanded", *dates, "--reprocess-behavior", reprocess)
        listed = "/api/v2/backfills?dag_id=stack_commanded&limit=100"

        def is_over() -> bool:
            return all(one["completed_at"] for one in airflow.api.service.call("GET", listed)["backfills"])

        airflow.until(is_over, "the backfill to end")
        airflow.until(all_ended, "its runs to end")
        return [outcomes()[str(term.start)] for term in terms]

    airflow.until(all_ended, "the schedule's runs to end")
    filed = sorted([terms[0].name, terms[2].name])
    assert (outcomes()[str(middle.start)], delivered()) == ("failed", filed)
    assert backfill("none") == ["success", "failed", "success"]
    assert delivered() == filed
    (tmp_path / f"{middle.name}.xml").write_bytes(FORM)
    everything = sorted(term.name for term in terms)
    for reprocess in ("failed", "completed"):
        assert backfill(reprocess) == ["success"] * 3
        assert delivered() == everything

    # A run by hand for the first day of a term, in a DAG that another team has written for the same report.
    add_dag(airflow, "stack_by_date", COMMANDED.format(dag_id="stack_by_date", automatic=False, **source))
    airflow.command("dags", "trigger", "stack_by_date", "--logical-date", f"{middle.start}T00:00:00+00:00")
    (by_date,) = runs(airflow, "stack_by_date")
    period, instance_id = file_with(airflow, "stack_by_date", by_date)
    assert period == middle.name
    # One task of it alone, as the button "clear" of that task does.
    for task_id in ("filing.instantiate", "filing.upload", "filing.push_2_confirmation", "filing.accepted"):
        airflow.clear("stack_by_date", by_date, task_id)
        assert file_with(airflow, "stack_by_date", by_date) == (period, instance_id)
    assert delivered() == everything


DEADLINE_DAG = """
from datetime import UTC, datetime, timedelta
from airflow.sdk import DAG
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert
from altinn.deadlines import StatutoryDeadline
from altinn.deadlines.deadline_log import log_deadline
from altinn.taskgroups import altinn_filing

with DAG(
    "stack_deadline",
    schedule=None,
    start_date=datetime(2022, 1, 1, tzinfo=UTC),
    params={{"period": ""}},
    deadline=DeadlineAlert(
        reference=StatutoryDeadline("vat_terms", {{"{period}": "{due}"}}),
        interval=timedelta(seconds={seconds}),
        callback=AsyncCallback(log_deadline, {{"text": "{period} is due soon"}}),
        name="due",
    ),
):
    altinn_filing(
        app="ttd/basic-feedback",
        period="{{{{ params.period }}}}",
        documents=[{{"data_type": "model", "path": "{form}"}}],
        organisation_number="950474084",
    )
"""


def test_the_legal_deadline_rings_for_a_run_that_still_waits_and_not_for_a_past_period(
    airflow: RealAirflow, tmp_path: Path
) -> None:
    form = tmp_path / "form.xml"
    form.write_bytes(FORM)
    oslo = ZoneInfo("Europe/Oslo")
    due = datetime.now(oslo).date() + timedelta(days=1)
    late = datetime.combine(due + timedelta(days=1), datetime.min.time(), oslo)
    rings = datetime.now(UTC) + timedelta(seconds=75)
    seconds = (rings - late).total_seconds()
    past = TERMS.periods(LATEST.start.year - 1, LATEST.start.year - 1)[2].name
    source = DEADLINE_DAG.format(period=LATEST.name, due=due, seconds=seconds, form=form)
    add_dag(airflow, "stack_deadline", source)
    run_ids = {name: airflow.api.trigger("stack_deadline", {"period": name}) for name in (LATEST.name, past)}
    for run_id in run_ids.values():
        airflow.wait_for_task("stack_deadline", run_id, "filing.wait_for_feedback", "deferred")

    def rung() -> str:
        return "\n".join(
            line
            for file in airflow.stack.folder.path.rglob("*.log")
            for line in file.read_text("utf-8", errors="replace").splitlines()
            if "is due soon" in line and "stack_deadline" in line
        )

    airflow.until(lambda: bool(rung()), "the alert")
    assert datetime.now(UTC) >= rings
    assert run_ids[LATEST.name] in rung()
    assert run_ids[past] not in rung()
    for run_id in run_ids.values():
        airflow.control(airflow.xcom("stack_deadline", run_id, "filing.instantiate"), "decide", outcome="accepted")
        airflow.require_success("stack_deadline", run_id)

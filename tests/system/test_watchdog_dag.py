"""`dags/filing_watchdog.py` run by Airflow, over its own database, and what a run's deadline becomes there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import requests

from altinn.authorities.vat_periods import VatPeriod
from altinn.deadlines import StatutoryDeadline
from altinn.emulator import Emulator
from altinn.periods import containing, preceding, report_calendar
from tests.contract.test_vat_app import Filing, envelope, vat_return
from tests.system.airflow_process import Environment, own_airflow, run

COMPANY = "999999999"
DAGS = Path(__file__).parents[2] / "dags"
VAT_TERMS = report_calendar("vat_terms")
WARNING = timedelta(days=2)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Have an Airflow that knows the project's DAGs, and an Altinn in which nothing has been filed."""
    home = tmp_path_factory.mktemp("airflow")
    person = {"environment": "local", "auth_mode": "localtest", "test_user_id": "1337", "token_dir": f"{home}/tokens"}
    with Emulator(port=0) as emulator:
        made = own_airflow(home) | {
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW_CONN_ALTINN_VAT": json.dumps({"conn_type": "altinn", "host": emulator.base_url, "extra": person}),
            "ALTINN_FILES": str(home / "files"),
        }
        run(made, "airflow", "db", "migrate")
        run(made, "airflow", "dags", "reserialize")
        yield made


def make_run(environment: Environment, run_id: str, conf: dict[str, str], *more: str) -> None:
    """Make a run of `vat_return` that nothing carries out."""
    trigger = ("airflow", "dags", "trigger", "vat_return", "--run-id", run_id, "--conf", json.dumps(conf))
    run(environment, *trigger, *more)


def test_it_fails_and_says_whether_there_was_a_run(environment: Environment) -> None:
    term = VAT_TERMS.latest_ended(date.today())
    # 400 days: the last term that has ended is looked at, whether its deadline lies ahead or has passed.
    conf = {"companies": [{"organisation_number": COMPANY, "name": "Example"}], "alarm_days": 400, "count": 1}
    watch = ("airflow", "dags", "test", "filing_watchdog", "--conf", json.dumps(conf))
    make_run(environment, "says_nothing", {})
    make_run(environment, "of_another", {"period": preceding(term).name})
    first = run(environment, *watch, expected=1)
    said = first.stdout + first.stderr
    assert f"not with the authority:\n  {COMPANY} {term.name}, due {VAT_TERMS.due_date(term)}" in without_margin(said)
    assert "vat_return has no run for it: is the DAG paused?" in said

    make_run(environment, "by_date", {}, "--logical-date", f"{term.start}T00:00:00+00:00")
    make_run(environment, "by_params", {"period": term.name})
    second = run(environment, *watch, expected=1)
    assert "; vat_return has a run for it: by_date (queued), by_params (queued)" in second.stdout + second.stderr

    file_by_hand(json.loads(environment["AIRFLOW_CONN_ALTINN_VAT"])["host"], VatPeriod.parse(term.name))
    until_due = max(0, (VAT_TERMS.due_date(term) - date.today()).days)
    third = run(environment, *watch[:-1], json.dumps({**conf, "alarm_days": until_due}))
    assert "nothing is missing" in third.stdout + third.stderr


def file_by_hand(altinn: str, period: VatPeriod) -> None:
    """File the term's return as a person does who uses another system."""
    filing = Filing(altinn, requests.get(f"{altinn}/Home/GetTestUserToken/1337", timeout=10).text)
    year = f"<aar>{period.year}<".encode()
    content = vat_return().replace(b"september-oktober", period.value.encode()).replace(b"<aar>2022<", year)
    filing.prepare(envelope(period=period.value).replace(b"<aar>2022<", year), content)
    for action in ("write", "confirm"):
        assert filing.push(action).status_code == 200


def without_margin(text: str) -> str:
    """Take away what the log puts before an error's further lines."""
    return text.replace("\n      ", "\n  ")


def test_a_run_s_deadline_is_the_law_s_and_an_old_one_has_none(environment: Environment) -> None:
    current = containing(date.today(), "term")
    make_run(environment, "made_current", {"period": current.name})
    make_run(environment, "made_past", {"period": "2022-T5"})
    with closing(sqlite3.connect(Path(environment["AIRFLOW_HOME"]) / "airflow.db")) as database:
        query = """
            SELECT dag_run.run_id, deadline.deadline_time
            FROM deadline JOIN dag_run ON dag_run.id = deadline.dagrun_id
            WHERE dag_run.run_id IN (?, ?)
        """
        found = database.execute(query, ("made_current", "made_past")).fetchall()
    ((run_id, moment),) = found
    assert run_id == "made_current"
    expected = StatutoryDeadline("vat_terms").moment(current) - WARNING
    assert datetime.fromisoformat(moment).replace(tzinfo=UTC) == expected

"""What the DAG for many companies is made of."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import Connection

from altinn.exceptions import AltinnConfigurationError
from altinn.operators import AltinnInstantiateOperator, AltinnPlanFilingOperator
from altinn.timetables.period_timetable import PeriodTimetable
from tests.system.conftest import Look, MemorySupervisor, Outcome, RunTask

DAGS = Path(__file__).parents[2] / "dags"


def test_the_pool_paces_every_task_that_calls_altinn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALTINN_FLEET_POOL", "altinn_ttd")
    bag = DagBag(DAGS / "fleet.py")
    assert bag.import_errors == {}
    tasks = {task.task_id: task for task in bag.dags["fleet"].tasks}
    calling = {name for name in tasks if name.startswith("company.")} | {"summary"}
    assert {name for name, task in tasks.items() if task.pool == "altinn_ttd"} == calling
    assert len(calling) > 5


def test_every_filing_is_shown_by_company_and_period() -> None:
    tasks = DagBag(DAGS / "fleet.py").dags["fleet"].tasks
    labels = {task.task_id: task.map_index_template for task in tasks if task.task_id.startswith("company.")}
    assert labels
    assert all(label == "{{ ti.xcom_pull(task_ids='companies')[ti.map_index]['label'] }}" for label in labels.values())


def test_every_example_can_be_read() -> None:
    bag = DagBag(DAGS)
    assert bag.import_errors == {}
    assert {"vat_return", "fleet", "filing_calendar", "filing_watchdog"} <= set(bag.dags)


@pytest.mark.parametrize("name", ["vat_return", "fleet"])
def test_a_mistyped_setting_is_said_and_starts_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    file = DAGS / f"{name}.py"
    monkeypatch.setenv("ALTINN_SCHEDULED_FILINGS", "fales")
    bag = DagBag(file)
    assert bag.dags == {}
    assert "ALTINN_SCHEDULED_FILINGS must be true or false, not 'fales'" in "".join(bag.import_errors.values())
    for text, has_runs in (("False", False), ("true", True)):
        monkeypatch.setenv("ALTINN_SCHEDULED_FILINGS", text)
        (dag,) = DagBag(file).dags.values()
        assert isinstance(dag.timetable, PeriodTimetable)
        assert dag.timetable.automatic is has_runs


def listed(run_task: RunTask, source: object) -> Outcome:
    task = DagBag(DAGS / "fleet.py").dags["fleet"].get_task("companies")
    return run_task(task, params={"period": "2026-T4", "companies": str(source)})


def write_list(path: Path, *rows: tuple[str, str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("organisation_number", "name", "path"), *rows])
    return path


def test_a_bad_row_stops_no_other_company(run_task: RunTask, connection: str, look: Look, tmp_path: Path) -> None:
    """It fails in its own instances, before anything of it is written."""
    path = f"{tmp_path}/{{organisation_number}}-{{period}}.xml"
    rows = [("897 069 650", "A", path), ("31300000", "B", path), ("", "C", path), ("897069651", "D", "")]
    found = listed(run_task, write_list(tmp_path / "companies.csv", *rows)).result
    assert [one["organisation_number"] for one in found] == ["897069650", "31300000", "(row 3)", "897069651"]
    assert [one["label"] for one in found][:2] == ["897069650 2026-T4", "31300000 2026-T4"]
    assert found[0]["documents"] == [{"data_type": "model", "path": f"{tmp_path}/897069650-2026-T4.xml"}]
    for one in found[1:]:
        common: dict[str, Any] = {"app": "ttd/basic", "period": "2026-T4"} | {
            "organisation_number": one["organisation_number"]
        }
        made = AltinnInstantiateOperator(task_id="instantiate", documents=one["documents"], **common)
        tasks = [made] if one is found[-1] else [AltinnPlanFilingOperator(task_id="plan", **common), made]
        for task in tasks:
            refused = run_task(task)
            assert refused.state == "failed"
            said = "needs data_type and path" if one is found[-1] else f"'{one['organisation_number']}' must be nine"
            assert said in str(refused.error)
    assert look.writes() == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "is empty"),
        ([("897069650", "", "a"), ("897 069 650", "", "b")], "names 897069650 2026-T4 more than once"),
    ],
)
def test_a_list_that_cannot_be_meant_files_nothing(
    run_task: RunTask, tmp_path: Path, rows: list[tuple[str, str, str]], said: str
) -> None:
    refused = listed(run_task, write_list(tmp_path / "companies.csv", *rows))
    assert refused.state == "failed"
    assert said in str(refused.error)


@pytest.mark.parametrize(
    "content",
    [
        "\ufefforganisation_number;name;path\r\n897069650;Bær, Øl;/a.xml\r\n",
        "sep=;\r\norganisation_number;path;note, internal\r\n897069650;/a.xml;x\r\n;;\r\n",
        "\nOrganisation_Number, Path\n897069650, /a.xml\n,\n\n",
    ],
)
def test_a_list_from_a_spreadsheet(run_task: RunTask, tmp_path: Path, content: str) -> None:
    source = tmp_path / "companies.csv"
    source.write_bytes(content.encode())
    (found,) = listed(run_task, source).result
    assert (found["organisation_number"], found["documents"][0]["path"]) == ("897069650", "/a.xml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("organisation_number,name,path\n897069650,Bær,/a.xml\n".encode("cp1252"), "is not UTF-8 (line 2)"),
        (b"orgnr,path\n897069650,/a.xml\n", "has no column organisation_number: its first line must name"),
        (b"897069650;A;/a.xml\n", "has no column organisation_number and no path"),
        (b"", "has no column organisation_number and no path"),
    ],
)
def test_a_file_that_is_no_list_of_companies_says_what_is_wrong(
    run_task: RunTask, tmp_path: Path, content: bytes, said: str
) -> None:
    source = tmp_path / "companies.csv"
    source.write_bytes(content)
    refused = listed(run_task, source)
    assert refused.state == "failed"
    assert said in str(refused.error)
    assert str(source) in str(refused.error)


class SqliteHook(DbApiHook):
    """What the provider of a database brings."""

    conn_name_attr = "file"

    def get_conn(self) -> Any:
        return sqlite3.connect(self.file)


def test_the_list_may_be_a_table(
    run_task: RunTask, supervisor: MemorySupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "companies.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE companies (name TEXT, path TEXT, organisation_number INTEGER)")
        database.execute("INSERT INTO companies VALUES ('Fitness', '/data/{organisation_number}.xml', 897069650)")
    supervisor.connections["companies"] = {"conn_id": "companies", "conn_type": "sqlite", "host": str(file)}
    monkeypatch.setattr(Connection, "get_hook", lambda self: SqliteHook(file=self.host))
    (found,) = listed(run_task, "table://companies/companies").result
    assert (found["organisation_number"], found["documents"][0]["path"]) == ("897069650", "/data/897069650.xml")
    for name in ("companies;DROP TABLE companies", "", "a.b.c"):
        refused = listed(run_task, f"table://companies/{name}")
        assert "write table://connection/table" in str(refused.error)


@pytest.mark.parametrize("conn_type", ["a_database_without_provider", "altinn"])
def test_a_table_that_no_provider_reads_is_named(
    run_task: RunTask, supervisor: MemorySupervisor, conn_type: str
) -> None:
    supervisor.connections["companies"] = {"conn_id": "companies", "conn_type": conn_type}
    refused = listed(run_task, "table://companies/companies")
    assert isinstance(refused.error, AltinnConfigurationError)
    assert "table://companies/companies: no installed provider reads tables" in str(refused.error)
    assert repr(conn_type) in str(refused.error)


def test_the_run_is_green_only_when_no_task_of_a_company_has_failed() -> None:
    """What the summary reads may be an earlier filing than the one that failed."""
    dag = DagBag(DAGS / "fleet.py").dags["fleet"]
    ends = {task.task_id: task.trigger_rule.value for task in dag.leaves}
    assert ends == {"summary": "all_done", "no_company_failed": "none_failed"}
    last = {task.task_id for task in dag.get_task("no_company_failed").upstream_list}
    assert last == {task.task_id for task in dag.get_task("summary").upstream_list}
    assert last == {"company.filing.accepted"}
    summary: Any = dag.get_task("summary")
    assert (summary.kind, summary.correction_number) == ("{{ params.kind }}", "{{ params.correction_number }}")
    for name in ("instantiate", "upload", "push_1_data", "push_2_confirmation"):
        given: Any = dag.get_task(f"company.filing.{name}")
        assert (given.is_dry_run, given.on_backfill) == ("{{ params.dry_run }}", "{{ params.on_backfill }}")

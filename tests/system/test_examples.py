"""The documents' example DAGs, run task by task against the emulator."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.api.datamodels._generated import DagRunType

from altinn.emulator import Emulator
from tests.system.conftest import SOPHIE, Connect, Look, RunTask

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
COMPANY = "897069650"
"""A test company for which person 1337 may file."""


def test_the_readme_s_dag_files_a_report(
    run_task: RunTask, connect: Connect, emulator: Emulator, look: Look, form: str, tmp_path: Path
) -> None:
    connect(emulator.base_url, **SOPHIE)
    source = (EXAMPLES / "first_filing.py").read_text("utf-8")
    file = tmp_path / "first_filing.py"
    file.write_text(source.replace("/data/report.xml", form), "utf-8")
    bag = DagBag(file)
    assert bag.import_errors == {}
    dag = bag.dags["first_filing"]
    conf = {"period": "2026-T5", "organisation_number": COMPANY}

    for task in dag.topological_sort():  # type: ignore[no-untyped-call]
        done = run_task(task, params=conf)
        assert done.state == "success", (task.task_id, done.error)

    (filing,) = look.filings()
    assert filing["app"] == "ttd/basic"
    assert filing["dataValues"]["filingperiod"] == "2026-T5"


def test_the_periodic_dag_files_a_backfilled_period(
    run_task: RunTask, connect: Connect, emulator: Emulator, look: Look, form: str, tmp_path: Path
) -> None:
    connect(emulator.base_url, **SOPHIE)
    source = (EXAMPLES / "periodic_filing.py").read_text("utf-8")
    file = tmp_path / "periodic_filing.py"
    file.write_text(source.replace("/data/report.xml", form), "utf-8")
    bag = DagBag(file)
    assert bag.import_errors == {}
    dag = bag.dags["periodic_filing"]
    term = datetime(2026, 7, 1, tzinfo=UTC)
    backfill = {"run_type": DagRunType.BACKFILL, "logical_date": term, "data_interval_start": term}
    params = {name: param.resolve() for name, param in dag.params.items()}  # type: ignore[no-untyped-call]

    for task in dag.topological_sort():  # type: ignore[no-untyped-call]
        done = run_task(task, params=params, of_run=backfill)
        assert done.state == "success", (task.task_id, done.error)

    (filing,) = look.filings()
    assert filing["dataValues"]["filingperiod"] == "2026-T4"

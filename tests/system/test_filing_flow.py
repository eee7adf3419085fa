"""A whole filing with the discrete operators, against the emulator, as one DAG's tasks would do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from altinn.operators import (
    AltinnDownloadDataOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    AltinnValidateOperator,
)
from tests.system.conftest import Look, RunTask


def test_a_filing_and_its_repeat(run_task: RunTask, connection: str, look: Look, form: str) -> None:
    def file_once() -> tuple[str, bool, bool]:
        made = run_task(AltinnInstantiateOperator(task_id="instantiate", app="ttd/basic", period="2026-T5"))
        assert made.state == "success", made.error
        instance: dict[str, Any] = {"app": "ttd/basic", "instance_id": made.result}
        put = run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=form, **instance))
        assert put.state == "success", put.error
        checked = run_task(AltinnValidateOperator(task_id="validate", **instance))
        assert checked.result == []
        moves = []
        for task in ("data", "confirmation"):
            pushed = run_task(
                AltinnProcessNextOperator(task_id=f"push_{task}", from_task=task, documents=put.result, **instance)
            )
            assert pushed.state == "success", pushed.error
            moves.append(pushed.result["moved"])
        return made.result, *moves

    first, *moved = file_once()
    assert moved == [True, True]
    again, *moved = file_once()
    assert again == first
    assert moved == [False, False]
    filings = look.filings()
    assert [(f["app"], f["instance"].endswith(first.split("/")[1]), f["deleted"]) for f in filings] == [
        ("ttd/basic", True, False)
    ]


def test_download_of_the_prefilled_form(run_task: RunTask, connection: str, tmp_path: Path) -> None:
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", app="ttd/basic", period="2026-T5"))
    got = run_task(
        AltinnDownloadDataOperator(
            task_id="download",
            app="ttd/basic",
            instance_id=made.result,
            data_types=["model"],
            folder=str(tmp_path / "down"),
            accept="application/xml",
        )
    )
    assert got.state == "success", got.error
    assert Path(got.result[0]["path"].removeprefix("file://")).read_bytes().startswith(b"<")

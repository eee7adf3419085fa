"""AltinnValidateOperator: Altinn's findings as a table, as XCom, and as a verdict by severity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from altinn.exceptions import AltinnDocumentError, AltinnInputError
from altinn.operators import AltinnUploadDataOperator, AltinnValidateOperator
from tests.system.conftest import Look, Outcome, RunTask


def _validated(run_task: RunTask, draft: dict[str, Any], path: Path, value: str, **arguments: Any) -> Outcome:
    path.write_text(f"<model><property1>{value}</property1><property2>b</property2></model>")
    put = run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=str(path), **draft))
    assert put.state == "success", put.error
    return run_task(AltinnValidateOperator(task_id="validate", **draft, **arguments))


def test_a_valid_instance_has_no_findings(run_task: RunTask, draft: dict[str, Any], tmp_path: Path) -> None:
    checked = _validated(run_task, draft, tmp_path / "form.xml", "a")
    assert checked.state == "success"
    assert checked.result == []
    assert checked.xcoms["altinn_issues"] == []


def test_an_error_fails_at_once_with_a_table(
    run_task: RunTask, draft: dict[str, Any], tmp_path: Path, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = _validated(run_task, draft, tmp_path / "form.xml", "FEIL")
    assert checked.state == "failed"
    assert isinstance(checked.error, AltinnDocumentError)
    assert "nothing was submitted" in str(checked.error)
    assert "property1 kan ikke være FEIL" in str(checked.error)
    (issue,) = checked.xcoms["altinn_issues"]
    assert (issue["severity"], issue["where"]) == ("error", "property1")
    logged = capsys.readouterr().out
    assert "severity  where      code" in logged
    assert look.requests("PUT", "process/next") == []


@pytest.mark.parametrize(
    ("fail_on", "state"), [("error", "success"), ("warning", "failed"), ("information", "failed"), ("never", "success")]
)
def test_the_threshold_decides_over_a_warning(
    run_task: RunTask, draft: dict[str, Any], tmp_path: Path, fail_on: str, state: str
) -> None:
    checked = _validated(run_task, draft, tmp_path / "form.xml", "ADVARSEL", fail_on=fail_on)
    assert checked.state == state
    assert [issue["severity"] for issue in checked.xcoms["altinn_issues"]] == ["warning"]


def test_never_lets_errors_pass_and_still_shows_them(run_task: RunTask, draft: dict[str, Any], tmp_path: Path) -> None:
    checked = _validated(run_task, draft, tmp_path / "form.xml", "FEIL", fail_on="never")
    assert checked.state == "success"
    assert [issue["severity"] for issue in checked.result] == ["error"]


def test_a_delivered_instance_is_not_validated(run_task: RunTask, draft: dict[str, Any], look: Look) -> None:
    look.submit(draft["instance_id"])
    checked = run_task(AltinnValidateOperator(task_id="validate", **draft))
    assert checked.result == []
    assert look.requests("GET", "/validate$") == []


def test_a_threshold_that_is_none_is_refused(run_task: RunTask, draft: dict[str, Any]) -> None:
    checked = run_task(AltinnValidateOperator(task_id="validate", fail_on="fatal", **draft))
    assert checked.state == "failed"
    assert isinstance(checked.error, AltinnInputError)
    assert "fail_on must be one of error, warning, information or never" in str(checked.error)

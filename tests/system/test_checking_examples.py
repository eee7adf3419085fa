"""The examples of docs/checking.md load, and do what the page says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from altinn.authorities import skatteetaten_vat as vat
from altinn.exceptions import AltinnDocumentError

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
VALID = ROOT / "tests" / "data" / "skatteetaten-mva" / "valid" / "mvakode1.xml"


def loaded(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / name))


def test_the_check_stands_before_the_filing() -> None:
    check, filing = loaded("checked_filing.py")["check"], loaded("checked_filing.py")["filing"]
    assert "check" in filing.upload.upstream_task_ids
    assert check.execution_timeout.total_seconds() == 3600


def test_a_task_checks_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "include" / "schemas" / "skatteetaten-mva"
    folder.mkdir(parents=True)
    (folder / "return.xsd").write_bytes(
        (ROOT / "include" / "schemas" / "skatteetaten-mva" / vat.SCHEMAS[vat.RETURN]).read_bytes()
    )
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    function = loaded("check_in_a_task.py")["checked_report"].function
    assert function(str(VALID))["path"] == str(VALID)
    broken = tmp_path / "broken.xml"
    broken.write_bytes(VALID.read_bytes().replace(b"<aar>2", b"<aar>x", 1))
    with pytest.raises(AltinnDocumentError):
        function(str(broken))

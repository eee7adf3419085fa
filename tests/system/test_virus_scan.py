"""A virus scan's verdict, given by the emulator's control while the upload task waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from altinn.emulator import Emulator
from altinn.exceptions import AltinnDocumentError, AltinnTimeoutError
from altinn.operators import AltinnInstantiateOperator, AltinnUploadDataOperator
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import Look, Outcome, RunTask
from tests.system.test_waiting import control

APP, COMPANY = "brg/aarsregnskap-vanlig-202406", "897069650"
Upload = Callable[..., Outcome]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(scan_delay=1e9) as running:
        yield running


@pytest.fixture
def draft(run_task: RunTask, proxied: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {"app": APP, "altinn_conn_id": proxied}
    made = run_task(AltinnInstantiateOperator(task_id="make", period="2025", organisation_number=COMPANY, **arguments))
    assert made.state == "success", made.error
    return {**arguments, "instance_id": made.result}


@pytest.fixture
def upload(run_task: RunTask, draft: dict[str, Any], tmp_path: Path) -> Upload:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.4 a report")

    def put(**more: Any) -> Outcome:
        return run_task(
            AltinnUploadDataOperator(
                task_id="upload", data_type="Vedlegg", path=str(path), retries=0, **{**draft, **more}
            )
        )

    return put


def scanned(proxy: AltinnProxy, look: Look, draft: dict[str, Any], result: str) -> None:
    """Have the scanner find something right before the task looks at the instance again after its upload."""
    where = f"/instances/{draft['instance_id']}"

    def uploaded() -> None:
        proxy.before("GET", f"{where}$", lambda: control(look, draft["instance_id"], "scan", result=result), number=2)

    proxy.before("POST", f"{where}/data", uploaded)


def test_a_clean_file_is_kept(proxy: AltinnProxy, look: Look, draft: dict[str, Any], upload: Upload) -> None:
    scanned(proxy, look, draft, "Clean")
    done = upload()
    assert done.state == "success", done.error
    (element,) = [e for e in look.instance(draft["instance_id"])["data"] if e["dataType"] == "Vedlegg"]
    assert element["fileScanResult"] == "Clean"


def test_an_infected_file_is_red_and_named(
    proxy: AltinnProxy, look: Look, draft: dict[str, Any], upload: Upload
) -> None:
    scanned(proxy, look, draft, "Infected")
    done = upload()
    assert done.state == "failed"
    assert isinstance(done.error, AltinnDocumentError)
    assert "the virus scan refused report.pdf: replace the file" in str(done.error)
    assert [issue.code for issue in done.error.issues] == ["DataElementFileInfected"]


def test_a_scan_without_a_verdict_is_not_taken_for_clean(upload: Upload) -> None:
    done = upload(scan_timeout=1.0)
    assert done.state == "failed"
    assert isinstance(done.error, AltinnTimeoutError)

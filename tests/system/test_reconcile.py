"""`altinn reconcile`: a ledger held against what Altinn shows, after Airflow's database is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from altinn.cli import main
from altinn.operators import AltinnInstantiateOperator, AltinnProcessNextOperator, AltinnUploadDataOperator
from tests.system.conftest import SOPHIE, Connect, Look, RunTask


@pytest.fixture
def ledger(connect: Connect, look: Look, tmp_path: Path) -> Path:
    folder = tmp_path / "ledger"
    connect(look.base_url, **SOPHIE, ledger=str(folder))
    return folder


def file(run_task: RunTask, form: str, period: str, *, to_the_end: bool = True) -> str:
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", app="ttd/basic", period=period))
    draft: dict[str, Any] = {"app": "ttd/basic", "instance_id": made.result}
    put = run_task(AltinnUploadDataOperator(task_id="upload", data_type="model", path=form, **draft))
    for task in ("data", "confirmation") if to_the_end else ():
        pushed = run_task(AltinnProcessNextOperator(task_id="push", from_task=task, documents=put.result, **draft))
        assert pushed.state == "success", pushed.error
    return str(made.result)


def reconcile(capsys: pytest.CaptureFixture[str], ledger: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    capsys.readouterr()
    status = main(["reconcile", "--conn-id", "altinn_default", "--ledger", str(ledger), "--json"])
    findings = json.loads(capsys.readouterr().out)
    return status, {f"{f['period']} {f['kind']}": f for f in findings}


def test_what_was_filed_and_what_is_still_a_draft_is_well(
    run_task: RunTask, ledger: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filed, draft = file(run_task, form, "2026-T1"), file(run_task, form, "2026-T2", to_the_end=False)
    status, found = reconcile(capsys, ledger)
    assert status == 0
    assert (found["2026-T1 main"]["verdict"], found["2026-T1 main"]["instance_ids"]) == ("delivered", [filed])
    assert (found["2026-T2 main"]["verdict"], found["2026-T2 main"]["instance_ids"]) == ("draft", [draft])


def test_a_draft_that_somebody_finished_by_hand_is_found_delivered(
    run_task: RunTask, ledger: Path, form: str, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    look.submit(file(run_task, form, "2026-T1", to_the_end=False))
    status, found = reconcile(capsys, ledger)
    assert status == 0
    assert "the ledger had not seen the end of it" in found["2026-T1 main"]["text"]


def test_a_second_delivery_of_the_key_is_named(
    run_task: RunTask, ledger: Path, form: str, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    first = file(run_task, form, "2026-T1")
    stamps = look.instance(first)["dataValues"]
    body = {"instanceOwner": {"partyId": "501337"}, "dataValues": stamps}
    second = look.api("POST", "/ttd/basic/instances", json=body).json()["id"]
    look.submit(second)
    status, found = reconcile(capsys, ledger)
    assert status == 1
    assert found["2026-T1 main"]["verdict"] == "doubled"
    assert set(found["2026-T1 main"]["instance_ids"]) == {first, second}


def test_what_altinn_does_not_show_is_not_called_well(
    run_task: RunTask, ledger: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    party, _, guid = file(run_task, form, "2026-T1").partition("/")
    gone = f"{party}/{guid[:-4]}0000"
    for path in ledger.iterdir():
        path.write_text(path.read_text().replace(f"{party}/{guid}", gone))
    status, found = reconcile(capsys, ledger)
    assert status == 1
    assert found["2026-T1 main"]["verdict"] == "unknown"


def test_the_table_is_for_people(
    run_task: RunTask, ledger: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filed = file(run_task, form, "2026-T1")
    with next(ledger.iterdir()).open("a") as cut_short:
        cut_short.write('{"at": "2026-11-2')
    capsys.readouterr()
    assert main(["reconcile", "--conn-id", "altinn_default", "--ledger", str(ledger)]) == 0
    out = capsys.readouterr().out
    assert f"delivered       ttd/basic, party 501337, 2026-T1, main: delivered once {filed}" in out
    assert "1 filing(s) recorded for local, 0 to look at" in out


def test_a_ledger_that_is_not_there_cannot_be_compared(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reconcile", "--conn-id", "altinn_default", "--ledger", str(tmp_path / "nowhere")]) == 2
    assert "there is no ledger" in capsys.readouterr().err

"""The example DAGs in a real Airflow: annual accounts, statistics, tax return, payment, reminders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from altinn.evidence import problems_of
from tests.stack.conftest import RealAirflow, unique_period

SOPHIE, AUDITOR = 1337, 1002
COMPANY = "897069650"
"""A test company with a manager (1337) and a responsible auditor (1002)."""
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def bundle_of(receipt: dict[str, Any]) -> Path:
    folder = Path(receipt["bundle"].removeprefix("file://"))
    assert problems_of(folder, expected_sha256=receipt["manifest_sha256"]) == []
    return folder


def test_annual_accounts_wait_for_the_signature(airflow: RealAirflow, tmp_path: Path) -> None:
    note = tmp_path / "note.pdf"
    note.write_bytes(PDF)
    run_id = airflow.trigger("annual_accounts", {"period": "2025", "attachments": [str(note)]})
    airflow.wait_for_task("annual_accounts", run_id, "filing.wait_2_signing", "deferred")
    instance_id = airflow.xcom("annual_accounts", run_id, "filing.instantiate")
    airflow.control(instance_id, "act", action="sign", person=SOPHIE)
    airflow.require_success("annual_accounts", run_id)
    receipt = airflow.xcom("annual_accounts", run_id, "filing.accepted")
    assert (receipt["outcome"], receipt["period"]) == ("accepted", "2025")
    kept = json.loads((bundle_of(receipt) / "documents.json").read_text())["kept"]
    assert sorted(d["data_type"] for d in kept) == ["Hovedskjema", "Signatur", "Underskjema", "Vedlegg"]


def test_statistics_are_found_filled_and_sent(airflow: RealAirflow) -> None:
    for app, kind, number, year in (("ssb/rs0182-01", "KVRT", "03", "2025"), ("ssb/ra0187-01", "MND", "01", "2026")):
        prefill = {"periodeType": kind, "periodeNummer": number, "periodeAAr": year}
        wanted = {"app": app, "organisation_number": "950474084"}
        wanted["prefill"] = {f"InternInfo.{name}": value for name, value in prefill.items()}  # type: ignore[assignment]
        airflow.emulator.call("POST", "/_emulator/instances", wanted)
    run_id = airflow.trigger("ssb_statistics", {})
    airflow.require_success("ssb_statistics", run_id)
    states = airflow.states("ssb_statistics", run_id)
    assert [states[f"answer.accepted[{index}]"] for index in (0, 1)] == ["success", "success"]
    assert all(task != "answer.accepted[2]" for task in states)


def test_one_form_that_is_not_there_stops_no_other(airflow: RealAirflow) -> None:
    prefill = {"InternInfo.periodeType": "KVRT", "InternInfo.periodeNummer": "02", "InternInfo.periodeAAr": "2025"}
    wanted = {"app": "ssb/rs0182-01", "organisation_number": "950474084", "prefill": prefill}
    airflow.emulator.call("POST", "/_emulator/instances", wanted)
    path = str(Path(__file__).parents[2] / "include" / "samples" / "ssb" / "rs0182.xml")
    forms = [{"form": "RS-0182", "period": period, "path": path} for period in ("2025-Q2", "2024-Q1")]
    run_id = airflow.trigger("ssb_statistics", {"forms": forms})
    assert airflow.wait_for_run("ssb_statistics", run_id) == "failed"
    states = airflow.states("ssb_statistics", run_id)
    assert [states["answer.accepted[0]"], states["answer.find[1]"]] == ["success", "failed"]


@pytest.mark.parametrize("audited", [False, True])
def test_the_tax_return_is_confirmed_by_people(airflow: RealAirflow, tmp_path: Path, audited: bool) -> None:
    note = tmp_path / "note.pdf"
    note.write_bytes(PDF)
    conf = {
        "period": "2022",
        "organisation_number": COMPANY if audited else "950474084",
        "altinn_conn_id": "altinn_vat" if audited else "altinn_default",
        "attachments": [str(note)],
        "audited": audited,
    }
    run_id = airflow.trigger("company_tax_return", conf)
    airflow.wait_for_task("company_tax_return", run_id, "wait_for_confirmation", "deferred")
    instance_id = airflow.xcom("company_tax_return", run_id, "instantiate")
    for person in [AUDITOR, SOPHIE] if audited else [SOPHIE]:
        airflow.control(instance_id, "act", action="confirm", person=person)
    airflow.require_success("company_tax_return", run_id)
    receipt = airflow.xcom("company_tax_return", run_id, "accepted")
    assert receipt["outcome"] == "accepted"
    assert (bundle_of(receipt) / "receipts" / "tilbakemelding.xml").is_file()


def test_an_accepted_vat_return_starts_its_payment(airflow: RealAirflow) -> None:
    airflow.until(lambda: airflow.api.dag("pay_the_vat") is not None, "Airflow to read pay_the_vat")
    airflow.api.unpause("pay_the_vat")
    run_id = airflow.trigger("vat_return", {"period": "2022-T5"})
    airflow.require_success("vat_return", run_id)
    payment = airflow.xcom("vat_return", run_id, "receipt", key="payment")
    assert payment["amount"] == "-29000"
    airflow.until(lambda: bool(paid(airflow)), "the payment's run")
    assert [order["paid"] for order in paid(airflow) if order["period"] == "2022-T5"] == [
        "nothing to pay: money comes back"
    ]


def test_fifty_acceptances_are_fifty_payments(airflow: RealAirflow) -> None:
    airflow.until(lambda: airflow.api.dag("pay_the_vat") is not None, "Airflow to read pay_the_vat")
    airflow.api.unpause("pay_the_vat")
    run_id = airflow.trigger("stack_fifty", {})
    airflow.require_success("stack_fifty", run_id)
    folder = airflow.stack.folder.files / "payments"
    airflow.until(lambda: len(list(folder.glob("5000*_0000*.json"))) == 50, "fifty payment orders")
    airflow.until(lambda: not airflow.api.runs("pay_the_vat", "queued", "running"), "the payments' runs to end")
    orders = [json.loads(path.read_text()) for path in folder.glob("5000*_0000*.json")]
    assert sorted(int(order["amount"]) for order in orders) == list(range(1000, 1050))
    assert not list(folder.glob("1_other*"))


def paid(airflow: RealAirflow) -> list[dict[str, Any]]:
    """Return what every payment task returned."""
    found = []
    for run in airflow.api.runs("pay_the_vat", "success"):
        run_id = str(run["dag_run_id"])
        for one in airflow.api.task_instances("pay_the_vat", run_id):
            if one["task_id"] == "pay" and one["map_index"] >= 0:
                found.append(airflow.xcom("pay_the_vat", run_id, "pay", map_index=one["map_index"]))
    return found


def test_a_person_is_reminded_until_signed(airflow: RealAirflow, tmp_path: Path) -> None:
    form = tmp_path / "form.xml"
    form.write_bytes(b"<model><property1>a</property1></model>")
    reminded = airflow.stack.folder.files / "reminders.txt"
    run_id = airflow.trigger("stack_reminder", {"period": unique_period(), "form_path": str(form)})
    airflow.wait_for_task("stack_reminder", run_id, "filing.wait_2_signing", "deferred")
    instance_id = airflow.xcom("stack_reminder", run_id, "filing.instantiate")
    airflow.until(lambda: reminded.exists() and run_id in reminded.read_text(), "the first reminder")
    (line,) = reminded.read_text().splitlines()
    assert line.endswith(f"/ttd/basic-signing/#/instance/{instance_id}")
    airflow.control(instance_id, "act", action="sign", person=SOPHIE)
    airflow.require_success("stack_reminder", run_id)
    assert len(reminded.read_text().splitlines()) == 1

"""`dags/pay_the_vat.py`: one payment for a company's period, and a person's decision about everything else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

SOURCE = Path(__file__).parents[2] / "dags" / "pay_the_vat.py"


@pytest.fixture
def pay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the DAG file as Airflow does, with a folder of its own."""
    monkeypatch.setenv("ALTINN_FILES", str(tmp_path))
    spec = importlib.util.spec_from_file_location("pay_the_vat", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def accepted(instance: str, amount: str = "1000", **more: Any) -> dict[str, Any]:
    payment = {"amount": amount, "kid": instance, "account": "12345678903", "due_date": "2026-12-10"}
    known = {"instance_id": f"1/{instance}", "organisation_number": "999999999", "period": "2026-T5", "bundle": "b"}
    return {**known, "kind": "main", "correction_number": 0, "payment": payment, **more}


CORRECTION = accepted("0", amount="1100", kind="correction", correction_number=1)


def settled(pay: ModuleType, *told: dict[str, Any]) -> list[str]:
    return [pay.settle(filing)["paid"] for filing in pay.not_settled(list(told))]


def ordered(folder: Path) -> list[tuple[str, str]]:
    found = [(path.parent.name, json.loads(path.read_text())["amount"]) for path in folder.rglob("*.json")]
    return sorted(found)


def test_a_correction_that_comes_later_is_listed_for_a_decision(pay: ModuleType, tmp_path: Path) -> None:
    assert settled(pay, accepted("5")) == ["ordered"]
    (said,) = settled(pay, accepted("5"), CORRECTION)
    assert said.startswith("not ordered, a person has to decide: it is correction 1")
    assert ordered(tmp_path) == [("payments", "1000"), ("to_decide", "1100")]
    assert settled(pay, accepted("5"), CORRECTION) == [], "each is told of once"


def test_a_correction_in_the_same_burst_is_not_ordered_either(pay: ModuleType, tmp_path: Path) -> None:
    assert len(settled(pay, CORRECTION, accepted("5"))) == 2
    assert ordered(tmp_path) == [("payments", "1000"), ("to_decide", "1100")]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_period_is_paid_once(pay: ModuleType, tmp_path: Path, at_once: bool) -> None:
    one, two = accepted("5"), accepted("6", amount="1100")
    told = settled(pay, one, two) if at_once else settled(pay, one) + settled(pay, one, two)
    assert told == ["ordered", "not ordered, a person has to decide: this company's period is paid by 1_5.json"]
    assert ordered(tmp_path) == [("payments", "1000"), ("to_decide", "1100")]


def test_a_payment_that_failed_looks_again_when_it_is_repeated(pay: ModuleType, tmp_path: Path) -> None:
    """Another run has paid the period meanwhile."""
    (failed,) = pay.not_settled([accepted("5")])
    assert settled(pay, accepted("6", amount="1100")) == ["ordered"]
    assert pay.settle(failed)["paid"].endswith("this company's period is paid by 1_6.json")
    assert ordered(tmp_path) == [("payments", "1100"), ("to_decide", "1000")]
    assert pay.settle(pay.not_settled([accepted("7", period="2026-T4")])[0])["paid"] == "ordered"


def test_other_periods_and_companies_are_paid(pay: ModuleType, tmp_path: Path) -> None:
    other = accepted("7", organisation_number="888888888")
    assert settled(pay, accepted("5"), accepted("6", period="2026-T6"), other) == ["ordered"] * 3
    nothing = accepted("8", period="2026-T4")
    nothing.pop("payment")
    assert settled(pay, nothing) == []
    assert len(ordered(tmp_path)) == 3


def test_an_event_from_before_the_kind_was_told_is_paid(pay: ModuleType) -> None:
    old = {name: value for name, value in accepted("5").items() if name not in ("kind", "correction_number")}
    assert settled(pay, old) == ["ordered"]

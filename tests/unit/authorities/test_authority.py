"""Authorities by name, and the generic one, which must be told what an acceptance looks like."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from altinn.authorities.authority import MACHINE, PERSON, Authority, Step, load_authority
from altinn.authorities.brreg_accounts import AUTHORITY as ACCOUNTS
from altinn.authorities.generic import GenericAuthority
from altinn.authorities.skatteetaten_vat import VatReturns
from altinn.authorities.ssb_surveys import AUTHORITY as SURVEYS
from altinn.authorities.ssb_surveys import SsbSurvey, app_of_form, data_type_of_form, period_of_form
from altinn.exceptions import AltinnConfigurationError, AltinnInputError
from altinn.protocol.model import Instance
from tests.unit.protocol import recorded_answers as recorded

DRAFT = Instance.from_json(recorded.APP)
ENDED = Instance.from_json({**recorded.APP, "process": recorded.ENDED})
OURS = ["brreg_accounts", "skatteetaten_tax", "skatteetaten_vat", "ssb_surveys"]


@pytest.mark.parametrize("name", OURS)
def test_each_of_ours_is_found_and_whole(name: str) -> None:
    found = load_authority(name)
    assert found.name
    assert found.steps
    assert found.verdict(DRAFT, {}).state != "accepted"
    assert load_authority(f"altinn.authorities.{name}") is found
    assert load_authority(f"altinn.authorities.{name}.AUTHORITY") is found
    assert load_authority(found) is found


@pytest.mark.parametrize("name", ["nobody", "altinn.authorities.nobody", "no_such_package.report", "xml_fields", "a b"])
def test_what_is_no_authority_is_refused(name: str) -> None:
    with pytest.raises(AltinnConfigurationError):
        load_authority(name)


def test_one_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_reports")
    module.AUTHORITY = GenericAuthority(accepted_when="ended")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_reports", module)
    assert load_authority("my_reports") is module.AUTHORITY


@pytest.mark.parametrize(
    "settings", [{}, {"accepted_when": ""}, {"receipt_types": ["kvittering"]}, {"accepted_when": "ended", "x": 1}]
)
def test_the_generic_one_has_no_default(settings: dict[str, Any]) -> None:
    with pytest.raises(AltinnConfigurationError):
        load_authority(settings)


def test_the_generic_one_does_what_it_is_told() -> None:
    settings = {
        "accepted_when": "receipt",
        "receipt_types": ["model"],
        "steps": [{"task": "data", "action": "confirm"}],
    }
    found = load_authority(settings)
    assert found.steps == (Step("data", "confirm"),)
    assert found.receipt_types == ("model",)
    assert found.verdict(ENDED, {}).state == "accepted"
    assert found.verdict(DRAFT, {}).state == "draft"


def test_one_that_says_nothing_of_acceptance_never_accepts() -> None:
    with pytest.raises(NotImplementedError):
        Authority().verdict(ENDED, {})


def test_accounts_are_signed_by_a_person_only() -> None:
    assert [(step.task, step.action, step.by) for step in ACCOUNTS.steps] == [
        ("data", "confirm", "machine"),
        ("signing", "sign", "person"),
    ]
    for is_signed, state in ((True, "accepted"), (False, "unknown"), (None, "waiting_for_authority")):
        assert ACCOUNTS.verdict(replace(ENDED, is_signed=is_signed), {}).state == state


@pytest.mark.parametrize(
    ("form", "year"),
    [
        (b"<m><a><regnskapsaar>2025</regnskapsaar></a></m>", "2025"),
        (b"<m><regnskapsaar>2025</regnskapsaar><b><regnskapsaar>2025</regnskapsaar></b></m>", "2025"),
        (b"<m><regnskapsaar>2025</regnskapsaar><b><regnskapsaar>2024</regnskapsaar></b></m>", None),
        (b"<m/>", None),
        (b"no XML", None),
    ],
)
def test_the_financial_year_is_read_or_unknown(form: bytes, year: str | None) -> None:
    assert ACCOUNTS.period_of(form) == year


def intern(kind: str, number: str, year: str = "2025") -> bytes:
    return (
        f"<A3_RA0689_M><InternInfo><periodeType>{kind}</periodeType><periodeNummer>{number}</periodeNummer>"
        f"<periodeAAr>{year}</periodeAAr></InternInfo></A3_RA0689_M>"
    ).encode()


@pytest.mark.parametrize(
    ("form", "period"),
    [
        (intern("MND", "01"), "2025-M01"),
        (intern("KVRT", "4"), "2025-Q4"),
        (intern("AAR", "1"), "2025"),
        (intern("AAR", ""), "2025"),
        (intern("UKE", "7"), None),
        (intern("MND", "13"), None),
        (intern("MND", "1", "25"), None),
        (intern("MND", "1", "0000"), None),
        (b"<m/>", None),
    ],
)
def test_the_period_that_ssb_wrote(form: bytes, period: str | None) -> None:
    assert SsbSurvey("RA-0689").period_of(form) == period
    if period is None:
        with pytest.raises(AltinnInputError):
            period_of_form(form)


def test_forms_of_ssb_have_their_apps() -> None:
    assert app_of_form("RA-0792") == "ssb/ra0792-01"
    assert data_type_of_form("rs0182") == "A3_RS-0182_M"
    assert SURVEYS.period_types == ()
    with pytest.raises(AltinnInputError):
        app_of_form("RB-1")


def test_who_takes_a_step_can_be_said_for_the_generic_authority_and_for_a_derived_one() -> None:
    steps = [{"task": "data"}, {"task": "confirmation", "by": "person"}]
    assert [step.by for step in load_authority({"accepted_when": "ended", "steps": steps}).steps] == [MACHINE, PERSON]
    assert [step.by for step in ReturnsThatAPersonConfirms().steps] == [MACHINE, PERSON]
    assert ReturnsThatAPersonConfirms().app_id("prod") == "skd/mva-melding-innsending-v1"


class ReturnsThatAPersonConfirms(VatReturns):
    steps = (Step("data", "write"), Step("confirmation", "confirm", PERSON))

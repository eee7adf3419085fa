from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import altinn.emulator
from altinn.emulator.skatteetaten.vat_consistency import deviations, first_difference, repeated_name, schema_errors
from altinn.emulator.skatteetaten.vat_paperwork import Line, Return, TaxPeriod, read_envelope, read_return
from altinn.emulator.skatteetaten.vat_replies import customer_reference

SAMPLES = Path(__file__).parents[3] / "data" / "skatteetaten-mva"
SCHEMAS = Path(__file__).parents[4] / "include" / "schemas" / "skatteetaten-mva"
VALID = sorted((SAMPLES / "valid").glob("*.xml"))
PERIOD = TaxPeriod("skattleggingsperiodeToMaaneder", "mars-april", "2022")
RETURN = Return("999999999", PERIOD, "alminnelig", Decimal(100), "", "", ())


def form(*files: tuple[str, str]) -> dict[str, Any]:
    return {
        "norskIdentifikator": {"organisasjonsnummer": "999999999"},
        "skattleggingsperiode": {"periode": {"skattleggingsperiodeToMaaneder": "mars-april"}, "aar": "2022"},
        "meldingskategori": "alminnelig",
        "instansstatus": "x",
        "vedlegg": [{"vedleggsfil": {"filnavn": name, "filekstensjon": extension}} for name, extension in files],
    }


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_every_published_return_is_read_and_keeps_its_schema(path: Path) -> None:
    data = path.read_bytes()
    assert schema_errors(data, SCHEMAS) == []
    read = read_return(data)
    assert read.period.kind.startswith("skattleggingsperiode")
    assert read.period.year.isdigit()
    assert read.payer
    assert read.category


def test_the_app_s_schemas_are_the_published_ones() -> None:
    app = Path(altinn.emulator.__file__).parent / "apps" / "skd-mva-melding-innsending-v1"
    copies = [*app.glob("models/*.xsd"), *app.glob("schemas/*.xsd")]
    assert len(copies) == 4
    for copy in copies:
        assert copy.read_bytes() == (SCHEMAS / copy.name).read_bytes()


def test_a_wrong_return_says_where() -> None:
    errors = schema_errors((SAMPLES / "invalid-real" / "postman-v09.xml").read_bytes(), SCHEMAS)
    assert errors
    assert errors[0].startswith("/")


@pytest.mark.parametrize(
    "files",
    [
        [("melding", "xml"), ("a", "pdf")],
        [("a.pdf", "pdf"), ("melding.xml", "")],
        [("A", "PDF"), ("melding", "xml")],
    ],
)
def test_files_are_named_with_their_extension_apart_or_not(files: list[tuple[str, str]]) -> None:
    assert first_difference("999999999", read_envelope(form(*files)), RETURN, ["melding.xml", "a.pdf"]) is None


@pytest.mark.parametrize(
    ("files", "uploaded"),
    [
        ([("melding", "xml")], ["melding.xml", "a.pdf"]),
        ([("melding", "xml"), ("a", "pdf")], ["melding.xml"]),
        ([("melding", "xml"), ("a", "pdf"), ("a", "pdf")], ["melding.xml", "a.pdf", "b.pdf"]),
        ([("a", "pdf")], ["melding.xml", "a.pdf"]),
        ([], ["melding.xml"]),
    ],
)
def test_lists_that_differ(files: list[tuple[str, str]], uploaded: list[str]) -> None:
    text = first_difference("999999999", read_envelope(form(*files)), RETURN, uploaded)
    assert text is not None
    assert "Liste med vedlegg" in text


def test_an_empty_envelope_is_refused_not_crashed_on() -> None:
    text = first_difference("999999999", read_envelope({}), RETURN, ["melding.xml"])
    assert text is not None
    assert "Organisasjonsnummeret i instansen" in text


def test_names_are_unique_whatever_their_case() -> None:
    assert repeated_name(["a.pdf", "b.pdf"]) is None
    assert repeated_name(["a.pdf", "b.pdf", "A.PDF"]) == "a.pdf"


@pytest.mark.parametrize(
    ("line", "determined", "rules"),
    [
        (Line("3", Decimal(1000), Decimal(25), Decimal(250)), 250, []),
        (Line("3", Decimal(1000), Decimal(25), Decimal(251)), 251, []),
        (Line("3", Decimal(1000), Decimal(25), Decimal(252)), 252, ["R019"]),
        (Line("1", None, None, Decimal(-500)), -510, []),
        (Line("1", None, None, Decimal(-500)), -511, ["R018"]),
    ],
)
def test_sums_with_their_tolerance(line: Line, determined: int, rules: list[str]) -> None:
    judged = deviations(replace(RETURN, determined=Decimal(determined), lines=(line,)))
    assert [deviation.rule for deviation in judged] == rules


@given(st.from_regex(r"[1-9][0-9]{8}", fullmatch=True), st.integers(2000, 2100))
def test_a_payment_reference_passes_modulus_ten(payer: str, year: int) -> None:
    digits = [int(digit) for digit in customer_reference(payer, replace(PERIOD, year=str(year)))]
    doubled = [d if place % 2 == 0 else (2 * d if 2 * d < 10 else 2 * d - 9) for place, d in enumerate(digits[::-1])]
    assert sum(doubled) % 10 == 0

"""Every period of the schema can be named, and every name that the schema knows is written as it wants."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from altinn.authorities.vat_periods import VatPeriod
from altinn.exceptions import AltinnInputError

SCHEMA = (
    Path(__file__).parents[3]
    / "include/schemas/skatteetaten-mva/no.skatteetaten.fastsetting.avgift.mva.mvameldinginnsending.v1.0.xsd"
)
XSD = "{http://www.w3.org/2001/XMLSchema}"


def published_values() -> list[tuple[str, str]]:
    """Every (element, value) of the published schema."""
    return [
        (name[0].lower() + name[1:], enumeration.attrib["value"])
        for simple in ElementTree.parse(SCHEMA).getroot().iter(f"{XSD}simpleType")
        if (name := simple.attrib["name"]).startswith("Skattleggingsperiode")
        for enumeration in simple.iter(f"{XSD}enumeration")
    ]


def test_the_schema_has_the_values_that_are_tested() -> None:
    assert len(published_values()) == 12 + 2 + 6 + 24 + 4 + 53 + 1


@pytest.mark.parametrize(("element", "value"), published_values())
def test_each_published_value_is_read_and_written_alike(element: str, value: str) -> None:
    # 2026 has 53 weeks.
    period = VatPeriod.from_xml(element, value, "2026")
    assert (period.element, period.value, period.year) == (element, value, 2026)
    assert VatPeriod.parse(period.name) == period


@pytest.mark.parametrize(
    ("name", "element", "value"),
    [
        ("2022-T5", "skattleggingsperiodeToMaaneder", "september-oktober"),
        ("2022-M03", "skattleggingsperiodeMaaned", "mars"),
        ("2022-Q2", "skattleggingsperiodeTreMaaneder", "april-juni"),
        ("2022-H1", "skattleggingsperiodeSeksMaaneder", "januar-juni"),
        ("2022", "skattleggingsperiodeAar", "aarlig"),
        ("2022-W07", "skattleggingsperiodeUke", "uke 7"),
        ("2022-M03-2", "skattleggingsperiodeHalvMaaned", "andre halvdel mars"),
    ],
)
def test_a_name_is_written_so(name: str, element: str, value: str) -> None:
    period = VatPeriod.parse(name)
    assert (period.element, period.value) == (element, value)


def test_a_year_may_carry_a_time_zone() -> None:
    assert VatPeriod.from_xml("skattleggingsperiodeAar", "aarlig", "2022+01:00").name == "2022"


@pytest.mark.parametrize(
    ("element", "value", "year"),
    [
        ("skattleggingsperiodeToMaaneder", "februar-mars", "2022"),
        ("skattleggingsperiodeToMaaneder", "Januar-Februar", "2022"),
        ("skattleggingsperiodeUke", "uke 53", "2022"),
        ("skattleggingsperiodeUke", "uke 07", "2022"),
        ("skattleggingsperiodeUke", "uke ٧", "2022"),
        ("skattleggingsperiodeAar", "aarlig", "22"),
        ("skattleggingsperiodeAar", "aarlig", "2022-01"),
        ("skattleggingsperiode", "aarlig", "2022"),
    ],
)
def test_what_the_schema_does_not_know_is_refused(element: str, value: str, year: str) -> None:
    with pytest.raises(AltinnInputError):
        VatPeriod.from_xml(element, value, year)

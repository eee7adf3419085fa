from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.emulator.skatteetaten.vat_due_date import due_date, easter_sunday, period_end, working_day
from altinn.emulator.skatteetaten.vat_paperwork import TaxPeriod

TERMS = ("januar-februar", "mars-april", "mai-juni", "juli-august", "september-oktober", "november-desember")


def term(name: str, year: int) -> TaxPeriod:
    return TaxPeriod("skattleggingsperiodeToMaaneder", name, str(year))


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2023, "2023-04-11 2023-06-12 2023-08-31 2023-10-10 2023-12-11 2024-02-12"),
        (2024, "2024-04-10 2024-06-10 2024-09-02 2024-10-10 2024-12-10 2025-02-10"),
        (2025, "2025-04-10 2025-06-10 2025-09-01 2025-10-10 2025-12-10 2026-02-10"),
        (2026, "2026-04-10 2026-06-10 2026-08-31 2026-10-12 2026-12-10 2027-02-10"),
        (2027, "2027-04-12 2027-06-10 2027-08-31 2027-10-11 2027-12-10 2028-02-10"),
    ],
)
def test_two_monthly_terms(year: int, days: str) -> None:
    assert [due_date(term(name, year), "alminnelig").isoformat() for name in TERMS] == days.split()


@pytest.mark.parametrize(
    ("kind", "name", "category", "expected"),
    [
        ("Aar", "aarlig", "alminnelig", "2027-03-10"),
        ("Aar", "aarlig", "primaernaering", "2027-04-12"),
        ("TreMaaneder", "april-juni", "omvendtAvgiftsplikt", "2026-08-31"),
        ("TreMaaneder", "januar-mars", "eHandel", "2026-04-20"),
        ("Maaned", "juni", "alminnelig", "2026-08-10"),
        ("Uke", "uke 1", "alminnelig", "2026-02-16"),
        ("HalvMaaned", "foerste halvdel mars", "alminnelig", "2026-04-27"),
        ("HalvMaaned", "andre halvdel mars", "alminnelig", "2026-05-11"),
    ],
)
def test_other_periods_of_2026(kind: str, name: str, category: str, expected: str) -> None:
    period = TaxPeriod(f"skattleggingsperiode{kind}", name, "2026")
    assert due_date(period, category).isoformat() == expected


def test_every_period_of_the_schema_has_an_end() -> None:
    from pathlib import Path
    from xml.etree import ElementTree

    schemas = Path(__file__).parents[4] / "include" / "schemas" / "skatteetaten-mva"
    (path,) = schemas.glob("*skattemeldingformerverdiavgift.v1.0.xsd")
    prefix = "{http://www.w3.org/2001/XMLSchema}"
    names = [
        (simple.get("name", ""), value.get("value", ""))
        for simple in ElementTree.parse(path).iter(f"{prefix}simpleType")
        if simple.get("name", "").startswith("Skattleggingsperiode")
        for value in simple.iter(f"{prefix}enumeration")
    ]
    assert len(names) > 60
    for kind, name in names:
        if name != "uke 53":
            assert period_end(TaxPeriod(kind, name, "2026")).year in (2026, 2027)
    assert period_end(TaxPeriod("Uke", "uke 53", "2026")) == date(2027, 1, 3)


@pytest.mark.parametrize("name", ["", "uke 54", "sommer", "januar-februa"])
def test_what_is_no_period_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=r"not in tuple|Invalid week"):
        period_end(TaxPeriod("skattleggingsperiodeUke", name, "2026"))


@pytest.mark.parametrize("year", ["-2022", "12022", "", "2022Z"])
def test_what_is_no_year_is_an_error(year: str) -> None:
    with pytest.raises(ValueError, match="is no year"):
        period_end(TaxPeriod("skattleggingsperiodeAar", "aarlig", year))


@pytest.mark.parametrize(
    ("year", "expected"), [(1818, "03-22"), (1943, "04-25"), (2023, "04-09"), (2024, "03-31"), (2038, "04-25")]
)
def test_easter(year: int, expected: str) -> None:
    assert easter_sunday(year).isoformat() == f"{year}-{expected}"


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_a_working_day_is_never_before_and_hardly_far_after(day: date) -> None:
    found = working_day(day)
    assert timedelta(0) <= found - day <= timedelta(days=6)
    assert found.weekday() < 5
    assert working_day(found) == found

"""Periods by name, and the days on which VAT returns are due."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import AltinnInputError
from altinn.periods import Period, parse_period, vat_due_date

# Calculated from the regulation; Skatteetaten itself states 11 April 2023 for the first term of 2023.
TERMS_DUE = {
    2023: ["2023-04-11", "2023-06-12", "2023-08-31", "2023-10-10", "2023-12-11", "2024-02-12"],
    2024: ["2024-04-10", "2024-06-10", "2024-09-02", "2024-10-10", "2024-12-10", "2025-02-10"],
    2025: ["2025-04-10", "2025-06-10", "2025-09-01", "2025-10-10", "2025-12-10", "2026-02-10"],
    2026: ["2026-04-10", "2026-06-10", "2026-08-31", "2026-10-12", "2026-12-10", "2027-02-10"],
    2027: ["2027-04-12", "2027-06-10", "2027-08-31", "2027-10-11", "2027-12-10", "2028-02-10"],
}

NAMES = st.one_of(
    st.builds("{}".format, st.integers(1900, 2099)),
    st.builds("{}-T{}".format, st.integers(1900, 2099), st.integers(1, 6)),
    st.builds("{}-Q{}".format, st.integers(1900, 2099), st.integers(1, 4)),
    st.builds("{}-H{}".format, st.integers(1900, 2099), st.integers(1, 2)),
    st.builds("{}-M{:02d}".format, st.integers(1900, 2099), st.integers(1, 12)),
    st.builds("{}-M{:02d}-{}".format, st.integers(1900, 2099), st.integers(1, 12), st.integers(1, 2)),
    st.builds("{}-W{:02d}".format, st.integers(1900, 2099), st.integers(1, 52)),
)


@pytest.mark.parametrize(
    ("name", "kind", "start", "end"),
    [
        ("2022", "year", "2022-01-01", "2022-12-31"),
        ("2022-H2", "half", "2022-07-01", "2022-12-31"),
        ("2022-Q2", "quarter", "2022-04-01", "2022-06-30"),
        ("2022-T5", "term", "2022-09-01", "2022-10-31"),
        ("2024-T1", "term", "2024-01-01", "2024-02-29"),
        ("2022-M02", "month", "2022-02-01", "2022-02-28"),
        ("2022-M02-1", "half-month", "2022-02-01", "2022-02-15"),
        ("2022-M02-2", "half-month", "2022-02-16", "2022-02-28"),
        # Skatteetaten: week 1 of 2022 runs from 3 to 9 January.
        ("2022-W01", "week", "2022-01-03", "2022-01-09"),
        ("2026-W53", "week", "2026-12-28", "2027-01-03"),
    ],
)
def test_a_name_means_these_days(name: str, kind: str, start: str, end: str) -> None:
    period = parse_period(name)
    assert (period.kind, period.start, period.end) == (kind, date.fromisoformat(start), date.fromisoformat(end))


@given(NAMES)
def test_a_period_is_found_again_by_its_name(name: str) -> None:
    period = parse_period(name)
    assert period.name == name == str(period)
    assert period.start <= period.end
    assert parse_period(f" {name.lower()} ") == period


@given(st.integers(1900, 2099), st.sampled_from([("T", 6), ("Q", 4), ("H", 2), ("M", 12)]))
def test_the_periods_of_a_kind_make_up_the_year(year: int, kind: tuple[str, int]) -> None:
    letter, count = kind
    names = [
        f"{year}-{letter}{number:02d}" if letter == "M" else f"{year}-{letter}{number}"
        for number in range(1, count + 1)
    ]
    parts = [parse_period(name) for name in names]
    assert parts[0].start == date(year, 1, 1)
    assert parts[-1].end == date(year, 12, 31)
    assert all(a.end + timedelta(days=1) == b.start for a, b in pairwise(parts))


@pytest.mark.parametrize(
    "name",
    ["", "22-T1", "2022-T0", "2022-T7", "2022-M1", "2022-M13", "2022-M01-3", "2022-Q5", "2022-W00", "2022-W54",
     "2022-W53", "2022-T1-1", "2022-T٣", "2022T1", "3022", "2022-T1\n2022-T2"],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(AltinnInputError):
        parse_period(name)


def test_the_refusal_shows_how_to_write_a_period() -> None:
    with pytest.raises(AltinnInputError, match=r"2022-T5"):
        parse_period("term 5, 2022")


@pytest.mark.parametrize(
    ("name", "due"),
    [(f"{year}-T{number}", due) for year, days in TERMS_DUE.items() for number, due in enumerate(days, 1)],
)
def test_two_month_terms_are_due(name: str, due: str) -> None:
    assert vat_due_date(parse_period(name)) == date.fromisoformat(due)
    assert vat_due_date(parse_period(name), "kompensasjon") == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("name", "category", "due"),
    [
        ("2026", "alminnelig", "2027-03-10"),
        ("2026", "primaernaering", "2027-04-12"),
        ("2026-Q1", "omvendtAvgiftsplikt", "2026-05-11"),
        ("2026-Q2", "omvendtAvgiftsplikt", "2026-08-31"),
        # Months that were imposed have no summer rule.
        ("2026-M06", "alminnelig", "2026-08-10"),
        ("2026-M12", "alminnelig", "2027-02-10"),
        ("2026-M02-1", "alminnelig", "2026-03-25"),
        ("2026-M02-2", "alminnelig", "2026-04-10"),
        ("2026-W05", "alminnelig", "2026-03-11"),
        ("2026-Q2", "eHandel", "2026-07-20"),
    ],
)
def test_other_periods_are_due(name: str, category: str, due: str) -> None:
    assert vat_due_date(parse_period(name), category) == date.fromisoformat(due)


def test_nothing_is_due_about_a_half_year() -> None:
    with pytest.raises(AltinnInputError, match="2026-H1"):
        vat_due_date(parse_period("2026-H1"))


@given(st.integers(2000, 2090), st.integers(1, 6))
def test_a_due_day_is_a_working_day_after_the_term(year: int, number: int) -> None:
    period: Period = parse_period(f"{year}-T{number}")
    due = vat_due_date(period)
    assert due.weekday() < 5
    assert timedelta(days=37) < due - period.end < timedelta(days=70)

"""Each report's periods, deadlines and filing days, against a slow computation and against what was published."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.cli import main
from altinn.commands.list_periods import periods_as_json
from altinn.exceptions import AltinnInputError
from altinn.periods import REPORTS, containing, following, parse_period, preceding, report_calendar
from tests.unit.slow_calendar import due_by_walking, easter, is_closed
from tests.unit.test_periods import TERMS_DUE

NAMES = st.sampled_from(sorted(REPORTS))
YEARS = st.integers(2000, 2090)


@pytest.mark.parametrize(
    ("year", "sunday"),
    [(2023, "2023-04-09"), (2024, "2024-03-31"), (2025, "2025-04-20"), (2026, "2026-04-05"), (2027, "2027-03-28")],
)
def test_the_slow_calendar_knows_easter(year: int, sunday: str) -> None:
    assert easter(year) == date.fromisoformat(sunday)


@given(NAMES, YEARS, st.data())
def test_a_deadline_is_the_one_found_by_walking(name: str, year: int, data: st.DataObject) -> None:
    report = report_calendar(name)
    periods = report.periods(year, year)
    index = data.draw(st.integers(0, len(periods) - 1))
    assert report.due_date(periods[index]) == due_by_walking(name, year, index + 1)


@given(NAMES, YEARS, st.integers(0, 400))
def test_a_report_is_filed_on_a_day_between_its_period_and_its_deadline(name: str, year: int, lead: int) -> None:
    report = report_calendar(name)
    for period in report.periods(year, year):
        day, due = report.run_date(period, lead), report.due_date(period)
        assert period.end < day
        assert day <= due or lead == 0
        if day > period.end + timedelta(days=1):
            assert not is_closed(day)
            assert day <= due - timedelta(days=lead)
            later = day + timedelta(days=1)
            while later <= due - timedelta(days=lead):
                assert is_closed(later)
                later += timedelta(days=1)


@given(NAMES, YEARS, st.integers(0, 3))
def test_the_periods_follow_each_other_without_a_gap(name: str, year: int, more: int) -> None:
    report = report_calendar(name)
    periods = report.periods(year, year + more)
    assert periods[0].start == date(year, 1, 1)
    assert periods[-1].end == date(year + more, 12, 31)
    for a, b in pairwise(periods):
        assert a.end + timedelta(days=1) == b.start
        assert (following(a), preceding(b)) == (b, a)


@given(NAMES, st.dates(date(2000, 1, 1), date(2090, 12, 31)))
def test_the_latest_ended_period_is_the_one_before_the_current(name: str, day: date) -> None:
    report = report_calendar(name)
    ended = report.latest_ended(day)
    assert ended.end < day
    assert following(ended).end >= day
    assert following(ended) == containing(day, report.kind)


@pytest.mark.parametrize("year", sorted(TERMS_DUE))
def test_vat_terms_are_due_as_published(year: int) -> None:
    rows = periods_as_json("vat_terms", year, year)
    assert [row["due_date"] for row in rows] == TERMS_DUE[year]
    assert [row["name"] for row in rows] == [f"{year}-T{number}" for number in range(1, 7)]


@pytest.mark.parametrize(
    ("report", "period", "due"),
    [
        ("vat_years", "2026", "2027-03-10"),
        ("vat_primary", "2026", "2027-04-12"),
        ("tax_return", "2025", "2026-06-01"),
        ("annual_accounts", "2025", "2026-07-31"),
        ("half_years", "2026-H1", "2026-10-01"),
        ("half_years", "2025-H2", "2026-04-01"),
        ("ssb_quarters", "2026-Q1", "2026-04-30"),
        ("ssb_years", "2025", "2026-04-15"),
    ],
)
def test_other_reports_are_due(report: str, period: str, due: str) -> None:
    assert report_calendar(report).due_date(parse_period(period)) == date.fromisoformat(due)


def test_a_report_is_not_about_another_kind_of_period() -> None:
    with pytest.raises(AltinnInputError, match=r"2026-M03 is a month.* is about a term, for example 2026-T2"):
        report_calendar("vat_terms").due_date(parse_period("2026-M03"))


def test_an_unknown_report_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(AltinnInputError, match=r"'vat'.*vat_terms"):
        report_calendar("vat")


def test_the_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["periods", "vat_terms", "--from", "2023", "--to", "2027", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 30
    assert rows[0] == {
        "name": "2023-T1",
        "start": "2023-01-01",
        "end": "2023-02-28",
        "due_date": "2023-04-11",
        "run_at": "2023-04-05",
    }
    assert rows[-1]["name"] == "2027-T6"


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["periods", "annual_accounts", "--from", "2025"]) == 0
    title, head, row = capsys.readouterr().out.splitlines()
    assert title == "Annual accounts: due 31 July of the next year"
    assert head.split() == ["name", "start", "end", "due_date", "run_at"]
    assert row.split() == ["2025", "2025-01-01", "2025-12-31", "2026-07-31", "2026-07-24"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["vat"], "no report is called 'vat'"),
        (["vat_terms", "--from", "2027", "--to", "2023"], "make no range"),
        (["vat_terms", "--from", "20"], "make no range"),
        (["vat_terms", "--lead-days", "-1"], "must not be negative"),
    ],
)
def test_the_command_refuses(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["periods", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err

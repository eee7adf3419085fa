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
from altinn.periods import REPORTS, accounts_report, containing, financial_year, parse_period, report_calendar
from tests.unit.slow_calendar import due_by_walking, easter, is_closed
from tests.unit.test_periods import TERMS_DUE

FINANCIAL_YEARS = [accounts_report(month) for month in range(1, 12)]
NAMES = st.sampled_from([*sorted(REPORTS), *FINANCIAL_YEARS])
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
    assert periods[0].start <= date(year, 1, 1) <= periods[0].end
    assert periods[-1].end.year == year + more
    assert report.following(periods[-1]).end.year == year + more + 1
    for a, b in pairwise(periods):
        assert a.end + timedelta(days=1) == b.start
        assert (report.following(a), report.preceding(b)) == (b, a)
        assert report.period(a.name) == a


@given(NAMES, st.dates(date(2000, 1, 1), date(2090, 12, 31)))
def test_the_latest_ended_period_is_the_one_before_the_current(name: str, day: date) -> None:
    report = report_calendar(name)
    ended = report.latest_ended(day)
    assert ended.end < day
    assert report.following(ended).end >= day
    assert report.following(ended) == report.containing(day)


@given(st.sampled_from(sorted(REPORTS)), st.dates(date(2000, 1, 1), date(2090, 12, 31)))
def test_the_periods_of_most_reports_follow_the_calendar(name: str, day: date) -> None:
    report = report_calendar(name)
    assert report.containing(day) == containing(day, report.kind)


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
        # brreg.no: 31 January for a financial year that ends from 1 January to 30 June; 31 July for the others.
        ("annual_accounts:06", "2026", "2027-01-31"),  # a Sunday, which is not moved
        ("annual_accounts:01", "2026", "2027-01-31"),
        ("annual_accounts:07", "2026", "2027-07-31"),
        ("annual_accounts:11", "2026", "2027-07-31"),
        ("half_years", "2026-H1", "2026-10-01"),
        ("half_years", "2025-H2", "2026-04-01"),
        ("ssb_quarters", "2026-Q1", "2026-04-30"),
        ("ssb_years", "2025", "2026-04-15"),
    ],
)
def test_other_reports_are_due(report: str, period: str, due: str) -> None:
    assert report_calendar(report).due_date(parse_period(period)) == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("month", "start", "end"),
    [
        (6, "2025-07-01", "2026-06-30"),
        (2, "2025-03-01", "2026-02-28"),
        (11, "2025-12-01", "2026-11-30"),
        (12, "2026-01-01", "2026-12-31"),
    ],
)
def test_a_financial_year_is_named_by_the_year_in_which_it_ends(month: int, start: str, end: str) -> None:
    period = report_calendar(accounts_report(month)).period("2026")
    assert (period.name, period.start.isoformat(), period.end.isoformat()) == ("2026", start, end)


def test_a_calendar_year_s_accounts_are_the_report_without_a_month() -> None:
    assert accounts_report() == accounts_report(12) == "annual_accounts"
    assert report_calendar("annual_accounts:12") is report_calendar("annual_accounts")


@pytest.mark.parametrize("month", [0, 13, -6])
def test_a_financial_year_ends_with_a_month(month: int) -> None:
    with pytest.raises(AltinnInputError, match=f"from 1 to 12, not {month}"):
        accounts_report(month)
    with pytest.raises(AltinnInputError, match=f"from 1 to 12, not {month}"):
        financial_year(2026, month)


@pytest.mark.parametrize("name", ["annual_accounts:", "annual_accounts:13", "annual_accounts:6", "tax_return:06"])
def test_only_the_annual_accounts_have_financial_years(name: str) -> None:
    with pytest.raises(AltinnInputError, match=f"no report is called '{name}'.*annual_accounts:06 for a financial"):
        report_calendar(name)


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


@pytest.mark.parametrize("arguments", [["annual_accounts", "--year-ends", "6"], ["annual_accounts:06"]])
def test_the_command_knows_financial_years(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["periods", *arguments, "--from", "2026", "--lead-days", "10"]) == 0
    title, _head, row = capsys.readouterr().out.splitlines()
    assert title == "Annual accounts, financial year to June: due 31 January of the next year"
    assert row.split() == ["2026", "2025-07-01", "2026-06-30", "2027-01-31", "2027-01-21"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["annual_accounts", "--year-ends", "13"], "year_ends must be a month from 1 to 12, not 13"),
        (["tax_return", "--year-ends", "6"], "the periods of 'tax_return' follow the calendar"),
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

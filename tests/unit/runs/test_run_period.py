"""The period of a run, for every way to start one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import AltinnConfigurationError, AltinnInputError
from altinn.periods import report_calendar
from altinn.runs import resolve_period

TODAY = date(2026, 11, 25)
TERM_5 = datetime(2026, 9, 1, tzinfo=UTC)


def context(
    run_type: str,
    *,
    logical_date: datetime | None = None,
    interval_start: datetime | None = None,
    interval_end: datetime | None = None,
    partition_key: str | None = None,
    report: str | None = "vat_terms",
    **params: Any,
) -> dict[str, Any]:
    timetable = SimpleNamespace(report=report_calendar(report)) if report else SimpleNamespace()
    run = SimpleNamespace(
        run_type=SimpleNamespace(value=run_type),
        logical_date=logical_date,
        data_interval_start=interval_start,
        data_interval_end=interval_end,
        partition_key=partition_key,
    )
    return {"dag_run": run, "dag": SimpleNamespace(timetable=timetable), "params": params}


def resolved(given: dict[str, Any], **options: Any) -> str:
    return resolve_period(given, today=TODAY, **options).name


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_automatic_runs_are_about_their_data_interval(run_type: str) -> None:
    assert resolved(context(run_type, logical_date=TERM_5, interval_start=TERM_5, period=None)) == "2026-T5"


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_run_of_an_earlier_schedule_is_refused(run_type: str) -> None:
    """A monthly DAG became a two-monthly one: its run for September is about no term."""
    ends = {"term": datetime(2026, 11, 1, tzinfo=UTC), "month": datetime(2026, 10, 1, tzinfo=UTC)}
    made = {
        name: context(run_type, logical_date=TERM_5, interval_start=TERM_5, interval_end=end)
        for name, end in ends.items()
    }
    assert resolved(made["term"]) == "2026-T5"
    with pytest.raises(AltinnInputError, match="had another schedule when the run was made"):
        resolved(made["month"])
    # So it is when somebody started it by hand for that date, and it is cleared later.
    by_hand = {
        name: context("manual", logical_date=TERM_5, interval_start=TERM_5, interval_end=ends[name]) for name in ends
    }
    assert resolved(by_hand["term"]) == "2026-T5"
    with pytest.raises(AltinnInputError, match="had another schedule when the run was made"):
        resolved(by_hand["month"])
    # Elsewhere the interval of a run by hand says nothing.
    assert resolved(context("manual", logical_date=TERM_5, interval_start=TERM_5, interval_end=TERM_5)) == "2026-T5"
    assert resolved(context("manual", period="2026-T5", interval_start=TERM_5, interval_end=ends["month"])) == "2026-T5"


@pytest.mark.parametrize(
    ("given", "period"),
    [
        (context("manual", period=" 2026-t5 "), "2026-T5"),
        (context("manual", partition_key="2026-T5"), "2026-T5"),
        (context("manual", logical_date=TERM_5, interval_start=TERM_5), "2026-T5"),
        # The form's logical date, "now", stands beside the period that was picked.
        (context("manual", logical_date=datetime(2026, 11, 25, 9, 1, 2, tzinfo=UTC), period="2026-T4"), "2026-T4"),
        # Somebody filled the same thing in three times.
        (context("manual", logical_date=TERM_5, partition_key="2026-T5", period="2026-T5"), "2026-T5"),
        (context("asset_triggered", partition_key="2026-T5", report=None), "2026-T5"),
        (context("operator_triggered", period="2026-T5"), "2026-T5"),
    ],
)
def test_other_runs_say_their_period(given: dict[str, Any], period: str) -> None:
    assert resolved(given) == period


@pytest.mark.parametrize(
    "given",
    [
        context("manual"),
        context("manual", period=""),
        context("manual", logical_date=datetime(2026, 11, 25, 9, tzinfo=UTC)),
        context("manual", logical_date=TERM_5 + timedelta(microseconds=1)),
        context("manual", logical_date=datetime(2026, 8, 31, 22, tzinfo=UTC)),  # midnight in Oslo is no UTC midnight
        context("manual", logical_date=datetime(2026, 10, 1, tzinfo=UTC)),  # the term's second month
        # A manual run's data interval is only what the timetable made of "now".
        context("manual", logical_date=datetime(2026, 11, 25, 9, tzinfo=UTC), interval_start=TERM_5),
        context("asset_triggered"),
        context("manual", logical_date=TERM_5, report=None),
    ],
)
def test_a_run_that_does_not_say_its_period_is_no_filing(given: dict[str, Any]) -> None:
    with pytest.raises(AltinnInputError, match=r"does not say which period.*params.period.*'2026-T5'.*partition key"):
        resolved(given)


@pytest.mark.parametrize(
    "given",
    [
        context("manual", logical_date=TERM_5, period="2026-T4"),
        context("manual", partition_key="2026-T5", period="2026-T4"),
        # A backfill with a period in its configuration would file the same one again and again.
        context("backfill", logical_date=TERM_5, interval_start=TERM_5, period="2026-T4"),
    ],
)
def test_two_periods_in_one_run_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(AltinnInputError, match=r"about two periods .*2026-T4"):
        resolved(given)


@pytest.mark.parametrize("name", ["2026-T6", "2027-T1"])
def test_a_period_that_has_not_ended_is_refused(name: str) -> None:
    with pytest.raises(AltinnInputError, match=f"{name} ends on .* cannot be filed before"):
        resolved(context("manual", period=name))


def test_a_period_may_be_filed_on_the_day_after_its_end() -> None:
    given = context("manual", period="2026-T5")
    assert resolve_period(given, today=date(2026, 11, 1)).name == "2026-T5"
    with pytest.raises(AltinnInputError, match="ends on 2026-10-31"):
        resolve_period(given, today=date(2026, 10, 31))


def test_a_period_of_another_kind_is_refused_unless_allowed() -> None:
    given = context("manual", period="2026-M03")
    with pytest.raises(AltinnInputError, match="2026-M03 is a month, but VAT return, two-month terms is about a term"):
        resolved(given)
    # They come beside the report's own, as in the trigger form.
    assert resolved(given, kinds=("month",)) == "2026-M03"
    assert resolved(context("manual", period="2026-T4"), kinds=["month"]) == "2026-T4"
    with pytest.raises(AltinnInputError, match="is about a term or month"):
        resolved(context("manual", period="2025"), kinds=["month"])


def test_kinds_stand_alone_where_nothing_else_says_what_a_report_is_about() -> None:
    assert resolved(context("manual", period="2026-M03", report=None), kinds=["month"]) == "2026-M03"
    with pytest.raises(AltinnInputError, match="2026-T4 is a term, but this report is about a month"):
        resolved(context("manual", period="2026-T4", report=None), kinds=["month"])


@pytest.mark.parametrize("kinds", ["half-month", "month", ("fortnight",), ("month", "terms")])
def test_kinds_that_are_none_are_the_author_s_mistake(kinds: Any) -> None:
    """A single word would be read letter by letter: "month" is part of "half-month"."""
    with pytest.raises(AltinnConfigurationError, match=r"kinds=.*give a list such as"):
        resolved(context("manual", period="2026-T4"), kinds=kinds)


def test_a_financial_year_has_ended_before_the_calendar_year() -> None:
    assert resolved(context("manual", period="2026", report="annual_accounts:06")) == "2026"
    begins = datetime(2025, 7, 1, tzinfo=UTC)
    assert resolved(context("manual", logical_date=begins, period="2026", report="annual_accounts:06")) == "2026"
    with pytest.raises(AltinnInputError, match="2026 ends on 2026-12-31"):
        resolved(context("manual", period="2026", report="annual_accounts"))
    with pytest.raises(AltinnInputError, match="2027 ends on 2027-06-30"):
        resolved(context("manual", period="2027", report="annual_accounts:06"))


def test_the_report_can_be_named_where_the_schedule_does_not() -> None:
    assert resolved(context("manual", logical_date=TERM_5, report=None), report="vat_terms") == "2026-T5"


def test_a_schedule_beside_assets_is_looked_through() -> None:
    given = context("scheduled", interval_start=TERM_5)
    given["dag"] = SimpleNamespace(timetable=SimpleNamespace(timetable=given["dag"].timetable))
    assert resolved(given) == "2026-T5"


def test_an_interval_of_another_schedule_is_refused() -> None:
    given = context("scheduled", interval_start=datetime(2026, 9, 10, 6, tzinfo=UTC))
    with pytest.raises(AltinnInputError, match=r"where no term begins.*altinn.timetables.vat_terms"):
        resolved(given)


@pytest.mark.parametrize("name", ["2026", "T5", "2026-T7", "{{ params.period }}"])
def test_what_is_no_period_of_the_report_is_refused(name: str) -> None:
    with pytest.raises(AltinnInputError, match="2026" if name == "2026" else "is no period"):
        resolved(context("manual", period=name))


@given(
    st.sampled_from(["vat_terms", "vat_months", "ssb_quarters", "half_years", "tax_return", "annual_accounts:06"]),
    st.integers(2000, 2025),
)
def test_however_a_run_is_started_it_is_about_the_same_period(report: str, year: int) -> None:
    for period in report_calendar(report).periods(year, year):
        at = datetime(period.start.year, period.start.month, period.start.day, tzinfo=UTC)
        ways = [
            context("scheduled", logical_date=at, interval_start=at, report=report),
            context("backfill", logical_date=at, interval_start=at, report=report),
            context("manual", logical_date=at, report=report),
            context("manual", period=period.name, report=report),
            context("manual", partition_key=period.name, report=report),
            context("asset_triggered", partition_key=period.name, report=report),
        ]
        assert {resolved(way) for way in ways} == {period.name}

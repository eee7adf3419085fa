"""The trigger form's fields: what they offer, what they refuse, and that a parse does not change them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from altinn.exceptions import AltinnConfigurationError
from altinn.periods import KINDS, half_month, parse_period, week
from altinn.runs.trigger_form import filing_params, offered_periods, period_param
from altinn.timetables import PeriodTimetable, vat_terms

TODAY = date(2026, 11, 25)


def test_it_offers_the_open_and_the_last_periods() -> None:
    param = period_param(vat_terms(), today=TODAY)
    assert param.schema["examples"] == ["2026-T5", "2026-T4", "2026-T3", "2026-T2", "2026-T1", "2025-T6", "2025-T5"]
    lines = param.schema["description_md"].splitlines()
    assert "- **2026-T5**: 1 Sep 2026 to 31 Oct 2026, due 10 Dec 2026" in lines
    assert "- **2026-T4**: 1 Jul 2026 to 31 Aug 2026, was due 12 Oct 2026" in lines


def test_two_years_of_accounts_can_be_open() -> None:
    found = offered_periods(PeriodTimetable("annual_accounts"), date(2026, 2, 1))
    assert [period.name for period in found][:2] == ["2025", "2024"]


def test_no_period_is_filled_in() -> None:
    """A run on schedule has none in its params, and a run by hand must not file one that nobody chose."""
    assert period_param(vat_terms(), today=TODAY).resolve() is None


@pytest.mark.parametrize("name", ["2026-T7", "2026-Q1", "2026-t5", "T5", "2026-T5 ", ""])
def test_the_form_refuses_what_is_written_otherwise(name: str) -> None:
    with pytest.raises(ParamValidationError):
        period_param(vat_terms(), today=TODAY).resolve(name)


def test_a_dag_can_be_dry_until_a_run_says_otherwise() -> None:
    assert filing_params(vat_terms(), today=TODAY)["dry_run"].resolve() is False
    dry = filing_params(vat_terms(), dry_run=True, today=TODAY)["dry_run"]
    assert (dry.resolve(), dry.resolve(False)) == (True, False)


def test_other_kinds_can_be_allowed() -> None:
    param = period_param(vat_terms(), kinds=("month", "year"), today=TODAY)
    assert [param.resolve(name) for name in ("2026-T5", "2026-M03", "2026")] == ["2026-T5", "2026-M03", "2026"]


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(AltinnConfigurationError, match=r"'fortnight'.*: give a list .*; a period is a year"):
        period_param(vat_terms(), kinds=("fortnight",), today=TODAY)


@pytest.mark.parametrize("kind", KINDS)
def test_every_period_of_a_kind_fits_its_pattern(kind: str) -> None:
    report = {"year": "tax_return", "half": "half_years", "quarter": "ssb_quarters", "term": "vat_terms"}
    timetable = PeriodTimetable(report.get(kind, "vat_months"))
    param = period_param(timetable, kinds=(kind,), today=TODAY)
    finer = {
        "week": [week(2026, number) for number in range(1, 54)],
        "half-month": [half_month(2026, month, part) for month in range(1, 13) for part in (1, 2)],
    }
    for period in finer.get(kind) or timetable.report.periods(2026, 2026):
        assert period.kind == kind
        assert param.resolve(period.name) == period.name
        assert parse_period(period.name) == period


@pytest.mark.parametrize(
    ("name", "value"),
    [("kind", "corection"), ("correction_number", -1), ("dry_run", "yes"), ("on_backfill", "all"),
     ("max_filings_per_backfill", -1)],
)  # fmt: skip
def test_the_form_refuses_other_choices(name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        filing_params(vat_terms(), today=TODAY)[name].resolve(value)


def serialised(today: date) -> str:
    params = filing_params(vat_terms(), today=today)
    dag = DAG("form", schedule=vat_terms(), start_date=datetime(2022, 1, 1, tzinfo=UTC), params=params)
    return json.dumps(DagSerialization.to_dict(dag), sort_keys=True)


def test_a_parse_makes_no_new_version_of_the_dag() -> None:
    """The form changes when a period ends and when a deadline passes: twelve times in a year of terms."""
    assert serialised(TODAY) == serialised(TODAY)
    year = [serialised(date(2026, 1, 1) + timedelta(days=number)) for number in range(365)]
    changes = [number for number in range(1, 365) if year[number] != year[number - 1]]
    days = {date(2026, 1, 1) + timedelta(days=number) for number in changes}
    ends = {date(2026, month, 1) for month in (3, 5, 7, 9, 11)}
    passed = {vat_terms().due_date(parse_period(name)) + timedelta(days=1)
              for name in ("2025-T6", "2026-T1", "2026-T2", "2026-T3", "2026-T4", "2026-T5")}  # fmt: skip
    assert days == ends | passed

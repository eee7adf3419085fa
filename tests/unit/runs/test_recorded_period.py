"""The period that a run's record tells, as deadlines and the watchdog read it, against what the run itself finds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import AltinnInputError
from altinn.periods import Period, report_calendar
from altinn.runs import resolve_period
from tests.unit.runs.test_run_period import TERM_5, TODAY, context

TERMS = report_calendar("vat_terms")


def told(named: object = None, key: str | None = None, at: datetime | None = None) -> str | None:
    period = TERMS.told_by(named, key, at)
    return period.name if period else None


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (("2026-T5", None, None), "2026-T5"),
        ((None, "2026-T5", None), "2026-T5"),
        ((None, None, TERM_5), "2026-T5"),
        ((" 2026-t5 ", None, datetime(2026, 11, 25, 9, tzinfo=UTC)), "2026-T5"),
        (("", None, None), None),
        ((None, None, datetime(2026, 11, 25, 9, tzinfo=UTC)), None),
        (("soon", None, TERM_5), None),
        ((20265, None, None), None),
    ],
)
def test_a_record_tells_the_period(record: tuple[object, str | None, datetime | None], name: str | None) -> None:
    assert told(*record) == name


@given(
    st.sampled_from([None, "", "2026-T5", "2026-T4", "2026-Q1", "soon"]),
    st.sampled_from([None, "2026-T5", "2026-T3"]),
    st.sampled_from([None, TERM_5, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 11, 25, 9, 1, tzinfo=UTC)]),
)
def test_a_run_that_files_is_found_by_its_record(named: str | None, key: str | None, at: datetime | None) -> None:
    """Whatever period a run of its own finds, its record tells the same."""
    run = context("manual", logical_date=at, partition_key=key, period=named)
    try:
        found: Period | None = resolve_period(run, today=TODAY)
    except AltinnInputError:
        found = None
    if found is not None:
        assert TERMS.told_by(named, key, at) == found

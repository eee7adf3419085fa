"""Which shorter periods make up a period."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.periods import inside, parse_period, parts_of


@pytest.mark.parametrize(
    ("period", "others", "found"),
    [
        ("2026-T4", ["2026-M07", "2026-M08"], ["2026-M07", "2026-M08"]),
        ("2026-T4", ["2026-M08", "2026-M07", "2026-M09"], ["2026-M07", "2026-M08"]),
        ("2026-T4", ["2026-M07"], []),
        ("2026-T4", ["2026-M07", "2026-M09"], []),
        ("2026-T4", ["2026"], []),
        ("2026-T4", ["2026-Q3"], []),
        ("2026-T4", ["2025"], []),
        ("2026-T4", ["2026-T4"], []),
        ("2026-T4", [], []),
        ("2026", ["2026-Q1", "2026-Q2", "2026-T5", "2026-T6"], []),
        ("2026", [f"2026-T{n}" for n in range(1, 7)], [f"2026-T{n}" for n in range(1, 7)]),
        ("2026-M07", ["2026", "2026-T4"], []),
    ],
)
def test_parts_of(period: str, others: list[str], found: list[str]) -> None:
    assert [one.name for one in parts_of(parse_period(period), map(parse_period, others))] == found


_NAMES = [f"2026-M{n:02}" for n in range(1, 13)] + [f"2026-T{n}" for n in range(1, 7)] + ["2026-Q1", "2026-Q3", "2026"]


@given(st.sampled_from(_NAMES), st.lists(st.sampled_from(_NAMES), unique=True))
def test_parts_hold_each_day_once_and_are_found_where_the_days_are_there(period: str, others: list[str]) -> None:
    wanted = parse_period(period)
    shorter = inside(wanted, map(parse_period, others))
    assert {one.name for one in shorter} <= set(others) - {period}
    found = parts_of(wanted, map(parse_period, others))
    days = [wanted.start + timedelta(days=n) for n in range((wanted.end - wanted.start).days + 1)]
    assert not found or all(sum(one.start <= day <= one.end for one in found) == 1 for day in days)
    reached = {wanted.start}
    for day in days:
        reached |= {one.end + timedelta(days=1) for one in shorter if one.start == day and day in reached}
    assert bool(found) is (wanted.end + timedelta(days=1) in reached)

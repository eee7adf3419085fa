"""Which periods of other lengths report about every day of a period."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.periods import cover, parse_period


@pytest.mark.parametrize(
    ("period", "others", "found"),
    [
        ("2026-T4", ["2026-M07", "2026-M08"], ["2026-M07", "2026-M08"]),
        ("2026-T4", ["2026-M08", "2026-M07", "2026-M09"], ["2026-M07", "2026-M08"]),
        ("2026-T4", ["2026-M07"], []),
        ("2026-T4", ["2026-M07", "2026-M09"], []),
        ("2026-T4", ["2026"], ["2026"]),
        ("2026-T4", ["2026-Q3"], ["2026-Q3"]),
        ("2026-T4", ["2025"], []),
        ("2026-T4", ["2026-T4"], []),
        ("2026-T4", [], []),
        ("2026", ["2026-Q1", "2026-Q2", "2026-T5", "2026-T6"], []),
        ("2026", [f"2026-T{n}" for n in range(1, 7)], [f"2026-T{n}" for n in range(1, 7)]),
        ("2026-M07", ["2026", "2026-T4"], ["2026-T4"]),
    ],
)
def test_cover(period: str, others: list[str], found: list[str]) -> None:
    assert [one.name for one in cover(parse_period(period), map(parse_period, others))] == found


_NAMES = [f"2026-M{n:02}" for n in range(1, 13)] + [f"2026-T{n}" for n in range(1, 7)] + ["2026-Q1", "2026-Q3", "2026"]


@given(st.sampled_from(_NAMES), st.lists(st.sampled_from(_NAMES), unique=True))
def test_what_covers_holds_each_day_once(period: str, others: list[str]) -> None:
    wanted = parse_period(period)
    found = cover(wanted, map(parse_period, others))
    assert {one.name for one in found} <= set(others) - {period}
    day = wanted.start
    while found and day <= wanted.end:
        assert sum(one.start <= day <= one.end for one in found) == 1
        day += timedelta(days=1)

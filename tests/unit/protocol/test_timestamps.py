"""Time stamps are ordered as moments, not as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from altinn.protocol.timestamps import time_key

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def written(ticks: int, hours: int) -> str:
    """Write 100-nanosecond ticks as .NET does: without trailing zeros, with any offset."""
    seconds, fraction = divmod(ticks, 10_000_000)
    moment = (EPOCH + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=hours)))
    digits = f".{fraction:07d}".rstrip("0").rstrip(".")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + digits + (f"{hours:+03d}:00" if hours else "Z")


@given(
    st.lists(
        st.tuples(st.integers(0, 10**15) | st.integers(0, 50_000_000), st.integers(-11, 11)), min_size=2, max_size=9
    )
)
def test_the_order_is_the_order_of_the_moments(rows: list[tuple[int, int]]) -> None:
    ordered = sorted(rows, key=lambda row: time_key(written(*row)))
    assert [ticks for ticks, _ in ordered] == sorted(ticks for ticks, _ in rows)


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?"))
def test_any_text_can_be_sorted(text: str) -> None:
    assert time_key(text) == time_key(text)
    assert sorted([time_key(text), time_key("2026-01-01T00:00:00Z"), time_key("")])

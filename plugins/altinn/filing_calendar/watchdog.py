"""Which rows of the calendar somebody has to act on now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from altinn.filing_calendar.calendar_rows import ACCEPTED, FILED, FILED_ELSEWHERE, CalendarRow

_IN_TIME = frozenset({ACCEPTED, FILED, FILED_ELSEWHERE})


def needing_attention(rows: Iterable[CalendarRow], today: date, days: int) -> list[CalendarRow]:
    """Return what is not with the authority although its deadline has passed or lies at most `days` ahead."""
    limit = today + timedelta(days=days)
    return [row for row in rows if row.state not in _IN_TIME and date.fromisoformat(row.due_date) <= limit]

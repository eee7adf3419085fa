"""Where each company stands with each period of a report, read from Altinn."""

from __future__ import annotations

from altinn.filing_calendar.calendar_rows import STATES, CalendarRow, as_csv

__all__ = ["STATES", "CalendarRow", "as_csv"]

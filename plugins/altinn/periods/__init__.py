"""Reporting periods, the days on which reports about them are due, and the days on which to file them.

Pure: no clock and no network.
"""

from __future__ import annotations

from altinn.periods.due_dates import add_months, vat_due_date
from altinn.periods.reports import REPORTS, ReportCalendar, report_calendar
from altinn.periods.spans import (
    Period,
    containing,
    following,
    half_month,
    months,
    parse_period,
    preceding,
    week,
)
from altinn.periods.workdays import next_working_day, previous_working_day

__all__ = [
    "REPORTS",
    "Period",
    "ReportCalendar",
    "add_months",
    "containing",
    "following",
    "half_month",
    "months",
    "next_working_day",
    "parse_period",
    "preceding",
    "previous_working_day",
    "report_calendar",
    "vat_due_date",
    "week",
]

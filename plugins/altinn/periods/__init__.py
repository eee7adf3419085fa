"""Reporting periods, the days on which reports about them are due, and the days on which to file them.

Pure: no clock and no network.
"""

from __future__ import annotations

from altinn.periods.due_dates import add_months, vat_due_date
from altinn.periods.reports import REPORTS, ReportCalendar, accounts_report, report_calendar
from altinn.periods.spans import (
    KINDS,
    Period,
    containing,
    financial_year,
    following,
    half_month,
    months,
    months_of_term,
    parse_period,
    preceding,
    week,
)
from altinn.periods.workdays import next_working_day, previous_working_day

__all__ = [
    "KINDS",
    "REPORTS",
    "Period",
    "ReportCalendar",
    "accounts_report",
    "add_months",
    "containing",
    "financial_year",
    "following",
    "half_month",
    "months",
    "months_of_term",
    "next_working_day",
    "parse_period",
    "preceding",
    "previous_working_day",
    "report_calendar",
    "vat_due_date",
    "week",
]

"""Schedules that know reporting periods: `schedule=vat_terms(lead_days=5)`.

Each function makes the timetable of one report of `altinn.periods.REPORTS`.
"""

from __future__ import annotations

from altinn.timetables.period_timetable import (
    PeriodTimetable,
    annual_accounts,
    half_years,
    ssb_months,
    ssb_quarters,
    ssb_years,
    tax_return,
    vat_months,
    vat_primary,
    vat_quarters,
    vat_terms,
    vat_years,
    voec_quarters,
)

__all__ = [
    "PeriodTimetable",
    "annual_accounts",
    "half_years",
    "ssb_months",
    "ssb_quarters",
    "ssb_years",
    "tax_return",
    "vat_months",
    "vat_primary",
    "vat_quarters",
    "vat_terms",
    "vat_years",
    "voec_quarters",
]

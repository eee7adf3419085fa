"""When VAT is due (skatteforvaltningsforskriften section 8-3-10)."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

from altinn.emulator.skatteetaten.vat_paperwork import TaxPeriod

MONTHS = (
    "januar", "februar", "mars", "april", "mai", "juni",
    "juli", "august", "september", "oktober", "november", "desember",
)  # fmt: skip
SUMMER = {"mai-juni", "april-juni"}


def due_date(period: TaxPeriod, category: str) -> date:
    """Give the day on which the tax of a period is due, moved off weekends and public holidays.

    :raises ValueError: the period is none that the schema names.
    """
    end = period_end(period)
    if category == "eHandel":
        return working_day(end + timedelta(days=20))
    if period.name in SUMMER:
        return working_day(date(end.year, 8, 31))
    months = 1
    if period.name == "aarlig":
        months = 3 if category == "primaernaering" else 2
    return working_day(_months_later(end, months) + timedelta(days=10))


def period_end(period: TaxPeriod) -> date:
    """Give the last day of a period.

    :raises ValueError: the period is none that the schema names.
    """
    if not re.fullmatch(r"\d{4}", period.year):
        raise ValueError(f"{period.year!r} is no year")
    year = int(period.year)
    week = re.fullmatch(r"uke (\d{1,2})", period.name)
    if week:
        return date.fromisocalendar(year, int(week[1]), 7)
    if period.name == "aarlig":
        return date(year, 12, 31)
    half, _, rest = period.name.partition(" halvdel ")
    month = MONTHS.index((rest or half).rpartition("-")[2]) + 1
    return date(year, month, 15) if half == "foerste" else _last_day(year, month)


def working_day(day: date) -> date:
    """Give the day itself, or the next one that is neither at a weekend nor a public holiday in Norway."""
    while day.weekday() >= 5 or day in public_holidays(day.year):
        day += timedelta(days=1)
    return day


def public_holidays(year: int) -> frozenset[date]:
    """Give Norway's public holidays that can fall on a weekday."""
    easter = easter_sunday(year)
    moving = (easter + timedelta(days=days) for days in (-3, -2, 1, 39, 50))
    return frozenset({*moving, *(date(year, m, d) for m, d in ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26)))})


def easter_sunday(year: int) -> date:
    """Give Easter Sunday by the Gregorian rule (Meeus, Jones and Butcher)."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (in_century // 4) - epact - in_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _months_later(day: date, count: int) -> date:
    """Count months from a day; the last day of a month stays the last day."""
    years, month = divmod(day.month - 1 + count, 12)
    year, month = day.year + years, month + 1
    if day == _last_day(day.year, day.month):
        return _last_day(year, month)
    return date(year, month, min(day.day, _last_day(year, month).day))


def _last_day(year: int, month: int) -> date:
    return date(year, month, calendar.monthrange(year, month)[1])

"""Working days in Norway: Monday to Friday without the public holidays."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

_DAY = timedelta(days=1)


def next_working_day(day: date) -> date:
    """Return the day itself, or the first one after it that is no Saturday, Sunday or Norwegian public holiday."""
    while not is_working_day(day):
        day += _DAY
    return day


def previous_working_day(day: date) -> date:
    """Return the day itself, or the last one before it that is no Saturday, Sunday or Norwegian public holiday."""
    while not is_working_day(day):
        day -= _DAY
    return day


def is_working_day(day: date) -> bool:
    """Whether offices are open."""
    return day.weekday() < 5 and day not in _public_holidays(day.year)


@lru_cache(maxsize=64)
def _public_holidays(year: int) -> frozenset[date]:
    # The library takes a fifth of a second to load, which every parse of a DAG file would pay.
    import holidays

    return frozenset(holidays.country_holidays("NO", years=year))

"""The last day on which a report about a period is in time.

The VAT rules follow skatteforvaltningsforskriften sections 8-3-10 and 8-7-2. Take every date as advice: what binds is
the deadline that the authority itself states.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta

from altinn.exceptions import AltinnInputError
from altinn.periods.spans import Period
from altinn.periods.workdays import next_working_day


def vat_due_date(period: Period, category: str = "alminnelig") -> date:
    """Return the last day for the VAT return about a period, moved to the next working day if it is none.

    :param category: Skatteetaten's `meldingskategori`; it decides the time for a year and for VOEC (`eHandel`).
    :raises AltinnInputError: no VAT return is filed for such a period.
    """
    if period.kind == "half":
        raise AltinnInputError(f"there is no deadline for a VAT return about the half-year {period.name}")
    if category == "eHandel":
        return next_working_day(period.end + timedelta(days=20))
    extra = 1
    if period.kind == "year":
        extra = 3 if category == "primaernaering" else 2
    elif (period.kind, period.number) in (("term", 3), ("quarter", 2)):
        # The summer rule: the term that ends in June is due on 31 August instead of 10 August.
        return next_working_day(date(period.year, 8, 31))
    return next_working_day(add_months(period.end, extra, 10))


def add_months(end: date, count: int, days: int) -> date:
    """Return the day that lies whole months and some days after the end of a period.

    A month after the last day of a month is the last day of the next, so a period that ends with a month is counted
    from the first day of the month that follows.
    """
    after = end + timedelta(days=1)
    index = after.year * 12 + after.month - 1 + count
    year, month = divmod(index, 12)
    if after.day == 1:
        return date(year, month + 1, 1) + timedelta(days=days - 1)
    day = min(end.day, calendar.monthrange(year, month + 1)[1])
    return date(year, month + 1, day) + timedelta(days=days)

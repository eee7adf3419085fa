"""Due dates worked out the slow way: day by day, with holidays from the rule for Easter; shares no code with ours."""

from __future__ import annotations

from datetime import date, timedelta

DAY = timedelta(days=1)


def easter(year: int) -> date:
    """Return Easter Sunday after Gauss, in Lichtenberg's version."""
    k = year // 100
    m = 15 + (3 * k + 3) // 4 - (8 * k + 13) // 25
    s = 2 - (3 * k + 3) // 4
    a = year % 19
    d = (19 * a + m) % 30
    r = (d + a // 11) // 29
    og = 21 + d - r
    sz = 7 - (year + year // 4 + s) % 7
    oe = 7 - (og - sz) % 7
    return date(year, 3, 1) + timedelta(days=og + oe - 1)


def is_closed(day: date) -> bool:
    """Whether it is a weekend or one of Norway's public holidays (lov om helligdager; lov om 1. og 17. mai)."""
    fixed = {(1, 1), (5, 1), (5, 17), (12, 25), (12, 26)}
    moving = {easter(day.year) + timedelta(days=offset) for offset in (-3, -2, 0, 1, 39, 49, 50)}
    return day.isoweekday() > 5 or (day.month, day.day) in fixed or day in moving


def rolled(day: date) -> date:
    """Walk to the first day that is open."""
    while is_closed(day):
        day += DAY
    return day


def months_in_steps(end: date, count: int) -> date:
    """Walk from the last day of a month to the last day of the month that lies `count` months later."""
    day = end
    for _ in range(count):
        day += DAY
        month = day.month
        while (day + DAY).month == month:
            day += DAY
    return day


def last_day_of_span(year: int, last_month: int) -> date:
    """Walk through a year to the last day of a month."""
    day = date(year, 1, 1)
    while not (day.month == last_month and (day + DAY).month != last_month):
        day += DAY
    return day


def accounts_by_walking(end: date) -> date:
    """Walk from the end of a financial year into the next year, to the day that its half of the year is due."""
    by = (1, 31) if end.month in {1, 2, 3, 4, 5, 6} else (7, 31)
    day = end
    while day.year == end.year or (day.month, day.day) != by:
        day += DAY
    return day


def due_by_walking(report: str, year: int, number: int) -> date:
    """Return when the report about the year's period with this number is due."""
    if report.startswith("annual_accounts:"):
        return accounts_by_walking(last_day_of_span(year, int(report.partition(":")[2])))
    length = {"terms": 2, "months": 1, "quarters": 3}.get(report.partition("_")[2], 12)
    if report == "half_years":
        length = 6
    end = last_day_of_span(year, number * length)
    if report in ("vat_terms", "vat_quarters") and (end.month, end.day) == (6, 30):
        return rolled(date(year, 8, 31))
    if report in ("vat_terms", "vat_quarters", "vat_months"):
        return rolled(months_in_steps(end, 1) + 10 * DAY)
    return {
        "vat_years": lambda: rolled(months_in_steps(end, 2) + 10 * DAY),
        "vat_primary": lambda: rolled(months_in_steps(end, 3) + 10 * DAY),
        "voec_quarters": lambda: rolled(end + 20 * DAY),
        "tax_return": lambda: rolled(months_in_steps(end, 5)),
        "annual_accounts": lambda: months_in_steps(end, 7),
        "half_years": lambda: rolled(months_in_steps(end, 3) + DAY),
        "ssb_months": lambda: rolled(months_in_steps(end, 1)),
        "ssb_quarters": lambda: rolled(months_in_steps(end, 1)),
        "ssb_years": lambda: rolled(months_in_steps(end, 3) + 15 * DAY),
    }[report]()

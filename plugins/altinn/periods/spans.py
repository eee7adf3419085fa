"""Reporting periods by name.

The names are those that Params, filing keys and logs carry:

    2022          the year                  2022-M03      a month
    2022-H1       a half-year               2022-M03-1    the first half of a month, up to the 15th
    2022-Q2       a quarter                 2022-W07      an ISO week
    2022-T5       a two-month term
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from altinn.exceptions import AltinnInputError

_NAME = re.compile(
    r"(?P<year>(?:19|20)[0-9]{2})"
    r"(?:-(?:T(?P<term>[1-6])|Q(?P<quarter>[1-4])|H(?P<half>[12])|W(?P<week>0[1-9]|[1-4][0-9]|5[0-3])"
    r"|M(?P<month>0[1-9]|1[0-2])(?:-(?P<part>[12]))?))?"
)
_MONTHS = {"year": 12, "half": 6, "quarter": 3, "term": 2, "month": 1}
KINDS = ("year", "half", "quarter", "term", "month", "half-month", "week")
"""What a period can be, longest first."""
_FORMS = "2022, 2022-H1, 2022-Q2, 2022-T5, 2022-M03, 2022-M03-1 or 2022-W07"


@dataclass(frozen=True, slots=True)
class Period:
    """A span of whole days.

    :param name: normalised name.
    :param kind: one of `KINDS`.
    :param year: the year it is counted in; for a week the ISO year, which may differ from the year of its days.
    :param number: its number among those of its kind in the year, from 1.
    :param start: first day.
    :param end: last day, included.
    """

    name: str
    kind: str
    year: int
    number: int
    start: date
    end: date

    def __str__(self) -> str:
        return self.name


def parse_period(name: str) -> Period:
    """Return the period with this name; surrounding spaces and lower case are forgiven.

    :raises AltinnInputError: no period has this name.
    """
    text = name.strip().upper()
    match = _NAME.fullmatch(text)
    if match is None:
        raise AltinnInputError(f"{name[:40]!r} is no period; write {_FORMS}")
    year = int(match["year"])
    if match["week"]:
        return week(year, int(match["week"]))
    if match["part"]:
        return half_month(year, int(match["month"]), int(match["part"]))
    kind = next((kind for kind in _MONTHS if kind != "year" and match[kind]), "year")
    return months(year, kind, int(match[kind]) if kind != "year" else 1)


def months(year: int, kind: str, number: int) -> Period:
    """Return a year, half, quarter, term or month by its number.

    :raises AltinnInputError: the year has no such period.
    """
    length = _MONTHS.get(kind)
    if length is None or not 1 <= number <= 12 // length:
        raise AltinnInputError(f"the year has no {kind} number {number}")
    last = number * length
    name = {"year": f"{year}", "month": f"{year}-M{number:02d}"}.get(kind, f"{year}-{kind[0].upper()}{number}")
    end = date(year, last, calendar.monthrange(year, last)[1])
    return Period(name, kind, year, number, date(year, last - length + 1, 1), end)


def months_of_term(period: Period) -> list[Period]:
    """Return the two months of a VAT term; empty for any other period."""
    return [months(period.year, "month", 2 * period.number - back) for back in (1, 0)] if period.kind == "term" else []


def half_month(year: int, month: int, part: int) -> Period:
    """Return the days up to the 15th of a month (part 1), or those after (part 2).

    :raises AltinnInputError: the year has no such month or the month no such part.
    """
    whole = months(year, "month", month)
    if part not in (1, 2):
        raise AltinnInputError(f"a month has no half number {part}")
    start, end = (whole.start, date(year, month, 15)) if part == 1 else (date(year, month, 16), whole.end)
    return Period(f"{whole.name}-{part}", "half-month", year, 2 * (month - 1) + part, start, end)


def week(year: int, number: int) -> Period:
    """Return an ISO week, Monday to Sunday.

    :raises AltinnInputError: the year has no such week.
    """
    try:
        start = date.fromisocalendar(year, number, 1)
    except ValueError as exc:
        raise AltinnInputError(f"{year} has no week {number}") from exc
    return Period(f"{year}-W{number:02d}", "week", year, number, start, start + timedelta(days=6))


def financial_year(year: int, last_month: int) -> Period:
    """Return the twelve months that end with a month of a year; they carry the year in which they end as their name.

    :param last_month: 1 to 12; 12 makes the calendar year.
    :raises AltinnInputError: there is no such month.
    """
    if not 1 <= last_month <= 12:
        raise AltinnInputError(f"a financial year ends with a month from 1 to 12, not {last_month}")
    whole = months(year, "year", 1)
    if last_month == 12:
        return whole
    end = months(year, "month", last_month).end
    return Period(whole.name, "year", year, 1, date(year - 1, last_month + 1, 1), end)


def containing(day: date, kind: str) -> Period:
    """Return the year, half, quarter, term or month in which a day lies.

    :raises AltinnInputError: there is no such kind.
    """
    length = _MONTHS.get(kind)
    if length is None:
        raise AltinnInputError(f"there is no kind of period {kind!r}; use {', '.join(_MONTHS)}")
    return months(day.year, kind, (day.month - 1) // length + 1)


def following(period: Period) -> Period:
    """Return the period of the same kind that begins when this one has ended."""
    return containing(period.end + timedelta(days=1), period.kind)


def preceding(period: Period) -> Period:
    """Return the period of the same kind that ended when this one began."""
    return containing(period.start - timedelta(days=1), period.kind)

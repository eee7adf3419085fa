"""The reports whose periods and legal deadlines are known, by name.

Sources: skatteforvaltningsforskriften sections 8-3-10 and 8-7-2 (VAT); skatteforvaltningsloven section 5-5 moves
Skatteetaten's deadlines to the next working day; regnskapsloven sections 8-2 and 8-3, and brreg.no on "avvikende
regnskapsår" (annual accounts). Statistics Norway (SSB) and Finanstilsynet state a deadline with every form; the ones
here are what most of their forms have.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from altinn.exceptions import AltinnInputError
from altinn.periods.due_dates import add_months, vat_due_date
from altinn.periods.spans import Period, containing, financial_year, parse_period
from altinn.periods.workdays import next_working_day, previous_working_day

ACCOUNTS = "annual_accounts"
_MONTH = re.compile("0[1-9]|1[0-2]")
_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

LEAD_DAYS = 5
"""Days between the day on which a report is filed and the last one on which it could be."""


@dataclass(frozen=True, slots=True)
class ReportCalendar:
    """A report's periods and deadlines.

    :param name: by which DAGs and the command line know it.
    :param title: what the report is, for people.
    :param kind: the kind of its periods, see `Period`.
    :param rule: when it is due, in words.
    :param last_month: of its years; other than 12 only for a financial year that is not the calendar year.
    """

    name: str
    title: str
    kind: str
    rule: str
    _due: Callable[[Period], date]
    last_month: int = 12

    def period(self, name: str) -> Period:
        """Return the period with this name, as the report counts it.

        :raises AltinnInputError: no period has this name.
        """
        found = parse_period(name)
        return financial_year(found.year, self.last_month) if self.kind == found.kind == "year" else found

    def containing(self, day: date) -> Period:
        """Return the report's period in which a day lies."""
        if self.last_month == 12:
            return containing(day, self.kind)
        return financial_year(day.year + (day.month > self.last_month), self.last_month)

    def beginning_at(self, moment: datetime) -> Period | None:
        """Return the report's period whose first day begins exactly at a moment, at 00:00 UTC, if there is one."""
        at = moment.astimezone(UTC)
        period = self.containing(at.date())
        return period if at == datetime.combine(period.start, time(), UTC) else None

    def told_by(self, named: object, partition_key: str | None, logical_date: datetime | None) -> Period | None:
        """Return the period that a run's record tells, if it tells one.

        :param named: the period in the run's configuration, `conf["period"]`; it comes first.
        """
        for name in (named, partition_key):
            if name:
                try:
                    return self.period(str(name))
                except AltinnInputError:
                    return None
        return self.beginning_at(logical_date) if logical_date is not None else None

    def following(self, period: Period) -> Period:
        """Return the report's period that begins when this one has ended."""
        return self.containing(period.end + timedelta(days=1))

    def preceding(self, period: Period) -> Period:
        """Return the report's period that ended when this one began."""
        return self.containing(period.start - timedelta(days=1))

    def due_date(self, period: Period) -> date:
        """Return the last day on which a report about the period is in time.

        :raises AltinnInputError: the report is not about such periods.
        """
        if period.kind != self.kind:
            raise AltinnInputError(
                f"{period.name} is a {period.kind}, but {self.title} is about a {self.kind}, for example "
                f"{self.containing(period.start).name}"
            )
        return self._due(period)

    def run_date(self, period: Period, lead_days: int = LEAD_DAYS, due: date | None = None) -> date:
        """Return the day on which to file: a working day, `lead_days` before the deadline, once the period has ended.

        :param due: the deadline, where the authority has stated another one.
        """
        planned = previous_working_day((due or self.due_date(period)) - timedelta(days=lead_days))
        return max(planned, period.end + timedelta(days=1))

    def periods(self, first_year: int, last_year: int) -> list[Period]:
        """Return every period of these years, both included, oldest first.

        :raises AltinnInputError: a year is out of reach, or the last one lies before the first.
        """
        if not 1900 <= first_year <= last_year <= 2099:
            raise AltinnInputError(
                f"{first_year} to {last_year} make no range: give two years from 1900 to 2099, the earlier first"
            )
        found = [self.containing(date(first_year, 1, 1))]
        while (period := self.following(found[-1])).year <= last_year:
            found.append(period)
        return found

    def latest_ended(self, day: date) -> Period:
        """Return the last period that ended before a day."""
        return self.preceding(self.containing(day))


def report_calendar(name: str) -> ReportCalendar:
    """Return the calendar with this name.

    :param name: one of `REPORTS`, or what `accounts_report` returns, such as "annual_accounts:06".
    :raises AltinnInputError: no report is called this.
    """
    base, _, month = name.partition(":")
    if base == ACCOUNTS and _MONTH.fullmatch(month):
        return _accounts(int(month))
    try:
        return REPORTS[name]
    except KeyError as exc:
        raise AltinnInputError(
            f"no report is called {name[:40]!r}; known are {', '.join(REPORTS)}, and {ACCOUNTS}:06 for a financial "
            "year that ends in June"
        ) from exc


def accounts_report(year_ends: int = 12) -> str:
    """Return the name of the annual accounts of a company whose financial year ends with this month.

    :param year_ends: 1 to 12.
    :raises AltinnInputError: there is no such month.
    """
    if not 1 <= year_ends <= 12:
        raise AltinnInputError(f"year_ends must be a month from 1 to 12, not {year_ends}")
    return ACCOUNTS if year_ends == 12 else f"{ACCOUNTS}:{year_ends:02d}"


@cache
def _accounts(last_month: int) -> ReportCalendar:
    """Return the calendar of annual accounts; their deadline is not moved to a working day.

    An accounts register that receives them on the next working day may call that late.
    """
    early = last_month <= 6
    ended = "" if last_month == 12 else f", financial year to {_MONTH_NAMES[last_month - 1]}"
    return ReportCalendar(
        accounts_report(last_month),
        f"Annual accounts{ended}",
        "year",
        f"{'31 January' if early else '31 July'} of the next year",
        _fixed(1, 31) if early else _fixed(7, 31),
        last_month,
    )


def _vat(name: str, title: str, kind: str, rule: str, category: str = "alminnelig") -> ReportCalendar:
    return ReportCalendar(name, title, kind, rule, lambda period: vat_due_date(period, category))


def _fixed(month: int, day: int) -> Callable[[Period], date]:
    """Return a rule: on this day of the year after the period."""
    return lambda period: date(period.year + 1, month, day)


def _month_later(period: Period) -> date:
    return next_working_day(add_months(period.end, 1, 0))


def _half_year_report(period: Period) -> date:
    return next_working_day(add_months(period.end, 3, 1))


_TWO_MONTHS = "one month and ten days after the term; 31 August for the third"
_CALENDARS = (
    _vat("vat_terms", "VAT return, two-month terms", "term", _TWO_MONTHS),
    _vat("vat_months", "VAT return, months", "month", "one month and ten days after the month"),
    _vat(
        "vat_quarters",
        "VAT return, reverse charge",
        "quarter",
        "one month and ten days after the quarter; 31 August for the second",
        "omvendtAvgiftsplikt",
    ),
    _vat("vat_years", "VAT return, small turnover", "year", "10 March of the next year"),
    _vat("vat_primary", "VAT return, primary industries", "year", "10 April of the next year", "primaernaering"),
    _vat("voec_quarters", "VAT return, VOEC", "quarter", "20 days after the quarter", "eHandel"),
    ReportCalendar(
        "tax_return", "Tax return", "year", "31 May of the next year", lambda p: next_working_day(_fixed(5, 31)(p))
    ),
    _accounts(12),
    ReportCalendar(
        "half_years",
        "Half-yearly report",
        "half",
        "1 October and 1 April, three months after the half",
        _half_year_report,
    ),
    ReportCalendar("ssb_months", "SSB statistics, monthly", "month", "a month after the month", _month_later),
    ReportCalendar("ssb_quarters", "SSB statistics, quarterly", "quarter", "a month after the quarter", _month_later),
    ReportCalendar(
        "ssb_years",
        "SSB statistics, yearly",
        "year",
        "15 April of the next year",
        lambda p: next_working_day(_fixed(4, 15)(p)),
    ),
)

REPORTS = {calendar.name: calendar for calendar in _CALENDARS}
"""Every calendar by its name."""

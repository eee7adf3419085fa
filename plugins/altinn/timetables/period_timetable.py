"""A timetable with one run for each reporting period, some days before its legal deadline.

A period's data interval runs from UTC midnight to UTC midnight, because a period is made of calendar dates: in local
time `{{ ds }}` would show the day before, and a backfill from 1 January would miss the first period. Only the moment
of the run is local: 06:00 in Oslo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.types import DagRunType
from pendulum import DateTime
from pendulum import datetime as moment

from altinn.exceptions import AltinnInputError
from altinn.periods import Period, accounts_report, report_calendar
from altinn.periods.reports import LEAD_DAYS

ZONE = "Europe/Oslo"
_OSLO = ZoneInfo(ZONE)
_LAST_YEAR = 2099


class PeriodTimetable(Timetable):
    """One run for each period of a report, `lead_days` before its deadline, at 06:00 in Oslo.

    - The run's data interval is the period, its logical date the period's first day; Airflow allows one run for each.
    - A DAG that has never run begins with the oldest period whose deadline has not passed: what is overdue is a
      backfill's work and not to be filed because somebody unpauses a DAG. `catchup=True` begins with `start_date`.
    - A backfill's runs start at once, also those of periods that have ended but are not yet due. (So do those of a DAG
      that has both `catchup=True` and an `end_date`, if they have ended when the schedule is looked at: the two look
      the same from here.)
    - A manual run whose logical date is exactly a period's first day is about that period; any other moment, such as
      the "now" that the trigger form fills in, is about none.

    :param report: a name of `altinn.periods.REPORTS`.
    :param lead_days: days between run and deadline; then moved back to a working day, though never into the period.
    :param due_dates: deadlines that the authority has stated otherwise, by period: {"2026-Q1": "2026-05-04"}.
    :param hour: of the run, in Oslo.
    :param automatic: False leaves only runs that somebody starts: by hand, from the REST API, as a backfill.
    :param now: the clock.
    """

    def __init__(
        self,
        report: str,
        *,
        lead_days: int = LEAD_DAYS,
        due_dates: Mapping[str, str] | None = None,
        hour: int = 6,
        automatic: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.report = report_calendar(report)
        self.lead_days = lead_days
        self.due_dates = dict(due_dates or {})
        self.hour = hour
        self.automatic = automatic
        self._now = now
        when = f"{lead_days} days before it is due ({self.report.rule}), at {hour:02d}:00 in Oslo"
        self.description = f"{self.report.title}: {when if automatic else f'by hand; due {self.report.rule}'}"

    @property
    def summary(self) -> str:
        """What stands in Airflow's lists, for example "VAT return, two-month terms, 5 days ahead"."""
        return f"{self.report.title}, {f'{self.lead_days} days ahead' if self.automatic else 'by hand'}"

    def validate(self) -> None:
        """Refuse numbers and dates that make no schedule.

        :raises AirflowTimetableInvalid: says which.
        """
        if self.lead_days < 0 or not 0 <= self.hour <= 23:
            raise AirflowTimetableInvalid(
                f"lead_days={self.lead_days} and hour={self.hour}: give 0 days or more, and an hour from 0 to 23"
            )
        try:
            for name, stated in self.due_dates.items():
                self.report.due_date(self.report.period(name))
                date.fromisoformat(stated)
        except (AltinnInputError, ValueError) as exc:
            raise AirflowTimetableInvalid(f"due_dates of {self.report.name}: {exc}") from exc

    def serialize(self) -> dict[str, Any]:
        """Return what `deserialize` needs."""
        return {
            "report": self.report.name,
            "lead_days": self.lead_days,
            "due_dates": self.due_dates,
            "hour": self.hour,
            "automatic": self.automatic,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PeriodTimetable:
        """Make the timetable again."""
        options = {name: value for name, value in data.items() if name != "report"}
        return cls(data["report"], **options)

    def due_date(self, period: Period) -> date:
        """Return a period's deadline."""
        stated = self.due_dates.get(period.name)
        return date.fromisoformat(stated) if stated else self.report.due_date(period)

    def run_after(self, period: Period) -> DateTime:
        """Return the moment from which a period is filed."""
        day = self.report.run_date(period, self.lead_days, self.due_date(period))
        return moment(day.year, day.month, day.day, self.hour, tz=ZONE).in_timezone("UTC")

    def period_at(self, logical_date: datetime | None) -> Period | None:
        """Return the period whose first day begins exactly at this moment, if there is one."""
        return None if logical_date is None else self.report.beginning_at(logical_date)

    def open_periods(self, day: date) -> list[Period]:
        """Return the periods that have ended and are not overdue on a day, oldest first."""
        period = self.report.latest_ended(day)
        found: list[Period] = []
        while self.due_date(period) >= day:
            found.insert(0, period)
            period = self.report.preceding(period)
        return found

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the period that begins exactly at this moment, else an empty interval, which is about no period."""
        period = self.period_at(run_after)
        return _interval(period) if period else DataInterval.exact(run_after)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Name a run by its period: "scheduled__2026-T5"; other kinds of run by their moment as well."""
        period = self.period_at(data_interval.start) if data_interval else None
        if period is None or data_interval != _interval(period):
            return super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)
        if run_type == DagRunType.SCHEDULED:
            return run_type.generate_run_id(suffix=period.name)
        return run_type.generate_run_id(suffix=f"{period.name}__{run_after.isoformat()}")

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next period's run."""
        # Only a backfill has both: Airflow gives it every period that has ended, and would let the runs of those that
        # are not due yet wait for weeks, during which no other backfill could start.
        in_backfill = restriction.catchup and restriction.latest is not None
        period = self._next_period(last_automated_data_interval, restriction)
        if period is None or period.end.year > _LAST_YEAR or not (self.automatic or in_backfill):
            return None
        interval = _interval(period)
        if restriction.latest is not None and interval.start > restriction.latest:
            return None
        # Airflow names a backfill's runs by this moment, so it is the period's first one.
        at_once = in_backfill and interval.end <= self._now()
        return DagRunInfo(run_after=interval.start if at_once else self.run_after(period), data_interval=interval)

    def _next_period(self, last: DataInterval | None, restriction: TimeRestriction) -> Period | None:
        bounds = []
        if last is not None:
            bounds.append(self.report.following(self.report.containing(last.start.in_timezone("UTC").date())))
        elif restriction.earliest is None:
            return None
        if restriction.earliest is not None:
            bounds.append(self._first_from(restriction.earliest))
        if restriction.catchup:
            return _latest(bounds)
        # Airflow counts a backfill's runs as well. So only a period that follows the last one is filed when it is
        # overdue: a backfill of an earlier year must not lead to a late filing that it was not asked for.
        if last is not None and _latest([*bounds, self._newest_due()]) == bounds[0]:
            return bounds[0]
        return _latest([*bounds, self._oldest_open()])

    def _first_from(self, earliest: DateTime) -> Period:
        """Return the first period that begins no earlier than a moment."""
        at = earliest.in_timezone("UTC")
        period = self.report.containing(at.date())
        return period if _midnight(period.start) >= at else self.report.following(period)

    def _oldest_open(self) -> Period:
        """Return the oldest period whose deadline has not passed; it may not even have ended."""
        today = self._now().astimezone(_OSLO).date()
        return (*self.open_periods(today), self.report.containing(today))[0]

    def _newest_due(self) -> Period:
        """Return the newest period whose run should have started: older ones that were missed are not made up for."""
        now = self._now()
        period = self.report.latest_ended(now.astimezone(_OSLO).date())
        while self.run_after(period) > now:
            period = self.report.preceding(period)
        return period


def vat_terms(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule the VAT return of each two-month term: one month and ten days; 31 August for the third."""
    return PeriodTimetable("vat_terms", lead_days=lead_days, **options)


def vat_months(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule the VAT return of each month, where Skatteetaten has imposed months."""
    return PeriodTimetable("vat_months", lead_days=lead_days, **options)


def vat_quarters(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule the VAT return for reverse charge, each quarter."""
    return PeriodTimetable("vat_quarters", lead_days=lead_days, **options)


def vat_years(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule the yearly VAT return of a company with small turnover: 10 March."""
    return PeriodTimetable("vat_years", lead_days=lead_days, **options)


def vat_primary(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule the yearly VAT return of primary industries: 10 April."""
    return PeriodTimetable("vat_primary", lead_days=lead_days, **options)


def voec_quarters(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule the VAT return of a foreign VOEC company: 20 days after the quarter."""
    return PeriodTimetable("voec_quarters", lead_days=lead_days, **options)


def tax_return(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule the tax return of each year: 31 May."""
    return PeriodTimetable("tax_return", lead_days=lead_days, **options)


def annual_accounts(lead_days: int = LEAD_DAYS, *, year_ends: int = 12, **options: Any) -> PeriodTimetable:
    """Schedule the annual accounts of each year: 31 July; 31 January for a financial year that ends by June.

    :param year_ends: the month with which the financial year ends; "2026" is the one that ends in 2026.
    :raises AltinnInputError: there is no such month.
    """
    return PeriodTimetable(accounts_report(year_ends), lead_days=lead_days, **options)


def half_years(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule a report about each half-year, due 1 October and 1 April."""
    return PeriodTimetable("half_years", lead_days=lead_days, **options)


def ssb_months(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule monthly statistics; `due_dates` takes what SSB states for a form."""
    return PeriodTimetable("ssb_months", lead_days=lead_days, **options)


def ssb_quarters(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule quarterly statistics; `due_dates` takes what SSB states for a form."""
    return PeriodTimetable("ssb_quarters", lead_days=lead_days, **options)


def ssb_years(lead_days: int = LEAD_DAYS, **options: Any) -> PeriodTimetable:
    """Schedule yearly statistics; `due_dates` takes what SSB states for a form."""
    return PeriodTimetable("ssb_years", lead_days=lead_days, **options)


def _latest(periods: Sequence[Period]) -> Period:
    return max(periods, key=lambda period: period.start)


def _midnight(day: date) -> DateTime:
    return moment(day.year, day.month, day.day, tz="UTC")


def _interval(period: Period) -> DataInterval:
    return DataInterval(_midnight(period.start), _midnight(period.end + timedelta(days=1)))

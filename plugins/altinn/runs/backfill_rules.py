"""What a run may do: nothing but look in a dry run, and what the DAG's author allows in a backfill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from altinn.exceptions import AltinnFilingError, AltinnInputError
from altinn.periods import ReportCalendar
from altinn.runs.run_period import BACKFILL, SCHEDULED, period_schedule, run_type_of, scheduled_report

FILE_MISSING, VERIFY_ONLY = "file_missing", "verify_only"
BACKFILL_LIMIT = 12
"""Periods that one backfill may file: two years of terms. A mistyped year is more."""
_DONE = {"success", "skipped", "removed"}
_FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True)
class RunRules:
    """What this run may do.

    :param dry_run: do everything up to the first write, and say what would come.
    :param verify_only: look for what is filed, and fail where nothing is.
    """

    dry_run: bool = False
    verify_only: bool = False

    @property
    def looks_only(self) -> bool:
        """Whether nothing may be written."""
        return self.dry_run or self.verify_only

    @classmethod
    def of(cls, context: Mapping[str, Any], *, dry_run: Any = False, on_backfill: str = FILE_MISSING) -> RunRules:
        """Read the rules of a run.

        :param dry_run: true or false, or as a template renders them.
        :param on_backfill: "file_missing" or "verify_only"; other runs than a backfill's do not look at it.
        :raises AltinnInputError: a rule is not known; or a run that only looks would take the place of a filing on
            schedule.
        """
        if on_backfill not in (FILE_MISSING, VERIFY_ONLY):
            raise AltinnInputError(f"on_backfill must be {FILE_MISSING!r} or {VERIFY_ONLY!r}, not {on_backfill!r}")
        in_backfill = run_type_of(context) == BACKFILL
        is_dry = is_true(dry_run, "dry_run")
        rules = cls(is_dry, in_backfill and on_backfill == VERIFY_ONLY)
        if rules.looks_only:
            _refuse_to_stand_in(context)
        return rules


def _refuse_to_stand_in(context: Mapping[str, Any], now: datetime | None = None) -> None:
    """Stop a run that only looks and that Airflow would take for the one which the schedule has still to make.

    Airflow makes one run for each data interval. A dry or verifying backfill of a period that has ended and is not
    filed yet would be it; nothing would be filed in time.

    :raises AltinnInputError: this is such a run.
    """
    schedule, run, run_type = period_schedule(context), context.get("dag_run"), run_type_of(context)
    if not getattr(schedule, "automatic", False) or run_type == SCHEDULED:
        return
    moment = getattr(run, "data_interval_start" if run_type == BACKFILL else "logical_date", None)
    period = None if moment is None else schedule.report.beginning_at(moment)
    if period is not None and schedule.run_after(period) > (now or datetime.now(UTC)):
        raise AltinnInputError(
            f"this run only looks, and stands where the schedule's own run for {period.name} belongs, which is to file "
            f"it on {schedule.run_after(period).date().isoformat()}: Airflow would not make that one any more. Delete "
            "this run; a dry run by hand with params.period does no harm"
        )


def is_true(value: Any, name: str) -> bool:
    """Read a flag, also one that a template has rendered to text.

    :raises AltinnInputError: it is neither true nor false; a dry run must not become a filing by a typing error.
    """
    text = str(value).strip().lower()
    if value is None or text in ("false", "0", "no", "none", ""):
        return False
    if text in ("true", "1", "yes"):
        return True
    raise AltinnInputError(f"{name} must be true or false, not {str(value)[:20]!r}")


def refuse_long_backfill(context: Mapping[str, Any], limit: int, now: datetime | None = None) -> None:
    """Stop a backfill of more periods than were meant, before it files the first one; other runs pass.

    Airflow makes all runs of a backfill at once and tells none of them about the others. So the runs of the DAG whose
    filing task has not succeeded are counted: all of a backfill's before it begins, refused ones included, so that the
    last ones of a refused backfill are refused too. (On SQLite the runs appear one by one, within seconds.)

    :param limit: how many periods may be left to file, this one included; 0 for no limit.
    :raises AltinnFilingError: there are more.
    :raises AltinnInputError: they cannot be counted, because the DAG's schedule is none of `altinn.timetables`.
    """
    if not limit or run_type_of(context) != BACKFILL:
        return
    calendar = scheduled_report(context)
    if calendar is None:
        raise AltinnInputError(
            f"max_filings_per_backfill={limit} cannot be held: the DAG's schedule does not say which periods there "
            "are. Schedule it with one of altinn.timetables, or give 0 for no limit"
        )
    ti = context["ti"]
    states = ti.get_task_states(
        ti.dag_id,
        task_ids=[ti.task_id],
        logical_dates=_logical_dates(calendar, now or datetime.now(UTC)),
    )
    left = [run for run, tasks in states.items() if any(str(state) not in _DONE for state in tasks.values())]
    if len(left) > limit:
        raise AltinnFilingError(
            f"this backfill has {len(left)} periods to file, more than max_filings_per_backfill={limit}: nothing was "
            "filed. If the range was a mistake, delete its runs; else file it in parts, or raise the limit. (Runs of "
            "the DAG that failed before count as well: clear or delete them first.)"
        )


def _logical_dates(calendar: ReportCalendar, now: datetime) -> list[datetime]:
    """Return the first moments of all periods; a backfill also makes those from before the DAG's `start_date`."""
    periods = calendar.periods(_FIRST_YEAR, now.year)
    return [datetime.combine(period.start, time(), UTC) for period in periods]

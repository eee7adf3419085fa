"""Which period a run is about, however it was started."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from altinn.exceptions import AltinnConfigurationError, AltinnInputError
from altinn.periods import KINDS, Period, ReportCalendar, parse_period, report_calendar

BACKFILL, SCHEDULED = "backfill", "scheduled"
_OSLO = ZoneInfo("Europe/Oslo")
_HOW = (
    "give params.period (for example '2026-T5'), a partition key, or a logical date that is exactly the period's "
    "first day at 00:00 UTC"
)


def resolve_period(
    context: Mapping[str, Any],
    *,
    report: str | None = None,
    kinds: Collection[str] = (),
    today: date | None = None,
) -> Period:
    """Return the period that a run is about; call it in a task with the task's context.

    Scheduled runs and backfills are about their data interval. Every other run has to say it: by `params.period`, by
    a partition key (asset events), or by a logical date that is exactly a period's first day. Any other logical date,
    like the "now" that the trigger form fills in, says nothing. What a run says twice must agree.

    Gives the same period on every try, and after the run was cleared.

    :param report: a name of `altinn.periods.REPORTS`; by default that of the DAG's schedule.
    :param kinds: kinds of period that are allowed beside the report's own, as in the trigger form.
    :param today: the day in Norway.
    :raises AltinnInputError: the run does not say which period, says two, or names one that is not the report's or
        has not ended; or its data interval is of a schedule that the DAG has had before.
    :raises AltinnConfigurationError: there is no such kind of period.
    """
    kinds = known_kinds(kinds)
    calendar = report_calendar(report) if report else scheduled_report(context)
    said = {how: name for how, name in _said(context, calendar).items() if name}
    periods = {calendar.period(name) if calendar else parse_period(name) for name in said.values()}
    if not periods:
        raise AltinnInputError(f"this run does not say which period it is about: {_HOW}")
    if len(periods) > 1:
        stated = ", ".join(f"{how} says {name}" for how, name in said.items())
        raise AltinnInputError(f"this run is about two periods ({stated}): leave one of them out")
    period = periods.pop()
    require_kind(period, calendar, kinds)
    require_ended(period, today)
    return period


def known_kinds(kinds: Collection[str]) -> tuple[str, ...]:
    """Return the kinds of period that a DAG allows beside its report's own.

    :raises AltinnConfigurationError: one is no kind of period, or a single word stands where a list belongs.
    """
    given = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = sorted(set(given) - set(KINDS))
    if unknown or isinstance(kinds, str):
        raise AltinnConfigurationError(
            f"kinds={kinds!r}: give a list such as [{KINDS[1]!r}, {KINDS[2]!r}]; a period is a {', a '.join(KINDS)}"
        )
    return given


def require_kind(period: Period, calendar: ReportCalendar | None, kinds: Collection[str]) -> None:
    """Return only if a period is of the report's own kind, or of one of the others that are allowed.

    Where neither a report nor kinds are told, any period passes.

    :raises AltinnInputError: it is of another kind.
    """
    allowed = dict.fromkeys(((calendar.kind,) if calendar else ()) + tuple(kinds))
    if allowed and period.kind not in allowed:
        what = calendar.title if calendar else "this report"
        raise AltinnInputError(f"{period.name} is a {period.kind}, but {what} is about a {' or '.join(allowed)}")


def require_ended(period: Period, today: date | None = None) -> None:
    """Return only if a period has ended.

    :param today: the day in Norway.
    :raises AltinnInputError: it has not.
    """
    if period.end >= (today or datetime.now(_OSLO).date()):
        raise AltinnInputError(
            f"{period.name} ends on {period.end.isoformat()}: a report about it cannot be filed before it has ended"
        )


def run_type_of(context: Mapping[str, Any]) -> str:
    """Return "scheduled", "backfill", "manual" …; empty where there is no run, as in some tests."""
    run_type = getattr(context.get("dag_run"), "run_type", None)
    return str(getattr(run_type, "value", run_type or ""))


def _said(context: Mapping[str, Any], calendar: ReportCalendar | None) -> dict[str, str]:
    """Return what each source says, by the source's name; empty where it says nothing."""
    run = context.get("dag_run")
    param = (context.get("params") or {}).get("period")
    return {
        "params.period": str(param or "").strip(),
        "the partition key": str(getattr(run, "partition_key", None) or context.get("partition_key") or "").strip(),
        **_said_by_dates(run, run_type_of(context), calendar),
    }


def _said_by_dates(run: Any, run_type: str, calendar: ReportCalendar | None) -> dict[str, str]:
    automatic = run_type in (SCHEDULED, BACKFILL)
    moment = getattr(run, "data_interval_start" if automatic else "logical_date", None)
    if calendar is None or moment is None:
        return {}
    period = calendar.beginning_at(moment)
    if automatic and period is None:
        raise AltinnInputError(
            f"the data interval of this run begins at {moment.astimezone(UTC).isoformat()}, where no {calendar.kind} "
            f"begins: schedule the DAG with altinn.timetables.{calendar.name.partition(':')[0]}()"
        )
    # A run by hand for a logical date has an interval as well: that of the period which the schedule then began there.
    if period is not None and (automatic or _has_interval_from(run, moment)):
        _check_interval(run, period, calendar)
    return {"the data interval" if automatic else "the logical date": period.name if period else ""}


def _has_interval_from(run: Any, moment: datetime) -> bool:
    start, end = (getattr(run, f"data_interval_{side}", None) for side in ("start", "end"))
    return start == moment and end is not None and end > start


def _check_interval(run: Any, period: Period, calendar: ReportCalendar) -> None:
    """Refuse a run that was made under another schedule: from July to July is a month, and no two-month term.

    :raises AltinnInputError: its data interval ends elsewhere than the period.
    """
    end = getattr(run, "data_interval_end", None)
    if end is not None and calendar.beginning_at(end) != calendar.following(period):
        raise AltinnInputError(
            f"the data interval of this run ends at {end.astimezone(UTC).isoformat()}, but the {calendar.kind} that "
            f"begins with it is {period.name}: the DAG had another schedule when the run was made. Start a new run "
            "with params.period"
        )


def scheduled_report(context: Mapping[str, Any]) -> ReportCalendar | None:
    """Return the report that the DAG's schedule is about, also when it runs on assets beside it."""
    report: ReportCalendar | None = getattr(period_schedule(context), "report", None)
    return report


def period_schedule(context: Mapping[str, Any]) -> Any:
    """Return the DAG's schedule if it is one of `altinn.timetables`, also when the DAG runs on assets beside it."""
    timetable = getattr(context.get("dag"), "timetable", None)
    for candidate in (timetable, getattr(timetable, "timetable", None)):
        if isinstance(getattr(candidate, "report", None), ReportCalendar):
            return candidate
    return None

"""The fields of Airflow's trigger form that every report needs: period, company, kind, dry run, rules of a backfill.

The form checks format and choices before the run starts; the run's first task checks the rest. What a form shows is
part of the DAG's definition, so nothing here may change from one parse to the next: the periods that are offered
change when a period ends and when a deadline passes, and not in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Param

from altinn.periods import Period
from altinn.runs.backfill_rules import BACKFILL_LIMIT, FILE_MISSING, VERIFY_ONLY
from altinn.runs.run_period import known_kinds
from altinn.timetables import PeriodTimetable

PATTERNS = {
    "year": r"\d{4}",
    "half": r"\d{4}-H[12]",
    "quarter": r"\d{4}-Q[1-4]",
    "term": r"\d{4}-T[1-6]",
    "month": r"\d{4}-M(0[1-9]|1[0-2])",
    "half-month": r"\d{4}-M(0[1-9]|1[0-2])-[12]",
    "week": r"\d{4}-W(0[1-9]|[1-4]\d|5[0-3])",
}
"""How each kind of period is written."""

_BEFORE = 6
"""Periods that are offered beside the open ones, for what was missed and for corrections."""


def filing_params(
    timetable: PeriodTimetable, *, kinds: Sequence[str] = (), dry_run: bool = False, today: date | None = None
) -> dict[str, Param]:
    """Return the params "period", "kind", "correction_number", "dry_run", "on_backfill", "max_filings_per_backfill".

    :param timetable: the DAG's schedule; its report's periods are offered.
    :param kinds: further kinds of period that may be typed in; give the plan task the same ones.
    :param dry_run: what a run is that says nothing of it: with True also those of the schedule and of asset events are
        dry, for as long as a DAG is tried out.
    :param today: the day in Norway.
    """
    return {
        "period": period_param(timetable, kinds=kinds, today=today),
        "kind": Param(
            "main",
            type="string",
            enum=["main", "correction"],
            values_display={"main": "The report", "correction": "A correction of what is filed"},
            title="Kind",
        ),
        "correction_number": Param(
            0, type="integer", minimum=0, maximum=99, title="Correction number", description="1, 2 … for corrections"
        ),
        "dry_run": Param(
            dry_run,
            type="boolean",
            title="Dry run",
            description="Check everything and say what would be filed; write nothing",
        ),
        "on_backfill": Param(
            FILE_MISSING,
            type="string",
            enum=[FILE_MISSING, VERIFY_ONLY],
            values_display={FILE_MISSING: "File what is missing", VERIFY_ONLY: "Only prove what is filed"},
            title="In a backfill",
            section="Backfill",
        ),
        "max_filings_per_backfill": Param(
            BACKFILL_LIMIT,
            type="integer",
            minimum=0,
            title="Most periods in a backfill",
            description="A range of more is taken for a mistake; 0 for no limit",
            section="Backfill",
        ),
    }


def period_param(timetable: PeriodTimetable, *, kinds: Sequence[str] = (), today: date | None = None) -> Param:
    """Return the period picker: it offers the open and the last periods, and takes any other by its name.

    :param kinds: further kinds that may be typed in; give the task that reads the period the same ones.
    :raises AltinnConfigurationError: there is no such kind of period.
    """
    kinds = known_kinds(kinds)
    day = today or datetime.now(ZoneInfo("Europe/Oslo")).date()
    offered = offered_periods(timetable, day)
    allowed = "|".join(PATTERNS[kind] for kind in dict.fromkeys((timetable.report.kind, *kinds)))
    options: dict[str, Any] = {
        "type": ["null", "string"],
        "pattern": f"^({allowed})$",
        "examples": [period.name for period in offered],
        "title": "Period",
        "description_md": _described(timetable, offered, day),
    }
    return Param(None, **options)


def offered_periods(timetable: PeriodTimetable, day: date) -> list[Period]:
    """Return the periods to choose from: the open ones, and the last ones before them, newest first."""
    found = timetable.open_periods(day)
    earliest = found[0] if found else None
    for _ in range(_BEFORE):
        earliest = timetable.report.preceding(earliest) if earliest else timetable.report.latest_ended(day)
        found.insert(0, earliest)
    return found[::-1]


def _described(timetable: PeriodTimetable, offered: Sequence[Period], day: date) -> str:
    """Say of each period which days it has and when it is due."""
    lines = ["Required in a run by hand. Leave it empty in a backfill: there it is the run's own.", ""]
    for period in offered:
        due = timetable.due_date(period)
        state = "due" if due >= day else "was due"
        lines.append(
            f"- **{period.name}**: {_written(period.start)} to {_written(period.end)}, {state} {_written(due)}"
        )
    return "\n".join(lines)


def _written(day: date) -> str:
    """Write a day without the locale, which would make another DAG version on another machine."""
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day.day} {names[day.month - 1]} {day.year}"

"""List a report's periods with their deadlines, and the days on which they are filed.

    altinn periods vat_terms --from 2023 --to 2027 --json

prints a JSON list of objects with `name`, `start`, `end`, `due_date` and `run_at`; every value is text, dates are
written YYYY-MM-DD, and both years are included. Annual accounts of a financial year that ends in June:

    altinn periods annual_accounts --year-ends 6
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from typing import TextIO

from altinn.commands.command import OK, cannot
from altinn.exceptions import AltinnInputError
from altinn.periods import REPORTS, accounts_report, report_calendar
from altinn.periods.reports import ACCOUNTS, LEAD_DAYS

_COLUMNS = ("name", "start", "end", "due_date", "run_at")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("report", help=f"one of {', '.join(REPORTS)}")
    parser.add_argument("--from", dest="first_year", type=int, metavar="YEAR", help="by default this year")
    parser.add_argument("--to", dest="last_year", type=int, metavar="YEAR", help="included; by default that of --from")
    parser.add_argument("--lead-days", type=int, default=LEAD_DAYS, help="file this many days before the deadline")
    parser.add_argument(
        "--year-ends", type=int, metavar="MONTH", help="annual_accounts only: the financial year's last month, 1 to 12"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Print the periods; 0 when done, 2 when there is no such report or range."""
    first = date.today().year if options.first_year is None else options.first_year
    last = first if options.last_year is None else options.last_year
    try:
        name = _report_name(options.report, options.year_ends)
        rows = periods_as_json(name, first, last, options.lead_days)
    except AltinnInputError as exc:
        return cannot(str(exc))
    if options.json:
        out.write(json.dumps(rows, indent=1) + "\n")
        return OK
    report = report_calendar(name)
    out.write(f"{report.title}: due {report.rule}\n")
    for row in ({name: name for name in _COLUMNS}, *rows):
        out.write("  ".join(f"{row[name]:<10}" for name in _COLUMNS).rstrip() + "\n")
    return OK


def _report_name(name: str, year_ends: int | None) -> str:
    if year_ends is None:
        return name
    if name != ACCOUNTS:
        raise AltinnInputError(f"--year-ends is about {ACCOUNTS}; the periods of {name[:40]!r} follow the calendar")
    return accounts_report(year_ends)


def periods_as_json(name: str, first_year: int, last_year: int, lead_days: int = LEAD_DAYS) -> list[dict[str, str]]:
    """Return the periods of these years as plain JSON, oldest first.

    :raises AltinnInputError: there is no such report or range.
    """
    report = report_calendar(name)
    if lead_days < 0:
        raise AltinnInputError(f"--lead-days must not be negative, but is {lead_days}: the deadline would be missed")
    return [
        {
            "name": period.name,
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "due_date": report.due_date(period).isoformat(),
            "run_at": report.run_date(period, lead_days).isoformat(),
        }
        for period in report.periods(first_year, last_year)
    ]

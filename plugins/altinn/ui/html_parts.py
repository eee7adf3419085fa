"""The parts that the pages are made of. Everything that comes from outside is escaped here."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from altinn.filing_calendar.calendar_rows import (
    ACCEPTED,
    DIFFERING,
    FILED,
    FILED_ELSEWHERE,
    MISSING,
    NOT_DUE,
    REJECTED,
    STATES,
    UNKNOWN,
    WAITING_FOR_SIGNATURE,
    CalendarRow,
)

COLOURS: Mapping[str, tuple[str, str]] = {
    ACCEPTED: ("#1b6e3c", "#ffffff"),
    FILED: ("#cfe8d8", "#12331f"),
    FILED_ELSEWHERE: ("#d9d2ee", "#2b2048"),
    WAITING_FOR_SIGNATURE: ("#ffe2a8", "#4a3200"),
    REJECTED: ("#a61b1b", "#ffffff"),
    DIFFERING: ("#f08a4b", "#2b1200"),
    MISSING: ("#f7c5c5", "#5c0b0b"),
    NOT_DUE: ("#eef0f2", "#3a424a"),
    UNKNOWN: ("#5b636b", "#ffffff"),
}
"""Background and text of each state, with a contrast of at least 4.5 to 1; the state stands there in words as well."""

_STYLE = """
 body { font: 14px/1.45 system-ui, sans-serif; margin: 1.25rem; color: #1c2126; background: #fff; }
 h1 { font-size: 1.3rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; }
 p { margin: .25rem 0; max-width: 60rem; } .quiet { color: #59636e; }
 .scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .75rem 0; }
 th, td { border: 1px solid #d0d5da; padding: .35rem .55rem; text-align: left; vertical-align: top; }
 thead th { background: #f5f6f8; position: sticky; top: 0; white-space: nowrap; }
 th small, td small { font-weight: normal; display: block; }
 td a { color: inherit; } .old { color: #8a3b00; font-weight: 600; }
 ul.key { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .35rem 1rem; }
 ul.key span, td.state { border-radius: 2px; } ul.key span { padding: 0 .4rem; }
"""
STYLES = _STYLE + "".join(
    f" .s-{state} {{ background: {back}; color: {text}; }}\n" for state, (back, text) in COLOURS.items()
)


def escaped(value: object) -> str:
    """Return text as it may stand in HTML, attributes included."""
    return html.escape(str(value), quote=True)


def document(title: str, body: str) -> str:
    """Return a whole page. It has no script, and its policy lets none run."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escaped(title)}</title><style>{STYLES}</style></head><body>{body}</body></html>"
    )


HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def state_name(state: str) -> str:
    """Return a state as people read it: "waiting for signature"."""
    return state.replace("_", " ")


def key_of_colours() -> str:
    """Return the list that says what each colour means."""
    items = "".join(
        f'<li><span class="s-{state}">{state_name(state)}</span> {escaped(meaning)}</li>'
        for state, meaning in STATES.items()
    )
    return f'<ul class="key">{items}</ul>'


def _deadline(dates: Collection[str]) -> str:
    """Return a column's deadline; where the companies' differ, each cell tells its own."""
    return f"due {next(iter(dates))}" if len(dates) == 1 else "deadlines differ" if dates else "due ?"


def state_cell(row: CalendarRow | None, *, tells_deadline: bool = False) -> str:
    """Return one company's cell for one period."""
    if row is None:
        return "<td></td>"
    known = row.state if row.state in STATES else UNKNOWN
    text = state_name(row.state)
    if _is_web_address(row.url):
        text = f'<a href="{escaped(row.url)}" target="_blank" rel="noopener">{escaped(text)}</a>'
    else:
        text = escaped(text)
    kind = f"<small>{escaped(row.kind)}</small>" if row.kind not in ("", "main") else ""
    due = f"<small>due {escaped(row.due_date)}</small>" if tells_deadline else ""
    return f'<td class="state s-{known}" title="{escaped(row.reason)}">{text}{kind}{due}</td>'


def age_of(read_at: str, now: datetime) -> str:
    """Say how old a result is: "3 hours ago"."""
    try:
        seconds = max(0.0, (now - datetime.fromisoformat(read_at)).total_seconds())
    except (ValueError, TypeError):
        return "at an unknown time"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def is_old(read_at: str, now: datetime) -> bool:
    """Whether a result is older than two days, so that it should not be relied on."""
    try:
        return (now - datetime.fromisoformat(read_at)).total_seconds() > 2 * 86400
    except (ValueError, TypeError):
        return True


def _is_web_address(url: str) -> bool:
    """Whether an address may become a link; anything but http and https could run a script."""
    return url.startswith(("https://", "http://"))


def grid(rows: Sequence[CalendarRow], periods: Sequence[str]) -> str:
    """Return the table: a line for each company, a column for each period."""
    due: dict[str, set[str]] = {}
    for row in rows:
        due.setdefault(row.period, set()).add(row.due_date)
    companies = dict.fromkeys((row.organisation_number, row.company) for row in rows)
    cells = {(row.organisation_number, row.period): row for row in rows}
    head = "".join(
        f"<th>{escaped(name)}<small>{escaped(_deadline(due.get(name, ())))}</small></th>" for name in periods
    )
    lines = "".join(
        f"<tr><th>{escaped(name or number)}<small>{escaped(number)}</small></th>"
        + "".join(
            state_cell(cells.get((number, period)), tells_deadline=len(due.get(period, ())) > 1) for period in periods
        )
        + "</tr>"
        for number, name in companies
    )
    return (
        f'<div class="scroll"><table><thead><tr><th>Company</th>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    )

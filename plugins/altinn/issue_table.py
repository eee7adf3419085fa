"""Findings as a table that a person reads in a log."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from altinn.exceptions import Issue

_WIDTH = 70


def table_of(issues: Sequence[Issue], limit: int = 50) -> str:
    """Lay the findings out in columns: severity, where, code, message.

    :param limit: rows shown; the rest is counted.
    """
    rows = [(i.severity, _where(i), i.code, i.message or "-") for i in issues[:limit]]
    head = ("severity", "where", "code", "message")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(3)]
    lines = []
    for row in [head, *rows]:
        left = "  ".join(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True))
        message = textwrap.wrap(row[3], _WIDTH) or ["-"]
        lines.append(f"{left}  {message[0]}")
        lines += [" " * (len(left) + 2) + rest for rest in message[1:]]
    if len(issues) > limit:
        lines.append(f"… and {len(issues) - limit} more")
    return "\n".join(lines)


def _where(issue: Issue) -> str:
    place = issue.where or "-"
    return f"{place}:{issue.line}" if issue.line else place

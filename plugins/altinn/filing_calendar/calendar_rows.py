"""The calendar's rows: one company and one period, in plain data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

FILED = "filed"
ACCEPTED = "accepted"
WAITING_FOR_SIGNATURE = "waiting_for_signature"
REJECTED = "rejected"
DIFFERING = "differing"
FILED_ELSEWHERE = "filed_elsewhere"
MISSING = "missing"
NOT_DUE = "not_due"
UNKNOWN = "unknown"

STATES = {
    FILED: "The authority has it; no answer yet",
    ACCEPTED: "The authority has accepted it",
    WAITING_FOR_SIGNATURE: "A person has to confirm or sign it in Altinn",
    REJECTED: "The authority has rejected it: file it again",
    DIFFERING: "Filed, but not as it was meant, or more than once: look at it",
    FILED_ELSEWHERE: "Filed by hand in the portal, or by another system",
    MISSING: "The deadline has passed, and nothing is filed",
    NOT_DUE: "Nothing is filed, and the deadline lies ahead",
    UNKNOWN: "Could not be read or understood: look at it",
}
"""What each state means, for people."""

_CSV_FIELDS = (
    "organisation_number", "company", "period", "state", "due_date", "kind", "instance_id", "filed_at", "reason", "url",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """Where one company stands with one period.

    :param state: one of `STATES`.
    :param due_date: YYYY-MM-DD.
    :param reason: for people.
    :param kind: "main" or "correction-1" …: what is filed; empty when nothing is.
    :param instance_id: the instance to look at, "party/guid"; empty when there is none.
    :param filed_at: when its process ended, or its last change; as Altinn writes it.
    :param url: where a person sees the instance.
    """

    organisation_number: str
    company: str
    period: str
    state: str
    due_date: str
    reason: str = ""
    kind: str = ""
    instance_id: str = ""
    filed_at: str = ""
    url: str = ""

    def as_json(self) -> dict[str, str]:
        """Return plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> CalendarRow:
        """Read what `as_json` wrote; fields that a newer version has added are left out."""
        return cls(**{field.name: str(value.get(field.name) or "") for field in fields(cls)})


def as_csv(rows: Iterable[CalendarRow]) -> str:
    """Return the rows as CSV with a header; a spreadsheet takes no cell for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_CSV_FIELDS)
    for row in rows:
        writer.writerow([_cell(str(getattr(row, name))) for name in _CSV_FIELDS])
    return out.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text

"""Orders the time stamps of Altinn's answers."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_STAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def time_key(text: str) -> tuple[str, str]:
    """Return what a time stamp is sorted by; what is none is sorted as text.

    The text alone does not do: .NET leaves out trailing zeros, so that "10:00:00Z" would come after "10:00:00.5Z".
    """
    found = _STAMP.fullmatch(text.strip())
    if found is None:
        return text, ""
    seconds, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(seconds + (zone or "Z")).astimezone(UTC)
    except (ValueError, OverflowError):
        return text, ""
    return moment.isoformat(), (fraction or "").ljust(9, "0")


def moment_of(text: str) -> datetime | None:
    """Return a time stamp as a moment, without fractions of a second; None when it is none."""
    moment, _fraction = time_key(text)
    try:
        return datetime.fromisoformat(moment).astimezone(UTC) if moment else None
    except ValueError:
        return None

"""Which shorter periods make up a period: the months of a term."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from altinn.periods.spans import Period

_DAY = timedelta(days=1)


def inside(period: Period, others: Iterable[Period]) -> list[Period]:
    """Return those of the others that lie in a period and are shorter, in their order."""
    found = [one for one in others if period.start <= one.start and one.end <= period.end and one != period]
    return sorted(found, key=lambda one: (one.start, -one.end.toordinal()))


def parts_of(period: Period, others: Iterable[Period]) -> list[Period]:
    """Return those of the others that report about every day of a period, one after another.

    Empty when some day is left out. One that is longer does not count: a company may owe a year's report of another
    kind beside its terms.
    """
    shorter = inside(period, others)

    def chain(day: date) -> list[Period] | None:
        if day > period.end:
            return []
        for one in shorter:
            rest = chain(one.end + _DAY) if one.start == day else None
            if rest is not None:
                return [one, *rest]
        return None

    return chain(period.start) or []

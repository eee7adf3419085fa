"""Which periods of other lengths make up a period."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from altinn.periods.spans import Period

_DAY = timedelta(days=1)


def cover(period: Period, others: Iterable[Period]) -> list[Period]:
    """Return those of the others that report about every day of a period; empty when some day is left out.

    That is one that holds it (the year of a term), or those inside it that follow one another without a gap (the
    months of a term). The period itself does not count.
    """
    found = [one for one in others if one != period]
    holding = [one for one in found if one.start <= period.start and period.end <= one.end]
    if holding:
        return [min(holding, key=lambda one: one.end - one.start)]
    chain: list[Period] = []
    day = period.start
    while day <= period.end:
        fitting = [one for one in found if one.start == day and one.end <= period.end]
        if not fitting:
            return []
        chain.append(max(fitting, key=lambda one: one.end))
        day = chain[-1].end + _DAY
    return chain

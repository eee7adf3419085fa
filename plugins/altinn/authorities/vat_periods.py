"""The VAT return's way of writing a period: one of seven elements with a Norwegian word in it, and a year.

Source: the simple types `Skattleggingsperiode…` in Skatteetaten's schema of the return.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from altinn.exceptions import AltinnInputError
from altinn.periods import Period, half_month, months, parse_period, week

_MONTHS = (
    "januar", "februar", "mars", "april", "mai", "juni",
    "juli", "august", "september", "oktober", "november", "desember",
)  # fmt: skip
_HALVES = ("foerste halvdel", "andre halvdel")
_ELEMENTS = {
    "year": "skattleggingsperiodeAar",
    "half": "skattleggingsperiodeSeksMaaneder",
    "quarter": "skattleggingsperiodeTreMaaneder",
    "term": "skattleggingsperiodeToMaaneder",
    "month": "skattleggingsperiodeMaaned",
    "half-month": "skattleggingsperiodeHalvMaaned",
    "week": "skattleggingsperiodeUke",
}
_KINDS = {element: kind for kind, element in _ELEMENTS.items()}
_SPANS = {"half": 6, "quarter": 3, "term": 2, "month": 1}
# xs:gYear may carry a time zone.
_YEAR = re.compile(r"((?:19|20)[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")


@dataclass(frozen=True, slots=True)
class VatPeriod:
    """A period as the return and the envelope write it.

    :param element: local name of the element.
    :param value: its text, for example "september-oktober".
    """

    period: Period
    element: str
    value: str

    @property
    def name(self) -> str:
        """The period's normalised name, for example "2022-T5"."""
        return self.period.name

    @property
    def year(self) -> int:
        """What stands in `aar`."""
        return self.period.year

    @classmethod
    def of(cls, period: Period) -> VatPeriod:
        """Return how the return writes a period."""
        return cls(period, _ELEMENTS[period.kind], _value(period))

    @classmethod
    def parse(cls, name: str) -> VatPeriod:
        """Return the period with this name.

        :raises AltinnInputError: no period has this name.
        """
        return cls.of(parse_period(name))

    @classmethod
    def from_xml(cls, element: str, value: str, year: str) -> VatPeriod:
        """Return the period that a document states.

        :param element: local name of the child of `periode`.
        :param value: its text.
        :param year: text of `aar`.
        :raises AltinnInputError: the schema knows no such period.
        """
        kind = _KINDS.get(element)
        stated = _YEAR.fullmatch(year.strip())
        if kind is None or stated is None:
            raise AltinnInputError(f"{element[:60]!r} with the year {year[:20]!r} is no period of a VAT return")
        return cls.of(_period(kind, value, int(stated[1])))


def _value(period: Period) -> str:
    if period.kind == "year":
        return "aarlig"
    if period.kind == "week":
        return f"uke {period.number}"
    if period.kind == "half-month":
        return f"{_HALVES[(period.number - 1) % 2]} {_MONTHS[period.start.month - 1]}"
    first, last = _MONTHS[period.start.month - 1], _MONTHS[period.end.month - 1]
    return first if period.kind == "month" else f"{first}-{last}"


def _period(kind: str, value: str, year: int) -> Period:
    if kind == "week":
        candidates = [week(year, int(value[4:]))] if re.fullmatch(r"uke [1-9][0-9]?", value, re.ASCII) else []
    elif kind == "half-month":
        candidates = [half_month(year, month, part) for month in range(1, 13) for part in (1, 2)]
    else:
        candidates = [months(year, kind, number + 1) for number in range(12 // _SPANS.get(kind, 12))]
    for candidate in candidates:
        if _value(candidate) == value:
            return candidate
    raise AltinnInputError(f"{value[:60]!r} is no {kind} of a VAT return")

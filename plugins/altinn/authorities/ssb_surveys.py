"""Statistics Norway (SSB): one app for each form; SSB makes and prefills the instance, the sender fills it.

Nothing is sent back; the end of the process is the acceptance. Source: SSB's published form samples (`InternInfo`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from altinn.authorities.authority import Authority, Step
from altinn.authorities.xml_fields import local_name
from altinn.exceptions import AltinnError, AltinnInputError
from altinn.periods import months
from altinn.protocol.model import Instance
from altinn.protocol.outcome import AcceptanceRule, Awaited, Outcome
from altinn.protocol.xml_prescan import parse_xml

_RULE = AcceptanceRule("ended")
_KINDS = {"MND": "month", "KVRT": "quarter", "AAR": "year"}
_FORM = re.compile(r"(R[AS])-?([0-9]{4})")


def app_of_form(form: str) -> str:
    """Return the app's id of a form, for example "ssb/ra0792-01" of "RA-0792".

    :raises AltinnInputError: it is no form's number.
    """
    return f"ssb/{''.join(_parts(form)).lower()}-01"


def data_type_of_form(form: str) -> str:
    """Return the form's data type, for example "A3_RA-0792_M"."""
    return f"A3_{'-'.join(_parts(form))}_M"


def _parts(form: str) -> tuple[str, str]:
    match = _FORM.fullmatch(form.strip().upper())
    if match is None:
        raise AltinnInputError(f"{form[:40]!r} is no form of SSB: write it as RA-0792 or RS-0182")
    return match[1], match[2]


class SsbSurvey(Authority):
    """A statistical form of SSB.

    :param form: the form's number; by default it is told by each instance's app.
    """

    name = "SSB"
    steps = (Step("data"),)
    makes_instances = True

    def __init__(self, form: str = "") -> None:
        self.period_types = (data_type_of_form(form),) if form else ()

    def types_that_tell(self, instance: Instance) -> tuple[str, ...]:
        """Return the form's data type, as the app's id tells it where no form was named."""
        if self.period_types:
            return self.period_types
        try:
            return (data_type_of_form(instance.app_id.partition("/")[2].partition("-")[0]),)
        except AltinnInputError:
            return ()

    def awaited(self) -> Awaited:
        """Return the end of the process: SSB sends nothing back."""
        return _RULE.awaited()

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Outcome:
        """Decide: accepted once the process has ended."""
        return _RULE.outcome(instance)

    def period_of(self, content: bytes) -> str | None:
        """Return the period that SSB has prefilled."""
        try:
            return period_of_form(content)
        except AltinnError:
            return None


def period_of_form(content: bytes) -> str:
    """Return the normalised name of the period that SSB wrote into `InternInfo`.

    :raises AltinnInputError: the form names no period, or none of a known kind.
    """
    texts: dict[str, str] = {}
    for element in parse_xml(content).iter():
        if local_name(element) in ("periodeType", "periodeNummer", "periodeAAr"):
            texts.setdefault(local_name(element), (element.text or "").strip())
    kind = _KINDS.get(texts.get("periodeType", "").upper(), "")
    year, number = texts.get("periodeAAr", ""), texts.get("periodeNummer", "")
    if not kind or not re.fullmatch("(?:19|20)[0-9]{2}", year) or not re.fullmatch("[0-9]{1,2}|", number):
        raise AltinnInputError("the form's InternInfo names no period that is known: look at it in Altinn")
    return months(int(year), kind, int(number) if kind != "year" and number else 1).name


AUTHORITY = SsbSurvey()

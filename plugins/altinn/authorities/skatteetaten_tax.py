"""Skatteetaten's tax return of companies (`formueinntekt-skattemelding-v2`): attachments, envelope, feedback.

Attachments go in first, because the envelope names them by the ids that Altinn gave them. With
`skalBekreftesAvRevisor` the auditor confirms first, then the company; the ids of these two tasks are not published, and
a machine's confirmation is that of the first one that is reached, so leave an audited return to a person. Source:
Skatteetaten's public documentation, https://github.com/Skatteetaten/skattemeldingen (docs/api-v2, docs/vedlegg).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from altinn.authorities.authority import CHOICE, Authority, Step
from altinn.authorities.xml_fields import local_name, read_root, unreadable
from altinn.exceptions import AltinnError
from altinn.protocol.masking import mask
from altinn.protocol.model import Instance
from altinn.protocol.outcome import ACCEPTED, REJECTED, UNKNOWN, AcceptanceRule, Awaited, Outcome
from altinn.protocol.xml_prescan import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FORM = "Skattemeldingsapp_v2"
ENVELOPE = "skattemeldingOgNaeringsspesifikasjon"
ATTACHMENT = "skattemelding-vedlegg"
FEEDBACK = "tilbakemelding"
YEAR_VALUE = "inntektsaar"
"""Name of the data value that names the income year when the instance is made."""

_RULE = AcceptanceRule("receipt", (FEEDBACK,))
_GOOD, _BAD = "validertOK", "validertMedFeil"


def app_form(income_year: int | str, *, audited: bool = False) -> bytes:
    """Return the app's form: the income year, and whether the auditor confirms first."""
    return (
        f"<skattemeldingApp><inntektsaar>{int(income_year)}</inntektsaar>"
        f"<skalBekreftesAvRevisor>{str(bool(audited)).lower()}</skalBekreftesAvRevisor></skattemeldingApp>"
    ).encode()


class CompanyTaxReturn(Authority):
    """The tax return and business specification of a company."""

    name = "Skatteetaten"
    app_ids = dict.fromkeys(("prod", "tt02", "local"), "skd/formueinntekt-skattemelding-v2")
    steps = (Step("data"), Step("confirmation", "confirm", CHOICE))
    receipt_types = (FEEDBACK,)
    period_types = (FORM,)

    def awaited(self) -> Awaited:
        """Return the end of the process and the feedback."""
        return _RULE.awaited()

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Outcome:
        """Decide from the feedback; a result that is not known is unknown, never accepted."""
        general, feedback = _RULE.outcome(instance), documents.get(FEEDBACK)
        if general.state == REJECTED and feedback is not None:
            return replace(general, codes=(*read_feedback(feedback)[1], *general.codes))
        if general.state != ACCEPTED:
            return general
        if feedback is None:
            return Outcome(UNKNOWN, f"{FEEDBACK} is there but has not been read")
        stated, codes = read_feedback(feedback)
        if stated == _BAD:
            return Outcome(REJECTED, f"Skatteetaten's feedback says {stated!r}", codes or (stated,))
        if stated == _GOOD and _has_errors(feedback):
            return Outcome(UNKNOWN, f"{FEEDBACK} says {stated!r} and gives a reason for the contrary", codes)
        if stated != _GOOD:
            return Outcome(UNKNOWN, f"{FEEDBACK} has a result that is not known here: {mask(stated)[:60]!r}", codes)
        return Outcome(ACCEPTED, f"Skatteetaten's feedback says {stated!r}", codes)

    def period_of(self, content: bytes) -> str | None:
        """Return the income year that the app's form names."""
        try:
            years = {(e.text or "").strip() for e in parse_xml(content).iter() if local_name(e) == "inntektsaar"} - {""}
        except AltinnError:
            return None
        return years.pop() if len(years) == 1 else None


def read_feedback(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Read `tilbakemelding`: the result of the validation, and the findings as "code: words".

    Read by the local names of Skatteetaten's schema of the response
    (`skattemeldingognaeringsspesifikasjonresponse_v2`).

    :raises AltinnDocumentError: it cannot be read, is another document, or states no result.
    """
    root = read_root(data, "skattemeldingOgNaeringsspesifikasjonResponse", FEEDBACK)
    stated = [(e.text or "").strip() for e in root.iter() if local_name(e) == "resultatAvValidering"]
    if len(stated) != 1 or not stated[0]:
        raise unreadable(FEEDBACK, f"resultatAvValidering occurs {len(stated)} times or is empty")
    codes = [_texts(e, "aarsakTilValidertMedFeil") for e in root if local_name(e) == "aarsakTilValidertMedFeil"]
    codes += [_texts(e, "avvikstype", "sti") for e in root.iter() if local_name(e) == "avvik"]
    codes += [_texts(e, "veiledningstype", "hjelpetekst") for e in root.iter() if local_name(e) == "veiledning"]
    return stated[0], tuple(dict.fromkeys(code for code in codes if code))


def _has_errors(data: bytes) -> bool:
    return any(local_name(e) == "aarsakTilValidertMedFeil" for e in parse_xml(data).iter())


def _texts(element: Element, code: str, words: str = "") -> str:
    found = {local_name(e): " ".join((e.text or "").split()) for e in element.iter()}
    return mask(": ".join(text for text in (found.get(code, ""), found.get(words, "")) if text))


AUTHORITY = CompanyTaxReturn()

"""Skatteetaten's list of the terms for which a company has not delivered a VAT return, with its own deadlines.

Source: https://github.com/Skatteetaten/mva-meldingen, innsynstjenester, and the schema `mvaMeldingInnsendingStatus.v1`.
The service answers a Maskinporten token to which the company has delegated the right, and an ID-porten token.
"""

from __future__ import annotations

from datetime import date

from altinn.authorities.vat_periods import VatPeriod
from altinn.authorities.xml_fields import children, needed_at, read_root, unreadable
from altinn.protocol.wire import Call, HttpRequest

STATUS_PATH = "/api/mva/grensesnittstoette/innsyn/melding/innsending/status/v1/{organisation_number}"
"""Path of the service, on the address that Skatteetaten gives for an environment."""

_WHAT = "list of undelivered VAT returns"
_ELEMENTS = {
    "aar": "skattleggingsperiodeAar",
    "seksMaaned": "skattleggingsperiodeSeksMaaneder",
    "treMaaned": "skattleggingsperiodeTreMaaneder",
    "toMaaned": "skattleggingsperiodeToMaaneder",
    "maaned": "skattleggingsperiodeMaaned",
    "halvMaaned": "skattleggingsperiodeHalvMaaned",
    "uke": "skattleggingsperiodeUke",
}


def undelivered(url: str) -> Call[dict[str, date]]:
    """`GET …/innsending/status/v1/{organisation number}`: the undelivered periods by name, each with its deadline."""
    return Call(
        "GET Skatteetaten's list of undelivered VAT returns",
        HttpRequest("GET", url, {"Accept": "application/xml"}),
        lambda response: read_undelivered(response.body),
        harmless=True,
        audience="external",
    )


def read_undelivered(data: bytes) -> dict[str, date]:
    """Return the deadline of each period that the list names, by the period's name.

    :raises AltinnDocumentError: it is no such list.
    :raises AltinnInputError: a period is none of a VAT return.
    """
    root = read_root(data, "mvaMeldingInnsendingStatus", _WHAT)
    found = {}
    for term in children(root, "terminUtenLevertMvaMelding"):
        length = needed_at(term, "skattleggingsperiodeType", _WHAT)
        if length not in _ELEMENTS:
            raise unreadable(_WHAT, f"skattleggingsperiodeType {length[:40]!r} is not known")
        stated = needed_at(term, "skattleggingsperiode/periode", _WHAT)
        period = VatPeriod.from_xml(_ELEMENTS[length], stated, needed_at(term, "skattleggingsperiode/aar", _WHAT))
        deadline = needed_at(term, "leveringsfrist", _WHAT)
        try:
            found[period.name] = date.fromisoformat(deadline[:10])
        except ValueError as exc:
            raise unreadable(_WHAT, f"leveringsfrist of {period.name} is no date") from exc
    return found

"""What the pipeline needs to know of a VAT return (`mvaMeldingDto`): whose it is, for when, and how much.

Source: Skatteetaten's schema `skattemeldingformerverdiavgift.v1.0`. The return itself is sent as it is; nothing here
writes one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from altinn.authorities.vat_periods import VatPeriod
from altinn.authorities.xml_fields import child_at, local_name, needed_at, read_root, text_at, unreadable
from altinn.exceptions import Issue

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CATEGORIES = ("alminnelig", "primaernaering", "kompensasjon", "omvendtAvgiftsplikt", "eHandel")

_WHAT = "VAT return"
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
# Rules R095 and R106 of Skatteetaten's validation.
_KINDS = {"kompensasjon": ("term", "R095"), "omvendtAvgiftsplikt": ("quarter", "R106")}


@dataclass(frozen=True, slots=True)
class VatReturn:
    """The head of a return.

    :param organisation_number: empty for a foreign VOEC company, which has a `voec_number` instead.
    :param category: one of `CATEGORIES`.
    :param amount: NOK to pay; negative when money comes back.
    :param kid: payment reference that the sender proposes, empty if none.
    :param reference: the accounting system's own reference.
    """

    organisation_number: str
    period: VatPeriod
    category: str
    amount: Decimal
    kid: str
    reference: str
    voec_number: str = ""


def read_return(data: bytes) -> VatReturn:
    """Read the head of a return.

    :raises AltinnDocumentError: it is no return, or a part that decides where it goes is missing or there twice.
    :raises AltinnInputError: its period is none of a VAT return.
    """
    root = read_root(data, "mvaMeldingDto", _WHAT)
    basis = child_at(root, "skattegrunnlagOgBeregnetSkatt", _WHAT)
    if basis is None:
        raise unreadable(_WHAT, "skattegrunnlagOgBeregnetSkatt is missing")
    organisation = text_at(root, "skattepliktig/organisasjonsnummer", _WHAT)
    voec = text_at(root, "skattepliktig/identifikasjonsnummer", _WHAT)
    if bool(organisation) == bool(voec):
        raise unreadable(_WHAT, "skattepliktig must have either organisasjonsnummer or identifikasjonsnummer")
    return VatReturn(
        organisation_number=organisation,
        period=read_period(basis, _WHAT),
        category=needed_at(root, "meldingskategori", _WHAT),
        amount=read_amount(basis, "fastsattMerverdiavgift", _WHAT),
        kid=text_at(root, "betalingsinformasjon/kundeIdentifikasjonsnummer", _WHAT),
        reference=text_at(root, "innsending/regnskapssystemsreferanse", _WHAT),
        voec_number=voec,
    )


def check_return_matches(
    vat_return: VatReturn, period: str, organisation_number: str, category: str | None = None
) -> list[Issue]:
    """Return where the return differs from what the run is meant to file, and which known rules it breaks.

    :param period: name of the period that is to be filed, for example "2022-T5".
    :param category: None takes the return's own.
    :raises AltinnInputError: no period has this name.
    """
    wanted = VatPeriod.parse(period)
    issues = []
    if vat_return.period != wanted:
        issues.append(_differs("wrong-period", "skattleggingsperiode", vat_return.period.name, wanted.name, "period"))
    if vat_return.organisation_number != organisation_number:
        stated = vat_return.organisation_number or "a VOEC number"
        issues.append(
            _differs("wrong-organisation", "organisasjonsnummer", stated, organisation_number, "organisation_number")
        )
    if category is not None and vat_return.category != category:
        issues.append(_differs("wrong-category", "meldingskategori", vat_return.category, category, "category"))
    return issues + _rules(vat_return)


def _differs(code: str, where: str, stated: str, wanted: str, parameter: str) -> Issue:
    message = (
        f"the return says {stated[:60]}, this run is to file {wanted[:60]}; take the right file or mend {parameter}"
    )
    return Issue("error", code, where, message, "vat")


def _rules(vat_return: VatReturn) -> list[Issue]:
    issues = []
    kind, rule = _KINDS.get(vat_return.category, (vat_return.period.period.kind, ""))
    if vat_return.period.period.kind != kind:
        message = f"a return of the category {vat_return.category} is about a {kind}, not {vat_return.period.name}"
        issues.append(Issue("error", rule, "skattleggingsperiode", message, "vat"))
    if vat_return.amount != vat_return.amount.to_integral_value():
        message = "Skatteetaten takes whole kroner only; round the amounts"
        issues.append(Issue("warning", "R082", "fastsattMerverdiavgift", message, "vat"))
    return issues


def read_period(element: Element, what: str) -> VatPeriod:
    """Return the period that stands in the `skattleggingsperiode` of an element.

    :raises AltinnDocumentError: it is missing, or there are several.
    :raises AltinnInputError: it is none that the schema knows.
    """
    parent = child_at(element, "skattleggingsperiode/periode", what)
    stated = [] if parent is None else list(parent)
    if len(stated) != 1:
        raise unreadable(what, f"skattleggingsperiode/periode states {len(stated)} periods instead of one")
    year = needed_at(element, "skattleggingsperiode/aar", what)
    return VatPeriod.from_xml(local_name(stated[0]), (stated[0].text or "").strip(), year)


def read_amount(element: Element, path: str, what: str) -> Decimal:
    """Return an amount in NOK.

    :raises AltinnDocumentError: it is missing or no number.
    """
    text = needed_at(element, path, what)
    if not _DECIMAL.fullmatch(text):
        raise unreadable(what, f"{path} is no number")
    return Decimal(text)

"""The documents of a VAT filing as Skatteetaten's app reads them: the return, and the envelope around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from altinn.emulator.formcodec import FormError, parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@dataclass(frozen=True, slots=True)
class TaxPeriod:
    """A period as both documents name it.

    :param kind: name of the element, such as "skattleggingsperiodeToMaaneder".
    :param name: its text, such as "september-oktober".
    :param year: four digits; the schema lets a time zone follow, which is left behind.
    """

    kind: str
    name: str
    year: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the return; base and rate are absent on input tax."""

    code: str
    base: Decimal | None
    rate: Decimal | None
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Return:
    """What the app and the authority need of a return (`mvaMeldingDto`).

    :param payer: organisation number, or the payer's other identifier.
    :param determined: the tax to pay (`fastsattMerverdiavgift`), in NOK; negative when money goes back.
    :param kid: payment reference, when the sender gave one.
    :param reference: the sender's own reference (`regnskapssystemsreferanse`).
    """

    payer: str
    period: TaxPeriod
    category: str
    determined: Decimal
    kid: str
    reference: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the envelope (`mvaMeldingInnsending`) says.

    :param files: names of the files that it lists, each as the forms that an upload's name may have.
    """

    payer: str
    period: TaxPeriod | None
    category: str
    status: str
    files: tuple[frozenset[str], ...]


def read_return(data: bytes) -> Return:
    """Read a return that is valid against its schema.

    :raises FormError: it is not.
    """
    root = parse_xml(data)
    payer = _child(root, "skattepliktig")
    amounts = _child(root, "skattegrunnlagOgBeregnetSkatt")
    if payer is None or amounts is None:
        raise FormError("the return has no skattepliktig or no skattegrunnlagOgBeregnetSkatt")
    period = _child(amounts, "skattleggingsperiode")
    return Return(
        payer=next((text for child in payer if (text := _text(child))), ""),
        period=_period(period),
        category=_at(root, "meldingskategori"),
        determined=_number(_at(amounts, "fastsattMerverdiavgift")) or Decimal(0),
        kid=_at(root, "betalingsinformasjon", "kundeIdentifikasjonsnummer"),
        reference=_at(root, "innsending", "regnskapssystemsreferanse"),
        lines=tuple(_lines(amounts)),
    )


def read_envelope(form: Mapping[str, Any]) -> Envelope:
    """Read an envelope out of the form that the app keeps."""
    payer = form.get("norskIdentifikator") or {}
    period = form.get("skattleggingsperiode") or {}
    named = next(iter((period.get("periode") or {}).items()), None)
    listed = form.get("vedlegg") or []
    return Envelope(
        payer=next((str(value) for value in payer.values()), ""),
        period=TaxPeriod(named[0], str(named[1]).strip(), _year(period.get("aar", ""))) if named else None,
        category=form.get("meldingskategori", ""),
        status=form.get("instansstatus", ""),
        files=tuple(_file_names(entry.get("vedleggsfil") or {}) for entry in listed),
    )


def _file_names(entry: Mapping[str, str]) -> frozenset[str]:
    """Give the names that an upload may have: `filnavn` with its `filekstensjon`, or already whole."""
    name, extension = entry.get("filnavn", ""), entry.get("filekstensjon", "")
    whole = name if not extension or name.lower().endswith(f".{extension.lower()}") else f"{name}.{extension}"
    return frozenset({whole.lower(), name.lower()})


def _lines(amounts: Element) -> Iterator[Line]:
    for child in amounts:
        if _name(child) == "mvaSpesifikasjonslinje":
            tax = _number(_at(child, "merverdiavgift")) or Decimal(0)
            yield Line(_at(child, "mvaKode"), _number(_at(child, "grunnlag")), _rate(_at(child, "sats")), tax)


def _period(element: Element | None) -> TaxPeriod:
    named = _child(element, "periode") if element is not None else None
    if element is None or named is None or not len(named):
        raise FormError("the return has no skattleggingsperiode")
    return TaxPeriod(_name(named[0]), _text(named[0]), _year(_at(element, "aar")))


def _year(text: str) -> str:
    return re.sub(r"(Z|[+-]\d\d:\d\d)$", "", text.strip())


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: Element) -> str:
    return "".join(element.itertext()).strip()


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if _name(child) == name), None)


def _at(element: Element, *names: str) -> str:
    found: Element | None = element
    for name in names:
        found = _child(found, name) if found is not None else None
    return _text(found) if found is not None else ""


def _rate(text: str) -> Decimal | None:
    """Read a rate in per cent: to the schema it is a text, and a published example writes 11,11."""
    try:
        return Decimal(text.replace(",", ".")) if text else None
    except InvalidOperation:
        return None


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation as exc:
        raise FormError(f"the return's number {text!r} is none") from exc

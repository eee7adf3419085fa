"""What Skatteetaten sends back: payment information, the validation result, and the app's refusal of a bad return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from xml.etree.ElementTree import Element, SubElement, tostring

from altinn.emulator.skatteetaten.vat_paperwork import Return, TaxPeriod

PAYMENT = "no:skatteetaten:fastsetting:avgift:mva:skattemeldingformerverdiavgift:betalingsinformasjon:v1.0"
RESULT = "no:skatteetaten:fastsetting:avgift:mva:valideringsresultat:v1"
# The account of Skatteetaten's published example; nothing is ever paid to it.
ACCOUNT = "12345678903"
NONE, DEVIATING, DEFICIENT, INVALID = (
    "ingen avvik",
    "avvikende skattemelding",
    "mangelfull skattemelding",
    "ugyldig skattemelding",
)


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that the authority found.

    :param where: the element it is about.
    :param code: the rule's name.
    :param rule: the rule's number, "R018".
    :param tax_code: code of the return's line, when it is about one.
    """

    where: str
    code: str
    rule: str
    reason: str
    tax_code: str = ""


def payment_information(instance_id: str, vat_return: Return, due: date) -> bytes:
    """Write `betalingsinformasjon`: what is to be paid, where and when."""
    root = Element("betalingsinformasjon", {"xmlns": PAYMENT})
    _add(root, "innsendingsreferanse", instance_id)
    _add(SubElement(root, "skattepliktig"), "organisasjonsnummer", vat_return.payer)
    period = SubElement(root, "skattleggingsperiode")
    _add(SubElement(period, "periode"), vat_return.period.kind, vat_return.period.name)
    _add(period, "aar", vat_return.period.year)
    _add(root, "kundeidentifikasjonsnummer", vat_return.kid or customer_reference(vat_return.payer, vat_return.period))
    _add(root, "beloep", f"{vat_return.determined:f}")
    _add(root, "betaleTil", "Skatteetaten")
    _add(root, "betalingsfrist", due.isoformat())
    _add(SubElement(root, "betalesTilKonto"), "norskKontonummer", ACCOUNT)
    return _document(root)


def customer_reference(payer: str, period: TaxPeriod) -> str:
    """Make a payment reference (KID) of payer, year and period, with its check digit by modulus 10."""
    number = sum(ord(letter) * place for place, letter in enumerate(period.name, 1)) % 10_000
    digits = f"{payer}{period.year}{number:04d}"
    weighted = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    total = sum(product // 10 + product % 10 for product in weighted)
    return f"{digits}{-total % 10}"


def validation_result(status: str, found: Sequence[Deviation]) -> bytes:
    """Write `valideringsresultat`.

    :param status: one of the schema's four; that of each deviation too.
    """
    root = Element("valideringsresultat", {"xmlns": RESULT})
    _add(root, "avvikVedMeldingslevering", status)
    for deviation in found:
        entry = SubElement(root, "avvik")
        _add(entry, "stiTilAvvik", f"//{deviation.where}")
        if deviation.tax_code:
            _add(entry, "mvaKode", deviation.tax_code)
        detail = SubElement(entry, "avviksinformasjon")
        _add(detail, "begrunnelse", deviation.reason)
        _add(detail, "avvikstype", status)
        _add(detail, "avvikKode", deviation.code)
        _add(detail, "regelDefinisjon", deviation.rule)
    return _document(root)


def refused_return(errors: Sequence[str]) -> str:
    """Write the app's refusal of a return that breaks its schema, in the form of the validation service's answers."""
    root = Element("valideringsresultat")
    _add(root, "status", "UGYLDIG_SKATTEMELDING")
    for error in errors:
        where, _, information = error.partition(": ")
        entry = SubElement(root, "valideringsfeil")
        _add(entry, "stiTilFeil", where)
        detail = SubElement(entry, "valideringsDetaljer")
        _add(detail, "feilmelding", "Mva meldingen må være på gyldig format og passere XML skjema valideringen")
        _add(detail, "alvorlighetsgrad", "UGYLDIG_SKATTEMELDING")
        _add(detail, "avvikKode", "MvaMeldingsinnhold_Xml_SkjemaValideringsfeil")
        _add(detail, "informasjon", "".join(c for c in information if c.isprintable()))
    return _document(root).decode("utf-8")


def judged_return(status: str, found: Sequence[Deviation]) -> str:
    """Write the validation service's answer about a return that keeps its schema."""
    root = Element("valideringsresultat")
    _add(root, "status", {NONE: "GYLDIG_SKATTEMELDING"}.get(status, status.replace(" ", "_").upper()))
    for deviation in found:
        entry = SubElement(root, "valideringsfeil")
        _add(entry, "stiTilFeil", f"//{deviation.where}")
        detail = SubElement(entry, "valideringsDetaljer")
        _add(detail, "feilmelding", deviation.reason)
        _add(detail, "alvorlighetsgrad", status.replace(" ", "_").upper())
        _add(detail, "avvikKode", deviation.code)
    return _document(root).decode("utf-8")


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _document(root: Element) -> bytes:
    written: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + written

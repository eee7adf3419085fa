"""What Skatteetaten sends back about a VAT return, and what it means.

The validation result exists in two published forms: that of the schema `valideringsresultat.v1`, and the one in the
documentation of the validation service, which follows no schema and has no namespace. Both are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from altinn.authorities.vat_return import read_amount
from altinn.authorities.xml_fields import children, needed_at, read_root, text_at, unreadable
from altinn.exceptions import Issue
from altinn.protocol.masking import mask

if TYPE_CHECKING:
    from decimal import Decimal
    from xml.etree.ElementTree import Element

_PAYMENT = "payment information"
_RESULT = "validation result"
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_STATUSES = {
    "ingen avvik": "ok",
    "gyldig skattemelding": "ok",
    "avvikende skattemelding": "deviating",
    "mangelfull skattemelding": "deficient",
    "ugyldig skattemelding": "invalid",
}
_LONGEST_STATED = 60
_UNPUBLISHED = "unspecified"
_SEVERITIES = {"ok": "information", "deviating": "warning", "deficient": "warning", "invalid": "error"}


@dataclass(frozen=True, slots=True)
class PaymentInformation:
    """How to pay what the return says.

    :param kid: payment reference.
    :param account: Norwegian account number, eleven digits.
    :param amount: NOK; negative when money comes back.
    :param reference: the instance, as "party/guid".
    """

    kid: str
    account: str
    amount: Decimal
    due_date: date
    pay_to: str
    reference: str
    iban: str = ""
    bic: str = ""
    information: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the payment as plain JSON, for XCom; the amount is text, so that no digit is lost."""
        return {
            "kid": self.kid,
            "account": self.account,
            "amount": str(self.amount),
            "due_date": self.due_date.isoformat(),
            "pay_to": self.pay_to,
            "iban": self.iban,
            "bic": self.bic,
        }


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Skatteetaten's judgement of a return.

    :param status: "ok", "deviating", "deficient", "invalid", or "unknown" for a word that is not published.
    :param stated: the status as it stands in the document.
    :param issues: what was found, with the authority's own codes and words.
    """

    status: str
    stated: str
    issues: tuple[Issue, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The authority's codes, each with its words."""
        return tuple(f"{issue.code}: {issue.message}" for issue in self.issues)


def read_payment_information(data: bytes) -> PaymentInformation:
    """Read `betalingsinformasjon`.

    :raises AltinnDocumentError: it is another document, or a part is missing.
    """
    root = read_root(data, "betalingsinformasjon", _PAYMENT)
    return PaymentInformation(
        kid=needed_at(root, "kundeidentifikasjonsnummer", _PAYMENT),
        account=needed_at(root, "betalesTilKonto/norskKontonummer", _PAYMENT),
        amount=read_amount(root, "beloep", _PAYMENT),
        due_date=_read_date(root, "betalingsfrist"),
        pay_to=text_at(root, "betaleTil", _PAYMENT),
        reference=text_at(root, "innsendingsreferanse", _PAYMENT),
        iban=text_at(root, "betalesTilKonto/IBAN", _PAYMENT),
        bic=text_at(root, "betalesTilKonto/swiftBIC", _PAYMENT),
        information=text_at(root, "informasjon", _PAYMENT),
    )


def _read_date(root: Element, path: str) -> date:
    match = _DATE.fullmatch(needed_at(root, path, _PAYMENT))
    try:
        return date.fromisoformat(match[1] if match else "")
    except ValueError as exc:
        raise unreadable(_PAYMENT, f"{path} is no date") from exc


def read_validation_result(data: bytes) -> ValidationResult:
    """Read `valideringsresultat` in either of its published forms.

    A document that contradicts itself is unknown: one that has both forms with different results, or one with a finding
    that makes a return invalid and a result that does not say so. So is one with a finding whose gravity is none of the
    published ones, unless the result is "invalid" anyway. Person numbers in it are hidden.

    :raises AltinnDocumentError: it is another document, or states no result.
    """
    root = read_root(data, "valideringsresultat", _RESULT)
    stated = text_at(root, "avvikVedMeldingslevering", _RESULT)
    other = text_at(root, "status", _RESULT) if stated else needed_at(root, "status", _RESULT)
    issues = (*_schema_issues(root), *_service_issues(root))
    found = {_status(one) for one in (stated, other) if one}
    gravities = {issue.severity for issue in issues}
    if _SEVERITIES["invalid"] in gravities:
        found.add("invalid")
    if _UNPUBLISHED in gravities and "invalid" not in found:
        found.add("unknown")
    words = " / ".join(_shown(one) for one in (stated, other) if one)
    return ValidationResult(found.pop() if len(found) == 1 else "unknown", words, issues)


def _shown(stated: str) -> str:
    """Return what the document states as it may be shown: a published word as it stands, anything else shortened."""
    return stated if _status(stated) != "unknown" else mask(stated)[:_LONGEST_STATED]


def _status(stated: str) -> str:
    return _STATUSES.get(stated.replace("_", " ").lower(), "unknown")


def _schema_issues(root: Element) -> Iterator[Issue]:
    for deviation in children(root, "avvik"):
        where = mask(text_at(deviation, "stiTilAvvik", _RESULT))
        line = text_at(deviation, "xmlLinjenummer", _RESULT)
        for detail in children(deviation, "avviksinformasjon"):
            yield Issue(
                severity=_severity(text_at(detail, "avvikstype", _RESULT)),
                code=mask(text_at(detail, "avvikKode", _RESULT)),
                where=where,
                message=_words(detail, "begrunnelse", "regelDefinisjon", "detaljer"),
                source="skatteetaten",
                line=int(line) if re.fullmatch(r"[0-9]{1,9}", line) else 0,
            )


def _service_issues(root: Element) -> Iterator[Issue]:
    for deviation in children(root, "valideringsfeil"):
        where = mask(text_at(deviation, "stiTilFeil", _RESULT))
        for detail in children(deviation, "valideringsDetaljer"):
            yield Issue(
                severity=_severity(text_at(detail, "alvorlighetsgrad", _RESULT)),
                code=mask(text_at(detail, "avvikKode", _RESULT)),
                where=where,
                message=_words(detail, "feilmelding", "informasjon"),
                source="skatteetaten",
            )


def _severity(stated: str) -> str:
    return _SEVERITIES.get(_status(stated), _UNPUBLISHED)


def _words(detail: Element, *names: str) -> str:
    """Join the authority's words, without person numbers; line breaks inside them become spaces."""
    texts = (mask(" ".join(text_at(detail, name, _RESULT).split())) for name in names)
    return "; ".join(dict.fromkeys(text for text in texts if text))

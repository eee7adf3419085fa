"""Skatteetaten's VAT return: the app, its documents and tasks, and when a return counts as accepted.

Sources: https://skatteetaten.github.io/api-dokumentasjon/api/mvameldinginnsending and
https://github.com/Skatteetaten/mva-meldingen. Skatteetaten wants a person's ID-porten login for this report: the
company's own Maskinporten login is refused by the app's policy.
"""

from __future__ import annotations

from dataclasses import dataclass

from altinn.authorities.vat_envelope import Envelope, EnvelopeFile, build_envelope, read_envelope
from altinn.authorities.vat_feedback import (
    PaymentInformation,
    ValidationResult,
    read_payment_information,
    read_validation_result,
)
from altinn.authorities.vat_periods import VatPeriod
from altinn.authorities.vat_return import CATEGORIES, VatReturn, check_return_matches, read_return
from altinn.exceptions import AltinnConfigurationError
from altinn.protocol.model import Instance

__all__ = [
    "APP_IDS",
    "ATTACHMENT",
    "CATEGORIES",
    "ENVELOPE",
    "PAYMENT_INFORMATION",
    "RECEIPT",
    "RECEIPT_TYPES",
    "RETURN",
    "SCHEMAS",
    "TASK_ACTIONS",
    "VALIDATION_RESULT",
    "Envelope",
    "EnvelopeFile",
    "PaymentInformation",
    "ValidationResult",
    "VatPeriod",
    "VatReturn",
    "Verdict",
    "app_id",
    "build_envelope",
    "check_return_matches",
    "read_envelope",
    "read_payment_information",
    "read_return",
    "read_validation_result",
    "verdict",
]

APP_IDS = {
    "prod": "skd/mva-melding-innsending-v1",
    "tt02": "skd/mva-melding-innsending-etm2",
    "local": "skd/mva-melding-innsending-v1",
}
"""The app in each environment."""

ENVELOPE = "no.skatteetaten.fastsetting.avgift.mva.mvameldinginnsending.v1.0"
"""Data type of the form, which the app makes itself: PUT as application/xml."""

RETURN = "mvamelding"
"""Data type of the return: POST as text/xml."""

ATTACHMENT = "binaerVedlegg"
"""Data type of attachments: POST, at most 57 of at most 25 MB."""

PAYMENT_INFORMATION = "betalingsinformasjon"
VALIDATION_RESULT = "valideringsresultat"
RECEIPT = "kvittering"

RECEIPT_TYPES = (PAYMENT_INFORMATION, VALIDATION_RESULT, RECEIPT)
"""Data types that Skatteetaten adds; the first at once after the confirmation, the others with its feedback."""

TASK_ACTIONS = {"Task_1": "write", "Task_2": "confirm"}
"""The action that leaves each task; Task_3 is left by Skatteetaten's feedback."""

SCHEMAS = {
    RETURN: "no.skatteetaten.fastsetting.avgift.mva.skattemeldingformerverdiavgift.v1.0.xsd",
    ENVELOPE: "no.skatteetaten.fastsetting.avgift.mva.mvameldinginnsending.v1.0.xsd",
    PAYMENT_INFORMATION: (
        "no.skatteetaten.fastsetting.avgift.mva.skattemeldingformerverdiavgift.betalingsinformasjon.v1.0.xsd"
    ),
    VALIDATION_RESULT: "no.skatteetaten.fastsetting.avgift.mva.valideringsresultat.v1.xsd",
}
"""File name of each document's schema in include/schemas/skatteetaten-mva."""

_RECEIVED = "Mottatt"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a filed return stands with Skatteetaten.

    :param outcome: "accepted", "rejected", "waiting", or "unknown", which a person has to look at.
    :param reason: for people.
    :param codes: the authority's codes, each with its words.
    """

    outcome: str
    reason: str
    codes: tuple[str, ...] = ()


def app_id(environment: str) -> str:
    """Return the id of the VAT app in an environment.

    :raises AltinnConfigurationError: Skatteetaten has no VAT app there.
    """
    try:
        return APP_IDS[environment]
    except KeyError as exc:
        known = ", ".join(APP_IDS)
        raise AltinnConfigurationError(
            f"Skatteetaten has no VAT app in the environment {environment!r}; it has one in {known}"
        ) from exc


def verdict(
    instance: Instance, validation: ValidationResult | None, *, feedback_provided: bool | None = None
) -> Verdict:
    """Decide from a fresh read of the instance whether Skatteetaten has accepted the return.

    Accepted needs all three: the process ended or the feedback provided, every receipt present, and a validation
    result that is known and not invalid. An invalid one is a rejection at any time.

    :param validation: what `valideringsresultat` says; None when it has not been read.
    :param feedback_provided: what the app's `feedback/status` answered; None when it was not asked.
    """
    if validation is not None and validation.status == "invalid":
        reason = f"Skatteetaten found the return invalid ({validation.stated})"
        return Verdict("rejected", reason, validation.codes or (validation.stated,))
    if not (instance.process.is_ended or feedback_provided):
        return Verdict(
            "waiting", f"the instance is at {instance.process.where}, Skatteetaten's feedback is not there yet"
        )
    missing = [name for name in RECEIPT_TYPES if not instance.of_type(name)]
    if missing:
        return Verdict("waiting", f"Skatteetaten has not yet added {', '.join(missing)}")
    return _judged(instance, validation)


def _judged(instance: Instance, validation: ValidationResult | None) -> Verdict:
    """Decide once all that Skatteetaten adds is there."""
    if validation is None:
        return Verdict("unknown", f"the {VALIDATION_RESULT} is there but has not been read")
    if validation.status == "unknown":
        return Verdict(
            "unknown", f"the {VALIDATION_RESULT} has a status that is not published: {validation.stated[:60]!r}"
        )
    if instance.substatus not in ("", _RECEIVED):
        return Verdict("unknown", f"the instance's sub-status is {instance.substatus[:60]!r} instead of {_RECEIVED!r}")
    return Verdict("accepted", f"Skatteetaten has received the return ({validation.stated})", validation.codes)

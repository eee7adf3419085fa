"""Skatteetaten's VAT return: the app, its documents and tasks, and when a return counts as accepted.

Sources: https://skatteetaten.github.io/api-dokumentasjon/api/mvameldinginnsending and
https://github.com/Skatteetaten/mva-meldingen. Skatteetaten wants a person's ID-porten login for this report: the
company's own Maskinporten login is refused by the app's policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altinn.authorities.authority import CHOICE, MACHINE, Authority, Step
from altinn.authorities.vat_envelope import Envelope, EnvelopeFile, build_envelope, read_envelope
from altinn.authorities.vat_feedback import (
    PaymentInformation,
    ValidationResult,
    read_payment_information,
    read_validation_result,
)
from altinn.authorities.vat_periods import VatPeriod
from altinn.authorities.vat_return import CATEGORIES, VatReturn, check_return_matches, read_return
from altinn.exceptions import AltinnError
from altinn.protocol.model import Instance
from altinn.protocol.outcome import (
    ACCEPTED,
    DRAFT,
    REJECTED,
    REJECTING_LABELS,
    UNKNOWN,
    WAITING_FOR_AUTHORITY,
    WAITING_FOR_PERSON,
    Awaited,
    Outcome,
    doubt_about,
    is_one_of,
    standing,
)

__all__ = [
    "APP_IDS",
    "ATTACHMENT",
    "AUTHORITY",
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


def verdict(instance: Instance, validation: ValidationResult | None) -> Outcome:
    """Decide from a fresh read of the instance whether Skatteetaten has accepted the return.

    Accepted needs all three: the process ended or the feedback provided (as the app's `feedback/status` says), every
    receipt present, and a validation result that is known and not invalid. An invalid one is a rejection at any time
    after the filing, and so is a sub-status that says no while there is no validation result to hold against it.

    :param validation: what `valideringsresultat` says; None when it has not been read.
    """
    before = standing(instance)
    if before.state in (DRAFT, WAITING_FOR_PERSON, UNKNOWN):
        return before
    if validation is not None and validation.status == "invalid":
        reason = f"Skatteetaten found the return invalid ({validation.stated})"
        return Outcome(REJECTED, reason, validation.codes or (validation.stated,))
    if not instance.of_type(VALIDATION_RESULT) and is_one_of(instance.substatus, REJECTING_LABELS):
        label, said = instance.substatus.strip(), instance.substatus_text.strip()
        reason = f"Skatteetaten's sub-status is {label!r}"
        return Outcome(REJECTED, reason, (f"{label}: {said}" if said else label,))
    if not (instance.process.is_ended or instance.feedback_provided):
        return Outcome(
            WAITING_FOR_AUTHORITY,
            f"the instance is at {instance.process.where}, Skatteetaten's feedback is not there yet",
        )
    missing = [name for name in RECEIPT_TYPES if not instance.of_type(name)]
    if missing:
        return Outcome(WAITING_FOR_AUTHORITY, f"Skatteetaten has not yet added {', '.join(missing)}")
    return _judged(instance, validation)


def _judged(instance: Instance, validation: ValidationResult | None) -> Outcome:
    """Decide once all that Skatteetaten adds is there."""
    if validation is None:
        return Outcome(UNKNOWN, f"the {VALIDATION_RESULT} is there but has not been read")
    if validation.status == "unknown":
        return Outcome(
            UNKNOWN,
            f"the {VALIDATION_RESULT} states what is not published, or contradicts itself: {validation.stated[:130]!r}",
        )
    doubt = doubt_about(instance, (_RECEIVED,))
    if doubt:
        return Outcome(UNKNOWN, doubt)
    return Outcome(ACCEPTED, f"Skatteetaten has received the return ({validation.stated})", validation.codes)


class VatReturns(Authority):
    """The VAT return. Each step is a machine's, with the login of a person who holds a signing role.

    Where a person is to confirm in Altinn instead, the filing says `machine_confirms=False`.
    """

    name = "Skatteetaten"
    app_ids = APP_IDS
    steps = (Step("data", "write"), Step("confirmation", "confirm", CHOICE, MACHINE))
    receipt_types = RECEIPT_TYPES
    period_types = (RETURN, ENVELOPE)

    def awaited(self) -> Awaited:
        """Return the validation result, or a sub-status that says no: a rejected return gets no receipt.

        An accepted one has come once all three receipts are there and the app's `feedback/status` says so, also where
        the process ends only later.
        """
        return Awaited((VALIDATION_RESULT,), feedback_types=RECEIPT_TYPES, rejected_labels=REJECTING_LABELS)

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Outcome:
        """Decide from the validation result and the receipts."""
        content = documents.get(VALIDATION_RESULT)
        return verdict(instance, None if content is None else read_validation_result(content))

    def results(self, documents: Mapping[str, bytes]) -> dict[str, Any]:
        """Return how to pay, and what Skatteetaten found."""
        found: dict[str, Any] = {}
        if PAYMENT_INFORMATION in documents:
            found["payment"] = read_payment_information(documents[PAYMENT_INFORMATION]).as_json()
        if VALIDATION_RESULT in documents:
            result = read_validation_result(documents[VALIDATION_RESULT])
            found["validation"] = {
                "status": result.status,
                "stated": result.stated,
                "issues": [issue.as_json() for issue in result.issues],
            }
        return found

    def period_of(self, content: bytes) -> str | None:
        """Return the period that the return or the envelope names; None while nobody has filled it in."""
        for read in (read_return, read_envelope):
            try:
                return read(content).period.name
            except AltinnError:
                continue
        return None


AUTHORITY = VatReturns()

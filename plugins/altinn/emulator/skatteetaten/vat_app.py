"""Skatteetaten's VAT app: what its own code does when a filing moves on, and what the authority answers.

Reconstructed from Skatteetaten's guide for end-user systems and its published example of a finished instance; the
app's real configuration and code are not public.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from altinn.emulator.behaviour import THE_INSTANCE, AppBehaviour, Case, ExtraRoute, Refusal, Reply
from altinn.emulator.skatteetaten.receipt_sheet import receipt_pdf
from altinn.emulator.skatteetaten.vat_consistency import (
    PREFIX,
    deviations,
    first_difference,
    repeated_name,
    schema_errors,
)
from altinn.emulator.skatteetaten.vat_due_date import due_date, period_end
from altinn.emulator.skatteetaten.vat_paperwork import Return, TaxPeriod, read_envelope, read_return
from altinn.emulator.skatteetaten.vat_replies import (
    DEFICIENT,
    DEVIATING,
    INVALID,
    NONE,
    Deviation,
    payment_information,
    refused_return,
    validation_result,
)

ENVELOPE = "no.skatteetaten.fastsetting.avgift.mva.mvameldinginnsending.v1.0"
RETURN, ATTACHMENT = "mvamelding", "binaerVedlegg"
FILL_IN, CONFIRM, FEEDBACK = "Task_1", "Task_2", "Task_3"
ASSESS, END = "assess", "end"
JSON = "application/json; charset=utf-8"
# A sender's own reference that begins so asks the emulated authority for this judgement.
ASKED_FOR = {"emulator:avvikende": DEVIATING, "emulator:mangelfull": DEFICIENT, "emulator:ugyldig": INVALID}


class VatApp(AppBehaviour):
    """The app skd/mva-melding-innsending-v1.

    :cvar folder: where the app's schemas lie.
    """

    folder: Path
    accepts_system_users = False

    def before_next(self, case: Case, task_id: str, action: str | None) -> Refusal | None:
        """Refuse to leave a task while the documents do not fit together."""
        if action == "reject":
            return None
        if task_id == FILL_IN:
            return self._check_documents(case)
        if task_id == CONFIRM:
            name = repeated_name(_uploaded(case))
            return _refused(f"{PREFIX}Filnavn er ikke unikt: {name}") if name else None
        return None

    def on_task_start(self, case: Case, task_id: str) -> None:
        """Give the payment information at once, and have the authority look at the return."""
        if task_id != FEEDBACK:
            return
        vat_return = _return_of(case)
        due = due_date(vat_return.period, vat_return.category)
        content = payment_information(case.instance_id, vat_return, due)
        case.add_element("betalingsinformasjon", content, "text/xml", "betalingsinformasjon.xml")
        case.schedule(ASSESS, self.settings.authority_delay)

    def on_due(self, case: Case, what: str) -> None:
        """Give the authority's feedback, or end the process after it."""
        if case.task_id != FEEDBACK:
            return
        if what == ASSESS:
            self._answer(case, *judgement(_return_of(case)))
        elif what == END:
            _end(case)

    def decide(self, case: Case, accepted: bool, codes: Sequence[str]) -> None:
        """Give the feedback that was ordered, each code as a deviation of the return."""
        if case.task_id != FEEDBACK:
            return
        status = (DEVIATING if codes else NONE) if accepted else INVALID
        split = (code.partition(": ") for code in codes)
        self._answer(case, status, [Deviation("", code, code, words or code) for code, _, words in split])

    def _answer(self, case: Case, status: str, found: Sequence[Deviation]) -> None:
        result = validation_result(status, found)
        case.add_element("valideringsresultat", result, "text/xml", "valideringsresultat.xml")
        if status == INVALID:
            case.set_substatus("Avvist", "Mva-meldingen er ugyldig og er ikke mottatt av Skatteetaten.")
        else:
            case.add_element(
                "kvittering", _receipt(case, _return_of(case), status), "application/pdf", "kvittering.pdf"
            )
            case.set_substatus("Mottatt", "Mva-meldingen er levert og mottatt av Skatteetaten.")
        case.set_outcome("rejected" if status == INVALID else "accepted")
        if self.settings.ending_delay:
            case.schedule(END, self.settings.ending_delay)
        else:
            _end(case)

    def routes(self) -> Sequence[ExtraRoute]:
        """Name the two paths that tell of feedback."""
        return (
            ExtraRoute("GET", "feedback/status", lambda case: Reply(200, {"isFeedbackProvided": _answered(case)})),
            ExtraRoute("GET", "feedback", lambda case: Reply(200, THE_INSTANCE) if _answered(case) else None),
        )

    def _check_documents(self, case: Case) -> Refusal | None:
        content = case.content(case.elements(RETURN)[0].id)
        errors = schema_errors(content, self.folder / "schemas")
        if errors:
            text = refused_return(errors)
            return Refusal(409, "Conflict", f"{PREFIX}Ugyldig mva-melding", text, "application/xml; charset=utf-8")
        envelope = read_envelope(case.form(ENVELOPE) or {})
        owner = case.owner.organisation_number or case.owner.person_number or ""
        vat_return = read_return(content)
        difference = first_difference(owner, envelope, vat_return, _uploaded(case))
        if difference is None and not _has_end(vat_return.period):
            # The schema lets pass a week 53 in a year without one, and years before Christ.
            difference = f"{PREFIX}Skattleggingsperioden finnes ikke"
        return _refused(difference) if difference else None


def judgement(vat_return: Return) -> tuple[str, list[Deviation]]:
    """Judge a delivered return: give its status and what was found."""
    found = deviations(vat_return)
    asked = next((status for start, status in ASKED_FOR.items() if vat_return.reference.startswith(start)), None)
    if asked:
        reason = "Den emulerte etaten ble bedt om dette utfallet"
        found.append(Deviation("regnskapssystemsreferanse", "EMULATOR_ASKED_FOR", "EMULATOR", reason))
        return asked, found
    return (DEVIATING if found else NONE), found


def _refused(text: str) -> Refusal:
    return Refusal(409, "Conflict", text, json.dumps(text, ensure_ascii=False), JSON)


def _has_end(period: TaxPeriod) -> bool:
    try:
        period_end(period)
    except ValueError:
        return False
    return True


def _uploaded(case: Case) -> list[str]:
    """Give the names of the uploaded files, the return's first."""
    return [element.filename or "" for kind in (RETURN, ATTACHMENT) for element in case.elements(kind)]


def _return_of(case: Case) -> Return:
    return read_return(case.content(case.elements(RETURN)[0].id))


def _end(case: Case) -> None:
    case.move_on()
    case.confirm_completion()


def _answered(case: Case) -> bool:
    return case.task_id in (FEEDBACK, None) and bool(case.elements("valideringsresultat"))


def _receipt(case: Case, vat_return: Return, status: str) -> bytes:
    return receipt_pdf(
        [
            "Kvittering for mva-melding (emulator)",
            "",
            f"Mottatt: {case.now:%d.%m.%Y kl. %H.%M} UTC",
            f"Organisasjonsnummer: {vat_return.payer}",
            f"Periode: {vat_return.period.name} {vat_return.period.year}",
            f"Meldingskategori: {vat_return.category}",
            f"Fastsatt merverdiavgift: {vat_return.determined:f} kr",
            f"Referanse: {case.instance_id}",
            f"Validering: {status}",
        ]
    )

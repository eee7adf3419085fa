"""Skatteetaten's tax return app: what its own code does when a filing moves on, and what the authority answers.

Reconstructed from Skatteetaten's public documentation; the app's real configuration and code are not public.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, ParseError, SubElement, XMLParser, fromstring, tostring

from altinn.emulator.behaviour import AppBehaviour, Case, Refusal

FORM, ENVELOPE, ATTACHMENT = "Skattemeldingsapp_v2", "skattemeldingOgNaeringsspesifikasjon", "skattemelding-vedlegg"
ANSWER = "no:skatteetaten:fastsetting:formueinntekt:skattemeldingognaeringsspesifikasjon:response:v2"
FILL_IN, FEEDBACK, ASSESS = "Task_1", "Task_4", "assess"
ASKED_FOR = "emulator:feil"


class TaxApp(AppBehaviour):
    """The app skd/formueinntekt-skattemelding-v2."""

    def before_next(self, case: Case, task_id: str, action: str | None) -> Refusal | None:
        """Refuse to leave the first task while envelope, form and attachments do not fit together."""
        if task_id != FILL_IN or action == "reject":
            return None
        difference = first_difference(case)
        return Refusal(409, "Conflict", difference) if difference else None

    def on_task_start(self, case: Case, task_id: str) -> None:
        """Have the authority look at the return."""
        if task_id == FEEDBACK:
            case.schedule(ASSESS, self.settings.authority_delay)

    def on_due(self, case: Case, what: str) -> None:
        """Give the authority's feedback, and end the process."""
        if what == ASSESS and case.task_id == FEEDBACK:
            bad = _text(_envelope(case), "opprettetAv").startswith(ASKED_FOR)
            self.decide(case, not bad, ["EMULATOR: Den emulerte etaten ble bedt om dette utfallet"] if bad else [])

    def decide(self, case: Case, accepted: bool, codes: Sequence[str]) -> None:
        """Give the feedback that was ordered."""
        if case.task_id != FEEDBACK:
            return
        case.add_element("tilbakemelding", answer(accepted, codes), "text/xml", "tilbakemelding.xml")
        super().decide(case, accepted, codes)


def answer(accepted: bool, codes: Sequence[str]) -> bytes:
    """Write `tilbakemelding` in the form of the published response."""
    root = Element("skattemeldingOgNaeringsspesifikasjonResponse", {"xmlns": ANSWER})
    if codes:
        found = SubElement(root, "avvikVedValidering")
        for code in codes:
            kind, _, words = code.partition(": ")
            entry = SubElement(found, "avvik")
            SubElement(entry, "avvikstype").text = kind
            SubElement(entry, "sti").text = words or kind
    SubElement(root, "resultatAvValidering").text = "validertOK" if accepted else "validertMedFeil"
    written: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + written


def first_difference(case: Case) -> str | None:
    """Say what does not fit together, None when everything does."""
    try:
        envelope = _envelope(case)
        returns = [_parsed(base64.b64decode(text, validate=True)) for text in _contents(envelope)]
    except (ParseError, binascii.Error, ValueError):
        return "skattemeldingOgNaeringsspesifikasjon kan ikke leses"
    year = (case.form(FORM) or {}).get("inntektsaar") or case.data_values.get("inntektsaar")
    if not year:
        return "Inntektsåret mangler"
    if _text(envelope, "inntektsaar") != year:
        return "Inntektsåret i instansen er forskjellig fra inntektsåret i skattemeldingOgNaeringsspesifikasjon"
    listed = {_text(entry, "id") for document in returns for entry in _named(document, "vedlegg")}
    uploaded = {element.id for element in case.elements(ATTACHMENT)}
    if listed != uploaded:
        return "Vedleggene i skattemeldingen er forskjellige fra vedleggene som er lastet opp i instansen"
    return None


def _envelope(case: Case) -> Element:
    return _parsed(case.content(case.elements(ENVELOPE)[0].id))


def _parsed(content: bytes) -> Element:
    if b"<!DOCTYPE" in content:
        raise ValueError("a document type is refused")
    return fromstring(content, XMLParser(encoding="utf-8"))


def _named(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if str(element.tag).rpartition("}")[2] == name)


def _contents(envelope: Element) -> list[str]:
    return ["".join((element.text or "").split()) for element in _named(envelope, "content")]


def _text(root: Element, name: str) -> str:
    return next(((element.text or "").strip() for element in _named(root, name)), "")

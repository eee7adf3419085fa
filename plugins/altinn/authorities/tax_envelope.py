"""The tax return's envelope (`skattemeldingOgNaeringsspesifikasjonRequest`) and the attachments that the return names.

Sources: Skatteetaten's schemas `skattemeldingognaeringsspesifikasjonrequest_v2` and `skattemeldingUpersonlig`, and its
guide on attachments, https://github.com/Skatteetaten/skattemeldingen (docs/vedlegg).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from altinn.authorities.xml_fields import local_name, read_root
from altinn.exceptions import AltinnInputError

NAMESPACE = "no:skatteetaten:fastsetting:formueinntekt:skattemeldingognaeringsspesifikasjon:request:v2"
TAX_RETURN, SPECIFICATION = "skattemeldingUpersonlig", "naeringsspesifikasjon"

_REFERENCE = re.compile(r"[\w:./-]{1,100}", re.ASCII)
_BEFORE_ATTACHMENTS = frozenset(
    {
        "partsnummer",
        "inntektsaar",
        "inntektOgUnderskudd",
        "spesifikasjonAvForholdRelevanteForBeskatning",
        "formueOgGjeld",
        "skattemeldingOpprettet",
        "opplysningerOmSkattesubjekt",
        "opplysningOmSkattesubjekt",
        "vedlegg",
    }
)
"""What comes before the attachments in the sequence of the return's schema."""


@dataclass(frozen=True, slots=True)
class Attached:
    """An attachment that lies in the instance already.

    :param element_id: the id that Altinn gave it.
    :param category: `vedleggskategori` of Skatteetaten's code list.
    """

    element_id: str
    file_name: str
    content_type: str = "application/pdf"
    category: str = "dokumentertMarkedsverdi"


def with_attachments(tax_return: bytes, attachments: Sequence[Attached]) -> bytes:
    """Return the tax return with an entry for each attachment, at the place that the schema gives them.

    :raises AltinnInputError: an attachment has no id of Altinn.
    :raises AltinnDocumentError: it is no tax return.
    """
    if not attachments:
        return tax_return
    root = read_root(tax_return, "skattemelding", "tax return")
    namespace = str(root.tag).partition("}")[0].lstrip("{")
    place = next(
        (number for number, child in enumerate(root) if local_name(child) not in _BEFORE_ATTACHMENTS), len(root)
    )
    for offset, attachment in enumerate(attachments):
        root.insert(place + offset, _entry(attachment, namespace))
    register_namespace("", namespace)
    return _document(root)


def _entry(attachment: Attached, namespace: str) -> Element:
    if not re.fullmatch(r"[0-9a-fA-F-]{36}", attachment.element_id):
        raise AltinnInputError(f"{attachment.element_id[:60]!r} is not the id of an uploaded attachment: upload first")
    prefix = f"{{{namespace}}}" if namespace else ""
    entry = Element(f"{prefix}vedlegg")
    SubElement(entry, f"{prefix}id").text = attachment.element_id
    file = SubElement(entry, f"{prefix}vedleggsfil")
    for name, text in (
        ("opprinneligFilnavn", attachment.file_name),
        ("opprinneligFiltype", attachment.content_type),
    ):
        SubElement(SubElement(file, f"{prefix}{name}"), f"{prefix}tekst").text = text
    kind = SubElement(entry, f"{prefix}vedleggstype")
    SubElement(kind, f"{prefix}vedleggskategori").text = attachment.category
    return entry


def build_tax_envelope(
    tax_return: bytes,
    specification: bytes | None,
    *,
    income_year: int,
    created_by: str,
    current_document: str = "",
    complete: bool = True,
) -> bytes:
    """Return the envelope; the same arguments give the same bytes.

    :param tax_return: the return as it is, its attachments included.
    :param specification: the business specification as it is; None when the company has none.
    :param created_by: name of the system that files.
    :param current_document: `dokumentidentifikator` of the current document, fetched from Skatteetaten just before.
    :raises AltinnInputError: the reference is malformed.
    """
    if current_document and not _REFERENCE.fullmatch(current_document):
        raise AltinnInputError("the reference to the current document is malformed: fetch it from Skatteetaten")
    root = Element("skattemeldingOgNaeringsspesifikasjonRequest", {"xmlns": NAMESPACE})
    listed = SubElement(root, "dokumenter")
    for kind, content in ((TAX_RETURN, tax_return), (SPECIFICATION, specification)):
        if content is not None:
            entry = SubElement(listed, "dokument")
            _add(entry, "type", kind)
            _add(entry, "encoding", "utf-8")
            _add(entry, "content", base64.b64encode(content).decode())
    if current_document:
        current = SubElement(root, "dokumentreferanseTilGjeldendeDokument")
        _add(current, "dokumenttype", TAX_RETURN)
        _add(current, "dokumentidentifikator", current_document)
    _add(root, "inntektsaar", str(int(income_year)))
    purpose = SubElement(root, "innsendingsinformasjon")
    _add(purpose, "innsendingstype", "komplett" if complete else "ikkeKomplett")
    _add(purpose, "opprettetAv", created_by[:4000])
    return _document(root)


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _document(root: Element) -> bytes:
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"

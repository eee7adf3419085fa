"""The VAT return's envelope (`mvaMeldingInnsending`): the app's form, which names company, period and files.

Skatteetaten's app refuses to go on when the envelope differs from the return or from the files that were uploaded, so
it is made from both. Sources: Skatteetaten's schema `mvameldinginnsending.v1.0` and its API documentation of the app.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from altinn.authorities.vat_periods import VatPeriod
from altinn.authorities.vat_return import VatReturn, read_period
from altinn.authorities.xml_fields import children, needed_at, read_root, text_at
from altinn.exceptions import AltinnInputError

NAMESPACE = "no:skatteetaten:fastsetting:avgift:mva:mvameldinginnsending:v1.0"
RETURN_FILE_NAME = "mva-melding.xml"

_WHAT = "VAT envelope"
_SOURCE_GROUP = "sluttbrukersystem"
# The field is being phased out, but the app used to refuse an envelope without it; the text is the publisher's own.
_INSTANCE_STATUS = "Deprecated"
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LONGEST = 4000


@dataclass(frozen=True, slots=True)
class EnvelopeFile:
    """A file that the envelope lists.

    :param file_name: the name under which it is uploaded.
    :param kind: "binaerVedlegg" for an attachment, "mva-melding" for the return itself.
    :param description: what is in it, for people.
    """

    file_name: str
    kind: str = "binaerVedlegg"
    description: str = "Vedlegg til mva-meldingen"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an envelope says. A person's number, which may stand in place of the company's, is left behind."""

    organisation_number: str
    period: VatPeriod
    category: str
    created_by: str
    files: tuple[EnvelopeFile, ...]


def build_envelope(
    vat_return: VatReturn,
    *,
    attachments: Sequence[EnvelopeFile],
    created_by: str,
    created_at: datetime,
    return_file_name: str = RETURN_FILE_NAME,
) -> bytes:
    """Return the envelope for a return and its attachments; the same arguments give the same bytes.

    :param attachments: exactly the attachments that are uploaded, in any order.
    :param created_by: name of the person or system that files; Altinn shows it.
    :param created_at: with time zone.
    :raises AltinnInputError: two files share a name, a text cannot stand in XML, or the time has no zone.
    """
    if created_at.tzinfo is None:
        raise AltinnInputError("the envelope's time has no time zone; pass datetime.now(UTC)")
    files = [EnvelopeFile(return_file_name, "mva-melding", "Mva-melding"), *attachments]
    _check_names(files)
    author = _legal(created_by, "created_by")
    time = created_at.astimezone(UTC).isoformat(timespec="seconds")
    root = Element("mvaMeldingInnsending", {"xmlns": NAMESPACE})
    _add_identity(root, vat_return)
    _add_period(root, vat_return.period)
    _add(root, "meldingskategori", _legal(vat_return.category, "category"))
    _add(root, "innsendingstype", "komplett")
    _add(root, "instansstatus", _INSTANCE_STATUS)
    _add(root, "opprettetAv", author)
    _add(root, "opprettingstidspunkt", time)
    for file in files:
        _add_file(root, file, author, time)
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"


def read_envelope(data: bytes) -> Envelope:
    """Read an envelope, with or without its namespace.

    :raises AltinnDocumentError: it is no envelope, or has not been filled in.
    :raises AltinnInputError: its period is none of a VAT return.
    """
    root = read_root(data, "mvaMeldingInnsending", _WHAT)
    return Envelope(
        organisation_number=text_at(root, "norskIdentifikator/organisasjonsnummer", _WHAT),
        period=read_period(root, _WHAT),
        category=needed_at(root, "meldingskategori", _WHAT),
        created_by=text_at(root, "opprettetAv", _WHAT),
        files=tuple(_read_file(child) for child in children(root, "vedlegg")),
    )


def _check_names(files: Sequence[EnvelopeFile]) -> None:
    for file in files:
        name = _legal(file.file_name, "file name")
        if not name or name != name.strip() or "/" in name or "\\" in name:
            raise AltinnInputError(f"{name[:80]!r} cannot be the name of a file in the envelope")
    for name, count in Counter(file.file_name.lower() for file in files).items():
        if count > 1:
            raise AltinnInputError(f"{count} files of the envelope are called {name!r}; give each a name of its own")


def _legal(text: str, what: str) -> str:
    """Return the text if XML and the schema's `Tekst` can hold it unchanged."""
    if _NOT_IN_XML.search(text):
        raise AltinnInputError(f"the envelope's {what} has control or other characters that XML cannot hold")
    if len(text) > _LONGEST:
        raise AltinnInputError(f"the envelope's {what} is longer than {_LONGEST} characters")
    return text


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _add_identity(root: Element, vat_return: VatReturn) -> None:
    identity = SubElement(root, "norskIdentifikator")
    if vat_return.organisation_number:
        _add(identity, "organisasjonsnummer", vat_return.organisation_number)
    else:
        _add(identity, "identifikasjonsnummer", vat_return.voec_number)


def _add_period(root: Element, period: VatPeriod) -> None:
    parent = SubElement(root, "skattleggingsperiode")
    _add(SubElement(parent, "periode"), period.element, period.value)
    _add(parent, "aar", str(period.year))


def _add_file(root: Element, file: EnvelopeFile, author: str, time: str) -> None:
    stem, dot, extension = file.file_name.rpartition(".")
    entry = SubElement(root, "vedlegg")
    _add(entry, "vedleggstype", file.kind)
    _add(entry, "kildegruppe", _SOURCE_GROUP)
    _add(entry, "opprettetAv", author)
    _add(entry, "opprettingstidspunkt", time)
    content = SubElement(entry, "vedleggsfil")
    _add(content, "filnavn", stem if dot else file.file_name)
    _add(content, "filekstensjon", extension if dot else "")
    _add(content, "filinnhold", _legal(file.description, "description"))


def _read_file(entry: Element) -> EnvelopeFile:
    name = text_at(entry, "vedleggsfil/filnavn", _WHAT)
    extension = text_at(entry, "vedleggsfil/filekstensjon", _WHAT)
    return EnvelopeFile(
        file_name=f"{name}.{extension}" if extension else name,
        kind=text_at(entry, "vedleggstype", _WHAT),
        description=text_at(entry, "vedleggsfil/filinnhold", _WHAT),
    )

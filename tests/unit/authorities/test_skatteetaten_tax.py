"""The company's tax return: envelope, attachments, feedback."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from altinn.authorities.skatteetaten_tax import AUTHORITY, read_feedback
from altinn.authorities.tax_envelope import Attached, build_tax_envelope, with_attachments
from altinn.exceptions import AltinnDocumentError, AltinnInputError
from altinn.protocol.model import Instance
from altinn.validation.xml_check import SchemaSource, check_xml
from tests.unit.protocol import recorded_answers as recorded

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "include" / "samples" / "skatteetaten-skattemelding"
SCHEMAS = ROOT / "include" / "schemas" / "skatteetaten-skattemelding"
RETURN = (SAMPLES / "upersonligSkattemeldingV2.xml").read_bytes()
SPECIFICATION = (SAMPLES / "naeringspesifikasjon-v3.xml").read_bytes()
ID = "7b6a5c1e-2f3d-4a5b-8c9d-0e1f2a3b4c5d"


def errors(document: bytes, schema: str) -> list[str]:
    return [i.message for i in check_xml(document, SchemaSource(SCHEMAS, schema)) if i.severity == "error"]


def test_the_envelope_is_valid_and_holds_both_documents() -> None:
    made = build_tax_envelope(
        RETURN, SPECIFICATION, income_year=2022, created_by="test", current_document="SKI:755:14847"
    )
    assert errors(made, "skattemeldingognaeringsspesifikasjonrequest_v2.xsd") == []
    assert [base64.b64decode(c) for c in re.findall(rb"<content>(.*?)</content>", made)] == [RETURN, SPECIFICATION]
    assert made == build_tax_envelope(
        RETURN, SPECIFICATION, income_year=2022, created_by="test", current_document="SKI:755:14847"
    )


def test_attachments_stand_where_the_schema_wants_them() -> None:
    assert errors(RETURN, "skattemeldingUpersonlig_v2_ekstern.xsd") == []
    with_two = with_attachments(RETURN, [Attached(ID, "note 1.pdf"), Attached(ID, "two.pdf")])
    assert errors(with_two, "skattemeldingUpersonlig_v2_ekstern.xsd") == []
    assert with_two.count(ID.encode()) == 2
    assert with_attachments(RETURN, []) is RETURN


def test_what_cannot_go_in_is_refused() -> None:
    with pytest.raises(AltinnInputError, match="upload first"):
        with_attachments(RETURN, [Attached("", "a.pdf")])
    with pytest.raises(AltinnDocumentError):
        with_attachments(b"<other/>", [Attached(ID, "a.pdf")])
    with pytest.raises(AltinnInputError, match="fetch it"):
        build_tax_envelope(RETURN, None, income_year=2022, created_by="t", current_document="a b<")


def feedback(result: str, inner: str = "") -> bytes:
    return (
        '<skattemeldingOgNaeringsspesifikasjonResponse xmlns="no:x">'
        f"{inner}<resultatAvValidering>{result}</resultatAvValidering>"
        "</skattemeldingOgNaeringsspesifikasjonResponse>"
    ).encode()


DEVIATION = (
    "<avvikVedValidering><avvik><avvikstype>manglerVerdi</avvikstype><sti>/a/b</sti></avvik></avvikVedValidering>"
)


REASON = (
    "<aarsakTilValidertMedFeil><aarsakTilValidertMedFeil>frist</aarsakTilValidertMedFeil></aarsakTilValidertMedFeil>"
)


def test_feedback_is_read_with_its_codes() -> None:
    assert read_feedback(feedback("validertMedFeil", DEVIATION)) == ("validertMedFeil", ("manglerVerdi: /a/b",))
    with pytest.raises(AltinnDocumentError):
        read_feedback(b"<tilbakemelding/>")
    for other in ("html", "skattemeldingOgNaeringsspesifikasjonRequest"):
        with pytest.raises(AltinnDocumentError, match="its root element is"):
            read_feedback(f"<{other}><resultatAvValidering>validertOK</resultatAvValidering></{other}>".encode())


def test_the_feedback_s_words_show_no_person_number() -> None:
    (code,) = read_feedback(feedback("validertMedFeil", DEVIATION.replace("manglerVerdi", "fnr 01039012345")))[1]
    assert code == "fnr <eleven digits>: /a/b"


ELEMENT = {**recorded.APP["data"][0], "dataType": "tilbakemelding"}
FINISHED = Instance.from_json({**recorded.APP, "process": recorded.ENDED, "data": [ELEMENT]})


@pytest.mark.parametrize(
    ("document", "state"),
    [
        (feedback("validertOK"), "accepted"),
        (feedback("validertMedFeil", DEVIATION), "rejected"),
        (feedback("noeNytt"), "unknown"),
        (feedback("validertOK", REASON), "unknown"),
        (feedback("validertMedFeil", REASON), "rejected"),
        (None, "unknown"),
    ],
)
def test_the_feedback_decides(document: bytes | None, state: str) -> None:
    documents = {} if document is None else {"tilbakemelding": document}
    assert AUTHORITY.verdict(FINISHED, documents).state == state


def test_the_income_year_is_read_from_the_app_s_form() -> None:
    assert AUTHORITY.period_of(b"<skattemeldingApp><inntektsaar>2024</inntektsaar></skattemeldingApp>") == "2024"
    assert AUTHORITY.period_of(b"") is None


def test_a_rejection_by_sub_status_has_the_feedback_s_codes_as_well() -> None:
    refused = Instance.from_json(
        {**recorded.APP, "process": recorded.ENDED, "data": [ELEMENT], "status": {"substatus": {"label": "Avvist"}}}
    )
    found = AUTHORITY.verdict(refused, {"tilbakemelding": feedback("validertMedFeil", DEVIATION)})
    assert (found.state, found.codes) == ("rejected", ("manglerVerdi: /a/b", "Avvist"))
    assert AUTHORITY.verdict(refused, {}).codes == ("Avvist",)

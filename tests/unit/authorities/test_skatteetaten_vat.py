"""Skatteetaten's VAT return, held against the documents that Skatteetaten published."""

from __future__ import annotations

import copy
import dataclasses
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from altinn.authorities import skatteetaten_vat as vat
from altinn.exceptions import AltinnConfigurationError, AltinnDocumentError, AltinnInputError
from altinn.protocol.model import Instance

DATA = Path(__file__).parents[2] / "data" / "skatteetaten-mva"
NOON = datetime(2022, 12, 1, 12, tzinfo=UTC)


def sample(name: str) -> bytes:
    return (DATA / name).read_bytes()


COMPENSATION = sample("valid/kompensasjon_mvamelding.xml")


# ── the return ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_published_return_is_read() -> None:
    found = vat.read_return(COMPENSATION)
    assert found.organisation_number == "999999999"
    assert found.period.name == "2022-T5"
    assert found.category == "kompensasjon"
    assert found.amount == Decimal(-29000)
    assert found.kid == "34000009324568708"
    assert found.reference == "regnskapssystem_referanse"


@pytest.mark.parametrize("path", sorted((DATA / "valid").glob("*.xml")), ids=lambda path: path.stem)
def test_every_published_return_is_read(path: Path) -> None:
    found = vat.read_return(path.read_bytes())
    assert found.category in vat.CATEGORIES
    assert len(found.organisation_number) == 9


def test_a_return_without_its_namespace_is_read() -> None:
    bare = COMPENSATION.replace(
        b' xmlns="no:skatteetaten:fastsetting:avgift:mva:skattemeldingformerverdiavgift:v1.0"', b""
    )
    assert vat.read_return(bare) == vat.read_return(COMPENSATION)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"<organisasjonsnummer>999999999</organisasjonsnummer>", b"", "either organisasjonsnummer or"),
        (b"<meldingskategori>kompensasjon</meldingskategori>", b"", "meldingskategori is missing"),
        (b"<aar>2022</aar>", b"<aar>2022</aar><aar>2021</aar>", "occurs 2 times"),
        (b"<periode>", b"<periode><skattleggingsperiodeAar>aarlig</skattleggingsperiodeAar>", "states 2 periods"),
        (b"<aar>2022</aar>", b"", "aar is missing"),
        (b">-29000<", b">-29 000<", "fastsattMerverdiavgift is no number"),
        (b"mvaMeldingDto", b"noeAnnet", "root element is 'noeAnnet'"),
        (b"<?xml", b"<!DOCTYPE a><?xml", "DOCTYPE"),
    ],
)
def test_a_return_that_cannot_be_placed_is_refused(old: bytes, new: bytes, says: str) -> None:
    assert old in COMPENSATION
    with pytest.raises(AltinnDocumentError, match=says):
        vat.read_return(COMPENSATION.replace(old, new))


# ── the return against the run ───────────────────────────────────────────────────────────────────────────────────────
def test_a_return_for_the_run_has_no_issue() -> None:
    found = vat.read_return(COMPENSATION)
    assert vat.check_return_matches(found, "2022-T5", "999999999", "kompensasjon") == []
    assert vat.check_return_matches(found, "2022-t5", "999999999") == []


@pytest.mark.parametrize(
    ("period", "organisation", "category", "code"),
    [
        ("2022-T4", "999999999", None, "wrong-period"),
        ("2022-T5", "999999998", None, "wrong-organisation"),
        ("2022-T5", "999999999", "alminnelig", "wrong-category"),
    ],
)
def test_a_return_for_another_run_is_an_error(period: str, organisation: str, category: str | None, code: str) -> None:
    (issue,) = vat.check_return_matches(vat.read_return(COMPENSATION), period, organisation, category)
    assert (issue.severity, issue.code) == ("error", code)


def test_known_rules_of_the_authority_are_told_before_sending() -> None:
    monthly = COMPENSATION.replace(b"ToMaaneder>", b"Maaned>").replace(b"september-oktober", b"oktober")
    issues = vat.check_return_matches(
        vat.read_return(monthly.replace(b">-29000<", b">-29000.50<")), "2022-M10", "999999999"
    )
    assert [(issue.severity, issue.code) for issue in issues] == [("error", "R095"), ("warning", "R082")]


# ── the envelope ─────────────────────────────────────────────────────────────────────────────────────────────────────
def envelope(**changes: Any) -> bytes:
    arguments: dict[str, Any] = {
        "attachments": [vat.EnvelopeFile("notat.pdf")],
        "created_by": "Kari Nordmann & <co>",
        "created_at": NOON,
    }
    return vat.build_envelope(vat.read_return(COMPENSATION), **{**arguments, **changes})


def test_an_envelope_says_what_the_return_says_and_lists_the_files() -> None:
    found = vat.read_envelope(envelope())
    assert (found.organisation_number, found.period.name, found.category) == ("999999999", "2022-T5", "kompensasjon")
    assert found.created_by == "Kari Nordmann & <co>"
    assert [(file.kind, file.file_name) for file in found.files] == [
        ("mva-melding", "mva-melding.xml"),
        ("binaerVedlegg", "notat.pdf"),
    ]


def test_file_name_and_extension_stand_apart_as_in_the_published_envelope() -> None:
    text = envelope(attachments=[]).decode()
    assert "<filnavn>mva-melding</filnavn><filekstensjon>xml</filekstensjon>" in text
    assert 'xmlns="no:skatteetaten:fastsetting:avgift:mva:mvameldinginnsending:v1.0"' in text


def test_the_same_input_gives_the_same_envelope_whatever_the_time_zone() -> None:
    assert envelope() == envelope(created_at=NOON.astimezone(timezone(timedelta(hours=1, minutes=3, seconds=7))))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"created_at": datetime(2022, 12, 1)}, "no time zone"),
        ({"created_by": "a\x00b"}, "created_by has control"),
        ({"created_by": "a\ud800"}, "created_by has control"),
        ({"created_by": "x" * 4001}, "longer than 4000"),
        ({"attachments": [vat.EnvelopeFile("MVA-melding.XML")]}, "2 files"),
        ({"attachments": [vat.EnvelopeFile("../x.pdf")]}, "cannot be the name"),
        ({"attachments": [vat.EnvelopeFile(" x.pdf")]}, "cannot be the name"),
        ({"attachments": [vat.EnvelopeFile("")]}, "cannot be the name"),
    ],
)
def test_what_an_envelope_cannot_say_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(AltinnInputError, match=says):
        envelope(**changes)


def test_a_published_envelope_is_read_though_it_breaks_its_schema() -> None:
    found = vat.read_envelope(sample("derived/konvolutt-kompensasjon-ns.xml"))
    assert (found.period.name, found.files[0].file_name) == ("2022-T5", "melding_xml.xml")


def test_the_empty_form_that_the_app_makes_has_no_period() -> None:
    with pytest.raises(AltinnDocumentError, match="states 0 periods"):
        vat.read_envelope(b"<mvaMeldingInnsending/>")


def test_a_foreign_company_is_named_by_its_voec_number() -> None:
    foreign = COMPENSATION.replace(
        b"<organisasjonsnummer>999999999</organisasjonsnummer>",
        b"<identifikasjonsnummer>2021000</identifikasjonsnummer>",
    )
    text = vat.build_envelope(vat.read_return(foreign), attachments=[], created_by="x", created_at=NOON).decode()
    assert "<norskIdentifikator><identifikasjonsnummer>2021000</identifikasjonsnummer></norskIdentifikator>" in text


# ── what comes back ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_published_payment_information_is_read() -> None:
    found = vat.read_payment_information(sample("feedback/betalingsinformasjon.xml"))
    assert found.due_date == date(2021, 5, 21)
    assert found.as_json() == {
        "kid": "99999999999999",
        "account": "12345678903",
        "amount": "0",
        "due_date": "2021-05-21",
        "pay_to": "Skatteetaten",
        "iban": "",
        "bic": "",
    }


@pytest.mark.parametrize(
    ("old", "new"), [(b">2021-05-21<", b">21.05.2021<"), (b">2021-05-21<", b">2021-02-30<"), (b">0<", b"><")]
)
def test_payment_information_that_lacks_a_part_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(AltinnDocumentError, match="payment information"):
        vat.read_payment_information(sample("feedback/betalingsinformasjon.xml").replace(old, new))


def test_the_published_validation_result_is_read() -> None:
    found = vat.read_validation_result(sample("feedback/valideringsresultat.xml"))
    assert (found.status, found.stated, found.issues) == ("ok", "ingen avvik", ())


def test_a_deviation_in_the_form_of_the_schema_is_read() -> None:
    found = vat.read_validation_result(
        b"""<valideringsresultat xmlns="no:skatteetaten:fastsetting:avgift:mva:valideringsresultat:v1">
          <avvikVedMeldingslevering>avvikende skattemelding</avvikVedMeldingslevering>
          <avvik><stiTilAvvik>/mvaMeldingDto</stiTilAvvik><xmlLinjenummer>17</xmlLinjenummer>
            <avviksinformasjon><begrunnelse>Summen
              stemmer ikke</begrunnelse><avvikstype>avvikende skattemelding</avvikstype>
              <avvikKode>R018</avvikKode><regelDefinisjon>sum</regelDefinisjon></avviksinformasjon></avvik>
        </valideringsresultat>"""
    )
    assert found.status == "deviating"
    (issue,) = found.issues
    assert (issue.severity, issue.code, issue.where, issue.line) == ("warning", "R018", "/mvaMeldingDto", 17)
    assert found.codes == ("R018: Summen stemmer ikke; sum",)


@pytest.mark.parametrize(("stated", "status"), [("avvikende", "unknown"), ("ugyldig", "invalid")])
def test_a_finding_that_makes_a_return_invalid_is_never_a_mere_deviation(stated: str, status: str) -> None:
    found = vat.read_validation_result(
        f"""<valideringsresultat xmlns="no:skatteetaten:fastsetting:avgift:mva:valideringsresultat:v1">
          <avvikVedMeldingslevering>{stated} skattemelding</avvikVedMeldingslevering>
          <avvik><stiTilAvvik>/mvaMeldingDto</stiTilAvvik>
            <avviksinformasjon><avvikstype>ugyldig skattemelding</avvikstype><avvikKode>R001</avvikKode>
            </avviksinformasjon></avvik>
        </valideringsresultat>""".encode()
    )
    assert found.status == status


@pytest.mark.parametrize(
    ("result", "gravity", "status"),
    [
        ("GYLDIG_SKATTEMELDING", "AVVIKENDE_SKATTEMELDING", "ok"),
        ("AVVIKENDE_SKATTEMELDING", "UGYLDIG_SKATTEMELDING", "unknown"),
        ("AVVIKENDE_SKATTEMELDING", "KRITISK_SKATTEMELDING", "unknown"),
        ("AVVIKENDE_SKATTEMELDING", "", "unknown"),
        ("UGYLDIG_SKATTEMELDING", "KRITISK_SKATTEMELDING", "invalid"),
    ],
)
@pytest.mark.parametrize("form", ["schema", "service"])
def test_a_finding_is_held_against_the_result(form: str, result: str, gravity: str, status: str) -> None:
    result, gravity = ("ingen avvik" if result.startswith("GYLDIG") else result, gravity)
    if form == "service":
        words = f"<status>{result}</status><valideringsfeil><valideringsDetaljer><alvorlighetsgrad>{gravity}"
        words += "</alvorlighetsgrad></valideringsDetaljer></valideringsfeil>"
    else:
        words = f"<avvikVedMeldingslevering>{result}</avvikVedMeldingslevering><avvik><avviksinformasjon><avvikstype>"
        words += f"{gravity}</avvikstype></avviksinformasjon></avvik>"
    assert vat.read_validation_result(f"<valideringsresultat>{words}</valideringsresultat>".encode()).status == status


def test_a_refusal_in_the_form_of_the_service_is_read() -> None:
    found = vat.read_validation_result(sample("invalid-real/doc-valideringsresultat-UGYLDIG.xml"))
    assert found.status == "invalid"
    assert [issue.code for issue in found.issues] == ["MvaMeldingsinnhold_Xml_SkjemaValideringsfeil"]
    assert found.issues[0].where == "//innsending"


def test_a_result_without_a_status_is_refused() -> None:
    with pytest.raises(AltinnDocumentError, match="status is missing"):
        vat.read_validation_result(b"<valideringsresultat/>")


@pytest.mark.parametrize(
    ("schema", "service", "status"),
    [
        ("ingen avvik", "GYLDIG_SKATTEMELDING", "ok"),
        ("ingen avvik", "UGYLDIG_SKATTEMELDING", "unknown"),
        ("ugyldig skattemelding", "GYLDIG_SKATTEMELDING", "unknown"),
        ("ingen avvik", "noe nytt", "unknown"),
    ],
)
def test_a_result_that_contradicts_itself_is_unknown(schema: str, service: str, status: str) -> None:
    both = f"<avvikVedMeldingslevering>{schema}</avvikVedMeldingslevering><status>{service}</status>"
    found = vat.read_validation_result(f"<valideringsresultat>{both}</valideringsresultat>".encode())
    assert found.status == status
    assert found.stated == f"{schema} / {service}"


SCHEMA_WORDS = """<avvikVedMeldingslevering>ugyldig skattemelding</avvikVedMeldingslevering><avvik>
  <stiTilAvvik>/01039012345</stiTilAvvik><avviksinformasjon><avvikKode>R1 01039012345</avvikKode>
  <begrunnelse>01039012345 er ikke registrert</begrunnelse></avviksinformasjon></avvik>"""
SERVICE_WORDS = """<status>01039012345 UGYLDIG</status><valideringsfeil><stiTilFeil>/01039012345</stiTilFeil>
  <valideringsDetaljer><avvikKode>R1 01039012345</avvikKode><feilmelding>010390 12345 er ikke registrert</feilmelding>
  </valideringsDetaljer></valideringsfeil>"""


@pytest.mark.parametrize("words", [SCHEMA_WORDS, SERVICE_WORDS])
def test_the_authority_s_words_show_no_person_number(words: str) -> None:
    found = vat.read_validation_result(f"<valideringsresultat>{words}</valideringsresultat>".encode())
    assert "er ikke registrert" in repr(found)
    assert "12345" not in repr(found)


def test_a_status_that_is_not_published_is_shown_in_part() -> None:
    found = vat.read_validation_result(
        b"<valideringsresultat><status>" + b"x" * 5000 + b"</status></valideringsresultat>"
    )
    assert (found.status, found.stated) == ("unknown", "x" * 60)


def test_a_rejecting_sub_status_ends_the_wait() -> None:
    assert vat.AUTHORITY.awaited().missing(instance(ended=False, without=vat.RECEIPT_TYPES, label="Avvist")) == ""
    assert vat.AUTHORITY.awaited().missing(instance(ended=False, without=vat.RECEIPT_TYPES, label="Mottatt"))


# ── the verdict ──────────────────────────────────────────────────────────────────────────────────────────────────────
FINISHED: dict[str, Any] = json.loads(sample("feedback/instans.json"))
FINE = vat.read_validation_result(sample("feedback/valideringsresultat.xml"))
INVALID = vat.read_validation_result(sample("invalid-real/doc-valideringsresultat-UGYLDIG.xml"))
STRANGE = vat.ValidationResult("unknown", "noe nytt", ())


def instance(
    *,
    ended: bool = True,
    without: tuple[str, ...] = (),
    label: str | None = "Mottatt",
    status: dict[str, bool] | None = None,
    at: tuple[str, str] = ("", ""),
    end_event: str = "",
) -> Instance:
    node = copy.deepcopy(FINISHED)
    node["data"] = [element for element in node["data"] if element["dataType"] not in without]
    node["status"]["substatus"] = {"label": label} if label else None
    node["status"] |= status or {}
    if end_event:
        node["process"]["endEvent"] = end_event
    if not ended or at[0]:
        task_id, task_type = at if at[0] else ("Task_3", "feedback")
        node["process"] |= {"ended": None, "currentTask": {"elementId": task_id, "altinnTaskType": task_type}}
        node["status"]["isArchived"] = False
    return Instance.from_json(node)


def test_the_published_finished_filing_is_accepted() -> None:
    assert vat.verdict(Instance.from_json(FINISHED), FINE).state == "accepted"


@pytest.mark.parametrize(
    ("provided", "outcome"), [(True, "accepted"), (False, "waiting_for_authority"), (None, "waiting_for_authority")]
)
def test_feedback_counts_before_the_process_has_ended(provided: bool | None, outcome: str) -> None:
    filed = dataclasses.replace(instance(ended=False), feedback_provided=provided)
    assert vat.verdict(filed, FINE).state == outcome
    assert (vat.AUTHORITY.awaited().missing(filed) == "") is (outcome == "accepted")


@pytest.mark.parametrize("absent", vat.RECEIPT_TYPES)
def test_feedback_without_every_receipt_ends_no_wait(absent: str) -> None:
    filed = dataclasses.replace(instance(ended=False, without=(absent,)), feedback_provided=True)
    assert vat.AUTHORITY.awaited().missing(filed)


@pytest.mark.parametrize(
    ("filed", "validation", "outcome"),
    [
        (instance(ended=False), None, "waiting_for_authority"),
        (instance(ended=False), FINE, "waiting_for_authority"),
        (instance(without=("kvittering",)), FINE, "waiting_for_authority"),
        (instance(without=("betalingsinformasjon",)), FINE, "waiting_for_authority"),
        (instance(without=("valideringsresultat",)), None, "waiting_for_authority"),
        (instance(), None, "unknown"),
        (instance(), STRANGE, "unknown"),
        (instance(label="Avvist"), FINE, "unknown"),
        (instance(label=None), FINE, "accepted"),
        (instance(), INVALID, "rejected"),
        (instance(ended=False), INVALID, "rejected"),
        (instance(label="mottatt"), FINE, "accepted"),
        (instance(without=("valideringsresultat",), label="Avvist"), None, "rejected"),
        (instance(ended=False, without=vat.RECEIPT_TYPES, label="Avvist"), None, "rejected"),
        (instance(status={"isHardDeleted": True}), FINE, "unknown"),
        (instance(ended=False, status={"isSoftDeleted": True}), FINE, "unknown"),
        (instance(at=("Task_1", "data")), None, "draft"),
        (instance(at=("Task_2", "confirmation")), None, "waiting_for_person"),
        (instance(end_event="EndEvent_Rejected"), FINE, "unknown"),
    ],
)
def test_nothing_less_is_accepted(filed: Instance, validation: vat.ValidationResult | None, outcome: str) -> None:
    found = vat.verdict(filed, validation)
    assert found.state == outcome
    assert found.reason


def test_a_rejection_carries_the_authority_s_codes() -> None:
    (code,) = vat.verdict(instance(), INVALID).codes
    assert code.startswith("MvaMeldingsinnhold_Xml_SkjemaValideringsfeil: Mva meldingen må være på gyldig format")


def test_waiting_names_what_is_missing() -> None:
    assert "kvittering" in vat.verdict(instance(without=("kvittering",)), FINE).reason


def test_what_the_next_task_needs_is_plain_json() -> None:
    names = ("betalingsinformasjon", "valideringsresultat")
    results = vat.AUTHORITY.results({name: sample(f"feedback/{name}.xml") for name in names})
    assert json.loads(json.dumps(results)) == results
    assert set(results["payment"]) >= {"kid", "account", "amount", "due_date"}
    assert results["validation"]["status"] == "ok"


def test_a_rejected_return_is_waited_for_without_its_receipt() -> None:
    filed = instance(without=("kvittering",), label="Avvist")
    assert vat.AUTHORITY.awaited().missing(filed) == ""
    found = vat.AUTHORITY.verdict(
        filed, {"valideringsresultat": sample("invalid-real/doc-valideringsresultat-UGYLDIG.xml")}
    )
    assert found.state == "rejected"


def test_the_period_is_read_from_the_envelope() -> None:
    assert vat.AUTHORITY.period_of(sample("derived/konvolutt-kompensasjon-ns.xml")) == "2022-T5"
    assert vat.AUTHORITY.period_of(b"<mvaMeldingInnsending/>") is None
    assert vat.AUTHORITY.period_of(b"no XML") is None


# ── the app ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_each_environment_has_its_app() -> None:
    assert vat.AUTHORITY.app_id("tt02") == "skd/mva-melding-innsending-etm2"
    assert vat.AUTHORITY.app_id("local") == vat.AUTHORITY.app_id("prod") == "skd/mva-melding-innsending-v1"
    with pytest.raises(AltinnConfigurationError, match="prod, tt02, local"):
        vat.AUTHORITY.app_id("at22")

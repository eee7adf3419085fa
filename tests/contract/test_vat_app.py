"""A VAT return filed with plain HTTP, as the guide for end-user systems says, with a person's ID-porten login."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from altinn.emulator import Emulator

SAMPLES = Path(__file__).parents[1] / "data" / "skatteetaten-mva"
APP = "skd/mva-melding-innsending-v1"
ENVELOPE = "no.skatteetaten.fastsetting.avgift.mva.mvameldinginnsending.v1.0"
SCOPE = "openid altinn:instances.read altinn:instances.write"
DELAY = 3600
PDF = b"%PDF-1.4 a small attachment"
NAMESPACE = "no:skatteetaten:fastsetting:avgift:mva:mvameldinginnsending:v1.0"


def envelope(
    *files: tuple[str, str],
    organisation: str = "999999999",
    period: str = "september-oktober",
    category: str = "kompensasjon",
    status: str = "<instansstatus>Deprecated</instansstatus>",
) -> bytes:
    """Write an envelope that lists the return and these files, each as (stem, extension)."""
    listed = [("mva-melding", "melding", "xml"), *(("binaerVedlegg", *file) for file in files)]
    entries = "".join(
        f"<vedlegg><vedleggstype>{kind}</vedleggstype><kildegruppe>sluttbrukersystem</kildegruppe>"
        f"<opprettetAv>Test</opprettetAv><vedleggsfil><filnavn>{name}</filnavn><filekstensjon>{extension}</filekstensjon>"
        "<filinnhold>innhold</filinnhold></vedleggsfil></vedlegg>"
        for kind, name, extension in listed
    )
    return (
        f'<mvaMeldingInnsending xmlns="{NAMESPACE}"><norskIdentifikator><organisasjonsnummer>{organisation}'
        "</organisasjonsnummer></norskIdentifikator><skattleggingsperiode><periode><skattleggingsperiodeToMaaneder>"
        f"{period}</skattleggingsperiodeToMaaneder></periode><aar>2022</aar></skattleggingsperiode><meldingskategori>"
        f"{category}</meldingskategori><innsendingstype>komplett</innsendingstype>{status}<opprettetAv>Test</opprettetAv>"
        f"{entries}</mvaMeldingInnsending>"
    ).encode()


def vat_return() -> bytes:
    return (SAMPLES / "valid" / "kompensasjon_mvamelding.xml").read_bytes()


class Filing:
    """One person's session with the app."""

    def __init__(self, base: str, token: str) -> None:
        self.base, self.app = base, f"{base}/{APP}"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.url = ""

    def create(self) -> dict[str, Any]:
        answer = self.session.post(
            f"{self.app}/instances", json={"instanceOwner": {"organisationNumber": "999999999"}}, timeout=30
        )
        assert answer.status_code == 201, answer.text
        instance: dict[str, Any] = answer.json()
        self.url = f"{self.app}/instances/{instance['id']}"
        return instance

    def prepare(self, documents: bytes, content: bytes, *attachments: str) -> None:
        """Make a draft with an envelope, a return and attachments of these names."""
        form = next(e["id"] for e in self.create()["data"] if e["dataType"] == ENVELOPE)
        put = self.session.put(
            f"{self.url}/data/{form}", data=documents, headers={"Content-Type": "application/xml"}, timeout=30
        )
        assert put.status_code == 201, put.text
        self.upload("mvamelding", "melding.xml", "text/xml", content)
        for name in attachments:
            self.upload("binaerVedlegg", name, "application/pdf", PDF)

    def upload(self, data_type: str, name: str, content_type: str, content: bytes) -> None:
        headers = {"Content-Type": content_type, "Content-Disposition": f"attachment; filename={name}"}
        url = f"{self.url}/data?dataType={data_type}"
        answer = self.session.post(url, data=content, headers=headers, timeout=30)
        assert answer.status_code == 201, answer.text

    def push(self, action: str) -> requests.Response:
        return self.session.put(f"{self.url}/process/next", json={"action": action}, timeout=30)

    def get(self, path: str = "") -> requests.Response:
        return self.session.get(f"{self.url}{path}", timeout=30)

    def documents(self) -> dict[str, requests.Response]:
        """Download what the authority has added."""
        mine = (ENVELOPE, "mvamelding", "binaerVedlegg")
        return {
            e["dataType"]: self.get(f"/data/{e['id']}") for e in self.get().json()["data"] if e["dataType"] not in mine
        }


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def client(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    jwk = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": "key-1"}
    return {
        "client_id": "accounting",
        "jwks": {"keys": [jwk]},
        "integration": "idporten",
        "scopes": SCOPE.split()[1:],
        "org_number": "999999999",
    }


@pytest.fixture(scope="module")
def emulator(client: dict[str, Any]) -> Iterator[Emulator]:
    with Emulator(clients=[client], authority_delay=DELAY) as running:
        yield running


def altinn_token(base: str, key: rsa.RSAPrivateKey, user_id: int = 1337) -> str:
    """Log a person in, trade the refresh token, and exchange the access token."""
    asked = {"client_id": "accounting", "user_id": user_id, "scope": SCOPE}
    login = requests.post(f"{base}/_emulator/idporten/login", json=asked, timeout=30).json()
    endpoints = requests.get(f"{base}/idporten/.well-known/openid-configuration", timeout=30).json()
    now = int(time.time())
    claims = {"iss": "accounting", "sub": "accounting", "aud": endpoints["issuer"], "iat": now, "exp": now + 60}
    assertion = jwt.encode({**claims, "jti": str(uuid.uuid4())}, key, algorithm="RS256", headers={"kid": "key-1"})
    form = {
        "grant_type": "refresh_token",
        "refresh_token": login["refresh_token"],
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    granted = requests.post(endpoints["token_endpoint"], data=form, timeout=30).json()
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    return requests.get(f"{base}/authentication/api/v1/exchange/id-porten", headers=headers, timeout=30).text


@pytest.fixture(scope="module")
def token(emulator: Emulator, key: rsa.RSAPrivateKey) -> str:
    return altinn_token(emulator.base_url, key)


@pytest.fixture
def filing(emulator: Emulator, token: str) -> Filing:
    return Filing(emulator.base_url, token)


def advance(emulator: Emulator, seconds: float) -> None:
    answer = requests.post(f"{emulator.base_url}/_emulator/clock", json={"advance_seconds": seconds}, timeout=30)
    assert answer.status_code == 200, answer.text


def schema(name: str) -> Any:
    import xmlschema

    folder = Path(__file__).parents[2] / "include" / "schemas" / "skatteetaten-mva"
    return xmlschema.XMLSchema(next(folder.glob(f"*{name}*.xsd")))


def test_a_return_is_filed_and_accepted(emulator: Emulator, filing: Filing) -> None:
    filing.prepare(envelope(("vedlegg", "pdf")), vat_return(), "vedlegg.pdf")
    moved = filing.push("write")
    assert moved.status_code == 200, moved.text
    assert moved.json()["currentTask"]["elementId"] == "Task_2"
    delivered = filing.push("confirm")
    assert delivered.json()["currentTask"]["altinnTaskType"] == "feedback"

    at_once = filing.documents()
    assert list(at_once) == ["betalingsinformasjon"]
    assert at_once["betalingsinformasjon"].headers["content-type"] == "text/xml"
    payment = schema("betalingsinformasjon").to_dict(at_once["betalingsinformasjon"].text)
    assert payment["kundeidentifikasjonsnummer"] == "34000009324568708"
    assert (str(payment["beloep"]), payment["betalingsfrist"]) == ("-29000", "2022-12-12")
    assert payment["innsendingsreferanse"] == filing.get().json()["id"]
    assert filing.get("/feedback/status").json() == {"isFeedbackProvided": False}
    assert filing.push("write").status_code == 403, "the sender cannot leave the authority's task"

    advance(emulator, DELAY)
    assert filing.get("/feedback/status").json() == {"isFeedbackProvided": True}
    finished = filing.get("/feedback").json()
    assert finished == filing.get().json()
    assert finished["process"]["currentTask"] is None
    assert finished["process"]["endEvent"] == "EndEvent_1"
    assert finished["status"]["isArchived"] is True
    assert finished["status"]["substatus"]["label"] == "Mottatt"
    assert [c["stakeholderId"] for c in finished["completeConfirmations"]] == ["skd"]
    assert finished["lastChangedBy"] == "974761076"

    answers = filing.documents()
    assert set(answers) == {"betalingsinformasjon", "valideringsresultat", "kvittering"}
    assert schema("valideringsresultat").to_dict(answers["valideringsresultat"].text) == {
        "@xmlns": "no:skatteetaten:fastsetting:avgift:mva:valideringsresultat:v1",
        "avvikVedMeldingslevering": "ingen avvik",
    }
    assert answers["kvittering"].headers["content-type"] == "application/pdf"
    assert answers["kvittering"].content.startswith(b"%PDF-1.4")

    received = requests.get(f"{emulator.base_url}/_emulator/filings", timeout=30).json()
    (mine,) = [f for f in received if f["instance"] == finished["id"]]
    assert (mine["app"], mine["outcome"], mine["deleted"]) == (APP, "accepted", False)
    assert {"dataType": "mvamelding", "sha256": hashlib.sha256(vat_return()).hexdigest()} in mine["elements"]


def test_what_the_app_shows_is_what_a_real_finished_instance_shows(emulator: Emulator, filing: Filing) -> None:
    real = json.loads((SAMPLES / "feedback" / "instans.json").read_text("utf-8"))
    filing.prepare(envelope(("vedlegg", "pdf")), vat_return(), "vedlegg.pdf")
    filing.push("write"), filing.push("confirm")
    advance(emulator, DELAY)
    mine = filing.get().json()
    logs = ("utfyllingslogg", "signeringslogg")  # made by the real app for itself; nobody says what is in them
    shown = {(e["dataType"], e["contentType"], e["locked"]) for e in mine["data"]}
    published = {(e["dataType"], e["contentType"], e["locked"]) for e in real["data"] if e["dataType"] not in logs}
    assert shown == {entry for entry in published if entry[:2] in {item[:2] for item in shown}}
    assert mine["status"]["substatus"] == real["status"]["substatus"]
    assert mine["process"].keys() == real["process"].keys()
    authority = {e["dataType"]: e["filename"] for e in real["data"] if e["createdBy"] == "974761076"}
    assert {e["dataType"]: e["filename"] for e in mine["data"] if e["createdBy"] == "974761076"} == authority


REFUSED: list[tuple[str, bytes, str]] = [
    ("organisation", envelope(organisation="987654321"), "Organisasjonsnummeret i instansen er forskjellig"),
    ("category", envelope(category="alminnelig"), "er forsjellig fra Meldingskategorien i melding.xml"),
    ("period", envelope(period="mai-juni"), "er forskjellig fra skattleggingsperioden i melding.xml"),
    ("instance status", envelope(status=""), "Instansstatus mangler"),
    ("one file too many", envelope(("vedlegg", "pdf")), "Liste med vedlegg definert i MvaMeldingInnsending"),
]


@pytest.mark.parametrize(("documents", "text"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_documents_that_do_not_fit_stop_at_the_first_task(filing: Filing, documents: bytes, text: str) -> None:
    filing.prepare(documents, vat_return())
    refused = filing.push("write")
    assert refused.status_code == 409
    assert refused.json().startswith("Valideringsfeil: ")
    assert text in refused.json()
    assert filing.get("/process").json()["currentTask"]["elementId"] == "Task_1"


def test_a_period_that_the_calendar_lacks_is_refused(filing: Filing) -> None:
    two_months = b"<skattleggingsperiodeToMaaneder>september-oktober</skattleggingsperiodeToMaaneder>"
    week = b"<skattleggingsperiodeUke>uke 53</skattleggingsperiodeUke>"
    filing.prepare(envelope().replace(two_months, week), vat_return().replace(two_months, week))
    assert filing.push("write").json() == "Valideringsfeil: Skattleggingsperioden finnes ikke"


def test_a_system_user_may_not_file_vat(emulator: Emulator) -> None:
    query = "systemUserId=d111dbab-d619-4f15-bf29-58fe570a9ae6&scope=altinn:instances.read%20altinn:instances.write"
    token = requests.get(f"{emulator.base_url}/Home/GetTestSystemUserToken?{query}", timeout=30).text
    system_user = Filing(emulator.base_url, token)
    owner = {"instanceOwner": {"organisationNumber": "950474084"}}
    for app, status in [(APP, 403), ("ttd/basic", 201)]:
        answer = system_user.session.post(f"{emulator.base_url}/{app}/instances", json=owner, timeout=30)
        assert answer.status_code == status, answer.text


def test_an_unlisted_file_and_another_company_s_return_are_refused(filing: Filing) -> None:
    filing.prepare(envelope(), vat_return(), "vedlegg.pdf")
    assert "Liste med vedlegg" in filing.push("write").json()
    filing.prepare(envelope(), vat_return().replace(b">999999999<", b">987654321<"))
    assert "er forskjellig fra organisasjonsnummeret i melding.xml" in filing.push("write").json()


@pytest.mark.parametrize(
    "content",
    [
        vat_return().replace(b"<mvaKode>1</mvaKode>", b"<mvaKode>1</mvaKode><ukjent/>", 1),
        vat_return().replace(b"-29000", b"-29000,50"),
        vat_return()[:-20],
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        (SAMPLES / "invalid-real" / "postman-v09.xml").read_bytes(),
    ],
    ids=["unknown element", "decimal comma", "cut off", "entities", "version 0.9"],
)
def test_a_return_that_breaks_its_schema_is_refused_in_xml(filing: Filing, content: bytes) -> None:
    filing.prepare(envelope(), content)
    refused = filing.push("write")
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/xml; charset=utf-8"
    assert "<status>UGYLDIG_SKATTEMELDING</status>" in refused.text
    assert "MvaMeldingsinnhold_Xml_SkjemaValideringsfeil" in refused.text


def test_a_missing_return_is_an_ordinary_validation_error(filing: Filing) -> None:
    filing.create()
    refused = filing.push("write")
    assert refused.status_code == 409
    codes = {(issue["field"], issue["code"]) for issue in refused.json()["validationIssues"]}
    assert ("mvamelding", "TooFewDataElementsOfType") in codes


def test_two_files_of_one_name_stop_at_the_confirmation(filing: Filing) -> None:
    filing.prepare(envelope(("vedlegg", "pdf"), ("vedlegg", "pdf")), vat_return(), "vedlegg.pdf", "vedlegg.pdf")
    assert filing.push("write").status_code == 200
    refused = filing.push("confirm")
    assert (refused.status_code, refused.json()) == (409, "Valideringsfeil: Filnavn er ikke unikt: vedlegg.pdf")
    assert filing.get("/process").json()["currentTask"]["elementId"] == "Task_2"


@pytest.mark.parametrize(
    ("old", "new", "status", "label", "outcome"),
    [
        (b"<fastsattMerverdiavgift>-29000<", b"<fastsattMerverdiavgift>-28000<", "avvikende", "Mottatt", "accepted"),
        (b">regnskapssystem_referanse<", b">emulator:mangelfull<", "mangelfull", "Mottatt", "accepted"),
        (b">regnskapssystem_referanse<", b">emulator:ugyldig 7<", "ugyldig", "Avvist", "rejected"),
    ],
    ids=["sum", "asked for", "rejected"],
)
def test_the_authority_s_other_judgements(
    emulator: Emulator, filing: Filing, old: bytes, new: bytes, status: str, label: str, outcome: str
) -> None:
    filing.prepare(envelope(), vat_return().replace(old, new))
    filing.push("write"), filing.push("confirm")
    advance(emulator, DELAY)
    finished = filing.get().json()
    assert finished["status"]["substatus"]["label"] == label
    answers = filing.documents()
    assert ("kvittering" in answers) == (outcome == "accepted")
    result = schema("valideringsresultat").to_dict(answers["valideringsresultat"].text)
    assert result["avvikVedMeldingslevering"] == f"{status} skattemelding"
    assert result["avvik"][0]["avviksinformasjon"][0]["avvikstype"] == f"{status} skattemelding"
    received = requests.get(f"{emulator.base_url}/_emulator/filings", timeout=30).json()
    assert next(f["outcome"] for f in received if f["instance"] == finished["id"]) == outcome


def test_who_lacks_the_role_may_not_file_and_a_stranger_may_not_look(
    emulator: Emulator, filing: Filing, key: rsa.RSAPrivateKey
) -> None:
    filing.create()
    stranger = Filing(emulator.base_url, altinn_token(emulator.base_url, key, user_id=1001))
    refused = stranger.session.post(
        f"{stranger.app}/instances", json={"instanceOwner": {"organisationNumber": "999999999"}}, timeout=30
    )
    assert refused.status_code == 403
    stranger.url = filing.url
    assert stranger.get().status_code == 403
    assert stranger.get("/feedback/status").status_code == 403


def test_a_waiting_sender_gets_the_instance_when_the_authority_answers(
    client: dict[str, Any], key: rsa.RSAPrivateKey
) -> None:
    with Emulator(clients=[client], authority_delay=0.2) as quick:
        filing = Filing(quick.base_url, altinn_token(quick.base_url, key))
        filing.prepare(envelope(), vat_return())
        filing.push("write"), filing.push("confirm")
        waited = filing.get("/feedback")
        assert waited.status_code == 200
        assert waited.json()["process"]["currentTask"] is None

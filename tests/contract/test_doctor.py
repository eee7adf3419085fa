"""The doctor against the emulator: for every link of the chain one broken cause, and exactly that one is named."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import RSAAlgorithm

from altinn.doctor.examination import Doctor, Question
from altinn.doctor.findings import FAILED, OK, SKIPPED, WARNING, Finding, as_json, as_text, nothing_failed
from altinn.emulator import Emulator
from altinn.exceptions import AltinnError
from altinn.protocol.settings import Settings, settings_from
from altinn.token_store import TokenStore
from tests.altinn_proxy import AltinnProxy
from tests.certificates import enterprise_certificate, middle_key
from tests.contract.oidc_browser import person_client, person_settings, plain_session
from tests.unit.login_samples import pem, private_key

KEY = Fernet.generate_key().decode()
SCOPES = ["altinn:instances.read", "altinn:instances.write"]
OWNER, SYSTEM_USER = "950474084", "d111dbab-d619-4f15-bf29-58fe570a9ae6"
APP = "ttd/basic"


def clients() -> list[dict[str, Any]]:
    public = RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True)
    other = RSAAlgorithm.to_jwk(middle_key().public_key(), as_dict=True)
    keys = [
        {**public, "kid": "key-1"},
        {**public, "kid": "lapsed", "exp": int(time.time()) - 10},
        {**other, "kid": "other"},
    ]
    granted = [{"org_number": OWNER, "external_ref": None, "id": SYSTEM_USER}]
    machine = {
        "client_id": "machine",
        "integration": "maskinporten",
        "jwks": {"keys": keys},
        "scopes": SCOPES,
        "org_number": "991825827",
        "system_users": granted,
    }
    return [machine, {**machine, "client_id": "lost", "withdrawn_scopes": SCOPES[1:]}, person_client()]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0, clients=clients()) as running:
        yield running


@dataclass
class Bench:
    """What a case may break: the connection, the clock, the network, the server behind the proxy."""

    emulator: Emulator
    proxy: AltinnProxy
    folder: Path
    fields: dict[str, Any] = field(default_factory=dict)
    login: str = "machine"
    skew: float = 0.0
    resolve: Callable[[str, int], object] = lambda _host, _port: None
    host: str = ""

    def settings(self) -> Settings:
        fields = {
            "environment": "local",
            "private_key": pem(),
            "key_id": "key-1",
            "on_behalf_of": OWNER,
            **self.fields,
        }
        return settings_from("c", host=self.host or self.proxy.base_url, login=self.login, extra=fields)

    def examined(self, question: Question | None = None, settings: Settings | None = None) -> list[Finding]:
        chosen = settings or self.settings()
        session = plain_session()
        session.proxies.update(chosen.proxies)
        session.verify = chosen.verify
        doctor = Doctor(
            chosen,
            session,
            TokenStore(self.folder / "tokens", KEY),
            clock=lambda: time.time() + self.skew,
            resolve=self.resolve,
            sleep=lambda _seconds: None,
        )
        return doctor.examine(question or Question(APP))


@pytest.fixture
def bench(emulator: Emulator, tmp_path: Path) -> Iterator[Bench]:
    with AltinnProxy(emulator.base_url) as proxy:
        yield Bench(emulator, proxy, tmp_path)


def failed(findings: list[Finding]) -> list[str]:
    return [finding.link for finding in findings if finding.status == FAILED]


def found(findings: list[Finding], link: str) -> Finding:
    return next(finding for finding in findings if finding.link == link)


def test_a_sound_chain_is_walked_to_its_end(bench: Bench) -> None:
    findings = bench.examined()
    assert failed(findings) == [], as_text(findings)
    assert [finding.link for finding in findings] == [
        "connection form",
        "name resolution",
        "proxy",
        "TLS",
        "clock",
        "key",
        "client",
        "registered key",
        "scopes",
        "system user",
        "exchange",
        "app",
        "app library",
        "party",
        "rights",
        "data types",
    ]
    assert nothing_failed(findings)
    assert "the system user of organisation 950474084" in found(findings, "exchange").text
    assert "forms model" in found(findings, "data types").text


# -- one broken cause for every link


def lost_name(bench: Bench) -> None:
    def resolve(_host: str, _port: int) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    bench.resolve = resolve


def no_proxy_there(bench: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    bench.fields["proxies"] = {"http": f"http://user:proxy-password@127.0.0.1:{port}"}


def strange_certificate(bench: Bench) -> None:
    folder = bench.folder
    certificate = enterprise_certificate(private_key(), "950474084")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    key = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = bench.proxy._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    bench.host = bench.proxy.base_url.replace("http:", "https:")


def nobody_listens(bench: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        bench.host = f"http://127.0.0.1:{taken.getsockname()[1]}"


def out_of_order(bench: Bench) -> None:
    bench.proxy.falsify("GET", "oauth-authorization-server", 503)


def lapsed_exchange(bench: Bench) -> None:
    bench.proxy.falsify("GET", "/exchange/maskinporten", 401, times=9)


def old_library(bench: Bench) -> None:
    url = f"{bench.emulator.base_url}/{APP}/api/v1/applicationmetadata"
    metadata = {**requests.get(url, timeout=10).json(), "altinnNugetVersion": "8.5.4"}
    bench.proxy.falsify("GET", "applicationmetadata", 200, body=json.dumps(metadata).encode(), times=9)


def no_form(bench: Bench) -> None:
    url = f"{bench.emulator.base_url}/{APP}/api/v1/applicationmetadata"
    metadata = requests.get(url, timeout=10).json()
    metadata["dataTypes"] = [one for one in metadata["dataTypes"] if not one.get("appLogic")]
    bench.proxy.falsify("GET", "applicationmetadata", 200, body=json.dumps(metadata).encode(), times=9)


def closed_instance(bench: Bench) -> None:
    """Leave an open instance with which the system user may do nothing."""
    draft(bench)
    process = {
        "currentTask": {
            "flow": 2,
            "elementId": "Task_1",
            "altinnTaskType": "data",
            "actions": {"write": False, "read": False},
        }
    }
    bench.proxy.falsify("GET", "/process$", 200, body=json.dumps(process).encode(), times=9)


def forbidden_query(bench: Bench) -> None:
    bench.proxy.falsify("GET", "/storage/api/v1/instances", 403, times=9)


def draft(bench: Bench) -> None:
    from altinn.protocol.tokens import login
    from altinn.transport import BlockingDriver

    token = BlockingDriver(plain_session()).run(login(bench.settings())).altinn_token
    made = requests.post(
        f"{bench.emulator.base_url}/{APP}/instances",
        json={"instanceOwner": {"organisationNumber": OWNER}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    assert made.status_code == 201, made.text


def fields(**changes: Any) -> Callable[[Bench], None]:
    return lambda bench: bench.fields.update(changes)


def skewed(seconds: float) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        bench.skew = seconds

    return change


def client(name: str) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        bench.login = name

    return change


CAUSES: dict[str, tuple[str, Callable[[Bench], None], str]] = {
    "no address": ("name resolution", lost_name, "whoever runs this machine"),
    "no proxy there": ("proxy", no_proxy_there, "whoever runs this machine"),
    "a certificate of nobody": ("TLS", strange_certificate, "whoever runs this machine"),
    "nobody listens": ("connection", nobody_listens, "whoever runs this machine"),
    "out of order": ("connection", out_of_order, "Digdir"),
    "clock ahead": ("clock", skewed(60), "whoever runs this machine"),
    "clock behind": ("clock", skewed(-90), "whoever runs this machine"),
    "torn key": ("key", fields(private_key=pem()[:400]), "whoever edits the connection"),
    "no key id": ("key", fields(key_id=""), "whoever edits the connection"),
    "unknown client": ("client", client("nobody"), "whoever administers the client in Samarbeidsportalen"),
    "a person's client": ("client", client("person"), "whoever administers the client in Samarbeidsportalen"),
    "unknown kid": ("registered key", fields(key_id="unknown"), "whoever administers the client"),
    "another key": ("registered key", fields(key_id="other"), "whoever administers the client"),
    "lapsed key": ("registered key", fields(key_id="lapsed"), "whoever administers the client"),
    "scope not granted": ("scopes", fields(scopes="altinn:instances.read skatteetaten:mva"), "whoever administers"),
    "scope withdrawn": ("scopes", client("lost"), "whoever administers the client in Samarbeidsportalen"),
    "no system user": ("system user", fields(on_behalf_of="974760673"), "the company that approves"),
    "other reference": ("system user", fields(external_ref="other"), "the company that approves"),
    "exchange says no": ("exchange", lapsed_exchange, "Digdir"),
    "other organisation": ("party", fields(organisation_number="974760673"), "whoever edits the connection"),
    "old library": ("app library", old_library, "the app's owner"),
    "nothing allowed": ("rights", closed_instance, "the company that approves"),
    "query refused": ("rights", forbidden_query, "the company that approves"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_exactly_the_broken_link_is_named(bench: Bench, cause: str) -> None:
    link, break_it, who = CAUSES[cause]
    break_it(bench)
    findings = bench.examined()
    text = as_text(findings)
    assert failed(findings) == [link], text
    assert found(findings, link).who.startswith(who), text
    assert found(findings, link).where
    behind = findings[[finding.link for finding in findings].index(link) + 1 :]
    assert {finding.status for finding in behind} <= {SKIPPED}
    for secret in (pem().splitlines()[3], "proxy-password", "eyJ"):
        assert secret not in text + as_json("c", findings)


@pytest.mark.parametrize(
    ("app", "link"), [("ttd/none", "app"), ("nonsense", "app")], ids=["no such app", "no app's name"]
)
def test_an_app_that_is_not_there_is_named(bench: Bench, app: str, link: str) -> None:
    assert failed(bench.examined(Question(app))) == [link]


def test_a_server_s_clock_is_believed_over_its_refusal(bench: Bench, emulator: Emulator) -> None:
    """The emulator's identity service alone is an hour behind: it calls assertions too new."""
    identity = emulator.world.identity
    real = identity.clock
    identity.clock = lambda: time.time() - 3600
    try:
        assert failed(bench.examined()) == ["clock"]
    finally:
        identity.clock = real


def test_a_small_skew_is_a_warning(bench: Bench) -> None:
    bench.skew = 6
    findings = bench.examined(Question())
    assert found(findings, "clock").status == WARNING
    assert nothing_failed(findings)


def test_a_connection_without_a_system_user_is_warned(bench: Bench) -> None:
    bench.fields["on_behalf_of"] = ""
    findings = bench.examined(Question())
    assert found(findings, "system user").status == WARNING
    assert "cannot" not in found(findings, "exchange").text
    assert "not file" in found(findings, "exchange").text


def test_a_draft_is_made_only_on_request_and_removed(bench: Bench) -> None:
    bench.examined()
    assert bench.proxy.requests("POST", "/instances") == []
    findings = bench.examined(Question(APP, try_draft=True))
    assert found(findings, "dataValues").status == OK, as_text(findings)
    assert "is deleted" in found(findings, "dataValues").text
    assert len(bench.proxy.requests("POST", "/instances")) == 1
    assert len(bench.proxy.requests("DELETE", "/instances/")) == 1


def test_an_app_that_drops_data_values_is_told(bench: Bench) -> None:
    answer: dict[str, Any] = {
        "id": "500700/11111111-1111-1111-1111-111111111111",
        "appId": APP,
        "org": "ttd",
        "instanceOwner": {"partyId": "500700", "organisationNumber": OWNER},
        "process": {"currentTask": {"flow": 2, "elementId": "Task_1", "altinnTaskType": "data"}},
        "status": {},
        "data": [],
        "dataValues": None,
    }
    bench.proxy.falsify("POST", "/instances$", 201, body=json.dumps(answer).encode())
    bench.proxy.falsify("DELETE", "/instances/", 200, body=b"{}")
    findings = bench.examined(Question(APP, try_draft=True))
    assert failed(findings) == ["dataValues"]


def test_an_app_without_a_form_is_a_warning_with_the_owner_s_name(bench: Bench) -> None:
    no_form(bench)
    findings = bench.examined()
    assert {one.link for one in findings if one.status == WARNING} == {"data types"}, as_text(findings)
    assert found(findings, "data types").who.startswith("the app's owner")


def test_a_draft_that_may_not_be_made_is_a_lack_of_rights(bench: Bench) -> None:
    bench.proxy.falsify("POST", "/instances$", 403)
    findings = bench.examined(Question(APP, try_draft=True))
    assert failed(findings) == ["rights"], as_text(findings)
    refused = next(one for one in findings if one.status == FAILED)
    assert "no draft may be created" in refused.text
    assert refused.who.startswith("the company that approves")


def test_production_gets_no_draft(bench: Bench) -> None:
    from altinn.doctor.app_links import AppLinks
    from altinn.protocol.identifiers import AppId, InstanceOwner

    settings = settings_from(
        "c", login="x", extra={"environment": "prod", "private_key": pem(), "key_id": "k", "on_behalf_of": "974760673"}
    )

    def nobody(_call: object) -> Any:
        raise AssertionError("a request to production")

    links = AppLinks(settings, AppId.parse(APP), InstanceOwner(organisation_number="974760673"), nobody, "")
    assert links.data_values().status == SKIPPED


# -- a person's connection


def person_bench(bench: Bench, **extra: Any) -> Settings:
    return person_settings(bench.proxy.base_url, login_store="shared", **extra)


def logged_in(bench: Bench, settings: Settings, user_id: str = "1337") -> None:
    from altinn.person_login.login_place import LoginPlace
    from altinn.person_login.oidc_login import OidcLogin
    from altinn.transport import BlockingDriver
    from tests.contract.oidc_browser import BACK, log_in

    login = OidcLogin(settings, plain_session())
    url, pending = login.begin(BACK)
    store = TokenStore(bench.folder / "tokens", KEY)
    driver = BlockingDriver(plain_session(), sleep=lambda _seconds: None)
    try:
        LoginPlace(settings, store).keep(login.finish(pending, log_in(url, user_id)), driver.run)
    except AltinnError:
        return  # The case breaks the exchange.


def test_a_person_s_chain_is_walked_to_its_end(bench: Bench) -> None:
    settings = person_bench(bench)
    logged_in(bench, settings)
    findings = bench.examined(Question(APP, "950474084"), settings)
    assert failed(findings) == [], as_text(findings)
    assert found(findings, "party").status == OK
    assert "a person, user 1337" in found(findings, "exchange").text
    assert "01039012345" not in as_text(findings)


def test_a_person_who_has_not_logged_in_is_asked_to(bench: Bench) -> None:
    findings = bench.examined(Question(APP, "950474084"), person_bench(bench))
    assert failed(findings) == ["login"]
    assert found(findings, "login").who == "the person who logs in"


def test_a_person_without_a_role_is_told(bench: Bench) -> None:
    settings = person_bench(bench)
    logged_in(bench, settings)
    assert failed(bench.examined(Question(APP, "974760673"), settings)) == ["party"]


def test_a_person_s_client_that_is_wrong_is_named(bench: Bench) -> None:
    good = person_bench(bench)
    logged_in(bench, good)
    import dataclasses

    cases: dict[str, dict[str, Any]] = {"client": {"client_id": "nobody"}, "registered key": {"key_id": "unknown"}}
    for link, change in cases.items():
        broken = dataclasses.replace(good, refresh_token="some-token", **change)
        assert failed(bench.examined(Question(), broken)) == [link]


def test_findings_are_json_for_machines(bench: Bench) -> None:
    document = json.loads(as_json("c", bench.examined(Question())))
    assert document["ok"] is True
    assert {"link", "status", "text", "who", "where"} == set(document["findings"][0])

"""The authorise endpoint, and what a code is good for."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from altinn.emulator.identity import Identity
from altinn.emulator.identity.identity_service import Lifetimes
from altinn.emulator.identity.idporten_login import RedirectedRefusal
from altinn.emulator.identity.oauth_refusal import OAuthRefusal
from tests.unit.emulator.identity.conftest import IDPORTEN, NOW, Caller, claims_of
from tests.unit.emulator.identity.test_identity_routes import Answer, Web

BACK = "http://127.0.0.1:8471/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
QUERY = {
    "client_id": "person",
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": "openid altinn:instances.read",
    "state": "st-1",
    "nonce": "no-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "acr_values": "idporten-loa-high",
}


@pytest.fixture
def registrations(registrations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    machine, owner, person = registrations
    return [machine, owner, {**person, "redirect_uris": [BACK, "https://airflow.example.com/cb?a=1"]}]


@pytest.fixture
def web(identity: Identity) -> Web:
    return Web(identity)


def answer_in(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def log_in(web: Web, user_id: str = "1337", **changes: str) -> Answer:
    return web.form("/idporten/authorize", **{**QUERY, **changes}, user_id=user_id)


def code_from(web: Web, **changes: str) -> str:
    return answer_in(log_in(web, **changes).headers["location"])["code"]


def redeemed(web: Web, person: Caller, code: str, **changes: str) -> Answer:
    return web.form(
        "/idporten/token",
        **{
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": person.assertion(sub="person"),
            **changes,
        },
    )


def test_the_discovery_document_names_every_endpoint(web: Web) -> None:
    document = web("GET", "/idporten/.well-known/openid-configuration").json
    assert document["issuer"] == IDPORTEN
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"):
        path = document[name].removeprefix("http://altinn.test")
        assert web("GET", path).status != 404, name
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["code_challenge_methods_supported"] == ["S256"]


def test_the_page_offers_the_test_persons(web: Web) -> None:
    page = web("GET", "/idporten/authorize", query=urlencode(QUERY))
    assert page.status == 200
    text = page.body.decode()
    assert "SophieDDG" in text
    assert "SelvRegistrert" not in text, "who has no identity number cannot log in with ID-porten"
    assert "01039012345" not in text


def test_a_chosen_person_gives_a_code_and_the_code_gives_tokens(web: Web, person: Caller) -> None:
    sent_back = log_in(web)
    assert sent_back.status == 303
    assert sent_back.headers["location"].startswith(BACK + "?")
    answer = answer_in(sent_back.headers["location"])
    assert (answer["state"], answer["iss"]) == ("st-1", IDPORTEN)
    tokens = redeemed(web, person, answer["code"]).json
    identity = claims_of(tokens["id_token"])
    assert (identity["nonce"], identity["aud"], identity["iss"]) == ("no-1", "person", IDPORTEN)
    assert identity["acr"] == "idporten-loa-high"
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert identity["at_hash"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert tokens["refresh_token_expires_in"] == 7_776_000


def test_somebody_else_s_page_gets_no_answer(web: Web) -> None:
    for changes in ({"redirect_uri": "http://127.0.0.1:8472/callback"}, {"client_id": "machine"}, {"client_id": "x"}):
        answer = log_in(web, **changes)
        assert answer.status == 400
        assert "location" not in answer.headers


REFUSED = [
    ("response_type", "token", "unsupported_response_type"),
    ("code_challenge", "", "invalid_request"),
    ("code_challenge_method", "plain", "invalid_request"),
    ("state", "", "invalid_request"),
    ("scope", "openid other:unknown", "invalid_scope"),
    ("scope", "altinn:instances.read", "invalid_scope"),
    ("acr_values", "Level4", "invalid_request"),
    ("prompt", "none", "login_required"),
]


@pytest.mark.parametrize(("field", "value", "error"), REFUSED, ids=[f"{r[0]}={r[1]}" for r in REFUSED])
def test_a_wrong_request_is_sent_back_with_its_error(identity: Identity, field: str, value: str, error: str) -> None:
    with pytest.raises(RedirectedRefusal) as caught:
        identity.logins.check({**QUERY, field: value}, issuer=IDPORTEN)
    answer = answer_in(caught.value.location)
    assert answer["error"] == error
    assert caught.value.location.startswith(BACK)


def test_an_address_with_a_query_keeps_it(identity: Identity) -> None:
    asked = identity.logins.check({**QUERY, "redirect_uri": "https://airflow.example.com/cb?a=1"}, issuer=IDPORTEN)
    assert answer_in(identity.logins.approved(asked, 1337, issuer=IDPORTEN, now=NOW))["a"] == "1"


def test_cancelling_is_an_answer_too(web: Web) -> None:
    answer = answer_in(log_in(web, user_id="").headers["location"])
    assert (answer["error"], answer["state"]) == ("access_denied", "st-1")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"code_verifier": "w" * 64}, "PKCE"),
        ({"code_verifier": ""}, "PKCE"),
        ({"redirect_uri": "https://airflow.example.com/cb?a=1"}, "redirect_uri"),
    ],
    ids=["other verifier", "no verifier", "other address"],
)
def test_a_code_is_good_for_its_own_login_only(web: Web, person: Caller, changes: dict[str, str], text: str) -> None:
    code = code_from(web)
    refused = redeemed(web, person, code, **changes)
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    assert text in refused.json["error_description"]
    assert redeemed(web, person, code).status == 200, "a refused try must not use the code up"


def test_a_made_up_code_is_refused(web: Web, person: Caller) -> None:
    assert "Invalid authorization code" in redeemed(web, person, "made-up").json["error_description"]


def test_a_code_used_twice_ends_the_login(web: Web, person: Caller, identity: Identity) -> None:
    code = code_from(web)
    tokens = redeemed(web, person, code).json
    again = redeemed(web, person, code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert "used before" in again.json["error_description"]
    gone = redeemed(web, person, "", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert "revoked" in gone.json["error_description"]


def test_a_code_lives_for_a_short_time(identity: Identity, person: Caller) -> None:
    asked = identity.logins.check(QUERY, issuer=IDPORTEN)
    code = answer_in(identity.logins.approved(asked, 1337, issuer=IDPORTEN, now=NOW))["code"]
    client = identity.clients.find("person")
    assert client is not None
    form = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    with pytest.raises(OAuthRefusal, match="expired"):
        identity.logins.redeem(form, client, now=NOW + 120)
    assert identity.logins.redeem(form, client, now=NOW + 119)[1] is False


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_revocation_ends_the_login(web: Web, person: Caller, which: str) -> None:
    tokens = redeemed(web, person, code_from(web)).json
    ended = _revoke(web, person, tokens[which])
    assert ended.status == 200
    gone = redeemed(web, person, "", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (gone.json["error"], "revoked" in gone.json["error_description"]) == ("invalid_grant", True)


def test_revocation_needs_the_client_and_forgives_unknown_tokens(web: Web, person: Caller) -> None:
    assert _revoke(web, person, "made-up").status == 200
    refused = web.form("/idporten/revoke", token="x")
    assert (refused.status, refused.json["error"]) == (401, "invalid_client")


def _revoke(web: Web, person: Caller, token: str) -> Answer:
    return web.form(
        "/idporten/revoke",
        token=token,
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion=person.assertion(sub="person"),
    )


def test_lifetimes_are_read_from_text() -> None:
    assert Lifetimes.from_text("altinn=60, idporten_refresh=300") == Lifetimes(altinn=60, idporten_refresh=300)
    assert Lifetimes.from_text("") == Lifetimes()
    for text in ("altinn", "altinn=0", "moon=3", "altinn=-1", "altinn=1.5"):
        with pytest.raises(ValueError, match="lifetimes"):
            Lifetimes.from_text(text)

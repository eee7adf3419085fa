from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from altinn.emulator.identity import Identity
from altinn.emulator.identity.oauth_refusal import OAuthRefusal
from tests.unit.emulator.identity.conftest import MASKINPORTEN, NOW, AskMachine, Caller, claims_of, public_jwk

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

SCOPE = "altinn:instances.read"


def asked_for(org_number: str, **more: object) -> list[dict[str, object]]:
    org = {"authority": "iso6523-actorid-upis", "ID": f"0192:{org_number}"}
    return [{"type": "urn:altinn:systemuser", "systemuser_org": org, **more}]


def test_a_good_assertion_gives_a_token_for_its_scopes(
    identity: Identity, machine: Caller, ask_maskinporten: AskMachine
) -> None:
    answer = ask_maskinporten(machine.assertion(scope=f"{SCOPE} altinn:instances.write"))
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 599)
    assert answer["scope"] == f"{SCOPE} altinn:instances.write"
    claims = identity.keys.read("maskinporten", answer["access_token"], now=NOW)
    assert claims is not None
    assert claims["iss"] == MASKINPORTEN
    assert claims["consumer"] == {"authority": "iso6523-actorid-upis", "ID": "0192:999999999"}
    assert claims["exp"] == NOW + 600
    assert "authorization_details" not in claims


def test_the_published_keys_verify_the_token(identity: Identity, machine: Caller, ask_maskinporten: AskMachine) -> None:
    token = ask_maskinporten(machine.assertion(scope=SCOPE))["access_token"]
    keys = jwt.PyJWKSet.from_dict(identity.keys.public_set("maskinporten"))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    assert jwt.decode(token, key, algorithms=["RS256"], options=options)["client_id"] == "machine"


REFUSED: list[tuple[str, dict[str, Any], str, str | None, str]] = [
    ("unknown client", {"iss": "nobody"}, "invalid_grant", "MP-100", "Client not found"),
    ("no issuer", {"drop": ("iss",)}, "invalid_grant", "MP-100", "Client not found"),
    ("no kid", {"headers": {}}, "invalid_grant", "MP-100", "no key identifier (kid) provided"),
    ("unknown kid", {"headers": {"kid": "key-9"}}, "invalid_grant", "MP-100", "Unknown key identifier"),
    ("certificate", {"headers": {"x5c": ["MIIF"]}}, "invalid_grant", "MP-123", "x5c"),
    ("token url", {"aud": f"{MASKINPORTEN}token"}, "invalid_grant", "MP-110", "Invalid JWT claim aud"),
    ("no slash", {"aud": MASKINPORTEN.rstrip("/")}, "invalid_grant", "MP-110", "Invalid JWT claim aud"),
    ("two audiences", {"aud": [MASKINPORTEN, "x"]}, "invalid_grant", "MP-110", "Invalid JWT claim aud"),
    ("a list of one", {"aud": [MASKINPORTEN]}, "invalid_grant", "MP-110", "Invalid JWT claim aud"),
    ("ahead", {"iat": NOW + 11, "exp": NOW + 60}, "invalid_grant", None, "Issue time is after now"),
    ("expired", {"iat": NOW - 60, "exp": NOW}, "invalid_grant", "MP-130", "JWT is expired"),
    ("too long", {"iat": NOW, "exp": NOW + 121}, "invalid_grant", None, "exceeds 120"),
    ("no iat", {"drop": ("iat",)}, "invalid_grant", "MP-100", "Missing claim iat"),
    ("no exp", {"drop": ("exp",)}, "invalid_grant", "MP-100", "Missing claim exp"),
    ("exp no number", {"exp": "soon"}, "invalid_grant", "MP-100", "Missing claim exp"),
    ("unknown claim", {"nbf": int(NOW), "scope": SCOPE}, "invalid_request", "MP-011", "nbf"),
    ("no scope", {}, "invalid_scope", "MP-200", "none given"),
    ("scope not granted", {"scope": f"{SCOPE} altinn:all"}, "invalid_scope", "MP-200", "altinn:all"),
    ("on behalf of", {"scope": SCOPE, "consumer_org": "897069650"}, "forbidden", "MP-251", "has not delegated"),
    ("own org", {"scope": SCOPE, "consumer_org": "999999999"}, "invalid_request", None, "combination consumer_org"),
]


@pytest.mark.parametrize(("changes", "error", "code", "text"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_each_broken_rule_has_its_name(
    machine: Caller, ask_maskinporten: AskMachine, changes: dict[str, Any], error: str, code: str | None, text: str
) -> None:
    with pytest.raises(OAuthRefusal) as caught:
        ask_maskinporten(machine.assertion(**changes))
    assert (caught.value.error, caught.value.code) == (error, code)
    assert text in caught.value.description


def test_a_foreign_key_does_not_sign(
    machine: Caller, ask_maskinporten: AskMachine, other_key: rsa.RSAPrivateKey
) -> None:
    with pytest.raises(OAuthRefusal, match="Invalid JWT signature") as caught:
        ask_maskinporten(machine.assertion(key=other_key, scope=SCOPE))
    assert caught.value.code == "MP-124"


def test_a_symmetric_or_missing_signature_is_refused(machine: Caller, ask_maskinporten: AskMachine) -> None:
    with pytest.raises(OAuthRefusal, match="alg"):
        ask_maskinporten(machine.assertion(algorithm="HS256", key="s" * 32, scope=SCOPE))
    unsigned = jwt.encode({"iss": "machine", "aud": MASKINPORTEN}, None, algorithm="none", headers={"kid": "key-1"})  # type: ignore[arg-type]
    with pytest.raises(OAuthRefusal, match="alg"):
        ask_maskinporten(unsigned)


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.e30", "ÆØÅ"])
def test_what_is_no_jwt_is_refused(ask_maskinporten: AskMachine, assertion: str) -> None:
    with pytest.raises(OAuthRefusal, match="Invalid parameter value"):
        ask_maskinporten(assertion)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(max_size=80))
def test_no_text_is_taken_for_an_assertion(ask_maskinporten: AskMachine, text: str) -> None:
    with pytest.raises(OAuthRefusal):
        ask_maskinporten(text)


def test_an_expired_key_is_refused(identity: Identity, machine: Caller, ask_maskinporten: AskMachine) -> None:
    document = {
        "client_id": "machine",
        "jwks": {"keys": [public_jwk(machine.key, "key-1", exp=NOW - 1)]},
        "integration": "maskinporten",
        "org_number": "999999999",
        "scopes": [SCOPE],
    }
    identity.clients.register([document])
    with pytest.raises(OAuthRefusal, match="Expired key") as caught:
        ask_maskinporten(machine.assertion(scope=SCOPE))
    assert caught.value.code == "MP-121"


def test_an_assertion_works_once(machine: Caller, ask_maskinporten: AskMachine) -> None:
    assertion = machine.assertion(scope=SCOPE)
    ask_maskinporten(assertion)
    with pytest.raises(OAuthRefusal, match="used before") as caught:
        ask_maskinporten(assertion)
    assert caught.value.code == "MP-012"


def test_a_jti_works_once_and_an_assertion_without_one_too(machine: Caller, ask_maskinporten: AskMachine) -> None:
    ask_maskinporten(machine.assertion(jti="one", scope=SCOPE))
    with pytest.raises(OAuthRefusal, match="used before"):
        ask_maskinporten(machine.assertion(jti="one", iat=int(NOW) - 1, scope=SCOPE))
    bare = machine.assertion(drop=("jti",), scope=SCOPE)
    ask_maskinporten(bare)
    with pytest.raises(OAuthRefusal, match="used before"):
        ask_maskinporten(bare)


def test_a_refused_scope_uses_the_assertion_up(machine: Caller, ask_maskinporten: AskMachine) -> None:
    with pytest.raises(OAuthRefusal):
        ask_maskinporten(machine.assertion(jti="one", scope="altinn:all"))
    with pytest.raises(OAuthRefusal, match="used before"):
        ask_maskinporten(machine.assertion(jti="one", scope=SCOPE))


@pytest.mark.parametrize(
    ("org_number", "reference", "expected"),
    [
        ("950474084", {}, "1"),
        ("950474084", {"externalRef": "payroll"}, "2"),
        ("897069650", {"externalRef": "vat"}, "3"),
    ],
)
def test_the_system_user_is_found_by_organisation_and_reference(
    machine: Caller, ask_maskinporten: AskMachine, org_number: str, reference: dict[str, str], expected: str
) -> None:
    details = asked_for(org_number, **reference)
    token = ask_maskinporten(machine.assertion(scope=SCOPE, authorization_details=details))["access_token"]
    (found,) = claims_of(token)["authorization_details"]
    assert found["systemuser_id"][0].endswith(expected)
    assert found["systemuser_org"]["ID"] == f"0192:{org_number}"


@pytest.mark.parametrize(
    ("details", "error", "code"),
    [
        (asked_for("897069650"), "invalid_altinn_customer_configuration", "MP-303"),
        (asked_for("950474084", externalRef="wrong"), "invalid_altinn_customer_configuration", "MP-303"),
        (asked_for("974760673"), "invalid_altinn_customer_configuration", "MP-303"),
        (asked_for("97476067"), "invalid_authorization_details", "MP-303"),
        ([{"type": "urn:other"}], "invalid_authorization_details", "MP-301"),
        (asked_for("950474084", system="x"), "invalid_authorization_details", "MP-302"),
        ([], "invalid_request", "MP-303"),
        (asked_for("950474084") * 2, "invalid_request", "MP-303"),
        ("text", "invalid_request", "MP-303"),
    ],
)
def test_a_system_user_that_is_not_exactly_one_is_refused(
    machine: Caller, ask_maskinporten: AskMachine, details: object, error: str, code: str
) -> None:
    with pytest.raises(OAuthRefusal) as caught:
        ask_maskinporten(machine.assertion(scope=SCOPE, authorization_details=details))
    assert (caught.value.error, caught.value.code) == (error, code)


def test_two_system_users_of_one_name_are_ambiguous(
    identity: Identity, machine: Caller, ask_maskinporten: AskMachine, registrations: list[dict[str, Any]]
) -> None:
    twice = [{"id": f"11111111-0000-4000-8000-00000000000{n}", "org_number": "950474084"} for n in (1, 2)]
    identity.clients.register([{**registrations[0], "system_users": twice}])
    with pytest.raises(OAuthRefusal, match="More than one system user"):
        ask_maskinporten(machine.assertion(scope=SCOPE, authorization_details=asked_for("950474084")))


def test_other_grants_and_other_integrations_are_refused(identity: Identity, person: Caller) -> None:
    with pytest.raises(OAuthRefusal) as caught:
        identity.maskinporten.token({"grant_type": "client_credentials"}, issuer=MASKINPORTEN, now=NOW)
    assert caught.value.error == "unsupported_grant_type"
    assertion = person.assertion(aud=MASKINPORTEN, scope=SCOPE)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    with pytest.raises(OAuthRefusal) as caught:
        identity.maskinporten.token(form, issuer=MASKINPORTEN, now=NOW)
    assert caught.value.error == "unauthorized_client"


def test_a_refusal_looks_as_maskinporten_writes_it() -> None:
    refusal = OAuthRefusal("invalid_grant", "Invalid assertion.", code="MP-110")
    assert refusal.body(MASKINPORTEN, "abc") == {
        "error": "invalid_grant",
        "error_description": "Invalid assertion. (trace_id: abc)",
        "error_uri": "http://altinn.test/maskinporten/errors/MP-110",
    }
    assert "error_uri" not in OAuthRefusal("invalid_grant", "x").body(MASKINPORTEN, "abc")

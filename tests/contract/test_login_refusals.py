"""What Maskinporten and ID-porten refuse, over HTTP, each by its name; the first column is the documented rule.

Maskinporten: docs.digdir.no, "Feilsøking i Maskinporten" and "JWT grant"; docs.altinn.studio, "System user".
ID-porten: RFC 6749, RFC 7009, RFC 7523 and RFC 9700, as docs.digdir.no, "ID-porten: /token" refers to them.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from jwt.algorithms import RSAAlgorithm

from altinn.emulator import Emulator
from altinn.exceptions import AltinnLoginRefusedError
from altinn.person_login.oidc_login import OidcLogin
from altinn.protocol.settings import settings_from
from tests.certificates import authority_pem, enterprise_certificate, middle
from tests.contract.oidc_browser import BACK, SCOPES, log_in, person_client, plain_session
from tests.unit.login_samples import pem, private_key

if TYPE_CHECKING:
    import requests

ORG, CUSTOMER = "991825827", "950474084"
READ = "altinn:instances.read"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PERSON_FIELDS = {
    "environment": "local", "auth_mode": "idporten", "private_key": pem(), "key_id": "key-1", "scopes": SCOPES
}  # fmt: skip
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key_id: str, **more: object) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True), "kid": key_id, **more}


def grant(number: int, reference: str | None) -> dict[str, Any]:
    identifier = f"11111111-0000-4000-8000-00000000000{number}"
    return {"id": identifier, "org_number": CUSTOMER, "external_ref": reference}


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    machine = {
        "client_id": "machine",
        "integration": "maskinporten",
        "jwks": {"keys": [public("key-1"), public("old", exp=1)]},
        "scopes": [READ],
        "org_number": ORG,
        "system_users": [grant(1, "payroll"), grant(2, "twice"), grant(3, "twice")],
    }
    once = person_client(client_id="once", grant_types=["authorization_code"])
    registered = {name: machine[name] for name in ("integration", "scopes", "org_number")}
    certified = {**registered, "client_id": "certified", "certificate_authority": authority_pem()}
    lost = {**machine, "client_id": "lost", "withdrawn_scopes": [READ]}
    with Emulator(
        port=0, clients=[machine, certified, lost, person_client(), person_client(client_id="other"), once]
    ) as emulator:
        yield emulator.base_url


def assertion(claims: dict[str, Any], key_id: str = "key-1", key: Any = None, algorithm: str = "RS256") -> str:
    """Write an assertion: good for a minute, but for what the claims say; a claim of None is left out."""
    now = int(time.time())
    merged = {"iat": now, "exp": now + 60, "jti": str(uuid.uuid4()), **claims}
    given = {name: value for name, value in merged.items() if value is not None}
    headers = {"kid": key_id} if key_id else {}
    return jwt.encode(given, key or private_key(), algorithm=algorithm, headers=headers)


def post(url: str, **form: str) -> requests.Response:
    with plain_session() as session:
        return session.post(url, data=form, timeout=30)


def refusal(answer: requests.Response) -> tuple[int, str, str]:
    """Return status, OAuth's error and Maskinporten's code, of an answer that has the documented form."""
    document = answer.json()
    assert "trace_id: " in document["error_description"]
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, document["error"], document.get("error_uri", "").rpartition("/")[2]


# -- Maskinporten


def machine(host: str, key_id: str = "key-1", key: Any = None, **claims: Any) -> requests.Response:
    good = {"iss": "machine", "aud": f"{host}/maskinporten/", "scope": READ}
    return post(f"{host}/maskinporten/token", grant_type=JWT_BEARER, assertion=assertion(good | claims, key_id, key))


def details(reference: str | None, organisation: str = CUSTOMER, **more: Any) -> dict[str, Any]:
    owner = {"authority": "iso6523-actorid-upis", "ID": f"0192:{organisation}"}
    entry = {"type": "urn:altinn:systemuser", "systemuser_org": owner, **more}
    return {"authorization_details": [entry | ({"externalRef": reference} if reference else {})]}


GRANT, DETAILS = "invalid_grant", "invalid_authorization_details"
CUSTOMER_ERROR = "invalid_altinn_customer_configuration"

MASKINPORTEN: list[tuple[str, dict[str, Any], tuple[int, str, str]]] = [
    ("audience: the token's address", {"aud": "{host}/maskinporten/token"}, (400, GRANT, "MP-110")),
    ("audience: no slash at its end", {"aud": "{host}/maskinporten"}, (400, GRANT, "MP-110")),
    ("audience: another issuer", {"aud": "https://maskinporten.no/"}, (400, GRANT, "MP-110")),
    ("audience: more than one", {"aud": ["{host}/maskinporten/", "x"]}, (400, GRANT, "MP-110")),
    ("lifetime: over 120 seconds", {"iat": 0, "exp": 121}, (400, GRANT, "")),
    ("lifetime: over", {"iat": -100, "exp": -1}, (400, GRANT, "MP-130")),
    ("lifetime: begins later", {"iat": 30, "exp": 90}, (400, GRANT, "")),
    ("lifetime: no end", {"exp": None}, (400, GRANT, "MP-100")),
    ("client unknown", {"iss": "nobody"}, (400, GRANT, "MP-100")),
    ("key unknown", {"key_id": "key-9"}, (400, GRANT, "MP-100")),
    ("key not named", {"key_id": ""}, (400, GRANT, "MP-100")),
    ("key lapsed", {"key_id": "old"}, (400, GRANT, "MP-121")),
    ("key of somebody else", {"key": STRANGER}, (400, GRANT, "MP-124")),
    ("scope not granted", {"scope": f"{READ} altinn:instances.write"}, (400, "invalid_scope", "MP-200")),
    ("scope of a person's login", {"scope": f"openid {READ}"}, (400, "invalid_scope", "MP-201")),
    ("scope missing", {"scope": None}, (400, "invalid_scope", "MP-200")),
    ("claim unknown", {"department": "7"}, (400, "invalid_request", "MP-011")),
    ("delegation to oneself", {"consumer_org": ORG}, (400, "invalid_request", "")),
    ("delegation missing", {"consumer_org": CUSTOMER}, (403, "forbidden", "MP-251")),
    ("scope withdrawn from the organisation", {"iss": "lost"}, (403, "forbidden", "MP-250")),
    ("no certificate", {"iss": "certified"}, (400, GRANT, "MP-123")),
    ("system user: no organisation number", details(None, "12"), (400, DETAILS, "MP-303")),
    ("system user missing: organisation", details("payroll", "897069650"), (400, CUSTOMER_ERROR, "MP-303")),
    ("system user missing: reference", details("vat"), (400, CUSTOMER_ERROR, "MP-303")),
    ("system user missing: requested with a reference", details(None), (400, CUSTOMER_ERROR, "MP-303")),
    ("system user ambiguous", details("twice"), (400, CUSTOMER_ERROR, "MP-303")),
    ("system user: field unknown", details("payroll", system="x"), (400, DETAILS, "MP-302")),
    ("system user: type unknown", {"authorization_details": [{"type": "urn:other"}]}, (400, DETAILS, "MP-301")),
    ("system user: no list", {"authorization_details": "x"}, (400, "invalid_request", "MP-303")),
]


def filled_in(changes: dict[str, Any], host: str) -> dict[str, Any]:
    """Put this emulator's address into audiences, and the time of day into times."""
    now, made = int(time.time()), dict(changes)
    for name in ("iat", "exp"):
        if isinstance(made.get(name), int):
            made[name] += now
    audience = made.get("aud")
    if isinstance(audience, str):
        made["aud"] = audience.format(host=host)
    elif audience:
        made["aud"] = [one.format(host=host) for one in audience]
    return made


@pytest.mark.parametrize(
    ("changes", "expected"), [row[1:] for row in MASKINPORTEN], ids=[row[0] for row in MASKINPORTEN]
)
def test_maskinporten_refuses(host: str, changes: dict[str, Any], expected: tuple[int, str, str]) -> None:
    assert refusal(machine(host, **filled_in(changes, host))) == expected


def test_maskinporten_takes_what_breaks_no_rule(host: str) -> None:
    """Each row differs from this in one thing."""
    assert machine(host).status_code == 200
    assert machine(host, **details("payroll")).status_code == 200


def test_maskinporten_takes_a_jti_once(host: str) -> None:
    assert machine(host, jti="one").status_code == 200
    assert refusal(machine(host, jti="one")) == (400, "invalid_grant", "MP-012")


CERTIFICATES: dict[str, tuple[Callable[[], object], str, str]] = {
    "signed with an invalid certificate: lapsed": (lambda: chain(lapsed=True), "MP-120", "invalid certificate"),
    "signed with an invalid certificate: of nobody": (lambda: chain()[:1], "MP-120", "invalid certificate"),
    "of another organisation": (lambda: chain(CUSTOMER), "MP-122", "Does not match certificate orgno"),
    "x5c as text": (lambda: chain()[0], "MP-123", "Invalid JWT header x5c"),
    "x5c that holds no certificate": (lambda: ["MIIF"], "MP-123", "Invalid JWT header x5c"),
}


def chain(number: str = ORG, *, lapsed: bool = False) -> list[str]:
    """Return the header `x5c` for the tests' key."""
    own = enterprise_certificate(private_key(), number, lapsed=lapsed)
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in (own, middle())]


def certified(host: str, x5c: object) -> requests.Response:
    now = int(time.time())
    claims = {"iss": "certified", "aud": f"{host}/maskinporten/", "scope": READ, "iat": now, "exp": now + 60}
    signed = jwt.encode({**claims, "jti": str(uuid.uuid4())}, private_key(), "RS256", headers={"x5c": x5c})
    return post(f"{host}/maskinporten/token", grant_type=JWT_BEARER, assertion=signed)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_maskinporten_refuses_a_certificate(host: str, name: str) -> None:
    make, code, said = CERTIFICATES[name]
    answer = certified(host, make())
    assert refusal(answer) == (400, "invalid_grant", code)
    assert said in answer.json()["error_description"]


def test_maskinporten_takes_a_certificate_that_breaks_no_rule(host: str) -> None:
    assert certified(host, chain()).status_code == 200


@pytest.mark.parametrize("torn", ["x", "a.b.c", ""])
def test_maskinporten_refuses_what_is_no_assertion(host: str, torn: str) -> None:
    answer = post(f"{host}/maskinporten/token", grant_type=JWT_BEARER, assertion=torn)
    assert refusal(answer) == (400, "invalid_request", "MP-011")


def test_maskinporten_takes_no_other_grant(host: str) -> None:
    answer = post(f"{host}/maskinporten/token", grant_type="client_credentials", client_id="machine")
    assert refusal(answer) == (400, "unsupported_grant_type", "")


# -- ID-porten


def refresh(
    host: str, token: str, client: str = "person", key_id: str = "key-1", key: Any = None, **claims: Any
) -> requests.Response:
    good = {"iss": client, "sub": client, "aud": f"{host}/idporten"}
    form = {"client_assertion_type": CLIENT_ASSERTION, "client_assertion": assertion(good | claims, key_id, key)}
    return post(f"{host}/idporten/token", grant_type="refresh_token", refresh_token=token, **form)


def logged_in(host: str, client: str = "person") -> str:
    """Let a person log in without a browser, and return the refresh token."""
    body = {"client_id": client, "user_id": 1337, "scope": f"openid {READ}"}
    with plain_session() as session:
        answer = session.post(f"{host}/_emulator/idporten/login", json=body, timeout=30)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["refresh_token"])


IDPORTEN: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("audience: the token's address", {"aud": "{host}/idporten/token"}, (401, "invalid_client")),
    ("audience: a slash at its end", {"aud": "{host}/idporten/"}, (401, "invalid_client")),
    ("lifetime: over 120 seconds", {"iat": 0, "exp": 121}, (401, "invalid_client")),
    ("lifetime: over", {"iat": -100, "exp": -1}, (401, "invalid_client")),
    ("client unknown", {"iss": "nobody"}, (401, "invalid_client")),
    ("subject is another", {"sub": "machine"}, (401, "invalid_client")),
    ("key unknown", {"key_id": "key-9"}, (401, "invalid_client")),
    ("key of somebody else", {"key": STRANGER}, (401, "invalid_client")),
]


@pytest.mark.parametrize(("changes", "expected"), [row[1:] for row in IDPORTEN], ids=[row[0] for row in IDPORTEN])
def test_idporten_refuses_a_client(host: str, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    token = logged_in(host)
    assert refusal(refresh(host, token, **filled_in(changes, host)))[:2] == expected
    assert refresh(host, token).status_code == 200, "a client that is refused uses nothing up"


def test_idporten_takes_a_jti_once(host: str) -> None:
    first = refresh(host, logged_in(host), jti="two")
    assert first.status_code == 200
    assert refusal(refresh(host, first.json()["refresh_token"], jti="two"))[:2] == (401, "invalid_client")


def test_a_refresh_token_rotates_and_its_reuse_ends_the_login(host: str) -> None:
    first = logged_in(host)
    second = refresh(host, first).json()["refresh_token"]
    assert second != first
    assert refusal(refresh(host, first))[:2] == (400, "invalid_grant")
    assert refusal(refresh(host, second))[:2] == (400, "invalid_grant"), "whoever reused it may be the thief"


def test_a_revoked_or_made_up_refresh_token_is_refused(host: str) -> None:
    token = logged_in(host)
    good = {"iss": "person", "sub": "person", "aud": f"{host}/idporten"}
    form = {"client_assertion_type": CLIENT_ASSERTION, "client_assertion": assertion(good), "token": token}
    assert post(f"{host}/idporten/revoke", **form).status_code == 200
    for refused in (token, "made-up"):
        assert refusal(refresh(host, refused))[:2] == (400, "invalid_grant")


def test_another_client_s_refresh_token_is_refused(host: str) -> None:
    token = logged_in(host)
    assert refusal(refresh(host, token, client="other"))[:2] == (400, "invalid_grant")
    assert refusal(refresh(host, token, client="machine"))[:2] == (401, "invalid_client"), "it is Maskinporten's"
    assert refresh(host, token).status_code == 200


def test_scope_that_the_person_did_not_grant_is_refused(host: str) -> None:
    good = {"iss": "person", "sub": "person", "aud": f"{host}/idporten"}
    form = {"client_assertion_type": CLIENT_ASSERTION, "client_assertion": assertion(good)}
    more = {"grant_type": "refresh_token", "refresh_token": logged_in(host), "scope": "altinn:instances.write"}
    assert refusal(post(f"{host}/idporten/token", **form, **more))[:2] == (400, "invalid_scope")


def test_a_client_without_the_refresh_grant_gets_no_refresh_token(host: str) -> None:
    settings = settings_from("once", host=host, login="once", extra=PERSON_FIELDS)
    login = OidcLogin(settings, plain_session())
    url, pending = login.begin(BACK)
    with pytest.raises(AltinnLoginRefusedError, match="must be registered with the grant refresh_token"):
        login.finish(pending, log_in(url))
    assert refusal(refresh(host, "any", client="once"))[:2] == (400, "unauthorized_client")

"""Machines: an approved system user, an organisation without one, and ID-porten clients with a secret."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from altinn.emulator import Emulator
from tests.contract.emulator_caller import Caller, user

OWNER, OTHER = "897069650", "950474084"
SCOPE = "altinn:instances.read altinn:instances.write"
SYSTEM_USER = {"id": "5a2f0c10-0000-4000-8000-000000000001", "org_number": OWNER}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
JWK = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "k1"}
MACHINE = {
    "client_id": "machine",
    "integration": "maskinporten",
    "org_number": OWNER,
    "scopes": SCOPE.split(),
    "jwks": {"keys": [JWK]},
    "system_users": [SYSTEM_USER],
}
PERSON = {
    "client_id": "per:son",
    "integration": "idporten",
    "org_number": OWNER,
    "scopes": SCOPE.split(),
    "client_secret": "s%cret: ø",
}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with Emulator(think_time=0.0, clients=[MACHINE, PERSON]) as emulator:
        yield emulator.base_url


def machine(base: str, *, acts_as_system_user: bool) -> Caller:
    """Log in by way of Maskinporten and the exchange."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "machine", "aud": f"{base}/maskinporten/", "scope": SCOPE, "iat": now, "exp": now + 60,
        "jti": str(uuid.uuid4()),
    }  # fmt: skip
    if acts_as_system_user:
        org = {"authority": "iso6523-actorid-upis", "ID": f"0192:{OWNER}"}
        claims["authorization_details"] = [{"type": "urn:altinn:systemuser", "systemuser_org": org}]
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "k1"}),
    }
    given = requests.post(f"{base}/maskinporten/token", data=form, timeout=5).json()
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    exchange = f"{base}/authentication/api/v1/exchange/maskinporten"
    return Caller(base, requests.get(exchange, headers=bearer, timeout=5).text)


def push(caller: Caller, at: str, action: str) -> int:
    return caller("PUT", f"{at}/process/next", json={"action": action}).status_code


def test_an_approved_system_user_has_the_rights_of_the_policy_by_task(base: str) -> None:
    system = machine(base, acts_as_system_user=True)
    instance = system.create(instanceOwner={"organisationNumber": OWNER})
    at = f"/ttd/basic/instances/{instance['id']}"
    actions = system("GET", f"{at}/process").json()["currentTask"]["userActions"]
    assert {a["id"]: a["authorized"] for a in actions} == {"read": True, "write": True}
    assert [push(system, at, action) for action in ("confirm", "sign", "write")] == [403, 403, 200]
    assert [push(system, at, action) for action in ("write", "confirm")] == [403, 200]
    assert system("GET", at).json()["process"]["ended"] is not None
    assert system("POST", f"{at}/complete").status_code == 403


def test_a_machine_can_lock_the_accounts_but_neither_sign_nor_end_them_unsigned(base: str) -> None:
    system, app = machine(base, acts_as_system_user=True), "brg/aarsregnskap-vanlig-202406"
    instance = system.create(app, instanceOwner={"organisationNumber": OWNER})
    at, xml = f"/{app}/instances/{instance['id']}", {"Content-Type": "application/xml"}
    balance = "<sumEiendeler>2</sumEiendeler><egenkapital>1</egenkapital><gjeld>1</gjeld></regnskap>"
    accounts = f"<regnskap><gjelder>selskap</gjelder>{balance}"
    assert system("POST", f"{at}/data?dataType=Underskjema", data=accounts, headers=xml).status_code == 201
    assert push(system, at, "confirm") == 200
    assert push(system, at, "sign") == 403
    assert system("PUT", f"{at}/process/next").status_code == 403
    assert system("GET", at).json()["process"]["currentTask"]["altinnTaskType"] == "signing"


def test_an_approved_system_user_acts_for_its_own_organisation_alone(base: str) -> None:
    system = machine(base, acts_as_system_user=True)
    template = {"instanceOwner": {"organisationNumber": OTHER}}
    assert system("POST", "/ttd/basic/instances", json=template).status_code == 403


def test_an_organisation_without_a_system_user_can_neither_create_nor_move_nor_ask(base: str) -> None:
    plain = machine(base, acts_as_system_user=False)
    refused = plain("POST", "/ttd/basic/instances", json={"instanceOwner": {"organisationNumber": OWNER}})
    assert (refused.status_code, refused.json()) == (400, "400 - Bad Request - Invalid user object in User")
    other = plain("POST", "/ttd/basic/instances", json={"instanceOwner": {"organisationNumber": OTHER}})
    assert other.status_code == 403
    instance = user(base, 1337).create(instanceOwner={"organisationNumber": OWNER})
    moved = plain("PUT", f"/ttd/basic/instances/{instance['id']}/process/next", json={"action": "write"})
    assert (moved.status_code, moved.json()) == (400, {"title": "Process next failed.", "status": 400})
    asked = plain("GET", "/storage/api/v1/instances", params={"appId": "ttd/basic"})
    assert (asked.status_code, asked.text) == (400, "")


def refresh(base: str, how: str, secret: str, **more: str) -> requests.Response:
    asked = {"client_id": PERSON["client_id"], "user_id": 1337, "scope": SCOPE}
    login = requests.post(f"{base}/_emulator/idporten/login", json=asked, timeout=5).json()
    form = {"grant_type": "refresh_token", "refresh_token": login["refresh_token"], **more}
    headers = {}
    if how in ("basic", "both"):
        pair = f"per%3Ason:{quote(secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    if how in ("post", "both"):
        form |= {"client_id": "per:son", "client_secret": secret}
    return requests.post(f"{base}/idporten/token", data=form, headers=headers, timeout=5)


@pytest.mark.parametrize(("how", "method"), [("basic", "client_secret_basic"), ("post", "client_secret_post")])
def test_a_client_with_a_secret_logs_in(base: str, how: str, method: str) -> None:
    answer = refresh(base, how, str(PERSON["client_secret"]))
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert (claims["client_id"], claims["client_amr"]) == ("per:son", method)
    named = requests.get(f"{base}/idporten/.well-known/openid-configuration", timeout=5).json()
    assert method in named["token_endpoint_auth_methods_supported"]


@pytest.mark.parametrize(
    ("how", "secret", "more", "says"),
    [
        ("basic", "wrong", {}, "Invalid client secret."),
        ("post", "wrong", {}, "Invalid client secret."),
        ("both", str(PERSON["client_secret"]), {}, "two ways"),
        ("basic", str(PERSON["client_secret"]), {"client_assertion": "x"}, "two ways"),
        ("basic", str(PERSON["client_secret"]), {"client_id": "machine"}, "Client not found."),
        ("none", "", {"client_id": "per:son"}, "private_key_jwt is required."),
        ("none", "", {"client_id": "machine", "client_secret": "x"}, "private_key_jwt is required."),
        ("none", "", {"client_id": "nobody", "client_secret": "x"}, "Client not found."),
    ],
)
def test_a_client_that_does_not_show_its_secret_is_refused(
    base: str, how: str, secret: str, more: dict[str, str], says: str
) -> None:
    answer = refresh(base, how, secret, **more)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert says in answer.json()["error_description"]
    assert str(PERSON["client_secret"]) not in answer.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"client_secret": ""}, "client_secret must be a non-empty string"),
        ({"integration": "maskinporten"}, "Maskinporten takes keys alone"),
        ({"jwks": {"keys": [JWK]}}, "either client_secret or keys"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_registered(base: str, change: dict[str, object], says: str) -> None:
    answer = requests.post(f"{base}/_emulator/clients", json=PERSON | change, timeout=5)
    assert (answer.status_code, says in answer.text) == (400, True)

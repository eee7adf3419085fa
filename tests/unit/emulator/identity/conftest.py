"""A Maskinporten and an ID-porten with one registered client each, and that client's own key."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from altinn.emulator.identity import Identity, RegisterDirectory, SqliteIdentityStore
from altinn.emulator.identity.signing_keys import KEY_KIND, SigningKeys
from altinn.emulator.parties import load_register

NOW = 1_800_000_000.0
MASKINPORTEN = "http://altinn.test/maskinporten/"
IDPORTEN = "http://altinn.test/idporten"


def make_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key: rsa.RSAPrivateKey, key_id: str, **more: object) -> dict[str, object]:
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": key_id, **more}


@dataclass
class Caller:
    """A client as it stands outside: its key, and how it writes assertions."""

    key: rsa.RSAPrivateKey = field(repr=False)
    client_id: str
    audience: str
    key_id: str = "key-1"

    def assertion(
        self,
        *,
        drop: tuple[str, ...] = (),
        algorithm: str = "RS256",
        key: Any = None,
        headers: dict[str, Any] | None = None,
        **claims: object,
    ) -> str:
        """Write an assertion that passes, but for what the arguments change."""
        good: dict[str, object] = {
            "iss": self.client_id,
            "aud": self.audience,
            "iat": int(NOW),
            "exp": int(NOW) + 100,
            "jti": str(uuid.uuid4()),
        }
        merged = {name: value for name, value in {**good, **claims}.items() if name not in drop}
        chosen = {"kid": self.key_id} if headers is None else headers
        return jwt.encode(merged, key or self.key, algorithm=algorithm, headers=chosen)


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return make_key()


@pytest.fixture(scope="session")
def other_key() -> rsa.RSAPrivateKey:
    return make_key()


@pytest.fixture(scope="session")
def issuer_keys() -> list[tuple[str, str]]:
    """Make the emulator's own keys once: RSA keys take their time."""
    store = SqliteIdentityStore()
    keys = SigningKeys(store)
    keys.public_set("altinn"), keys.public_set("maskinporten"), keys.public_set("idporten")
    return store.items(KEY_KIND)


@pytest.fixture
def store(issuer_keys: list[tuple[str, str]]) -> SqliteIdentityStore:
    made = SqliteIdentityStore()
    for issuer, pem in issuer_keys:
        made.put(KEY_KIND, issuer, pem)
    return made


@pytest.fixture
def registrations(key: rsa.RSAPrivateKey) -> list[dict[str, Any]]:
    company = {"jwks": {"keys": [public_jwk(key, "key-1")]}, "org_number": "999999999"}
    machine = {
        **company,
        "client_id": "machine",
        "integration": "maskinporten",
        "scopes": ["altinn:instances.read", "altinn:instances.write"],
        "system_users": [
            {"id": "11111111-0000-4000-8000-000000000001", "org_number": "950474084", "external_ref": None},
            {"id": "11111111-0000-4000-8000-000000000002", "org_number": "950474084", "external_ref": "payroll"},
            {"id": "11111111-0000-4000-8000-000000000003", "org_number": "897069650", "external_ref": "vat"},
        ],
    }
    owner = {**company, "client_id": "owner", "integration": "maskinporten", "org_number": "405003309"}
    owner["scopes"] = ["altinn:serviceowner/instances.read"]
    scopes = ["altinn:instances.read", "altinn:instances.write", "skatteetaten:mvameldinginnsending", "other:scope"]
    person = {**company, "client_id": "person", "integration": "idporten", "scopes": scopes}
    return [machine, owner, person]


@pytest.fixture
def identity(store: SqliteIdentityStore, registrations: list[dict[str, Any]]) -> Identity:
    return Identity(RegisterDirectory(load_register()), clients=registrations, store=store, clock=lambda: NOW)


@pytest.fixture
def machine(key: rsa.RSAPrivateKey) -> Caller:
    return Caller(key, "machine", MASKINPORTEN)


@pytest.fixture
def person(key: rsa.RSAPrivateKey) -> Caller:
    return Caller(key, "person", IDPORTEN)


AskMachine = Callable[..., dict[str, Any]]


@pytest.fixture
def ask_maskinporten(identity: Identity) -> AskMachine:
    """Send an assertion to Maskinporten's token endpoint."""

    def ask(assertion: str, now: float = NOW) -> dict[str, Any]:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        return identity.maskinporten.token(form, issuer=MASKINPORTEN, now=now)

    return ask


@pytest.fixture
def ask_idporten(identity: Identity, person: Caller) -> AskMachine:
    """Send a refresh token, with a fresh client assertion, to ID-porten's token endpoint."""

    def ask(refresh_token: str, now: float = NOW, *, assertion: str | None = None, **more: str) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion or person.assertion(sub="person", iat=int(now), exp=int(now) + 60),
            **more,
        }
        return identity.idporten.token(form, issuer=IDPORTEN, now=now)

    return ask


def claims_of(token: str) -> dict[str, Any]:
    """Read a token without judging it."""
    return jwt.decode(token, options={"verify_signature": False})

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from altinn.emulator.identity import ClientError, SqliteIdentityStore
from altinn.emulator.identity.client_registry import ClientRegistry, parse_client


def test_a_later_registration_goes_before_a_given_one(registrations: list[dict[str, Any]]) -> None:
    store = SqliteIdentityStore()
    registry = ClientRegistry(store, registrations)
    assert [client.client_id for client in registry.all()] == ["machine", "owner", "person"]
    assert registry.register([{**registrations[0], "scopes": ["new:scope"]}]) == ["machine"]
    found = registry.find("machine")
    assert found is not None
    assert found.scopes == {"new:scope"}
    assert ClientRegistry(store).find("machine") == found
    assert registry.find("nobody") is None


def test_one_wrong_registration_stops_all(registrations: list[dict[str, Any]]) -> None:
    registry = ClientRegistry(SqliteIdentityStore())
    with pytest.raises(ClientError):
        registry.register([registrations[0], {**registrations[1], "integration": "feide"}])
    assert registry.all() == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"client_id": ""}, "client_id must be"),
        ({"integration": "feide"}, "client machine: integration must be one of"),
        ({"org_number": "12"}, "client machine: org_number must be nine digits"),
        ({"scopes": "a b"}, "scopes must be a list"),
        ({"grant_types": []}, "grant_types must be a list"),
        ({"grant_types": ["password"]}, "grant_types must be a list of authorization_code, refresh_token"),
        ({"jwks": None}, "jwks must be"),
        ({"jwks": {"keys": []}}, "at least one public key"),
        ({"jwks": {"keys": [{"kty": "RSA"}]}}, "key 1 of jwks has no kid"),
        ({"jwks": {"keys": [{"kty": "RSA", "kid": "a"}]}}, "key 1 of jwks is not a public RSA key"),
        ({"system_users": {}}, "system_users must be a list"),
        ({"system_users": [{"id": "x", "org_number": "1"}]}, "org_number must be nine digits"),
        ({"system_users": [{"id": "x", "org_number": "950474084", "external_ref": 5}]}, "external_ref must be"),
    ],
)
def test_a_wrong_registration_says_what_is_wrong(
    registrations: list[dict[str, Any]], changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(ClientError, match=text):
        parse_client({**registrations[0], **changes})


def test_private_and_other_keys_are_refused(registrations: list[dict[str, Any]], key: rsa.RSAPrivateKey) -> None:
    private = {**jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True), "kid": "a"}
    with pytest.raises(ClientError, match="is a private key"):
        parse_client({**registrations[0], "jwks": {"keys": [private]}})
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    elliptic = {**jwt.algorithms.ECAlgorithm.to_jwk(curve, as_dict=True), "kid": "a"}
    with pytest.raises(ClientError, match="not a public RSA key"):
        parse_client({**registrations[0], "jwks": {"keys": [elliptic]}})
    with pytest.raises(ClientError, match="must be a JSON object"):
        parse_client("machine")

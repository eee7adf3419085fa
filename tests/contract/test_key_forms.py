"""Every form of key that a company may have logs in: PEM, JWK, PKCS#12 with its chain, a file, a signer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from jwt.algorithms import RSAAlgorithm

from altinn.emulator import Emulator
from altinn.exceptions import AltinnLoginError
from altinn.protocol.settings import settings_from
from altinn.protocol.tokens import login
from altinn.transport import BlockingDriver
from tests.certificates import authority_pem, pkcs12
from tests.contract.oidc_browser import plain_session
from tests.unit.login_samples import jwk, pem, private_key

ORG = "991825827"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    public = RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True)
    common = {"integration": "maskinporten", "scopes": ["altinn:instances.read", "altinn:instances.write"]}
    keys = [{**public, "kid": kid} for kid in ("key-1", "jwk-key")]
    clients: list[dict[str, Any]] = [
        {**common, "client_id": "keys", "org_number": ORG, "jwks": {"keys": keys}},
        {**common, "client_id": "certificate", "org_number": ORG, "certificate_authority": authority_pem()},
    ]
    with Emulator(port=0, clients=clients) as emulator:
        yield emulator.base_url


def sign(content: bytes, key_id: str) -> bytes:
    assert key_id == "key-1"
    return private_key().sign(content, padding.PKCS1v15(), hashes.SHA256())


def packed(**more: Any) -> str:
    return base64.b64encode(pkcs12(private_key(), more.pop("number", ORG), **more)).decode()


FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "PEM": ("keys", {"private_key": pem(), "key_id": "key-1"}),
    "JWK": ("keys", {"private_key": json.dumps(jwk())}),
    "PKCS#12": ("certificate", {"private_key": packed()}),
    "PKCS#12 with a passphrase": (
        "certificate",
        {"private_key": packed(passphrase="open sesame"), "private_key_passphrase": "open sesame"},
    ),
    "signer": ("keys", {"signer": "kms", "key_id": "key-1"}),
}


def logged_in(host: str, client: str, extra: dict[str, Any]) -> str:
    fields = {"environment": "local", **extra}
    settings = settings_from("c", host=host, login=client, extra=fields, signers={"kms": sign})
    return BlockingDriver(plain_session()).run(login(settings)).altinn_token


@pytest.mark.parametrize("form", FORMS)
def test_it_logs_in(host: str, form: str) -> None:
    client, extra = FORMS[form]
    assert logged_in(host, client, extra).count(".") == 2


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "another organisation's certificate": (
        "certificate",
        {"private_key": packed(number="950474084")},
        "Does not match certificate orgno",
    ),
    "a lapsed certificate": ("certificate", {"private_key": packed(lapsed=True)}, "invalid certificate"),
    "a key where a certificate is registered": (
        "certificate",
        {"private_key": pem(), "key_id": "key-1"},
        "requires an enterprise certificate",
    ),
    "a certificate where keys are registered": ("keys", {"private_key": packed()}, "registered with keys"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_one_is_refused_by_name(host: str, name: str) -> None:
    client, extra, said = REFUSED[name]
    with pytest.raises(AltinnLoginError, match=said) as caught:
        logged_in(host, client, extra)
    assert "enterprise certificate must be valid" in caught.value.hint

"""Keys in files, as companies have them, read by the hook and used to log in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from altinn.emulator import Emulator
from altinn.exceptions import AltinnConfigurationError
from altinn.hooks.altinn_hook import AltinnHook
from tests.certificates import authority_pem, pkcs12
from tests.system.conftest import Connect
from tests.unit.login_samples import jwk, pem, private_key

ORG = "991825827"
PASSPHRASE = "open sesame"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    public = RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True)
    common = {"integration": "maskinporten", "scopes": ["altinn:instances.read", "altinn:instances.write"]}
    common["org_number"] = ORG
    keys = [{**public, "kid": kid} for kid in ("key-1", "jwk-key")]
    clients: list[dict[str, Any]] = [
        {**common, "client_id": "keys", "jwks": {"keys": keys}},
        {**common, "client_id": "certificate", "certificate_authority": authority_pem()},
    ]
    with Emulator(port=0, clients=clients) as emulator:
        yield emulator.base_url


FILES: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "company.p12": ("certificate", pkcs12(private_key(), ORG), {}),
    "sealed.p12": ("certificate", pkcs12(private_key(), ORG, PASSPHRASE), {"private_key_passphrase": PASSPHRASE}),
    "key.pem": ("keys", pem().encode(), {"key_id": "key-1"}),
    "key.jwk": ("keys", json.dumps(jwk()).encode(), {}),
}


@pytest.mark.parametrize("name", FILES)
def test_the_hook_logs_in_with_a_file(connect: Connect, host: str, tmp_path: Path, name: str) -> None:
    client, content, more = FILES[name]
    (tmp_path / name).write_bytes(content)
    connect(host, login=client, private_key_file=str(tmp_path / name), **more)
    works, said = AltinnHook().test_connection()
    assert works, said
    assert AltinnHook().external_token().count(".") == 2


@pytest.mark.parametrize("passphrase", ["", "open barley"])
def test_a_file_that_does_not_open_says_so_and_shows_nothing(
    connect: Connect, host: str, tmp_path: Path, passphrase: str
) -> None:
    path = tmp_path / "sealed.p12"
    path.write_bytes(FILES["sealed.p12"][1])
    connect(host, login="certificate", private_key_file=str(path), private_key_passphrase=passphrase)
    with pytest.raises(AltinnConfigurationError, match="passphrase") as caught:
        AltinnHook().external_token()
    assert PASSPHRASE not in str(caught.value)
    assert "barley" not in str(caught.value)

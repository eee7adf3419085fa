"""Our login against the emulator's token endpoints, which share no code with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography.fernet import Fernet
from jwt.algorithms import RSAAlgorithm

from altinn.doctor.examination import Doctor
from altinn.doctor.findings import as_text, nothing_failed
from altinn.emulator import Emulator
from altinn.exceptions import AltinnLoginError
from altinn.protocol.settings import Settings, settings_from
from altinn.protocol.wire import NeedToken
from altinn.token_store import TokenStore
from altinn.transport import BlockingDriver
from tests.unit.login_samples import pem, private_key

KEY = Fernet.generate_key().decode()
SCOPES = ["altinn:instances.read", "altinn:instances.write"]
OWNER = "950474084"


def _clients() -> list[dict[str, object]]:
    public = {**RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True), "kid": "key-1"}
    common = {"jwks": {"keys": [public]}, "scopes": SCOPES, "org_number": "991825827"}
    system_users = [
        {"org_number": OWNER, "external_ref": None, "id": "d111dbab-d619-4f15-bf29-58fe570a9ae6"},
        {"org_number": "897069650", "external_ref": "department-7", "id": "f58fe166-bc22-4899-beb7-c3e8e3332f43"},
    ]
    return [
        {"client_id": "machine", "integration": "maskinporten", "system_users": system_users, **common},
        {"client_id": "person", "integration": "idporten", **common},
    ]


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with Emulator(port=0, clients=_clients()) as emulator:
        yield emulator.base_url


@pytest.fixture
def driver() -> BlockingDriver:
    session = requests.Session()
    session.trust_env = False
    return BlockingDriver(session)


def _settings(host: str, login: str, **extra: object) -> Settings:
    fields = {"environment": "local", "private_key": pem(), "key_id": "key-1", **extra}
    return settings_from("c", host=host, login=login, extra=fields)


def _person(host: str) -> Settings:
    wish = {"client_id": "person", "user_id": 1337, "scope": "openid " + " ".join(SCOPES)}
    answer = requests.post(f"{host}/_emulator/idporten/login", json=wish, timeout=10).json()
    return _settings(host, "person", auth_mode="idporten", refresh_token=answer["refresh_token"])


def _diagnosed(settings: Settings, driver: BlockingDriver, directory: Path) -> tuple[bool, str]:
    findings = Doctor(settings, driver.session, TokenStore(directory, KEY), sleep=lambda _seconds: None).examine()
    return nothing_failed(findings), as_text(findings, short=True)


@pytest.mark.parametrize(("owner", "reference"), [(OWNER, ""), ("897069650", "department-7")])
def test_a_system_user_logs_in(host: str, driver: BlockingDriver, tmp_path: Path, owner: str, reference: str) -> None:
    settings = _settings(host, "machine", on_behalf_of=owner, external_ref=reference)
    works, text = _diagnosed(settings, driver, tmp_path / "tokens")
    assert works, text
    assert f"Altinn token for the system user of organisation {owner}" in text


def test_a_person_logs_in_again_and_again_with_the_rotated_refresh_token(
    host: str, driver: BlockingDriver, tmp_path: Path
) -> None:
    settings = _person(host)
    store = TokenStore(tmp_path / "tokens", KEY)
    seen = [store.token(settings, NeedToken(), driver.run)]
    for _ in range(3):
        seen.append(store.token(settings, NeedToken(rejected=seen[-1]), driver.run))
    assert len(set(seen)) == 4


def test_a_refresh_token_that_was_used_elsewhere_asks_for_a_new_login(
    host: str, driver: BlockingDriver, tmp_path: Path
) -> None:
    settings = _person(host)
    TokenStore(tmp_path / "one", KEY).token(settings, NeedToken(), driver.run)
    with pytest.raises(AltinnLoginError) as caught:
        TokenStore(tmp_path / "other", KEY).token(settings, NeedToken(), driver.run)
    assert "the person has to log in again" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"on_behalf_of": "974760673"}, "no (single) system user of organisation 974760673"),
        ({"external_ref": "unknown"}, "external_ref 'unknown' must be the one it was requested with"),
        ({"scopes": "altinn:instances.read skatteetaten:mva"}, "has not been granted scope skatteetaten:mva"),
        ({"key_id": "another"}, "key and key_id of the connection must be those registered"),
        ({"login": "nobody"}, "client 'nobody' is not known or not active"),
    ],
)
def test_what_is_wrong_with_a_connection_is_named(
    host: str, driver: BlockingDriver, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    fields = {"login": "machine", "on_behalf_of": OWNER, **change}
    works, text = _diagnosed(_settings(host, **fields), driver, tmp_path / "tokens")
    assert not works
    assert said in text


def test_localtests_tokens_are_given(host: str, driver: BlockingDriver, tmp_path: Path) -> None:
    user = _settings(host, "", auth_mode="localtest", test_user_id=1337)
    works, text = _diagnosed(user, driver, tmp_path / "tokens")
    assert works, text
    assert "exchange: ok. Altinn token for a person, user 1337" in text

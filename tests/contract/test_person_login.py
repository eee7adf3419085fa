"""A person's login, from the address to the tokens, against the emulator's ID-porten; and attacks on it."""

from __future__ import annotations

import json
import logging
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from altinn.emulator import Emulator
from altinn.exceptions import (
    AltinnConfigurationError,
    AltinnLoginEndedError,
    AltinnLoginNeededError,
    AltinnLoginRefusedError,
    AltinnTransportError,
)
from altinn.person_login.login_place import LoginPlace, write_private_file
from altinn.person_login.login_state import NEEDED, READY, login_state
from altinn.person_login.oidc_login import PENDING_LIFETIME, OidcLogin, PendingLogin, scopes_of
from altinn.protocol.wire import NeedToken
from altinn.token_store import TokenStore
from altinn.transport import BlockingDriver
from tests.altinn_proxy import AltinnProxy
from tests.contract.oidc_browser import BACK, changed, log_in, person_client, person_settings, plain_session, query_of
from tests.unit.login_samples import private_key

KEY = Fernet.generate_key().decode()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0, clients=[person_client()]) as running:
        yield running


@pytest.fixture
def proxy(emulator: Emulator) -> Iterator[AltinnProxy]:
    with AltinnProxy(emulator.base_url) as made:
        yield made


def oidc(host: str, **extra: Any) -> OidcLogin:
    return OidcLogin(person_settings(host, **extra), plain_session())


def begun(host: str) -> tuple[OidcLogin, str, PendingLogin]:
    login = oidc(host)
    url, pending = login.begin(BACK)
    return login, url, pending


# -- a login that succeeds


def test_a_person_logs_in(emulator: Emulator) -> None:
    login, url, pending = begun(emulator.base_url)
    asked = query_of(url)
    assert asked["code_challenge_method"] == "S256"
    assert asked["acr_values"] == "idporten-loa-substantial"
    assert asked["scope"].split() == ["openid", *scopes_of(person_settings(emulator.base_url))[1:]]
    person = login.finish(pending, log_in(url))
    assert person.level == "idporten-loa-substantial"
    assert person.refresh_expires_at - time.time() == pytest.approx(7_776_000, abs=30)
    assert "skatteetaten:mvameldinginnsending" in person.scope
    for secret in (person.refresh_token, person.access_token, pending.code_verifier, pending.nonce):
        assert secret not in repr((person, pending, login))
    assert pending.code_verifier not in url


def test_the_level_can_be_asked_for(emulator: Emulator) -> None:
    login = oidc(emulator.base_url, acr_values="idporten-loa-high")
    url, pending = login.begin(BACK)
    assert login.finish(pending, log_in(url)).level == "idporten-loa-high"
    assert query_of(login.begin(BACK, level="idporten-loa-low")[0])["acr_values"] == "idporten-loa-low"


@pytest.mark.parametrize("what", ["address", "code"])
def test_what_a_person_pastes_is_the_address_or_the_code(emulator: Emulator, what: str) -> None:
    login, url, pending = begun(emulator.base_url)
    answer = log_in(url)
    pasted = answer if what == "address" else query_of(answer)["code"]
    assert login.finish(pending, pending.answer_from(f"  {pasted}\n")).refresh_token


# -- where it goes


def store_in(folder: Path) -> TokenStore:
    return TokenStore(folder / "tokens", KEY)


def person_of(host: str) -> Any:
    login, url, pending = begun(host)
    return login.finish(pending, log_in(url))


def test_a_login_in_a_file_is_private_and_tasks_go_on_with_it(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "refresh_token"
    settings = person_settings(emulator.base_url, refresh_token_file=str(path))
    store, driver = store_in(tmp_path), BlockingDriver(plain_session())
    place = LoginPlace(settings, store)
    place.check()
    kept = place.keep(person_of(emulator.base_url), driver.run)
    assert kept.person == "user 1337 (SophieDDG)"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    later = person_settings(emulator.base_url, refresh_token_file=str(path), refresh_token=path.read_text())
    assert login_state(later, store, time.time()).state == READY
    first = store.token(later, NeedToken(), driver.run)
    assert first == kept.altinn
    assert store.token(later, NeedToken(rejected=first), driver.run) != first


def test_a_login_in_the_store_needs_no_token_in_the_connection(emulator: Emulator, tmp_path: Path) -> None:
    settings = person_settings(emulator.base_url, login_store="shared")
    store, driver = store_in(tmp_path), BlockingDriver(plain_session())
    assert login_state(settings, store, time.time()).state == NEEDED
    with pytest.raises(AltinnLoginNeededError, match="nobody has logged in"):
        store.token(settings, NeedToken(), driver.run)
    LoginPlace(settings, store).keep(person_of(emulator.base_url), driver.run)
    state = login_state(settings, store, time.time())
    assert (state.state, state.person) == (READY, "user 1337 (SophieDDG)")
    seen = [store.token(settings, NeedToken(), driver.run)]
    for _ in range(2):
        seen.append(store.token(settings, NeedToken(rejected=seen[-1]), driver.run))
    assert len(set(seen)) == 3
    other = person_settings(emulator.base_url, conn_id="another", login_store="shared")
    assert login_state(other, store, time.time()).state == NEEDED, "one connection's person is not another's"


def test_an_ended_login_is_told_once_asked_and_asks_nobody_again(emulator: Emulator, tmp_path: Path) -> None:
    settings = person_settings(emulator.base_url, login_store="shared")
    store, driver = store_in(tmp_path), BlockingDriver(plain_session())
    person = person_of(emulator.base_url)
    place = LoginPlace(settings, store)
    kept = place.keep(person, driver.run)
    revoke(emulator, person.refresh_token)
    with pytest.raises(AltinnLoginEndedError, match="log in again"):
        store.token(settings, NeedToken(rejected=kept.altinn), driver.run)
    assert login_state(settings, store, time.time()).state == NEEDED

    def nobody(_flow: object) -> Any:
        raise AssertionError("a login that has ended was tried again")

    with pytest.raises(AltinnLoginNeededError, match="has ended"):
        store.token(settings, NeedToken(), nobody)
    place.keep(person_of(emulator.base_url), driver.run)
    assert store.token(settings, NeedToken(), driver.run)


def test_a_killed_renewal_is_told_as_what_it_is(emulator: Emulator, tmp_path: Path) -> None:
    """The process dies when ID-porten has used the token up and nothing of the answer is stored."""
    settings = person_settings(emulator.base_url, login_store="shared")
    store, driver = store_in(tmp_path), BlockingDriver(plain_session())
    kept = LoginPlace(settings, store).keep(person_of(emulator.base_url), driver.run)

    class Killed(BaseException):
        pass

    def die_after_the_answer(flow: Any) -> Any:
        driver._do(flow.send(None))
        raise Killed

    with pytest.raises(Killed):
        store.token(settings, NeedToken(rejected=kept.altinn), die_after_the_answer)
    with pytest.raises(AltinnLoginEndedError, match="interrupted after the refresh token was used"):
        store.token(settings, NeedToken(rejected=kept.altinn), driver.run)


def test_a_lost_exchange_loses_no_login(emulator: Emulator, proxy: AltinnProxy, tmp_path: Path) -> None:
    settings = person_settings(proxy.base_url, login_store="shared")
    store = store_in(tmp_path)
    driver = BlockingDriver(plain_session(), sleep=lambda _seconds: None)
    proxy.falsify("GET", "/exchange/id-porten", 503, times=4)
    login = OidcLogin(settings, plain_session())
    url, pending = login.begin(BACK)
    person = login.finish(pending, log_in(url))
    with pytest.raises(Exception, match="out of order"):
        LoginPlace(settings, store).keep(person, driver.run)
    assert store.token(settings, NeedToken(), driver.run)


def test_a_place_that_cannot_be_written_is_told_before_anybody_logs_in(emulator: Emulator, tmp_path: Path) -> None:
    settings = person_settings(emulator.base_url, refresh_token_file=str(tmp_path / "none" / "token"))
    with pytest.raises(AltinnConfigurationError, match="no folder that Airflow's user can write"):
        LoginPlace(settings, store_in(tmp_path)).check()
    with pytest.raises(AltinnConfigurationError, match="fernet_key"):
        LoginPlace(settings, TokenStore(tmp_path / "t", "")).check()
    with pytest.raises(AltinnConfigurationError, match="cannot be written"):
        write_private_file(tmp_path / "none" / "token", "x")


def revoke(emulator: Emulator, refresh_token: str) -> None:
    identity = emulator.world.identity
    kept = json.loads(identity.store.get("refresh_token", _digest(refresh_token)) or "{}")
    identity.store.put("revoked_login", kept["login"], "now")


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


# -- attacks: each is refused, and none of them leaves anything behind


def refused(login: OidcLogin, pending: PendingLogin, answer: str) -> str:
    with pytest.raises(AltinnLoginRefusedError) as caught:
        login.finish(pending, answer)
    text = str(caught.value)
    for secret in (pending.code_verifier, pending.nonce, query_of(answer).get("code", "no code")):
        assert secret not in text
    return text


def test_a_wrong_state_is_refused_and_the_code_stays_unused(emulator: Emulator) -> None:
    login, url, pending = begun(emulator.base_url)
    answer = log_in(url)
    for state in ("", "made-up", pending.state[:-1]):
        assert "its state differs" in refused(login, pending, changed(answer, state=state))
    assert login.finish(pending, answer).refresh_token, "a forged answer must not spoil the real one"


def test_somebody_else_s_answer_is_refused(emulator: Emulator) -> None:
    """Login CSRF: the attacker's own code, sent into the victim's login."""
    login, _, pending = begun(emulator.base_url)
    attacker = begun(emulator.base_url)
    assert "its state differs" in refused(login, pending, log_in(attacker[1], "1001"))
    injected = changed(log_in(attacker[1], "1001"), state=pending.state)
    assert "invalid_grant: PKCE" in refused(login, pending, injected)


def test_a_replayed_code_is_refused_and_ends_the_login(emulator: Emulator, tmp_path: Path) -> None:
    login, url, pending = begun(emulator.base_url)
    answer = log_in(url)
    person = login.finish(pending, answer)
    assert "used before" in refused(login, pending, answer)
    settings = person_settings(emulator.base_url, refresh_token=person.refresh_token)
    with pytest.raises(AltinnLoginEndedError):
        store_in(tmp_path).token(settings, NeedToken(), BlockingDriver(plain_session()).run)


def test_a_wrong_nonce_is_refused(emulator: Emulator) -> None:
    login, url, pending = begun(emulator.base_url)
    assert "ID token cannot be trusted (nonce)" in refused(login, pending, log_in(changed(url, nonce="another")))


def test_an_answer_of_a_foreign_issuer_is_refused(emulator: Emulator) -> None:
    login, url, pending = begun(emulator.base_url)
    answer = log_in(url)
    for issuer in ("https://evil.example.com", "", emulator.base_url):
        assert "another login service" in refused(login, pending, changed(answer, iss=issuer))


def test_a_cancelled_login_is_told(emulator: Emulator) -> None:
    login, url, pending = begun(emulator.base_url)
    assert "the person cancelled the login" in refused(login, pending, log_in(url, ""))


def test_a_login_that_took_too_long_is_refused(emulator: Emulator) -> None:
    clock = [time.time()]
    login = OidcLogin(person_settings(emulator.base_url), plain_session(), clock=lambda: clock[0])
    url, pending = login.begin(BACK)
    answer = log_in(url)
    clock[0] += PENDING_LIFETIME + 1
    assert "begun more than 10 minutes ago" in refused(login, pending, answer)


def discovered(emulator: Emulator, proxy: AltinnProxy) -> dict[str, Any]:
    document = plain_session().get(f"{proxy.base_url}/idporten/.well-known/openid-configuration", timeout=10).json()
    return dict(document)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("issuer", "https://evil.example.com"),
        ("authorization_endpoint", "https://evil.example.com/authorize"),
        ("token_endpoint", "http://127.0.0.1:1/token"),
        ("jwks_uri", "https://evil.example.com/jwks"),
        ("jwks_uri", None),
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_refused(
    emulator: Emulator, proxy: AltinnProxy, member: str, value: object
) -> None:
    document = {**discovered(emulator, proxy), member: value}
    proxy.falsify("GET", "openid-configuration", 200, body=json.dumps(document).encode(), times=9)
    with pytest.raises(AltinnLoginRefusedError):
        oidc(proxy.base_url).begin(BACK)


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b"{}"), (302, b""), (200, b"[]")])
def test_a_discovery_document_that_is_none_is_told(proxy: AltinnProxy, status: int, body: bytes) -> None:
    proxy.falsify("GET", "openid-configuration", status, body=body, headers={"Location": "http://127.0.0.1:1/"})
    with pytest.raises(AltinnTransportError, match="ID-porten answered"):
        oidc(proxy.base_url).begin(BACK)


def forged(emulator: Emulator, issuer: str, pending: PendingLogin, **changes: Any) -> dict[str, Any]:
    """Tokens as the real ID-porten would sign them, but for what the arguments change."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": "person",
        "sub": "somebody",
        "nonce": pending.nonce,
        "iat": now,
        "exp": now + 100,
        "acr": "idporten-loa-high",
        **changes,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return {
        "access_token": "a.b.c",
        "refresh_token": "r",
        "token_type": "Bearer",
        "id_token": emulator.world.identity.keys.sign("idporten", given),
    }


FORGERIES: dict[str, tuple[dict[str, Any], str]] = {
    "issuer": ({"iss": "https://evil.example.com"}, "iss"),
    "audience": ({"aud": "somebody-else"}, "aud"),
    "no nonce": ({"nonce": None}, "nonce"),
    "expired": ({"exp": int(time.time()) - 60}, "exp"),
    "no expiry": ({"exp": None}, "exp"),
    "from the future": ({"iat": int(time.time()) + 3600}, "iat"),
    "another access token": ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
    "authorised party": ({"azp": "somebody-else"}, "azp"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_an_id_token_with_one_wrong_claim_is_refused(emulator: Emulator, proxy: AltinnProxy, name: str) -> None:
    changes, _ = FORGERIES[name]
    login, url, pending = begun(proxy.base_url)
    tokens = forged(emulator, f"{proxy.base_url}/idporten", pending, **changes)
    proxy.falsify("POST", "/idporten/token", 200, body=json.dumps(tokens).encode())
    assert "ID token cannot be trusted" in refused(login, pending, log_in(url))


def test_the_forger_s_tools_make_good_tokens_too(emulator: Emulator, proxy: AltinnProxy) -> None:
    """Without a wrong claim the forgery passes: the tests above are refused for that claim alone."""
    login, url, pending = begun(proxy.base_url)
    tokens = forged(emulator, f"{proxy.base_url}/idporten", pending)
    proxy.falsify("POST", "/idporten/token", 200, body=json.dumps(tokens).encode())
    assert login.finish(pending, log_in(url)).level == "idporten-loa-high"


def _signed_by_another(token: str) -> str:
    import jwt

    claims = jwt.decode(token, options={"verify_signature": False})
    headers = jwt.get_unverified_header(token)
    return jwt.encode(claims, private_key(), algorithm="RS256", headers={"kid": headers["kid"]})


def _unsigned(token: str) -> str:
    import jwt

    return jwt.encode(jwt.decode(token, options={"verify_signature": False}), "", algorithm="none")


@pytest.mark.parametrize("spoil", [_signed_by_another, _unsigned, lambda _token: "", lambda token: token[:-4]])
def test_an_id_token_that_id_porten_did_not_sign_is_refused(
    emulator: Emulator, proxy: AltinnProxy, spoil: Callable[[str], str]
) -> None:
    login, url, pending = begun(proxy.base_url)
    tokens = forged(emulator, f"{proxy.base_url}/idporten", pending)
    tokens["id_token"] = spoil(tokens["id_token"])
    proxy.falsify("POST", "/idporten/token", 200, body=json.dumps(tokens).encode())
    assert "ID token cannot be trusted" in refused(login, pending, log_in(url))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"{}"),
        (200, b'{"access_token": "a"}'),
        (200, b"<html>"),
        (400, b'{"error": "invalid_client", "error_description": "x"}'),
        (302, b""),
    ],
)
def test_a_token_answer_of_no_use_is_told_without_what_it_held(
    proxy: AltinnProxy, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    login, url, pending = begun(proxy.base_url)
    proxy.falsify("POST", "/idporten/token", status, body=body, headers={"Location": "http://127.0.0.1:1/"})
    caplog.set_level(logging.DEBUG)
    with pytest.raises((AltinnLoginRefusedError, AltinnTransportError)):
        login.finish(pending, log_in(url))
    assert pending.code_verifier not in caplog.text


def test_a_code_is_sent_once_even_when_the_answer_is_lost(proxy: AltinnProxy) -> None:
    login, url, pending = begun(proxy.base_url)
    proxy.lose_answer("POST", "/idporten/token")
    with pytest.raises(AltinnTransportError, match="one try"):
        login.finish(pending, log_in(url))
    assert len(proxy.requests("POST", "/idporten/token")) == 1

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from altinn.emulator.identity import Identity, Lifetimes, RegisterDirectory, SqliteIdentityStore
from altinn.emulator.identity.oauth_refusal import OAuthRefusal
from altinn.emulator.parties import load_register
from tests.unit.emulator.identity.conftest import IDPORTEN, NOW, AskMachine, Caller, claims_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

SCOPE = "openid altinn:instances.read altinn:instances.write"


@pytest.fixture
def refresh_token(identity: Identity) -> str:
    return str(identity.idporten.login("person", 1337, SCOPE, now=NOW)["refresh_token"])


def test_a_refresh_token_gives_an_access_token_and_its_successor(ask_idporten: AskMachine, refresh_token: str) -> None:
    answer = ask_idporten(refresh_token)
    assert answer["scope"] == SCOPE
    assert answer["refresh_token"] != refresh_token
    assert answer["refresh_token_expires_in"] == 7_776_000
    claims = claims_of(answer["access_token"])
    assert claims["iss"] == IDPORTEN
    assert claims["pid"] == "01039012345"
    assert claims["acr"] == "idporten-loa-high"
    assert claims["exp"] - claims["iat"] == answer["expires_in"]
    assert claims_of(answer["id_token"])["aud"] == "person"
    again = ask_idporten(answer["refresh_token"])
    assert again["refresh_token"] not in (refresh_token, answer["refresh_token"])


def test_a_reused_refresh_token_ends_the_login(ask_idporten: AskMachine, refresh_token: str) -> None:
    successor = ask_idporten(refresh_token)["refresh_token"]
    with pytest.raises(OAuthRefusal, match="used before") as caught:
        ask_idporten(refresh_token)
    assert (caught.value.error, caught.value.status) == ("invalid_grant", 400)
    with pytest.raises(OAuthRefusal, match="revoked"):
        ask_idporten(successor)


def test_one_login_s_end_leaves_another_s_alone(
    identity: Identity, ask_idporten: AskMachine, refresh_token: str
) -> None:
    other = str(identity.idporten.login("person", 1001, SCOPE, now=NOW)["refresh_token"])
    ask_idporten(refresh_token)
    with pytest.raises(OAuthRefusal):
        ask_idporten(refresh_token)
    assert ask_idporten(other)["access_token"]


def test_lifetimes_are_settings(store: SqliteIdentityStore, registrations: list[Any], person: Caller) -> None:
    lives = Lifetimes(idporten_access=60, idporten_refresh=100, idporten_authorization=150)
    identity = Identity(RegisterDirectory(load_register()), clients=registrations, store=store, lifetimes=lives)
    login = identity.idporten.login("person", 1337, SCOPE, now=NOW)
    assert login["expires_in"] == 100

    def ask(token: object, now: float) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(token),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": person.assertion(sub="person", iat=int(now), exp=int(now) + 60),
        }
        return identity.idporten.token(form, issuer=IDPORTEN, now=now)

    answer = ask(login["refresh_token"], NOW + 99)
    assert answer["expires_in"] == 60
    assert answer["refresh_token_expires_in"] == 51
    with pytest.raises(OAuthRefusal, match="expired"):
        ask(answer["refresh_token"], NOW + 150)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("unknown client", {"iss": "nobody"}, "Client not found"),
    ("maskinporten's client", {"iss": "machine", "sub": "machine"}, "Client not found"),
    ("no subject", {"drop": ("sub",)}, "claim sub"),
    ("other subject", {"sub": "machine"}, "claim sub"),
    ("audience with a slash", {"aud": f"{IDPORTEN}/"}, "claim aud"),
    ("token url", {"aud": f"{IDPORTEN}/token"}, "claim aud"),
    ("expired", {"iat": NOW - 100, "exp": NOW - 1}, "expired"),
    ("too long", {"exp": NOW + 500}, "exceeds 120"),
]


@pytest.mark.parametrize(("changes", "text"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_client_that_does_not_prove_itself_is_refused(
    person: Caller, ask_idporten: AskMachine, refresh_token: str, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(OAuthRefusal) as caught:
        ask_idporten(refresh_token, assertion=person.assertion(**{"sub": "person", **changes}))
    assert (caught.value.error, caught.value.status) == ("invalid_client", 401)
    assert text in caught.value.description
    assert ask_idporten(refresh_token)["access_token"], "a refused client must not use the refresh token up"


def test_a_client_assertion_works_once(person: Caller, ask_idporten: AskMachine, refresh_token: str) -> None:
    assertion = person.assertion(sub="person")
    successor = ask_idporten(refresh_token, assertion=assertion)["refresh_token"]
    with pytest.raises(OAuthRefusal, match="used before") as caught:
        ask_idporten(successor, assertion=assertion)
    assert caught.value.error == "invalid_client"


def test_other_requests_are_refused_by_name(ask_idporten: AskMachine, refresh_token: str) -> None:
    for more, error in [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": ""}, "invalid_client"),
        ({"client_id": "machine"}, "invalid_client"),
    ]:
        with pytest.raises(OAuthRefusal) as caught:
            ask_idporten(refresh_token, **more)
        assert caught.value.error == error
    with pytest.raises(OAuthRefusal, match="Invalid refresh token"):
        ask_idporten("made-up")


def test_a_refresh_may_ask_for_less_and_not_for_more(identity: Identity, ask_idporten: AskMachine) -> None:
    first = str(identity.idporten.login("person", 1337, SCOPE, now=NOW)["refresh_token"])
    answer = ask_idporten(first, scope="altinn:instances.read")
    assert claims_of(answer["access_token"])["scope"] == "altinn:instances.read"
    with pytest.raises(OAuthRefusal) as caught:
        ask_idporten(answer["refresh_token"], scope="other:scope")
    assert caught.value.error == "invalid_scope"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nobody", 1337, SCOPE), "invalid_client"),
        (("machine", 1337, SCOPE), "invalid_client"),
        (("person", 7, SCOPE), "access_denied"),
        (("person", 1004, SCOPE), "access_denied"),
        (("person", 1337, "openid altinn:serviceowner"), "invalid_scope"),
        (("person", 1337, ""), "invalid_scope"),
    ],
    ids=["unknown client", "machine", "nobody", "no identity number", "scope", "no scope"],
)
def test_a_login_needs_a_client_a_person_and_scopes(
    identity: Identity, arguments: tuple[str, int, str], error: str
) -> None:
    with pytest.raises(OAuthRefusal) as caught:
        identity.idporten.login(*arguments, now=NOW)
    assert caught.value.error == error


def test_logins_and_used_assertions_outlive_a_restart(
    tmp_path: Path, key: rsa.RSAPrivateKey, registrations: list[Any], person: Caller
) -> None:
    directory = RegisterDirectory(load_register())

    def start() -> tuple[Identity, SqliteIdentityStore]:
        store = SqliteIdentityStore(tmp_path / "identity.sqlite")
        return Identity(directory, store=store, clock=lambda: NOW), store

    def form(token: object, assertion: str) -> dict[str, str]:
        return {
            "grant_type": "refresh_token",
            "refresh_token": str(token),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }

    before, store = start()
    before.clients.register(registrations)
    first = before.idporten.login("person", 1337, SCOPE, now=NOW)["refresh_token"]
    used = person.assertion(sub="person")
    answer = before.idporten.token(form(first, used), issuer=IDPORTEN, now=NOW)
    altinn = before.tokens.exchange_idporten(str(answer["access_token"]), issuer="x", now=NOW)
    store.close()

    after, store = start()
    assert after.authenticate(altinn) is not None
    with pytest.raises(OAuthRefusal, match="used before"):
        after.idporten.token(form(answer["refresh_token"], used), issuer=IDPORTEN, now=NOW)
    fresh = person.assertion(sub="person")
    assert after.idporten.token(form(answer["refresh_token"], fresh), issuer=IDPORTEN, now=NOW)["access_token"]
    with pytest.raises(OAuthRefusal, match="used before"):
        after.idporten.token(form(first, person.assertion(sub="person")), issuer=IDPORTEN, now=NOW)
    store.close()


def test_the_state_holds_no_refresh_token_in_clear(store: SqliteIdentityStore, refresh_token: str) -> None:
    kept = [
        text for kind in ("refresh_token", "revoked_login", "used_jti") for pair in store.items(kind) for text in pair
    ]
    assert kept
    assert not any(refresh_token in text for text in kept)


def test_reset_forgets_logins_and_keeps_the_keys(
    identity: Identity, ask_idporten: AskMachine, refresh_token: str
) -> None:
    answer = ask_idporten(refresh_token)
    altinn = identity.tokens.exchange_idporten(answer["access_token"], issuer="x", now=NOW)
    identity.reset()
    assert identity.authenticate(altinn) is not None
    with pytest.raises(OAuthRefusal, match="Invalid refresh token"):
        ask_idporten(answer["refresh_token"])

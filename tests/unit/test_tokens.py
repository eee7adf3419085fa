"""The login flow, step by step, against scripted answers of Maskinporten, ID-porten and Altinn."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import itertools
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import (
    AltinnAnswerError,
    AltinnConfigurationError,
    AltinnError,
    AltinnLoginError,
    AltinnNoAnswerError,
    AltinnUnavailableError,
)
from altinn.protocol.environments import resolve_environment
from altinn.protocol.settings import Settings, settings_from
from altinn.protocol.tokens import TokenSet, cache_key, claims_of, expiry_of, login
from altinn.protocol.wire import HttpResponse
from tests.unit.login_samples import (
    HOST,
    NOW,
    Script,
    answer,
    claims_in,
    form_of,
    granted,
    idporten,
    maskinporten,
    token,
)

EXTERNAL = token(600, {"kind": "external"})
ALTINN = token(1800, {"kind": "altinn"})


def _ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"jti-{next(numbers)}"


def _login(script: Script, settings: Settings, **more: str) -> TokenSet:
    return script.run(login(settings, clock=lambda: NOW, new_id=_ids(), refresh_token=more.get("refresh_token")))


def _refused(settings: Settings, *answers: HttpResponse | AltinnError) -> AltinnError:
    with pytest.raises(AltinnError) as caught:
        _login(Script(*answers), settings)
    return caught.value


# --- Maskinporten


def test_a_maskinporten_login_is_an_assertion_and_an_exchange() -> None:
    script = Script(granted(EXTERNAL), answer(200, ALTINN))

    tokens = _login(script, maskinporten())

    grant, exchange = script.requests
    assert (grant.method, grant.url) == ("POST", f"{HOST}/maskinporten/token")
    assert grant.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form_of(grant)["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert (exchange.method, exchange.url) == ("GET", f"{HOST}/authentication/api/v1/exchange/maskinporten")
    assert exchange.headers["Authorization"] == f"Bearer {EXTERNAL}"
    assert tokens == TokenSet(ALTINN, NOW + 1800, EXTERNAL, NOW + 600)


def test_the_assertion_holds_exactly_what_maskinporten_takes() -> None:
    script = Script(granted(EXTERNAL), answer(200, ALTINN))
    _login(script, maskinporten())

    claims = claims_in(form_of(script.requests[0])["assertion"], f"{HOST}/maskinporten/")

    assert claims == {
        "iss": "client-1",
        "aud": f"{HOST}/maskinporten/",
        "iat": int(NOW),
        "exp": claims["exp"],
        "jti": "jti-1",
        "scope": "altinn:instances.read altinn:instances.write",
        "authorization_details": [
            {
                "type": "urn:altinn:systemuser",
                "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": "0192:974760673"},
            }
        ],
    }
    assert 30 <= int(str(claims["exp"])) - int(NOW) <= 120


def test_the_reference_is_named_only_if_there_is_one_and_the_system_user_too() -> None:
    def details(settings: Settings) -> object:
        script = Script(granted(EXTERNAL), answer(200, ALTINN))
        _login(script, settings)
        claims = claims_in(form_of(script.requests[0])["assertion"], f"{HOST}/maskinporten/")
        return claims.get("authorization_details")

    named = details(maskinporten(external_ref="department-7"))
    assert isinstance(named, list)
    assert named[0]["externalRef"] == "department-7"
    assert details(maskinporten(on_behalf_of="")) is None


def test_every_attempt_has_a_new_jti() -> None:
    script = Script(
        answer(503, "down", retry_after="7"),
        AltinnNoAnswerError("timed out"),
        answer(500),
        granted(EXTERNAL),
        answer(200, ALTINN),
    )

    _login(script, maskinporten())

    assertions = [form_of(request)["assertion"] for request in script.requests[:4]]
    jtis = [claims_in(assertion, f"{HOST}/maskinporten/")["jti"] for assertion in assertions]
    assert jtis == ["jti-1", "jti-2", "jti-3", "jti-4"]
    assert script.sleeps == [7.0, 2.0, 4.0]


def test_a_service_that_stays_down_ends_the_attempts() -> None:
    down = _refused(maskinporten(), *[answer(503, "<html><body>Bad gateway</body></html>")] * 4)
    assert isinstance(down, AltinnUnavailableError)
    silent = _refused(maskinporten(), *[AltinnNoAnswerError("timed out")] * 4)
    assert isinstance(silent, AltinnNoAnswerError)


def test_a_long_retry_after_is_left_to_the_task() -> None:
    script = Script(answer(429, "slow down", retry_after="3600"))
    with pytest.raises(AltinnUnavailableError) as caught:
        _login(script, maskinporten())
    assert caught.value.retry_after == 3600
    assert script.sleeps == []


REFUSALS = {
    "clock": ("invalid_grant", "Invalid assertion. JWT is expired (MP-111)", "NTP"),
    "clock ahead": ("invalid_grant", "Invalid assertion. Issue time is after now.", "NTP"),
    "jti": ("invalid_grant", "Invalid assertion. Grant is used before.", "sends requests twice"),
    "old key": ("invalid_grant", "Invalid assertion. Expired key.", "lives for a year"),
    "signature": ("invalid_grant", "Invalid assertion. Invalid JWT signature.", "registered with the client"),
    "unknown client": ("invalid_grant", "Invalid assertion. Client not found.", "client 'client-1' is not known"),
    "key": ("invalid_grant", "Unknown kid", "registered with the client"),
    "audience": ("invalid_grant", "Invalid JWT claim aud.", "the connection's environment and the client's"),
    "any": ("invalid_grant", "no", "check in this order"),
    "scope": ("invalid_scope", "The client has no access to altinn:instances.write", "scope altinn:instances.write:"),
    "user scope": (
        "invalid_scope",
        "Token request contains scopes not allowed for maskinporten, openid",
        "log in with auth_mode idporten",
    ),
    "user scope, as it was said before": (
        "invalid_scope",
        "Token request contains scopes with integration types only allowed for user login, openid",
        "log in with auth_mode idporten",
    ),
    "withdrawn scope": (
        "forbidden",
        "Consumer has not been granted access to the scope altinn:instances.write",
        "has no access to scope altinn:instances.write: ask whoever owns the API",
    ),
    "certificate": (
        "invalid_grant",
        "The JWT is signed with an invalid certificate.",
        "belong to the organisation that owns the client",
    ),
    "scopes": ("invalid_scope", "no", "one of the scopes altinn:instances.read altinn:instances.write"),
    "client": ("invalid_client", "no", "client 'client-1' is not known"),
    "system user": (
        "invalid_altinn_customer_configuration",
        "MP-303",
        "no (single) system user of organisation 974760673 for client 'client-1'",
    ),
    "system user in words": ("invalid_request", "Systemuser not found", "externalRef, the same must be given"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_by_maskinporten_says_what_to_do(kind: str) -> None:
    error, description, said = REFUSALS[kind]
    script = Script(answer(400, {"error": error, "error_description": description}))

    with pytest.raises(AltinnLoginError) as caught:
        _login(script, maskinporten())

    assert said in caught.value.hint
    assert description in str(caught.value)
    assert script.sleeps == []


def test_maskinportens_own_code_is_read_when_the_words_say_nothing() -> None:
    body = {"error": "invalid_grant", "error_description": "No.", "error_uri": "https://maskinporten.no/errors/MP-124"}
    refused = _refused(maskinporten(), answer(400, body))
    assert isinstance(refused, AltinnLoginError)
    assert "registered with the client" in refused.hint


def test_no_error_repeats_the_assertion_or_the_token() -> None:
    script = Script(granted(EXTERNAL), answer(200, ALTINN))
    _login(script, maskinporten())
    assertion = form_of(script.requests[0])["assertion"]

    echoed = _refused(maskinporten(), answer(400, {"error": "invalid_grant", "error_description": f"bad {assertion}"}))
    exchange = _refused(maskinporten(), granted(EXTERNAL), answer(400, f"bad token {EXTERNAL}"))
    half = _refused(maskinporten(), answer(200, '{"access_token": "' + EXTERNAL))

    for error in (echoed, exchange, half):
        assert assertion.rpartition(".")[2] not in str(error)
        assert EXTERNAL.rpartition(".")[2] not in str(error)
    assert isinstance(half, AltinnAnswerError)


def test_a_redirect_is_not_followed_with_a_secret() -> None:
    script = Script(answer(302, "", location="https://elsewhere.example/"))
    with pytest.raises(AltinnLoginError, match="redirect"):
        _login(script, maskinporten())
    assert len(script.requests) == 1


# --- the exchange


@pytest.mark.parametrize("quoted", [ALTINN, f'"{ALTINN}"', f"{ALTINN}\n", f'\ufeff"{ALTINN}" '])
def test_the_altinn_token_may_come_in_quotes(quoted: str) -> None:
    assert _login(Script(granted(EXTERNAL), answer(200, quoted)), maskinporten()).altinn_token == ALTINN


def test_a_401_of_the_exchange_is_tried_again_because_it_hides_outages() -> None:
    script = Script(granted(EXTERNAL), answer(401), answer(401), answer(200, ALTINN))
    assert _login(script, maskinporten()).altinn_token == ALTINN
    assert script.sleeps == [1.0, 2.0]

    lasting = _refused(maskinporten(), granted(EXTERNAL), *[answer(401)] * 4)
    assert isinstance(lasting, AltinnLoginError)
    assert "outage" in lasting.hint
    assert "the organisation is not known in environment 'local'" in lasting.hint


def test_a_403_of_the_exchange_speaks_of_scopes() -> None:
    refused = _refused(idporten(), granted(EXTERNAL), answer(403))
    assert isinstance(refused, AltinnLoginError)
    assert "no scope that starts with 'altinn:'" in refused.hint


@pytest.mark.parametrize("body", ["<html>sign in to the Wi-Fi</html>", "", "a b.c d.e f"])
def test_an_exchange_that_gives_no_token_is_an_error(body: str) -> None:
    assert isinstance(_refused(maskinporten(), granted(EXTERNAL), answer(200, body)), AltinnAnswerError)


def test_a_clock_that_is_far_ahead_is_named() -> None:
    behind = _refused(maskinporten(), granted(EXTERNAL), answer(200, token(-60)))
    assert isinstance(behind, AltinnConfigurationError)
    assert "clock" in str(behind)


# --- ID-porten


def test_an_idporten_login_stores_the_next_refresh_token_before_using_the_access_token() -> None:
    script = Script(granted(EXTERNAL, refresh_token="second"), answer(200, ALTINN))

    tokens = _login(script, idporten())

    assert [type(step).__name__ for step in script.steps] == ["HttpRequest", "KeepRefreshToken", "HttpRequest"]
    assert script.kept == ["second"]
    refresh, exchange = script.requests
    form = form_of(refresh)
    assert (refresh.url, form["grant_type"]) == (f"{HOST}/idporten/token", "refresh_token")
    assert form["refresh_token"] == "first-refresh-token"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    claims = claims_in(form["client_assertion"], f"{HOST}/idporten")
    assert (claims["iss"], claims["sub"], claims["jti"]) == ("client-2", "client-2", "jti-1")
    assert exchange.url.endswith("/exchange/id-porten")
    assert tokens.external_token == EXTERNAL


def test_the_latest_refresh_token_is_used_and_kept_only_when_it_changes() -> None:
    script = Script(granted(EXTERNAL, refresh_token="latest"), answer(200, ALTINN))
    _login(script, idporten(), refresh_token="latest")
    assert form_of(script.requests[0])["refresh_token"] == "latest"
    assert script.kept == []


def test_an_expired_refresh_token_means_logging_in_again() -> None:
    refused = _refused(idporten(), answer(400, {"error": "invalid_grant", "error_description": "Token not active"}))
    assert isinstance(refused, AltinnLoginError)
    assert "log in again" in refused.hint


def test_an_idporten_client_without_its_key_is_explained() -> None:
    refused = _refused(idporten(), answer(401, {"error": "invalid_client"}))
    assert isinstance(refused, AltinnLoginError)
    assert "private_key_jwt and the refresh_token grant" in refused.hint


# --- test logins


def _local(**extra: object) -> Settings:
    return settings_from("local", host=HOST, extra={"environment": "local", **extra})


def test_localtest_gives_a_users_token() -> None:
    script = Script(answer(200, ALTINN))
    tokens = _login(script, _local(auth_mode="localtest", test_user_id=1337, test_authentication_level=3))
    assert script.requests[0].url == f"{HOST}/Home/GetTestUserToken/1337?authenticationLevel=3"
    assert tokens == TokenSet(ALTINN, NOW + 1800)


def test_localtest_gives_a_system_users_token() -> None:
    script = Script(answer(200, f'"{ALTINN}"'))
    _login(script, _local(auth_mode="localtest", test_system_user_id="d111dbab"))
    split = urlsplit(script.requests[0].url)
    assert split.path == "/Home/GetTestSystemUserToken"
    assert parse_qs(split.query) == {
        "systemUserId": ["d111dbab"],
        "scope": ["altinn:instances.read altinn:instances.write"],
    }


def test_a_user_that_localtest_does_not_know_is_named() -> None:
    refused = _refused(_local(auth_mode="localtest", test_user_id=1), answer(404))
    assert isinstance(refused, AltinnLoginError)
    assert "test_user_id 1 is not in LocalTest's test data" in refused.hint


def _generator(**extra: object) -> Settings:
    fields = {"environment": "tt02", "auth_mode": "token_generator", **extra}
    return settings_from("g", login="tester", password="pass:word", extra=fields)


def test_the_token_generator_makes_a_persons_token() -> None:
    script = Script(answer(200, ALTINN))
    _login(script, _generator(test_user_id="20000001", test_party_id="50000001", token_person_number="01039012345"))
    request = script.requests[0]
    split = urlsplit(request.url)
    assert f"{split.scheme}://{split.netloc}{split.path}" == (
        "https://altinn-testtools-token-generator.azurewebsites.net/api/GetPersonalToken"
    )
    assert parse_qs(split.query) == {
        "env": ["tt02"],
        "scopes": ["altinn:instances.read altinn:instances.write"],
        "userId": ["20000001"],
        "partyId": ["50000001"],
        "pid": ["01039012345"],
    }
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"tester:pass:word"


def test_the_token_generator_makes_a_system_users_token() -> None:
    script = Script(answer(200, ALTINN))
    _login(script, _generator(test_system_user_id="u-1", on_behalf_of="974760673"))
    split = urlsplit(script.requests[0].url)
    assert split.path == "/api/GetSystemUserToken"
    assert parse_qs(split.query)["systemUserOrg"] == ["974760673"]


def test_the_token_generators_refusals_hide_the_person() -> None:
    settings = _generator(test_user_id="1", token_person_number="01039012345")
    refused = _refused(settings, answer(400, '["Invalid pid: 01039012345"]'))
    assert "01039012345" not in str(refused)
    denied = _refused(settings, answer(401))
    assert isinstance(denied, AltinnLoginError)
    assert "user name and password" in denied.hint


def test_a_ready_made_token_is_used_as_it_is_until_it_expires() -> None:
    script = Script()
    assert _login(script, _local(auth_mode="altinn_token", altinn_token=ALTINN)).altinn_token == ALTINN
    assert script.steps == []
    for bad, said in ((token(-1), "has expired"), ("not-a-token", "is not a token")):
        with pytest.raises(AltinnConfigurationError, match=said):
            _login(Script(), _local(auth_mode="altinn_token", altinn_token=bad))


# --- reading tokens


def test_the_expiry_is_read_from_the_token() -> None:
    assert expiry_of(token(17)) == NOW + 17
    assert claims_of(token(17, {"scope": "a b"}))["scope"] == "a b"


@pytest.mark.parametrize("bad", ["", "opaque-token", "a.b.c", "a.!!.c", "e30.W10.x", "e30.e30.x", "é.é.é"])
def test_what_is_no_token_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(AltinnAnswerError) as caught:
        expiry_of(bad)
    assert not bad or bad not in str(caught.value)


@given(st.text(max_size=60))
def test_reading_any_text_gives_a_number_or_our_error(text: str) -> None:
    with contextlib.suppress(AltinnAnswerError):
        assert isinstance(expiry_of(text), float)


# --- cache key


CHANGES: dict[str, Callable[[Settings], Settings]] = {
    "environment": lambda s: dataclasses.replace(s, environment=resolve_environment("tt02")),
    "host": lambda s: dataclasses.replace(s, environment=resolve_environment("local", "http://127.0.0.1:8001")),
    "issuer": lambda s: dataclasses.replace(s, environment=resolve_environment("local", HOST, "http://mp", "http://i")),
    "client": lambda s: dataclasses.replace(s, client_id="other"),
    "scopes": lambda s: dataclasses.replace(s, scopes=(*s.scopes, "skatteetaten:mva")),
    "organisation": lambda s: dataclasses.replace(s, on_behalf_of="991825827"),
    "reference": lambda s: dataclasses.replace(s, external_ref="department-7"),
    "mode": lambda s: dataclasses.replace(s, auth_mode="token_generator"),
    "test user": lambda s: dataclasses.replace(s, test_user_id="1337"),
    "test system user": lambda s: dataclasses.replace(s, test_system_user_id="1337"),
    "test level": lambda s: dataclasses.replace(s, test_authentication_level="4"),
    "test person": lambda s: dataclasses.replace(s, token_person_number="01039012345"),
}


@given(st.sets(st.sampled_from(sorted(CHANGES))), st.sets(st.sampled_from(sorted(CHANGES))))
def test_different_identities_have_different_keys_and_equal_ones_the_same(first: set[str], second: set[str]) -> None:
    def changed(names: set[str]) -> Settings:
        settings = maskinporten()
        for name in sorted(names):
            settings = CHANGES[name](settings)
        return settings

    one, other = changed(first), changed(second)
    same = dataclasses.replace(one, conn_id="x") == dataclasses.replace(other, conn_id="x")
    assert (cache_key(one) == cache_key(other)) == same


def test_what_decides_nothing_about_the_token_is_not_in_the_key() -> None:
    settings = maskinporten()
    for change in (
        {"conn_id": "other"},
        {"scopes": tuple(reversed(settings.scopes))},
        {"timeout": 5.0},
        {"organisation_number": "991825827"},
        {"key_id": "rotated", "private_key": "rotated"},
    ):
        assert cache_key(dataclasses.replace(settings, **change)) == cache_key(settings)


def test_a_new_idporten_login_starts_a_new_line_and_an_edit_of_the_scopes_does_not() -> None:
    assert cache_key(idporten("a")) != cache_key(idporten("b"))
    assert cache_key(idporten("a")) == cache_key(idporten("a", scopes="openid altinn:instances.read"))


def test_the_key_is_a_digest() -> None:
    key = cache_key(idporten())
    assert len(key) == 64
    assert int(key, 16) >= 0

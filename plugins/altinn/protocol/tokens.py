"""How a connection's login becomes an Altinn token, as a flow.

Assertions follow "JWT grant" and "token endpoint" on docs.digdir.no; the exchange follows AuthenticationController in
Altinn's public authentication service.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from altinn.exceptions import (
    AltinnAnswerError,
    AltinnConfigurationError,
    AltinnTransportError,
    AltinnUnavailableError,
)
from altinn.protocol import authentication_api
from altinn.protocol.assertions import idporten_assertion, maskinporten_assertion
from altinn.protocol.login_refusals import login_error
from altinn.protocol.settings import ALTINN_TOKEN, IDPORTEN, LOCALTEST, MASKINPORTEN, SHARED_STORE, Settings
from altinn.protocol.wire import Call, Flow, HttpResponse, KeepRefreshToken, Sleep

T = TypeVar("T")
Clock = Callable[[], float]
NewId = Callable[[], str]

ATTEMPTS = 4
FIRST_DELAY = 1.0
LONGEST_WAIT = 60.0
"""Seconds of a `Retry-After` that are waited out here; a longer wait is the task's retry."""

PERSON_PROVIDER, ORGANISATION_PROVIDER = "id-porten", "maskinporten"
"""What the exchange calls the two issuers."""


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The tokens of one login.

    :param altinn_expires_at: seconds since 1970, read from the token itself.
    :param external_token: the raw Maskinporten or ID-porten token, for authorities' own APIs; empty for test logins.
    """

    altinn_token: str = field(repr=False)
    altinn_expires_at: float
    external_token: str = field(default="", repr=False)
    external_expires_at: float = 0.0


def new_uuid() -> str:
    """Return a random UUID, for a `jti`."""
    return str(uuid.uuid4())


def cache_key(settings: Settings) -> str:
    """Return a name for everything that decides which identity a token gives, as 64 hexadecimal digits.

    Two settings share a key exactly if a token of one may be used for the other. An ID-porten login is identified by
    the connection's refresh token, so that a new login starts a new line, or by the connection's id where the login
    itself is kept in the store; its scopes were decided by the person, and an edit of the connection's scopes must not
    lose the line.
    """
    environment, mode = settings.environment, settings.auth_mode
    parts: dict[str, object] = {
        "version": 1,
        "environment": [environment.name, environment.platform_url],
        "issuer": environment.idporten_token_url if mode == IDPORTEN else environment.maskinporten_token_url,
        "mode": mode,
        "client": settings.client_id,
        "scopes": [] if mode == IDPORTEN else sorted(settings.scopes),
        "system user": [settings.on_behalf_of, settings.external_ref],
        "login": _login_of(settings) if mode == IDPORTEN else "",
        "ready made": _digest(settings.altinn_token if mode == ALTINN_TOKEN else ""),
        "test": [
            settings.test_user_id,
            settings.test_party_id,
            settings.test_system_user_id,
            settings.test_authentication_level,
            _digest(settings.token_person_number),
        ],
    }
    return _digest(json.dumps(parts, sort_keys=True))


def _login_of(settings: Settings) -> str:
    if settings.refresh_token:
        return _digest(settings.refresh_token)
    return f"connection {settings.conn_id}" if settings.login_store == SHARED_STORE else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def claims_of(token: str) -> dict[str, object]:
    """Read a JWT's claims without checking its signature, which is the server's business.

    :raises AltinnAnswerError: it is not a JWT.
    """
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        claims = None
    if not isinstance(claims, dict):
        # Not chained: the decoder's exception carries the token's content.
        raise AltinnAnswerError("the login gave something that is not a JWT")
    return claims


def expiry_of(token: str) -> float:
    """Return when a JWT expires, in seconds since 1970.

    :raises AltinnAnswerError: it is not a JWT, or does not say.
    """
    expires_at = claims_of(token).get("exp")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        raise AltinnAnswerError("the login gave a token without an expiry ('exp')")
    return float(expires_at)


def login(
    settings: Settings, *, refresh_token: str | None = None, clock: Clock = time.time, new_id: NewId = new_uuid
) -> Flow[TokenSet]:
    """Log in and exchange.

    :param refresh_token: the latest ID-porten refresh token, if it is not the connection's.
    :param clock: seconds since 1970.
    :param new_id: makes a new `jti` for each attempt.
    :raises AltinnConfigurationError: the key or the ready-made token is of no use.
    :raises AltinnLoginError: a service said no; the hint says what to do.
    :raises AltinnUnavailableError: a service is out of order.
    :raises AltinnTransportError: no answer.
    """
    if settings.auth_mode == ALTINN_TOKEN:
        return _ready_made(settings, clock)
    if settings.auth_mode == MASKINPORTEN:
        external = yield from external_token(settings, clock=clock, new_id=new_id)
        altinn_token = yield from exchanged(settings, ORGANISATION_PROVIDER, external.access_token)
    elif settings.auth_mode == IDPORTEN:
        external = yield from _refreshed(settings, refresh_token or settings.refresh_token, clock, new_id)
        altinn_token = yield from exchanged(settings, PERSON_PROVIDER, external.access_token)
    else:
        altinn_token = yield from _ask(settings, lambda: _test_token(settings))
        return TokenSet(altinn_token, _in_the_future(altinn_token, clock))
    return TokenSet(
        altinn_token,
        _in_the_future(altinn_token, clock),
        external.access_token,
        expiry_of(external.access_token),
    )


def external_token(
    settings: Settings, *, clock: Clock = time.time, new_id: NewId = new_uuid
) -> Flow[authentication_api.OAuthTokens]:
    """Get a Maskinporten token, with a new assertion for each attempt."""
    key = settings.signing_key
    return (
        yield from _ask(
            settings,
            lambda: authentication_api.maskinporten_token(
                settings.environment, maskinporten_assertion(settings, key, clock(), new_id())
            ),
        )
    )


def _refreshed(
    settings: Settings, refresh_token: str, clock: Clock, new_id: NewId
) -> Flow[authentication_api.OAuthTokens]:
    """Use a refresh token, and have its successor stored before anything else happens.

    After a lost answer the same token is tried again: if the server has rotated it, the successor is lost anyway.
    """
    key = settings.signing_key
    tokens = yield from _ask(
        settings,
        lambda: authentication_api.idporten_refresh(
            settings.environment,
            settings.client_id,
            idporten_assertion(settings, key, clock(), new_id()),
            refresh_token,
        ),
    )
    if tokens.refresh_token and tokens.refresh_token != refresh_token:
        yield KeepRefreshToken(tokens.refresh_token, tokens.refresh_expires_in)
    return tokens


def exchanged(settings: Settings, provider: str, token: str) -> Flow[str]:
    """Exchange a fresh external token for an Altinn token.

    A 401 is tried again a few times: the endpoint answers it for each of its own failures as well.
    """
    return (
        yield from _ask(
            settings,
            lambda: authentication_api.exchange(settings.environment, provider, token),
            also_repeat=frozenset({401}),
        )
    )


def _test_token(settings: Settings) -> Call[str]:
    environment = settings.environment
    if settings.auth_mode == LOCALTEST:
        if settings.test_user_id:
            return authentication_api.localtest_user_token(
                environment, settings.test_user_id, settings.test_authentication_level
            )
        return authentication_api.localtest_system_user_token(
            environment, settings.test_system_user_id, settings.scopes
        )
    name, password = settings.client_id, settings.generator_password
    if settings.test_system_user_id:
        return authentication_api.generated_system_user_token(
            environment, name, password, settings.test_system_user_id, settings.on_behalf_of, settings.scopes
        )
    person = {
        "userId": settings.test_user_id,
        "partyId": settings.test_party_id,
        "pid": settings.token_person_number,
        "authLvl": settings.test_authentication_level,
    }
    return authentication_api.generated_person_token(environment, name, password, person, settings.scopes)


def _ready_made(settings: Settings, clock: Clock) -> TokenSet:
    try:
        expires_at = expiry_of(settings.altinn_token)
    except AltinnAnswerError as exc:
        raise AltinnConfigurationError(
            f"connection '{settings.conn_id}': altinn_token is not a token that Altinn made: paste it again"
        ) from exc
    if expires_at <= clock():
        raise AltinnConfigurationError(
            f"connection '{settings.conn_id}': altinn_token has expired: get a new one, or use another auth_mode"
        )
    return TokenSet(settings.altinn_token, expires_at)


def _in_the_future(token: str, clock: Clock) -> float:
    expires_at = expiry_of(token)
    if expires_at <= clock():
        raise AltinnConfigurationError(
            "a fresh token has already expired by this machine's clock: correct the clock (NTP)"
        )
    return expires_at


def _ask(settings: Settings, prepare: Callable[[], Call[T]], also_repeat: frozenset[int] = frozenset()) -> Flow[T]:
    """Make a login call until it is answered, with a newly prepared request for each attempt."""
    attempt = 0
    while True:
        attempt += 1
        call = prepare()
        wait = FIRST_DELAY * 2 ** (attempt - 1)
        try:
            response = yield call.request
        except AltinnTransportError:
            if attempt == ATTEMPTS:
                raise
            yield Sleep(wait, f"{call.name}: no answer")
            continue
        if not isinstance(response, HttpResponse):
            raise AltinnAnswerError(f"{call.name}: the driver gave no answer to a request")
        if response.status in call.accept:
            return call.parse(response)
        error = login_error(call.name, response, settings)
        temporary = isinstance(error, AltinnUnavailableError) or error.status in also_repeat
        asked = error.retry_after or 0.0
        if attempt == ATTEMPTS or not temporary or asked > LONGEST_WAIT:
            raise error
        yield Sleep(max(wait, asked), f"{call.name}: {error.status}")

"""Walks a connection's login link by link, and names the one that breaks."""

from __future__ import annotations

import time
from collections.abc import Callable

from altinn.exceptions import AltinnAnswerError, AltinnError
from altinn.protocol.assertions import idporten_assertion
from altinn.protocol.keys import load_key
from altinn.protocol.settings import ALTINN_TOKEN, IDPORTEN, LOCALTEST, MASKINPORTEN, Settings
from altinn.protocol.tokens import (
    ORGANISATION_PROVIDER,
    claims_of,
    exchanged,
    expiry_of,
    external_token,
    login,
    new_uuid,
)
from altinn.protocol.wire import Flow, NeedToken

_LOGIN_NAMES = {ALTINN_TOKEN: "altinn_token", LOCALTEST: "LocalTest"}
_ORGANISATION_NUMBER = "urn:altinn:orgNumber"


def diagnose(
    settings: Settings, clock: Callable[[], float] = time.time, new_id: Callable[[], str] = new_uuid
) -> Flow[tuple[bool, str]]:
    """Try a connection's login and say how far it came, one line for each link, without any secret.

    Maskinporten and the test logins are really asked. An ID-porten login is asked for through `NeedToken`, because
    its refresh token may be spent by the token store alone.

    :return: whether all links hold, and the lines.
    """
    lines = [f"environment: {settings.environment.name}, {settings.environment.platform_url}"]
    link = "private key"
    try:
        if settings.auth_mode == MASKINPORTEN:
            lines.append(_key_line(settings, clock(), new_id()))
            link = "Maskinporten"
            external = yield from external_token(settings, clock=clock, new_id=new_id)
            lines.append(f"Maskinporten: ok, client '{settings.client_id}' was given {external.scope or 'a token'}")
            link = "exchange at Altinn"
            token = yield from exchanged(settings, ORGANISATION_PROVIDER, external.access_token)
        elif settings.auth_mode == IDPORTEN:
            lines.append(_key_line(settings, clock(), new_id()))
            link = "ID-porten and the exchange at Altinn"
            token = yield from _from_store()
        else:
            link = _LOGIN_NAMES.get(settings.auth_mode, "token generator")
            token = (yield from login(settings, clock=clock, new_id=new_id)).altinn_token
        lines.append(f"{link}: ok, {_token_text(token, clock())}")
    except AltinnError as exc:
        return False, "\n".join([*lines, f"{link}: failed. {exc}"])
    lines.extend(settings.warnings())
    return True, "\n".join(lines)


def _key_line(settings: Settings, now: float, jti: str) -> str:
    key = load_key(settings.private_key, settings.key_id)
    idporten_assertion(settings, key, now, jti)
    return f"private key: ok, RSA with {key.bits} bits, key id '{key.key_id}'"


def _from_store() -> Flow[str]:
    """Have the token store log in: what it keeps proves an earlier login only, so that is handed back."""
    kept = yield NeedToken()
    token = yield NeedToken(rejected=kept if isinstance(kept, str) else None)
    if not isinstance(token, str):
        raise AltinnAnswerError("the driver gave no token")
    return token


def _token_text(token: str, now: float) -> str:
    minutes = (expiry_of(token) - now) / 60
    return f"Altinn token for {_identity(claims_of(token))}, valid for {minutes:.0f} minutes"


def _identity(claims: dict[str, object]) -> str:
    """Name the kind of identity a token gives, as an app tells them apart (Authenticated in Altinn's app library)."""
    details = claims.get("authorization_details")
    first = details[0] if isinstance(details, list) and details else details
    if isinstance(first, dict) and first.get("type") == "urn:altinn:systemuser":
        owner = first.get("systemuser_org")
        number = str(owner.get("ID", "")) if isinstance(owner, dict) else ""
        return f"the system user of organisation {number.rpartition(':')[2] or 'unknown'}"
    if "urn:altinn:userid" in claims:
        return "a person"
    if "urn:altinn:org" in claims:
        return f"service owner '{claims['urn:altinn:org']}'"
    number = str(claims.get(_ORGANISATION_NUMBER, "unknown"))
    return (
        f"organisation {number} without a system user (it can authenticate, but not file: set on_behalf_of here or in "
        "the task)"
    )

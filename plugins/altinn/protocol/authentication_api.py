"""The endpoints that give tokens: Maskinporten, ID-porten, Altinn's exchange, and the test services.

Every function describes one request. None of them is sent with the session's own token (`audience` is None), and
`Call.name` never holds a secret. An address holds none either, except the token generator's: its API takes a
(synthetic) person number in the query, so no driver may write addresses with their query to a log.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from altinn.exceptions import AltinnAnswerError
from altinn.protocol.environments import Environment
from altinn.protocol.wire import Call, HttpRequest, HttpResponse

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_GENERATOR_URL = "https://altinn-testtools-token-generator.azurewebsites.net/api"

_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_EXCHANGE_PROVIDERS = frozenset({"maskinporten", "id-porten"})


@dataclass(frozen=True, slots=True)
class OAuthTokens:
    """What a token endpoint answers.

    :param expires_in: seconds; 0 when the answer does not say.
    :param refresh_token: the next refresh token, if it rotated; empty otherwise.
    :param refresh_expires_in: seconds that this one lives; 0 when the answer does not say.
    """

    access_token: str = field(repr=False)
    expires_in: float = 0.0
    scope: str = ""
    refresh_token: str = field(default="", repr=False)
    refresh_expires_in: float = 0.0


def maskinporten_token(environment: Environment, assertion: str) -> Call[OAuthTokens]:
    """Trade a signed assertion for a Maskinporten token ("token endpoint", docs.digdir.no).

    Not harmless to repeat as it is: Maskinporten takes an assertion once.
    """
    body = {"grant_type": JWT_BEARER, "assertion": assertion}
    request = HttpRequest("POST", environment.maskinporten_token_url, _FORM, urlencode(body).encode())
    return Call("Maskinporten's token endpoint", request, _oauth_tokens("Maskinporten"), audience=None)


def idporten_refresh(environment: Environment, client_id: str, assertion: str, refresh_token: str) -> Call[OAuthTokens]:
    """Trade a refresh token for an ID-porten token and the next refresh token ("token endpoint", docs.digdir.no).

    :param assertion: client authentication, private_key_jwt.
    """
    body = {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "client_assertion_type": CLIENT_ASSERTION,
        "client_assertion": assertion,
        "refresh_token": refresh_token,
    }
    request = HttpRequest("POST", environment.idporten_token_url, _FORM, urlencode(body).encode())
    return Call("ID-porten's token endpoint", request, _oauth_tokens("ID-porten"), audience=None)


def exchange(environment: Environment, provider: str, external_token: str) -> Call[str]:
    """Trade a Maskinporten or ID-porten token for an Altinn token (AuthenticationController's `exchange`).

    :param provider: "maskinporten" or "id-porten".
    """
    if provider not in _EXCHANGE_PROVIDERS:
        raise ValueError(f"provider must be one of {sorted(_EXCHANGE_PROVIDERS)}")
    return _bare_token(
        f"Altinn's token exchange for {provider}",
        f"{environment.platform_url}/authentication/api/v1/exchange/{provider}",
        {"Authorization": f"Bearer {external_token}"},
    )


def refresh(environment: Environment, altinn_token: str) -> Call[str]:
    """Trade a valid Altinn token for a new one (AuthenticationController.RefreshJWTCookie)."""
    return _bare_token(
        "Altinn's token refresh",
        f"{environment.platform_url}/authentication/api/v1/refresh",
        {"Authorization": f"Bearer {altinn_token}"},
    )


def localtest_user_token(environment: Environment, user_id: str, authentication_level: str = "") -> Call[str]:
    """Get a user's token from LocalTest (HomeController.GetTestUserToken in app-localtest)."""
    query = _query({"authenticationLevel": authentication_level})
    path = f"/Home/GetTestUserToken/{quote(user_id, safe='')}{query}"
    return _bare_token("LocalTest's user token", environment.platform_url + path)


def localtest_system_user_token(
    environment: Environment, system_user_id: str, scopes: tuple[str, ...] = ()
) -> Call[str]:
    """Get a system user's token from LocalTest (HomeController.GetTestSystemUserToken in app-localtest)."""
    query = _query({"systemUserId": system_user_id, "scope": " ".join(scopes)})
    return _bare_token(
        "LocalTest's system user token", f"{environment.platform_url}/Home/GetTestSystemUserToken{query}"
    )


def generated_person_token(
    environment: Environment, user_name: str, password: str, person: dict[str, str], scopes: tuple[str, ...]
) -> Call[str]:
    """Get a test person's token from the token generator (GetPersonalToken in Altinn/AltinnTestTools).

    :param person: any of `userId`, `partyId`, `pid`, `authLvl`.
    """
    query = _query({"env": environment.name, "scopes": " ".join(scopes), **person})
    return _bare_token(
        "the token generator (GetPersonalToken)",
        f"{TOKEN_GENERATOR_URL}/GetPersonalToken{query}",
        _basic(user_name, password),
    )


def generated_system_user_token(
    environment: Environment,
    user_name: str,
    password: str,
    system_user_id: str,
    organisation_number: str,
    scopes: tuple[str, ...],
) -> Call[str]:
    """Get a system user's token from the token generator (GetSystemUserToken in Altinn/AltinnTestTools)."""
    query = _query(
        {
            "env": environment.name,
            "scopes": " ".join(scopes),
            "systemUserId": system_user_id,
            "systemUserOrg": organisation_number,
        }
    )
    return _bare_token(
        "the token generator (GetSystemUserToken)",
        f"{TOKEN_GENERATOR_URL}/GetSystemUserToken{query}",
        _basic(user_name, password),
    )


def _bare_token(name: str, url: str, headers: dict[str, str] | None = None) -> Call[str]:
    """Describe a request whose answer is nothing but a token."""
    request = HttpRequest("GET", url, {"Accept": "text/plain, */*", **(headers or {})})

    def parse(response: HttpResponse) -> str:
        # Quoted when the server's JSON formatter wins, which depends on its version and on proxies.
        token = response.text.strip().strip('"')
        if token.count(".") != 2 or not token.isascii() or any(letter.isspace() for letter in token):
            raise AltinnAnswerError(f"{name} answered {response.status} without a token: is there a proxy in between?")
        return token

    return Call(name, request, parse, harmless=True, audience=None)


def _oauth_tokens(issuer: str) -> Callable[[HttpResponse], OAuthTokens]:
    """Return a reader of a token endpoint's JSON."""

    def parse(response: HttpResponse) -> OAuthTokens:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            # Nothing of the body is shown: half an answer may hold a token.
            raise AltinnAnswerError(f"{issuer} answered {response.status} without an access token")
        rotated = answer.get("refresh_token")
        return OAuthTokens(
            answer["access_token"],
            _seconds(answer.get("expires_in")),
            str(answer.get("scope") or ""),
            rotated if isinstance(rotated, str) else "",
            _seconds(answer.get("refresh_token_expires_in")),
        )

    return parse


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _query(parameters: dict[str, str]) -> str:
    given = {name: value for name, value in parameters.items() if value}
    return f"?{urlencode(given, quote_via=quote)}" if given else ""


def _basic(user_name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user_name}:{password}".encode()).decode("ascii")}

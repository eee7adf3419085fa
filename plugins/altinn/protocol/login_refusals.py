"""What a refused login means, and what the reader can do about it.

Sources: Altinn's troubleshooting pages for system users on docs.altinn.studio, the token endpoints' pages on
docs.digdir.no, and AuthenticationController in Altinn's public authentication service.
"""

from __future__ import annotations

from altinn.exceptions import AltinnHttpError, AltinnLoginEndedError, AltinnLoginError, AltinnUnavailableError, Problem
from altinn.protocol.problems import TEMPORARY, problem_of
from altinn.protocol.settings import IDPORTEN, LOCALTEST, MASKINPORTEN, TOKEN_GENERATOR, Settings
from altinn.protocol.wire import HttpResponse

_HOW = "(altinn login, or Airflow's page Altinn logins)"
LOG_IN = f"a person has to log in {_HOW}"
LOG_IN_AGAIN = f"the person has to log in again {_HOW}"

_SYSTEM_USER_SIGNS = (
    "system user",
    "systemuser",
    "systembruker",
    "authorization_details",
    "authorization-details",
    "invalid_altinn_customer_configuration",
    "mp-30",
    "mp_30",
)
_NO_ACCESS_SIGNS = ("mp-250", "mp-251", "not been granted access", "not delegated access")
_PERSONS_SCOPE_SIGNS = ("mp-201", "not allowed for maskinporten", "only allowed for user login")
_NO_CLIENT_SIGNS = ("client not found", "unknown client", "invalid_client", "unauthorized_client")
CLIENT, KEY, SCOPES, SYSTEM_USER, CLOCK = "client", "key", "scopes", "system user", "clock"
"""The links of a login that a token endpoint can refuse."""

_KEY = (
    "the key and key_id of the connection must be those registered with the client, and not expired there (a "
    "registered key lives for a year)"
)
_CERTIFICATE = (
    "the enterprise certificate must be valid, belong to the organisation that owns the client, and be one for test in "
    "test and for production in production; a client that is registered with keys takes key_id and no certificate"
)
_USED = "the assertion was used before, which this client never does: look for a proxy that sends requests twice"
_AUDIENCE = (
    "the connection's environment and the client's must be the same: a client is registered either in test or in "
    "production"
)
_CLOCK = (
    "compare this machine's clock with the real time (NTP): an assertion is valid for 120 s and must not lie in the "
    "future"
)
_GRANT_SIGNS = (
    (("certificate", "x5c", "mp-120", "mp-122", "mp-123"), _CERTIFICATE),
    (("expired key", "kid", "key identifier", "signature", "jwk", "mp-12"), _KEY),
    (("jti", "used before", "already used", "reuse", "replay", "mp-012"), _USED),
    (("claim aud", "invalid aud", "audience", "mp-110"), _AUDIENCE),
    (("clock", "iat", "issue time", "expired", "lifetime", "too old", "in the future", "mp-130"), _CLOCK),
)
"""What the words and codes of an invalid_grant point at, the most telling first."""
_ANY_GRANT = (
    "check in this order: the client id and its environment, that key and key_id are registered with the client and "
    "not expired, and this machine's clock"
)


def login_error(what: str, response: HttpResponse, settings: Settings) -> AltinnHttpError:
    """Return the error for a login step's answer that is not a success.

    :return: `AltinnUnavailableError` when the service is down, `AltinnLoginError` when it said no.
    """
    problem = problem_of(response)
    if problem.status in TEMPORARY or problem.status >= 500:
        return AltinnUnavailableError(what, problem, "the login service is out of order; try again later")
    if 300 <= problem.status < 400:
        return AltinnLoginError(
            what, problem, "the answer was a redirect: check the host of the connection and proxies"
        )
    ended = settings.auth_mode == IDPORTEN and "exchange" not in what and "invalid_grant" in _said(problem)
    kind = AltinnLoginEndedError if ended else AltinnLoginError
    return kind(what, problem, _hint(what, problem, settings))


def _hint(what: str, problem: Problem, settings: Settings) -> str:
    if "exchange" in what:
        return _exchange_hint(problem, settings)
    if settings.auth_mode == MASKINPORTEN:
        return _maskinporten_hint(problem, settings)
    if settings.auth_mode == IDPORTEN:
        return _idporten_hint(problem, settings)
    if settings.auth_mode == TOKEN_GENERATOR:
        return _generator_hint(problem)
    return _localtest_hint(problem, settings)


def refused_link(problem: Problem) -> str:
    """Return which link of the login a token endpoint's refusal means: one of the names above."""
    said = _said(problem)
    if any(sign in said for sign in _SYSTEM_USER_SIGNS):
        return SYSTEM_USER
    if "invalid_scope" in said or any(sign in said for sign in _NO_ACCESS_SIGNS):
        return SCOPES
    if "client not found" in said or "unknown client" in said or "unauthorized_client" in said:
        return CLIENT
    links = {_KEY: KEY, _CERTIFICATE: KEY, _CLOCK: CLOCK}
    found = next((hint for signs, hint in _GRANT_SIGNS if any(sign in said for sign in signs)), "")
    return links.get(found, CLIENT)


def _said(problem: Problem) -> str:
    code = (problem.raw or {}).get("error_uri", "")
    return f"{problem.title} {problem.detail} {code}".lower()


def _maskinporten_hint(problem: Problem, settings: Settings) -> str:
    said = _said(problem)
    if any(sign in said for sign in _SYSTEM_USER_SIGNS):
        return _system_user_hint(settings)
    if "invalid_scope" in said or any(sign in said for sign in _NO_ACCESS_SIGNS):
        return _scope_hint(problem, settings)
    if any(sign in said for sign in _NO_CLIENT_SIGNS):
        return _client_hint(settings)
    if "invalid_grant" in said:
        return next((hint for signs, hint in _GRANT_SIGNS if any(sign in said for sign in signs)), _ANY_GRANT)
    return _ANY_GRANT


def _system_user_hint(settings: Settings) -> str:
    owner = f"organisation {settings.on_behalf_of}" if settings.on_behalf_of else "the organisation"
    reference = (
        f"external_ref '{settings.external_ref}' must be the one it was requested with"
        if settings.external_ref
        else "if it was requested with an externalRef, the same must be given in external_ref"
    )
    return (
        f"there is no (single) system user of {owner} for client '{settings.client_id}': {owner} must have approved "
        f"the system, the system must list this client id, and {reference}"
    )


def _scope_hint(problem: Problem, settings: Settings) -> str:
    said = _said(problem)
    if any(sign in said for sign in _PERSONS_SCOPE_SIGNS):
        return (
            "a scope of the connection is for the login of a person, and no organisation gets it from Maskinporten: "
            "take it out of the scopes, or log in with auth_mode idporten"
        )
    named = [scope for scope in settings.scopes if scope in problem.detail]
    which = f"scope {named[0]}" if len(named) == 1 else f"one of the scopes {' '.join(settings.scopes)}"
    if any(sign in said for sign in _NO_ACCESS_SIGNS):
        return (
            f"the organisation of client '{settings.client_id}' has no access to {which}: ask whoever owns the API for "
            "it, or take it out of the connection's scopes"
        )
    return (
        f"client '{settings.client_id}' has not been granted {which}: have it granted and add it to the client, "
        "or take it out of the connection's scopes"
    )


def _client_hint(settings: Settings) -> str:
    return (
        f"client '{settings.client_id}' is not known or not active in environment '{settings.environment.name}', "
        "or its key is not registered: compare login, private_key and key_id with the client's registration"
    )


def _idporten_hint(problem: Problem, settings: Settings) -> str:
    said = _said(problem)
    if any(sign in said for sign in _NO_CLIENT_SIGNS):
        return f"{_client_hint(settings)}; it must use private_key_jwt and the refresh_token grant"
    if "invalid_scope" in said:
        return _scope_hint(problem, settings)
    if "invalid_grant" in said:
        return (
            f"the refresh token has expired, was withdrawn, or was used elsewhere: {LOG_IN_AGAIN}. "
            "A refresh token serves one installation only, and token_dir must be shared by all its machines"
        )
    return f"if nothing else explains it, {LOG_IN_AGAIN}"


def _exchange_hint(problem: Problem, settings: Settings) -> str:
    if problem.status == 403:
        return (
            "the ID-porten token has no scope that starts with 'altinn:': grant the client "
            "altinn:instances.read and altinn:instances.write, and log in again with them"
        )
    if problem.status == 401:
        whom = "the person" if settings.auth_mode == IDPORTEN else "the organisation"
        return (
            "the token was fresh, so either Altinn has an outage (this endpoint hides it behind 401; try again "
            f"later), or {whom} is not known in environment '{settings.environment.name}'"
        )
    if problem.status in (404, 405):
        return f"there is no token exchange at {settings.environment.platform_url}: check environment and host"
    return "Altinn does not take this token"


def _generator_hint(problem: Problem) -> str:
    if problem.status in (401, 403):
        return "the token generator does not take the user name and password (login and password of the connection)"
    return "the token generator refuses one of the test_… fields or the scopes of the connection"


def _localtest_hint(problem: Problem, settings: Settings) -> str:
    if settings.auth_mode == LOCALTEST and problem.status in (400, 404):
        who = (
            f"test_user_id {settings.test_user_id}"
            if settings.test_user_id
            else f"test_system_user_id {settings.test_system_user_id}"
        )
        return f"{who} is not in LocalTest's test data, or {settings.environment.platform_url} is not LocalTest"
    return f"is LocalTest running at {settings.environment.platform_url}?"

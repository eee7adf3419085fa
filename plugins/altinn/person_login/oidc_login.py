"""The authorisation code flow with ID-porten: begin it, and finish it with what the browser brought back.

Authlib speaks the protocol; here stands what must hold before its result is believed. Sources: OpenID Connect Core
3.1, RFC 7636 (PKCE), RFC 9207 (mix-up), RFC 9700, and "/authorize" and "/token" on docs.digdir.no.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from altinn.exceptions import AltinnConfigurationError, AltinnLoginRefusedError, AltinnTransportError
from altinn.protocol.assertions import idporten_assertion
from altinn.protocol.settings import DEFAULT_SCOPES, IDPORTEN, Settings
from altinn.protocol.tokens import new_uuid

if TYPE_CHECKING:
    import requests

PENDING_LIFETIME = 600.0
"""Seconds that a person has to log in."""
LEEWAY = 10
"""Seconds by which the two clocks may differ."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LATER = "nothing was kept; start the login again"

NewSecret = Callable[[], str]


def new_secret() -> str:
    """Return 256 random bits, for a state, a nonce or a verifier."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that was begun, to be remembered where nobody else can read it until the browser is back.

    :param began_at: seconds since 1970.
    """

    conn_id: str
    issuer: str
    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    began_at: float = 0.0

    def answer_from(self, pasted: str) -> str:
        """Return the answer's address from what a person pasted: that address, or the code alone.

        A bare code carries no state; that it belongs to this login then follows from PKCE and the nonce alone.
        """
        text = pasted.strip()
        if "://" in text or "code=" in text or "error=" in text:
            return text
        return f"{self.redirect_uri}?{urlencode({'code': text, 'state': self.state, 'iss': self.issuer})}"


@dataclass(frozen=True, slots=True)
class PersonLogin:
    """A finished login.

    :param refresh_expires_at: seconds since 1970; 0 when ID-porten does not say.
    :param level: level of assurance.
    """

    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_expires_at: float
    scope: str
    level: str


class OidcLogin:
    """One connection's way through ID-porten.

    :param http: a session with the connection's proxies and certificates.
    :raises AltinnConfigurationError: the connection does not log in with ID-porten.
    """

    def __init__(self, settings: Settings, http: requests.Session, *, clock: Callable[[], float] = time.time) -> None:
        if settings.auth_mode != IDPORTEN:
            raise AltinnConfigurationError(
                f"connection '{settings.conn_id}' logs in with '{settings.auth_mode}': only auth_mode 'idporten' is a "
                "person's login"
            )
        self._settings = settings
        self._http = http
        self._clock = clock

    def begin(self, redirect_uri: str, *, level: str = "", new: NewSecret = new_secret) -> tuple[str, PendingLogin]:
        """Return the address to send the browser to, and what to remember until it is back.

        :param redirect_uri: registered with the client, letter by letter.
        :param level: `acr_values`; by default what the connection says.
        :raises AltinnTransportError: ID-porten does not answer.
        :raises AltinnLoginRefusedError: it is not the ID-porten of this environment.
        """
        issuer = self._settings.environment.idporten_issuer
        pending = PendingLogin(self._settings.conn_id, issuer, redirect_uri, new(), new(), new(), self._clock())
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                self._metadata()["authorization_endpoint"],
                state=pending.state,
                code_verifier=pending.code_verifier,
                nonce=pending.nonce,
                acr_values=level or self._settings.acr_values,
                prompt="login",
            )
        return str(url), pending

    def finish(self, pending: PendingLogin, answer_url: str) -> PersonLogin:
        """Check what the browser brought back, trade the code for tokens, and check whose they are.

        :param answer_url: the whole address to which ID-porten sent the browser.
        :raises AltinnLoginRefusedError: the person cancelled, or something about the answer is wrong.
        :raises AltinnTransportError: ID-porten does not answer.
        """
        metadata = self._metadata()
        self._check_answer(pending, answer_url, metadata)
        tokens = self._tokens(pending, answer_url, str(metadata["token_endpoint"]))
        claims = self._identity(tokens, pending, str(metadata["jwks_uri"]))
        lifetime = tokens.get("refresh_token_expires_in")
        ends = self._clock() + float(lifetime) if isinstance(lifetime, int | float) else 0.0
        return PersonLogin(
            str(tokens["refresh_token"]),
            str(tokens["access_token"]),
            ends,
            str(tokens.get("scope") or ""),
            str(claims.get("acr") or ""),
        )

    def _session(self, redirect_uri: str) -> Any:
        """Give Authlib's session, with what users set for the connection's other requests."""
        from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
        from authlib.oauth2.rfc7523 import PrivateKeyJWT  # type: ignore[import-untyped]

        settings, clock = self._settings, self._clock

        class SignedHere(PrivateKeyJWT):  # type: ignore[misc]
            def sign(self, _auth: object, _token_endpoint: str) -> str:
                return idporten_assertion(settings, settings.signing_key, clock(), new_uuid())

        session = OAuth2Session(
            settings.client_id,
            token_endpoint_auth_method=SignedHere(),
            redirect_uri=redirect_uri,
            scope=" ".join(scopes_of(settings)),
            code_challenge_method="S256",
            default_timeout=settings.timeout,
        )
        session.proxies, session.verify = self._http.proxies, self._http.verify
        session.trust_env = self._http.trust_env
        session.headers.update(self._http.headers)
        return session

    def _metadata(self) -> Mapping[str, Any]:
        """Read the discovery document, and believe it only about this environment's own ID-porten."""
        issuer = self._settings.environment.idporten_issuer
        metadata = self._json(f"{issuer}/.well-known/openid-configuration")
        if metadata.get("issuer") != issuer:
            raise AltinnLoginRefusedError(
                f"the login service at {issuer} calls itself '{str(metadata.get('issuer'))[:80]}': check the address "
                "and what is in between"
            )
        for name in _ENDPOINTS:
            if not _is_within(str(metadata.get(name)), issuer):
                raise AltinnLoginRefusedError(f"the login service at {issuer} names a {name} that is not its own")
        return metadata

    def _json(self, url: str) -> Mapping[str, Any]:
        import requests

        try:
            answer = self._http.get(url, timeout=self._settings.timeout, allow_redirects=False)
            document = answer.json() if answer.status_code == 200 else None
        except requests.exceptions.JSONDecodeError:
            document = None
        except requests.exceptions.RequestException as exc:
            raise AltinnTransportError(f"ID-porten does not answer at {url} ({type(exc).__name__})") from exc
        if not isinstance(document, Mapping):
            raise AltinnTransportError(f"ID-porten answered {answer.status_code} at {url}, without a document")
        return document

    def _check_answer(self, pending: PendingLogin, answer_url: str, metadata: Mapping[str, Any]) -> None:
        if self._clock() - pending.began_at > PENDING_LIFETIME:
            raise AltinnLoginRefusedError(
                f"the login was begun more than {PENDING_LIFETIME / 60:.0f} minutes ago: {_LATER}"
            )
        answer = {name: values[-1] for name, values in parse_qs(urlsplit(answer_url).query).items()}
        if not secrets.compare_digest(answer.get("state", "").encode(), pending.state.encode()):
            raise AltinnLoginRefusedError(
                "the answer belongs to another login (its state differs): it may have been made by somebody else; "
                f"{_LATER}"
            )
        issuer = self._settings.environment.idporten_issuer
        named = answer.get("iss")
        if named != issuer and (named or metadata.get("authorization_response_iss_parameter_supported")):
            raise AltinnLoginRefusedError(f"the answer comes from another login service than {issuer}; {_LATER}")
        if "error" in answer:
            raise AltinnLoginRefusedError(_refusal(answer["error"], answer.get("error_description", "")))

    def _tokens(self, pending: PendingLogin, answer_url: str, endpoint: str) -> Mapping[str, Any]:
        """Trade the code; it is good for one try, so this is never repeated."""
        import requests
        from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]

        try:
            with self._session(pending.redirect_uri) as session:
                tokens = session.fetch_token(
                    endpoint,
                    authorization_response=answer_url,
                    state=pending.state,
                    code_verifier=pending.code_verifier,
                    withhold_token=True,
                    allow_redirects=False,
                )
        except requests.exceptions.RequestException as exc:
            raise AltinnTransportError(
                f"ID-porten gave no whole answer to the code, which is good for one try ({type(exc).__name__}): "
                f"{_LATER}"
            ) from None  # Its exception carries the request, and with it the code.
        except (AuthlibBaseError, ValueError) as exc:
            code = getattr(exc, "error", None) or "unreadable answer"
            # Not chained: what was answered may hold a token.
            raise AltinnLoginRefusedError(_refusal(str(code), getattr(exc, "description", "") or "")) from None
        if not tokens.get("access_token") or not tokens.get("refresh_token"):
            raise AltinnLoginRefusedError(
                "ID-porten gave no refresh token: the client must be registered with the grant refresh_token"
            )
        return dict(tokens)

    def _identity(self, tokens: Mapping[str, Any], pending: PendingLogin, jwks_uri: str) -> Mapping[str, Any]:
        """Verify the ID token: signature, issuer, audience, nonce, times, and that it belongs to the access token."""
        from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        settings = self._settings
        key_set = self._json(jwks_uri)
        try:
            keys = KeySet.import_key_set(dict(key_set))  # type: ignore[arg-type]
            decoded = jwt.decode(str(tokens.get("id_token") or ""), keys, algorithms=["RS256"])
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": settings.environment.idporten_issuer},
                    "aud": {"essential": True, "value": settings.client_id},
                },
                {
                    "nonce": pending.nonce,
                    "client_id": settings.client_id,
                    "access_token": tokens["access_token"],
                },
            )
            claims.validate(now=int(self._clock()), leeway=LEEWAY)
        except (JoseError, ValueError, KeyError, TypeError) as exc:
            what = getattr(exc, "claim", None) or getattr(exc, "error", None) or type(exc).__name__
            # Not chained: the token's content is a person's.
            raise AltinnLoginRefusedError(f"the ID token cannot be trusted ({what}); {_LATER}") from None
        return claims  # type: ignore[no-any-return]


def scopes_of(settings: Settings) -> tuple[str, ...]:
    """Return what a login asks for: identity, filing, and what the connection lists beside it."""
    return tuple(dict.fromkeys(("openid", *DEFAULT_SCOPES, *settings.scopes)))


def _is_within(url: str, issuer: str) -> bool:
    """Tell whether an address is on the issuer's own host or below it, and as safe."""
    given, own = urlsplit(url), urlsplit(issuer)
    if given.scheme != own.scheme:
        return False
    if own.scheme != "https":
        return given.netloc == own.netloc
    host = given.hostname or ""
    return host == own.hostname or host.endswith(f".{own.hostname}")


def _refusal(code: str, description: str) -> str:
    said = " ".join(f"{code[:60]}: {description[:200]}".split()).rstrip(": ")
    hint = {
        "access_denied": "the person cancelled the login",
        "invalid_client": "compare client id and key with the client's registration; it must use private_key_jwt",
        "unauthorized_client": "the client must be registered with the grants authorization_code and refresh_token",
        "invalid_scope": "have the scopes granted to the client, or take them out of the connection's scopes",
        "invalid_grant": "the code was used before, is too old, or belongs to another login",
    }.get(code, "look at the client's registration")
    return f"ID-porten refused the login ({said}): {hint}; {_LATER}"

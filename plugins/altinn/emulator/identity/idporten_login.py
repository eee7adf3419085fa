"""ID-porten's authorise endpoint: what a browser brings, the codes that it takes back, and what they are good for.

Rules and error codes follow OpenID Connect Core sections 3.1.2 and 3.1.3, RFC 7636 (PKCE), RFC 9207 (`iss`), and
"/authorize endpoint" on docs.digdir.no: redirect addresses are registered and compared letter by letter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from altinn.emulator.identity.client_registry import Client, ClientRegistry
from altinn.emulator.identity.identity_store import IdentityStore
from altinn.emulator.identity.oauth_refusal import OAuthRefusal

CODE_KIND = "authorization_code"
LEVELS = ("idporten-loa-low", "idporten-loa-substantial", "idporten-loa-high")
ALWAYS_GRANTED = frozenset({"openid", "profile"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class RedirectedRefusal(Exception):
    """ID-porten says no by sending the browser back with an error.

    :param location: the client's registered address with the error in its query.
    """

    def __init__(self, error: str, location: str) -> None:
        super().__init__(error)
        self.error = error
        self.location = location


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A checked request for a login.

    :param acr: the level of assurance that the login will have.
    """

    client_id: str
    redirect_uri: str
    scope: str
    state: str
    nonce: str
    code_challenge: str
    acr: str

    def back(self, issuer: str, **answer: str) -> str:
        """Return the client's address with an answer in its query."""
        return _back(self.redirect_uri, issuer, self.state, **answer)


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """What a code stands for: a person's login to a client."""

    login: dict[str, object]
    nonce: str


@dataclass(frozen=True, slots=True)
class IdPortenLogin:
    """Checks authorisation requests, makes codes and takes them back.

    :param code_lifetime: seconds that a code lives.
    """

    store: IdentityStore
    clients: ClientRegistry
    code_lifetime: int = 120
    new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    def check(self, query: Mapping[str, str], *, issuer: str) -> AuthorizationRequest:
        """Check what a browser brought.

        :raises OAuthRefusal: client or redirect address are wrong, so the browser is sent nowhere.
        :raises RedirectedRefusal: anything else is wrong.
        """
        client = self._client_of(query)
        uri, state = query["redirect_uri"], query.get("state", "")

        def refuse(error: str, why: str) -> RedirectedRefusal:
            return RedirectedRefusal(error, _back(uri, issuer, state, error=error, error_description=why))

        if query.get("response_type") != "code":
            raise refuse("unsupported_response_type", "Only response_type code is supported.")
        if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(query.get("code_challenge", "")):
            raise refuse("invalid_request", "PKCE is required: code_challenge with code_challenge_method S256.")
        if not state:
            raise refuse("invalid_request", "state is required.")
        scopes = query.get("scope", "").split()
        unknown = [scope for scope in scopes if scope not in client.scopes | ALWAYS_GRANTED]
        if "openid" not in scopes or unknown:
            why = f"Invalid scope for the client: {' '.join(unknown)}" if unknown else "The scope openid is required."
            raise refuse("invalid_scope", why)
        levels = query.get("acr_values", LEVELS[1]).split()
        known = [level for level in levels if level in LEVELS]
        if not known:
            raise refuse("invalid_request", "Unsupported acr_values.")
        if query.get("prompt") == "none":
            raise refuse("login_required", "There is no session.")
        return AuthorizationRequest(
            client.client_id, uri, " ".join(scopes), state, query.get("nonce", ""), query["code_challenge"], known[0]
        )

    def approved(self, request: AuthorizationRequest, user_id: int, *, issuer: str, now: float) -> str:
        """Let a person log in; give the address to send the browser to."""
        code = self.new_secret()
        kept = {
            "client_id": request.client_id,
            "redirect_uri": request.redirect_uri,
            "code_challenge": request.code_challenge,
            "nonce": request.nonce,
            "expires": now + self.code_lifetime,
            "login": {
                "login": self.new_secret(),
                "client_id": request.client_id,
                "user_id": user_id,
                "scope": request.scope,
                "acr": request.acr,
                "auth_time": int(now),
            },
        }
        self.store.put(CODE_KIND, _digest(code), json.dumps(kept))
        return request.back(issuer, code=code)

    def redeem(self, form: Mapping[str, str], client: Client, *, now: float) -> tuple[CodeGrant, bool]:
        """Take a code back; give what it stands for, and whether it was taken back before.

        :raises OAuthRefusal: `invalid_grant`: unknown, another client's, expired, other address, wrong verifier.
        """
        with self.store.exclusively():
            digest = _digest(form.get("code", ""))
            text = self.store.get(CODE_KIND, digest)
            kept = json.loads(text) if text else {}
            if not kept or kept["client_id"] != client.client_id:
                raise OAuthRefusal("invalid_grant", "Invalid authorization code.")
            used = bool(kept.get("used"))
            if not used:
                _check_redemption(kept, form, now)
                self.store.put(CODE_KIND, digest, json.dumps({**kept, "used": True}))
        return CodeGrant(kept["login"], kept["nonce"]), used

    def _client_of(self, query: Mapping[str, str]) -> Client:
        client = self.clients.find(query.get("client_id", ""))
        if client is None or client.integration != "idporten":
            raise OAuthRefusal("unauthorized_client", "Unknown client_id.")
        if query.get("redirect_uri", "") not in client.redirect_uris:
            raise OAuthRefusal("invalid_request", "The redirect_uri is not registered for the client.")
        return client


def _check_redemption(kept: Mapping[str, object], form: Mapping[str, str], now: float) -> None:
    if now >= float(str(kept["expires"])):
        raise OAuthRefusal("invalid_grant", "Authorization code is expired.")
    if form.get("redirect_uri") != kept["redirect_uri"]:
        raise OAuthRefusal("invalid_grant", "redirect_uri differs from the authorization request's.")
    verifier = form.get("code_verifier", "")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode("ascii")
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(challenge, str(kept["code_challenge"])):
        raise OAuthRefusal("invalid_grant", "PKCE verification failed.")


def _back(uri: str, issuer: str, state: str, **answer: str) -> str:
    parts = urlsplit(uri)
    given = {**answer, **({"state": state} if state else {}), "iss": issuer}
    query = "&".join(filter(None, (parts.query, urlencode(given))))
    return parts._replace(query=query).geturl()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

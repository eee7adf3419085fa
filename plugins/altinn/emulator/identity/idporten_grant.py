"""ID-porten's token and revocation endpoints: codes, refresh tokens that rotate, and the person behind them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from altinn.emulator.identity.assertion_rules import Rules, use_once, verified_claims
from altinn.emulator.identity.client_registry import PERSON_GRANTS, Client, ClientRegistry
from altinn.emulator.identity.client_secrets import BASIC, POST, client_by_secret
from altinn.emulator.identity.identity_store import IdentityStore
from altinn.emulator.identity.idporten_login import ALWAYS_GRANTED, LEVELS, IdPortenLogin
from altinn.emulator.identity.oauth_refusal import OAuthRefusal
from altinn.emulator.identity.principal import Directory, Person, iso6523
from altinn.emulator.identity.signing_keys import SigningKeys

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RULES = Rules("invalid_client", 401, None, "Client authentication failed.")
REFRESH_GRANT = "refresh_token"
REFRESH_KIND = "refresh_token"
FAMILY_KIND = "revoked_login"


@dataclass(frozen=True, slots=True)
class IdPortenGrant:
    """Answers `POST /token`, and lets a person log in without a browser.

    :param access_lifetime: seconds that an access token lives.
    :param refresh_lifetime: seconds that a refresh token may lie unused.
    :param authorization_lifetime: seconds from the login to its end, however often it was refreshed.
    """

    store: IdentityStore
    clients: ClientRegistry
    keys: SigningKeys
    directory: Directory
    access_lifetime: int = 28_800
    refresh_lifetime: int = 7_776_000
    authorization_lifetime: int = 7_776_000
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    def login(
        self, client_id: str, user_id: int, scope: str, *, now: float, acr: str = "idporten-loa-high"
    ) -> dict[str, object]:
        """Let a person log in to a client; give its first refresh token.

        :raises OAuthRefusal: unknown client or person, or a scope or grant that the client is not registered with.
        """
        client = self.clients.find(client_id)
        if client is None or client.integration != "idporten":
            raise OAuthRefusal("invalid_client", f"No ID-porten client {client_id} is registered.", status=401)
        _require_grant(client, REFRESH_GRANT)
        person = self.directory.user(user_id)
        if person is None or not person.person_number:
            raise OAuthRefusal("access_denied", f"No user {user_id} with a national identity number.")
        scopes = scope.split()
        refused = [name for name in scopes if name not in client.scopes | ALWAYS_GRANTED]
        if refused or not scopes:
            raise OAuthRefusal("invalid_scope", f"Invalid scope for the client: {' '.join(refused) or 'none given'}.")
        login: dict[str, object] = {
            "login": self.new_id(),
            "client_id": client_id,
            "user_id": user_id,
            "scope": " ".join(scopes),
            "acr": acr,
            "auth_time": int(now),
        }
        with self.store.exclusively():
            token, expires_in = self._new_refresh_token(login, now)
        return {"refresh_token": token, "expires_in": expires_in}

    def token(
        self, form: Mapping[str, str], *, issuer: str, now: float, basic: tuple[str, str] | None = None
    ) -> dict[str, object]:
        """Trade a code or a refresh token for an access token and the next refresh token.

        A code or a refresh token that was used before ends the whole login, as RFC 6749 section 4.1.2 and RFC 9700
        section 4.14.2 want it.

        :param issuer: this ID-porten's identifier.
        :param basic: client id and secret of the header `Authorization`.
        :raises OAuthRefusal: `invalid_client` (401), `invalid_grant`, `invalid_scope`, `unauthorized_client`,
            `unsupported_grant_type`.
        """
        client = self._authenticated(form, basic, issuer, now)
        grant_type, nonce = form.get("grant_type", ""), ""
        if grant_type not in PERSON_GRANTS:
            text = "Only the authorization_code and refresh_token grants are supported here."
            raise OAuthRefusal("unsupported_grant_type", text)
        _require_grant(client, grant_type)
        if grant_type == "authorization_code":
            grant, reused = IdPortenLogin(self.store, self.clients).redeem(form, client, now=now)
            login, nonce = grant.login, grant.nonce
            if reused:
                self.store.put(FAMILY_KIND, str(login["login"]), str(now))
                raise OAuthRefusal("invalid_grant", "Authorization code is used before; the login is revoked.")
        else:
            login, reused = self._use_refresh_token(form.get("refresh_token", ""), client, now)
            if reused:
                raise OAuthRefusal("invalid_grant", "Refresh token is used before; the login is revoked.")
        return self._issued(client, login, form.get("scope"), issuer=issuer, now=now, nonce=nonce)

    def revoke(self, form: Mapping[str, str], *, issuer: str, now: float, basic: tuple[str, str] | None = None) -> None:
        """End the login that a refresh or an access token belongs to (RFC 7009); an unknown token ends nothing.

        :raises OAuthRefusal: `invalid_client` (401).
        """
        client = self._authenticated(form, basic, issuer, now)
        token = form.get("token", "")
        kept = self.store.get(REFRESH_KIND, _digest(token))
        login = json.loads(kept) if kept else self.keys.read("idporten", token, now=now) or {}
        name = login.get("login") or login.get("sid")
        if name and login.get("client_id") == client.client_id:
            self.store.put(FAMILY_KIND, str(name), str(now))

    def _issued(
        self,
        client: Client,
        login: Mapping[str, object],
        asked: str | None,
        *,
        issuer: str,
        now: float,
        nonce: str,
    ) -> dict[str, object]:
        scope = _narrowed(str(login["scope"]), asked)
        person = self.directory.user(int(str(login["user_id"])))
        if person is None:
            raise OAuthRefusal("invalid_grant", "The person of this login is not known any more.")
        claims = self._claims(issuer, client, person, login, now)
        access_token = self.keys.sign("idporten", {**claims, "scope": scope, "token_type": "Bearer"})
        answer: dict[str, object] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.access_lifetime,
            "scope": scope,
        }
        if REFRESH_GRANT in client.grant_types:
            with self.store.exclusively():
                answer["refresh_token"], answer["refresh_token_expires_in"] = self._new_refresh_token(login, now)
        if "openid" in scope.split():
            identity = {**claims, "aud": client.client_id, "at_hash": _half_hash(access_token)}
            answer["id_token"] = self.keys.sign("idporten", {**identity, **({"nonce": nonce} if nonce else {})})
        return answer

    def _authenticated(self, form: Mapping[str, str], basic: tuple[str, str] | None, issuer: str, now: float) -> Client:
        if basic is not None or "client_secret" in form:
            if "client_assertion" in form:
                raise RULES.refuse("The client authenticates in two ways at once.")
            return client_by_secret(form, basic, RULES, self.clients.find)
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise RULES.refuse("private_key_jwt is required.")
        assertion = form.get("client_assertion", "")
        client, claims = verified_claims(assertion, RULES, audience=issuer, find=self.clients.find, now=now)
        if claims.get("sub") != client.client_id:
            raise RULES.refuse("Invalid JWT claim sub; it must be the client_id.")
        if form.get("client_id", client.client_id) != client.client_id:
            raise RULES.refuse("client_id differs from the assertion's.")
        if client.integration != "idporten":
            raise RULES.refuse("Client not found.")
        if not use_once(self.store, client, claims, assertion):
            raise RULES.refuse("Grant is used before.")
        return client

    def _new_refresh_token(self, login: Mapping[str, object], now: float) -> tuple[str, int]:
        token = self.new_secret()
        ends = min(now + self.refresh_lifetime, float(str(login["auth_time"])) + self.authorization_lifetime)
        kept = {**login, "expires": ends, "used": False}
        self.store.put(REFRESH_KIND, _digest(token), json.dumps(kept))
        return token, max(0, int(ends - now))

    def _use_refresh_token(self, token: str, client: Client, now: float) -> tuple[dict[str, object], bool]:
        """Mark the token as used; give its login, and whether it had been used before."""
        with self.store.exclusively():
            kept = self.store.get(REFRESH_KIND, _digest(token))
            login: dict[str, object] = json.loads(kept) if kept else {}
            if not login or login["client_id"] != client.client_id:
                raise OAuthRefusal("invalid_grant", "Invalid refresh token.")
            if self.store.get(FAMILY_KIND, str(login["login"])):
                raise OAuthRefusal("invalid_grant", "The login is revoked.")
            if now >= float(str(login["expires"])):
                raise OAuthRefusal("invalid_grant", "Refresh token is expired.")
            reused = bool(login.pop("used"))
            if reused:
                self.store.put(FAMILY_KIND, str(login["login"]), str(now))
            else:
                self.store.put(REFRESH_KIND, _digest(token), json.dumps({**login, "used": True}))
        login.pop("expires")
        return login, reused

    def _claims(
        self, issuer: str, client: Client, person: Person, login: Mapping[str, object], now: float
    ) -> dict[str, object]:
        subject = hashlib.sha256(f"{client.client_id} {person.user_id}".encode()).hexdigest()
        return {
            "iss": issuer,
            "sub": subject[:43],
            "pid": person.person_number,
            "acr": login["acr"],
            "amr": ["TestID"],
            "auth_time": login["auth_time"],
            "client_id": client.client_id,
            "client_amr": client.authenticated_by,
            "consumer": iso6523(client.org_number),
            "iat": int(now),
            "exp": int(now) + self.access_lifetime,
            "jti": self.new_id(),
            "sid": login["login"],
        }


def discovery(issuer: str) -> dict[str, object]:
    """Give the document at `/.well-known/openid-configuration`."""
    base = issuer.rstrip("/")
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "revocation_endpoint": f"{base}/revoke",
        "jwks_uri": f"{base}/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": [BASIC, POST, "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "RS512"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["pairwise"],
        "acr_values_supported": list(LEVELS),
    }


def _require_grant(client: Client, grant_type: str) -> None:
    if grant_type not in client.grant_types:
        raise OAuthRefusal("unauthorized_client", f"The client is not registered for the grant {grant_type}.")


def _narrowed(granted: str, asked: str | None) -> str:
    if not asked:
        return granted
    if not set(asked.split()) <= set(granted.split()):
        raise OAuthRefusal("invalid_scope", "The scope exceeds what the person granted.")
    return asked


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _half_hash(token: str) -> str:
    """Give the `at_hash` of an access token (OpenID Connect Core 3.1.3.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).rstrip(b"=").decode("ascii")

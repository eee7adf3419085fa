"""Maskinporten's token endpoint: the JWT-bearer grant, with or without a system user."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from altinn.emulator.identity.assertion_rules import Rules, use_once, verified_claims
from altinn.emulator.identity.client_registry import Client, ClientRegistry, SystemUserGrant
from altinn.emulator.identity.identity_store import IdentityStore
from altinn.emulator.identity.oauth_refusal import OAuthRefusal
from altinn.emulator.identity.principal import SYSTEM_USER_TYPE, iso6523, org_number_in
from altinn.emulator.identity.signing_keys import SigningKeys

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# docs.digdir.no, "JWT grant"; `sub` is not in its table but in Altinn's own example of a system user's request.
KNOWN_CLAIMS = frozenset(
    {"aud", "iss", "sub", "iat", "exp", "jti", "scope", "resource", "pid", "consumer_org", "authorization_details"}
)
USER_SCOPES = frozenset({"openid", "profile"})
"""Scopes of a person's login, which no organisation gets."""
RULES = Rules("invalid_grant", 400, KNOWN_CLAIMS, "Invalid assertion. Client authentication failed.")
FORBIDDEN = "forbidden"
"""No error code of OAuth's, but what Maskinporten answers (doc/sos.md of oslokommune/okdata-maskinporten-api)."""
DETAIL_FIELDS = frozenset({"type", "systemuser_org", "externalRef"})


@dataclass(frozen=True, slots=True)
class MaskinportenGrant:
    """Answers `POST /token`.

    :param lifetime: seconds that a token lives.
    :param system_users: gives what customers have approved for a client, beside what its registration lists.
    """

    store: IdentityStore
    clients: ClientRegistry
    keys: SigningKeys
    lifetime: int = 600
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    system_users: Callable[[str], tuple[SystemUserGrant, ...]] = lambda _client_id: ()

    def token(self, form: Mapping[str, str], *, issuer: str, now: float) -> dict[str, object]:
        """Trade an assertion for an access token.

        :param issuer: this Maskinporten's identifier, with its trailing slash.
        :raises OAuthRefusal: as documented on docs.digdir.no, "Feilsøking i Maskinporten".
        """
        if form.get("grant_type") != GRANT_TYPE:
            raise OAuthRefusal("unsupported_grant_type", f"Unsupported grant_type; expected {GRANT_TYPE}.")
        assertion = form.get("assertion", "")
        client, claims = verified_claims(assertion, RULES, audience=issuer, find=self.clients.find, now=now)
        if client.integration != "maskinporten":
            raise OAuthRefusal("unauthorized_client", "The client is not registered for the JWT-bearer grant.")
        if not use_once(self.store, client, claims, assertion):
            raise OAuthRefusal("invalid_grant", "Invalid assertion. Grant is used before.", code="MP-012")
        _refuse_delegation(client, claims)
        scopes = _granted_scopes(client, claims)
        details = _system_user_details(client, (*client.system_users, *self.system_users(client.client_id)), claims)
        issued = {
            "iss": issuer,
            "aud": claims.get("resource") or "unspecified",
            "client_id": client.client_id,
            "client_amr": "private_key_jwt",
            "consumer": iso6523(client.org_number),
            "scope": " ".join(scopes),
            "token_type": "Bearer",
            "iat": int(now),
            "exp": int(now) + self.lifetime,
            "jti": self.new_id(),
        }
        if details:
            issued["authorization_details"] = details
        if "pid" in claims:
            issued["pid"] = claims["pid"]
        access_token = self.keys.sign("maskinporten", issued)
        expires_in = self.lifetime - 1
        scope = issued["scope"]
        return {"access_token": access_token, "token_type": "Bearer", "expires_in": expires_in, "scope": scope}


def discovery(issuer: str) -> dict[str, object]:
    """Give the document at `/.well-known/oauth-authorization-server`."""
    base = issuer.rstrip("/")
    return {
        "issuer": issuer,
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/jwks",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "RS512"],
        "grant_types_supported": [GRANT_TYPE],
        "authorization_details_types_supported": [SYSTEM_USER_TYPE],
    }


def _refuse_delegation(client: Client, claims: Mapping[str, object]) -> None:
    """Refuse a request on behalf of another organisation: in the emulator nobody has delegated any scope."""
    consumer = claims.get("consumer_org")
    if consumer is None:
        return
    if consumer == client.org_number:
        raise OAuthRefusal(
            "invalid_request",
            "Validation of JWT claim failed: The combination consumer_org in claim and delegation scope on client "
            "is invalid.",
        )
    raise OAuthRefusal(
        FORBIDDEN,
        f"Consumer {consumer} has not delegated access to the scope {claims.get('scope')} to supplier "
        f"{client.org_number}.",
        code="MP-251",
        status=403,
    )


def _granted_scopes(client: Client, claims: Mapping[str, object]) -> list[str]:
    asked = claims.get("scope")
    scopes = asked.split() if isinstance(asked, str) else []
    for_persons = [scope for scope in scopes if scope in USER_SCOPES]
    if for_persons:
        text = "Token request contains scopes not allowed for maskinporten"
        raise OAuthRefusal("invalid_scope", f"{text}, {' '.join(for_persons)}", code="MP-201")
    refused = [scope for scope in scopes if scope not in client.scopes]
    if refused or not scopes:
        named = " ".join(refused) or "none given"
        raise OAuthRefusal("invalid_scope", f"Token request contains invalid scopes for client, {named}", code="MP-200")
    withdrawn = [scope for scope in scopes if scope in client.withdrawn_scopes]
    if withdrawn:
        text = f"Consumer has not been granted access to the scope {withdrawn[0]}"
        raise OAuthRefusal(FORBIDDEN, text, code="MP-250", status=403)
    return list(dict.fromkeys(scopes))


def _system_user_details(
    client: Client, known: Sequence[SystemUserGrant], claims: Mapping[str, object]
) -> list[dict[str, object]] | None:
    """Resolve the asked-for system user; None when none was asked for."""
    if "authorization_details" not in claims:
        return None
    asked = claims["authorization_details"]
    if not isinstance(asked, list) or len(asked) != 1 or not isinstance(asked[0], Mapping):
        text = "Invalid assertion. authorization_details must hold exactly one entry."
        raise OAuthRefusal("invalid_request", text, code="MP-303")
    entry = asked[0]
    if entry.get("type") != SYSTEM_USER_TYPE:
        raise OAuthRefusal("invalid_authorization_details", "Unknown authorization details type.", code="MP-301")
    unknown = sorted(entry.keys() - DETAIL_FIELDS)
    if unknown:
        text = f"Unknown fields in the authorization details: {', '.join(unknown)}."
        raise OAuthRefusal("invalid_authorization_details", text, code="MP-302")
    org_number = org_number_in(entry.get("systemuser_org"))
    if org_number is None:
        raise OAuthRefusal("invalid_authorization_details", "Invalid systemuser_org.", code="MP-303")
    grant = _only_grant(known, org_number, entry.get("externalRef"))
    return [
        {
            "type": SYSTEM_USER_TYPE,
            "systemuser_id": [grant.system_user_id],
            "systemuser_org": iso6523(org_number),
            "system_id": client.system,
        }
    ]


def _only_grant(known: Sequence[SystemUserGrant], org_number: str, reference: object) -> SystemUserGrant:
    """Find the one system user that the request means.

    The reference counts as part of the name: a system user that was requested with one is not found without it
    (docs.altinn.studio, "invalid_altinn_customer_configuration (MP-303)").
    """
    found = [grant for grant in known if grant.org_number == org_number and grant.external_ref == reference]
    if len(found) == 1:
        return found[0]
    why = "More than one system user found" if found else "System user not found"
    raise OAuthRefusal("invalid_altinn_customer_configuration", f"{why} for organisation {org_number}.", code="MP-303")

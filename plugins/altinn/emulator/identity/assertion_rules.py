"""The rules for a JWT with which a client shows who it is: Maskinporten's grant, ID-porten's client assertion."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt

from altinn.emulator.identity.client_registry import Client
from altinn.emulator.identity.enterprise_certificates import ChainRefusal, key_of_chain
from altinn.emulator.identity.identity_store import IdentityStore
from altinn.emulator.identity.oauth_refusal import OAuthRefusal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt.types import Options

ALGORITHMS = ("RS256", "RS384", "RS512")
MAX_LIFETIME = 120
MAX_AHEAD = 10
JTI_KIND = "used_jti"

# Times, audience and claims are judged here, against a clock that is an argument, with the server's own codes.
SIGNATURE_ALONE: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}

Find = Callable[[str], Client | None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What differs between the two endpoints.

    :param error: OAuth's error code for a failed authentication.
    :param status: HTTP status that goes with it.
    :param claims: claims that may be present; None lets all pass.
    :param text: how a refusal begins.
    """

    error: str
    status: int
    claims: frozenset[str] | None
    text: str

    def refuse(self, why: str, code: str | None = None) -> OAuthRefusal:
        """Make the refusal for a failed authentication."""
        return OAuthRefusal(self.error, f"{self.text} {why}".strip(), code=code, status=self.status)


def verified_claims(
    assertion: str, rules: Rules, *, audience: str, find: Find, now: float
) -> tuple[Client, dict[str, object]]:
    """Check everything about an assertion except whether it was used before; give its client and claims.

    Order: form, client, algorithm, key, signature, audience, clock, claims. Codes and texts are those of
    docs.digdir.no, "Feilsøking i Maskinporten".

    :param audience: the issuer identifier of this endpoint, the only `aud` that passes.
    :raises OAuthRefusal: names the first rule that is broken.
    """
    header, unverified = _parts(assertion)
    issuer = unverified.get("iss")
    client = find(issuer) if isinstance(issuer, str) else None
    if client is None:
        raise rules.refuse("Client not found.", "MP-100")
    claims = _signed_claims(assertion, header, client, rules, now)
    if claims.get("aud") != audience:
        raise rules.refuse("Invalid JWT claim aud.", "MP-110")
    _check_clock(claims, rules, now)
    unknown = sorted(claims.keys() - rules.claims) if rules.claims is not None else []
    if unknown:
        raise OAuthRefusal("invalid_request", f"Invalid assertion. Unknown claim: {', '.join(unknown)}.", code="MP-011")
    return client, claims


def use_once(store: IdentityStore, client: Client, claims: Mapping[str, object], assertion: str) -> bool:
    """Remember the assertion; False when it, or its `jti`, was used before."""
    identifier = claims.get("jti")
    seen_as = identifier if isinstance(identifier, str) and identifier else assertion
    digest = hashlib.sha256(f"{client.client_id}\n{seen_as}".encode()).hexdigest()
    return store.add(JTI_KIND, digest, str(claims.get("exp", "")))


def _parts(assertion: str) -> tuple[dict[str, object], dict[str, object]]:
    try:
        header: dict[str, object] = jwt.get_unverified_header(assertion)
        claims: dict[str, object] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError as exc:
        raise OAuthRefusal("invalid_request", "Invalid assertion. Invalid parameter value.", code="MP-011") from exc
    return header, claims


def _signed_claims(
    assertion: str, header: Mapping[str, object], client: Client, rules: Rules, now: float
) -> dict[str, object]:
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise rules.refuse(f"Invalid JWT header alg; supported are {', '.join(ALGORITHMS)}.", "MP-100")
    key: RSAPublicKey | jwt.PyJWK
    if client.certificate_authority:
        key = _certified_key(header, client, rules, now)
    else:
        key = jwt.PyJWK(dict(_registered_key(header, client, rules, now)), algorithm=str(algorithm))
    try:
        claims: dict[str, object] = jwt.decode(assertion, key, algorithms=[str(algorithm)], options=SIGNATURE_ALONE)
    except jwt.InvalidTokenError as exc:
        raise rules.refuse("Invalid JWT signature.", "MP-124") from exc
    return claims


def _certified_key(header: Mapping[str, object], client: Client, rules: Rules, now: float) -> RSAPublicKey:
    if "x5c" not in header:
        raise rules.refuse("Invalid JWT. The client requires an enterprise certificate in the header x5c.", "MP-123")
    try:
        return key_of_chain(
            header["x5c"], authority=client.certificate_authority, org_number=client.org_number, now=now
        )
    except ChainRefusal as exc:
        raise rules.refuse(str(exc), exc.code) from exc


def _registered_key(header: Mapping[str, object], client: Client, rules: Rules, now: float) -> Mapping[str, object]:
    if "x5c" in header and "kid" not in header:
        raise rules.refuse("Invalid JWT header x5c; this client is registered with keys.", "MP-123")
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise rules.refuse(
            "Invalid JWT. The client requires pre-registered jwk and no key identifier (kid) provided.", "MP-100"
        )
    key = client.keys.get(key_id)
    if key is None:
        raise rules.refuse("Invalid JWT. Unknown key identifier (kid) for client.", "MP-100")
    ends = key.get("exp")
    if isinstance(ends, int | float) and now >= ends:
        raise rules.refuse("Expired key.", "MP-121")
    return key


def _check_clock(claims: Mapping[str, object], rules: Rules, now: float) -> None:
    times: dict[str, float] = {}
    for name in ("iat", "exp"):
        value = claims.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise rules.refuse(f"Invalid JWT. Missing claim {name}.", "MP-100")
        times[name] = value
    if times["iat"] > now + MAX_AHEAD:
        raise rules.refuse("Issue time is after now.")
    if now >= times["exp"]:
        raise rules.refuse("JWT is expired.", "MP-130")
    if times["exp"] - times["iat"] > MAX_LIFETIME:
        raise rules.refuse(f"JWT lifetime (exp - iat) exceeds {MAX_LIFETIME} seconds.")

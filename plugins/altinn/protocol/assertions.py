"""The signed assertions with which a client proves who it is.

Sources: "JWT grant" and "client authentication" on docs.digdir.no, and Altinn's guide to system users.
"""

from __future__ import annotations

from altinn.protocol.keys import SigningKey
from altinn.protocol.settings import Settings

ASSERTION_LIFETIME = 100
"""Seconds; the services take at most 120, and both clocks may be a little wrong."""


def maskinporten_assertion(settings: Settings, key: SigningKey, now: float, jti: str) -> str:
    """Sign a JWT grant for Maskinporten; each is good for one attempt.

    It holds nothing but known claims, because Maskinporten refuses others, and names `externalRef` exactly if the
    system user has one.
    """
    claims = _claims(settings.client_id, settings.environment.maskinporten_issuer, now, jti)
    claims["scope"] = " ".join(settings.scopes)
    if settings.on_behalf_of:
        details: dict[str, object] = {
            "type": "urn:altinn:systemuser",
            "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": f"0192:{settings.on_behalf_of}"},
        }
        if settings.external_ref:
            details["externalRef"] = settings.external_ref
        claims["authorization_details"] = [details]
    return key.sign(claims)


def idporten_assertion(settings: Settings, key: SigningKey, now: float, jti: str) -> str:
    """Sign a client assertion (private_key_jwt) for ID-porten; each is good for one attempt."""
    claims = _claims(settings.client_id, settings.environment.idporten_issuer, now, jti)
    return key.sign({**claims, "sub": settings.client_id})


def _claims(client_id: str, audience: str, now: float, jti: str) -> dict[str, object]:
    issued_at = int(now)
    return {
        "iss": client_id,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + ASSERTION_LIFETIME,
        "jti": jti,
    }

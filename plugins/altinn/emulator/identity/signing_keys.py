"""The emulator's own signing keys: one for each issuer, made when first needed, kept with the state."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from altinn.emulator.identity.identity_store import IdentityStore

Issuer = Literal["altinn", "maskinporten", "idporten"]
KEY_KIND = "signing_key"


@dataclass(frozen=True, slots=True)
class _Key:
    key_id: str
    private: rsa.RSAPrivateKey


class SigningKeys:
    """Sign tokens as one of the three issuers, and tell whether a token was.

    RSA keys take some 0.1 s to make, so none is made before the first token of that issuer is asked for.
    """

    def __init__(self, store: IdentityStore) -> None:
        self._store = store
        self._keys: dict[Issuer, _Key] = {}

    def sign(self, issuer: Issuer, claims: Mapping[str, object]) -> str:
        """Make an RS256 JWT of the claims."""
        key = self._key(issuer)
        return jwt.encode(dict(claims), key.private, algorithm="RS256", headers={"kid": key.key_id})

    def read(self, issuer: Issuer, token: str, *, now: float, leeway: float = 0) -> dict[str, object] | None:
        """Give the claims of a living token that this issuer signed, else None.

        :param leeway: seconds past `exp` that are let pass.
        """
        try:
            claims: dict[str, object] = jwt.decode(
                token,
                self._key(issuer).private.public_key(),
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        expires = claims.get("exp")
        return claims if isinstance(expires, int) and now < expires + leeway else None

    def public_set(self, issuer: Issuer) -> dict[str, list[dict[str, str]]]:
        """Give the issuer's JWKS."""
        key = self._key(issuer)
        numbers = key.private.public_key().public_numbers()
        entry = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.key_id}
        return {"keys": [{**entry, "n": _unsigned(numbers.n), "e": _unsigned(numbers.e)}]}

    def _key(self, issuer: Issuer) -> _Key:
        if issuer not in self._keys:
            with self._store.exclusively():
                kept = self._store.get(KEY_KIND, issuer)
                private = _parse(kept) if kept else rsa.generate_private_key(public_exponent=65537, key_size=2048)
                if not kept:
                    self._store.put(KEY_KIND, issuer, _pem(private))
            self._keys[issuer] = _Key(_thumbprint(private), private)
        return self._keys[issuer]


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def _parse(pem: str) -> rsa.RSAPrivateKey:
    # The numbers were checked when the key was made; checking them again costs some 50 ms at each start.
    key = serialization.load_pem_private_key(pem.encode("ascii"), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the emulator's state holds a signing key that is not RSA")
    return key


def _unsigned(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _thumbprint(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()[:32]

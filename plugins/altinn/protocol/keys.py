"""Private keys for signing assertions: PEM, JWK, PKCS#12 or somebody else's signer in, signed JWT out.

Keys reach a connection through forms, environment variables and secret stores that bend their line breaks, so the
reading is tolerant; what it cannot read it explains without showing any of it. Maskinporten takes RSA keys only
(RS256, RS384, RS512; "JWT grant" on docs.digdir.no), and ID-porten takes the same.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from altinn.exceptions import AltinnConfigurationError
from altinn.protocol.pkcs12_keys import read_pkcs12

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ALGORITHM = "RS256"
MINIMUM_BITS = 2048
_NEEDED = f"Maskinporten and ID-porten need an RSA key of {MINIMUM_BITS} bits or more"

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+?)-----(.*?)-----END \1-----", re.DOTALL)
_PUBLIC_LABELS = frozenset({"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "CERTIFICATE REQUEST"})
_RSA_LABELS = frozenset({"PRIVATE KEY", "RSA PRIVATE KEY"})
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]+")


Signer = Callable[[bytes, str], bytes]
"""Signs bytes with RS256 (RSASSA-PKCS1-v1_5 with SHA-256) under the key of an id; the key may stay in a KMS or HSM."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signs assertions: an RSA private key, or a signer that holds one.

    :param key_id: the `kid` of every assertion; may be empty until it is needed, or with a chain.
    :param bits: size of the key; 0 for a signer, which does not say.
    :param chain: certificates for the header `x5c`, sent instead of a key id.
    """

    key_id: str
    bits: int
    _key: RSAPrivateKey | None = field(repr=False)
    chain: tuple[str, ...] = field(default=(), repr=False)
    _signer: Signer | None = field(default=None, repr=False)

    @property
    def kind(self) -> str:
        """What this is, in words."""
        if self._signer is not None:
            return f"an external signer, key id '{self.key_id}'"
        known_by = f"key id '{self.key_id}'" if self.key_id else f"a certificate chain of {len(self.chain)}"
        return f"RSA with {self.bits} bits, {known_by}"

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return the claims as a compact JWT, signed with RS256 and naming the key or carrying its chain.

        :raises AltinnConfigurationError: neither a key id nor a chain is known, or the signer failed.
        """
        import jwt

        headers = self._headers()
        if self._key is not None:
            return jwt.encode(dict(claims), self._key, algorithm=ALGORITHM, headers=headers)
        document = {"alg": ALGORITHM, "typ": "JWT", **headers}
        signing_input = f"{_encoded_json(document)}.{_encoded_json(claims)}".encode("ascii")
        return f"{signing_input.decode('ascii')}.{_encoded(self._signed(signing_input))}"

    def _headers(self) -> dict[str, Any]:
        if self.key_id:
            return {"kid": self.key_id}
        if self.chain:
            return {"x5c": list(self.chain)}
        raise AltinnConfigurationError(
            "key_id is missing: write the id (kid) under which the public key is registered with the client, "
            "use a JWK that carries it, or a PKCS#12 file with the enterprise certificate"
        )

    def _signed(self, signing_input: bytes) -> bytes:
        if self._signer is None:
            raise AltinnConfigurationError("there is neither a private key nor a signer: give one of them")
        try:
            signature = self._signer(signing_input, self.key_id)
        except Exception as exc:
            raise AltinnConfigurationError(
                f"the signer failed ({type(exc).__name__}): look at the KMS or HSM that holds key '{self.key_id}'"
            ) from exc
        if not isinstance(signature, bytes) or len(signature) * 8 < MINIMUM_BITS:
            raise AltinnConfigurationError(
                f"the signer gave no RS256 signature: it must return at least {MINIMUM_BITS // 8} bytes"
            )
        return signature


def external_key(signer: Signer, key_id: str) -> SigningKey:
    """Return a key that never comes here: the signer makes the signatures."""
    return SigningKey(key_id, 0, None, (), signer)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _encoded_json(document: Mapping[str, object]) -> str:
    return _encoded(json.dumps(document, separators=(",", ":")).encode())


# A key is read for every login and checking its arithmetic takes tens of milliseconds; a triggerer logs in for many.
@lru_cache(maxsize=32)
def load_key(text: str, key_id: str = "", passphrase: str = "") -> SigningKey:
    """Read a private RSA key.

    Accepted: PEM (PKCS#8 or PKCS#1) with real line breaks, with the two characters `\\n` or with blanks instead of
    them; a JWK or a JWK set as JSON; either of these, DER, or PKCS#12 with its chain, in base64.

    :param key_id: wins over the id inside a JWK, and picks the key from a JWK set; empty for a PKCS#12 file means that
        its chain is sent instead.
    :param passphrase: of an encrypted PEM or a PKCS#12 file.
    :raises AltinnConfigurationError: it is none of these, not private, encrypted, not RSA or too short.
    """
    cleaned = text.strip().strip("\ufeff").strip("'\"").replace("\\r", "").replace("\\n", "\n").strip()
    if not cleaned:
        raise AltinnConfigurationError("private_key is empty: paste the private key as PEM or JWK")
    if cleaned.startswith("{"):
        return _from_jwk(text.strip().strip("\ufeff").strip("'"), key_id)
    if "-----BEGIN" in cleaned:
        return _from_pem(cleaned, key_id, passphrase)
    return _from_base64(cleaned, key_id, passphrase)


def _from_pem(text: str, key_id: str, passphrase: str) -> SigningKey:
    blocks = {match[1].strip(): match[2] for match in _PEM.finditer(text)}
    if not blocks:
        raise AltinnConfigurationError(
            "private_key starts like PEM but has no END line: it was cut short; paste the whole file"
        )
    usable = _RSA_LABELS | {"ENCRYPTED PRIVATE KEY"} if passphrase else _RSA_LABELS
    label = next((found for found in blocks if found in usable), "")
    if not label:
        raise AltinnConfigurationError(_wrong_label(next(iter(blocks))))
    body = blocks[label]
    if "ENCRYPTED" in body:
        raise AltinnConfigurationError(_wrong_label("ENCRYPTED PRIVATE KEY"))
    return _from_pem_body(label, re.sub(r"\s+", "", body), key_id, passphrase)


def _from_pem_body(label: str, body: str, key_id: str, passphrase: str) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    pem = f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode("ascii", errors="replace")
    password = passphrase.encode() if label.startswith("ENCRYPTED") else None
    try:
        key = load_pem_private_key(pem, password=password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise AltinnConfigurationError(
            "private_key cannot be opened with private_key_passphrase: write the right one, or paste the file again"
            if password
            else "private_key has PEM markers but the text between them is not a whole key: paste the file again, "
            "unchanged, in the multi-line field or name it in private_key_file"
        ) from exc
    return _checked(key, key_id)


def _wrong_label(label: str) -> str:
    if label in _PUBLIC_LABELS:
        return (
            f"private_key holds a {label.lower()}: that is the public half, which is registered with the client; "
            "give the private half"
        )
    if "ENCRYPTED" in label:
        return (
            "private_key is encrypted with a passphrase: write it in private_key_passphrase, or decrypt the key "
            "(openssl pkcs8 -in key.pem -out plain.pem) and keep it in a secrets backend or a file with mode 0600"
        )
    if label == "OPENSSH PRIVATE KEY":
        return "private_key is an SSH key: convert it with ssh-keygen -p -m PEM, or make an RSA key with openssl"
    return f"private_key is a {label.lower()}: {_NEEDED}"


def _from_jwk(text: str, key_id: str) -> SigningKey:
    from jwt.algorithms import RSAAlgorithm
    from jwt.exceptions import InvalidKeyError

    try:
        document: Any = json.loads(text)
    except ValueError:
        # Not chained: the parser's exception carries the whole text, which is the key.
        raise AltinnConfigurationError(
            "private_key starts like a JWK but is not valid JSON: paste the JWK again, unchanged"
        ) from None
    jwk = _pick(document, key_id)
    if jwk.get("kty") != "RSA":
        raise AltinnConfigurationError(
            "private_key is a JWK of another kind than RSA ('kty' must be 'RSA'): Maskinporten and ID-porten need RSA"
        )
    if not jwk.get("d"):
        raise AltinnConfigurationError(
            "private_key is a public JWK (it has no 'd'): give the private JWK that belongs to it"
        )
    try:
        key = RSAAlgorithm.from_jwk(jwk)
    except (InvalidKeyError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise AltinnConfigurationError(
            "private_key is a JWK whose numbers do not make an RSA key: export it again, with n, e, d, p, q, dp, dq, qi"
        ) from exc
    kid = jwk.get("kid")
    return _checked(key, key_id or (kid if isinstance(kid, str) else ""))


def _pick(document: Any, key_id: str) -> dict[str, Any]:
    """Take the key out of a JWK set, or the JWK itself."""
    keys = document.get("keys", [document])
    usable = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
    chosen = [key for key in usable if key.get("kid") == key_id] if len(usable) > 1 else usable
    if len(chosen) != 1:
        raise AltinnConfigurationError(
            f"private_key is a JWK set with {len(usable)} keys: name one of them in key_id, or give that JWK alone"
        )
    return chosen[0]


def _from_base64(text: str, key_id: str, passphrase: str) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    unknown = AltinnConfigurationError(
        "private_key is neither PEM (-----BEGIN PRIVATE KEY-----), nor a JWK ({…}), nor PKCS#12, nor base64 of one: "
        "paste the key's text, or name its file in private_key_file"
    )
    if not _BASE64.fullmatch(text):
        raise unknown
    packed = re.sub(r"\s+", "", text).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except binascii.Error as exc:
        raise unknown from exc
    if decoded.lstrip()[:1] == b"{" or b"-----BEGIN" in decoded:
        return load_key(decoded.decode("utf-8", errors="replace"), key_id, passphrase)
    unpacked = read_pkcs12(decoded, passphrase)
    if unpacked is not None:
        return _checked(unpacked[0], key_id, unpacked[1])
    try:
        key = load_der_private_key(decoded, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise unknown from exc
    return _checked(key, key_id)


def _checked(key: object, key_id: str, chain: tuple[str, ...] = ()) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(key, RSAPrivateKey):
        kind = type(key).__name__.lstrip("_").removesuffix("PrivateKey").removesuffix("PublicKey") or "other"
        raise AltinnConfigurationError(f"private_key is of type {kind}: {_NEEDED}")
    if key.key_size < MINIMUM_BITS:
        raise AltinnConfigurationError(
            f"private_key has {key.key_size} bits: it must have at least {MINIMUM_BITS}; make a new one"
        )
    return SigningKey(key_id, key.key_size, key, chain)

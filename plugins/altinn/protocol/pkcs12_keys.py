"""Enterprise certificates: a key and its chain out of a PKCS#12 file.

Maskinporten and ID-porten take the chain in the header `x5c` instead of the id of a registered key ("JWT grant" and
"Virksomhetssertifikat" on docs.digdir.no).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from altinn.exceptions import AltinnConfigurationError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def read_pkcs12(content: bytes, passphrase: str) -> tuple[object, tuple[str, ...]] | None:
    """Return a PKCS#12 file's private key and its certificates as `x5c` wants them, the key's own first.

    :return: None when the content is something else than PKCS#12.
    :raises AltinnConfigurationError: the passphrase is wrong, or there is no key or no certificate inside.
    """
    if not looks_like_pkcs12(content):
        return None
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

    try:
        key, own, others = load_key_and_certificates(content, passphrase.encode() or None)
    except ValueError as exc:
        why = "does not open it" if passphrase else "is missing"
        raise AltinnConfigurationError(
            f"private_key is a PKCS#12 file and private_key_passphrase {why}: write the passphrase that the file was "
            "exported with (an empty one must have been empty there)"
        ) from exc
    if key is None or own is None:
        raise AltinnConfigurationError(
            "private_key is a PKCS#12 file without a private key that belongs to its certificate: export it again "
            "with the private key"
        )
    return key, tuple(_encoded(certificate) for certificate in _in_order(own, others))


def looks_like_pkcs12(content: bytes) -> bool:
    """Tell PKCS#12 (version 3, RFC 7292) from other DER, by its first element after the outer sequence."""
    if content[:1] != b"\x30" or len(content) < 8:
        return False
    length_bytes = content[1] & 0x7F if content[1] & 0x80 else 0
    start = 2 + length_bytes
    return content[start : start + 3] == b"\x02\x01\x03"


def _in_order(own: Certificate, others: list[Certificate]) -> list[Certificate]:
    """Put the chain in order, each certificate followed by its issuer; the self-signed root is left out."""
    chain, left = [own], list(others)
    while True:
        issuer = next((one for one in left if one.subject == chain[-1].issuer and one.subject != one.issuer), None)
        if issuer is None:
            return chain
        left.remove(issuer)
        chain.append(issuer)


def _encoded(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")

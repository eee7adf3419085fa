"""Enterprise certificates: an assertion that carries its own chain (`x5c`) instead of naming a registered key."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

ORGANIZATION_IDENTIFIER = x509.ObjectIdentifier("2.5.4.97")


class ChainRefusal(Exception):
    """The chain does not prove what it should; the text says why.

    :param code: Maskinporten's code for it, docs.digdir.no, "Feilsøking i Maskinporten".
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


INVALID, OTHER_OWNER, UNREADABLE = "MP-120", "MP-122", "MP-123"
SIGNED_WITH_INVALID = "The JWT is signed with an invalid certificate."


def key_of_chain(chain: object, *, authority: str, org_number: str, now: float) -> RSAPublicKey:
    """Give the public key of a chain's own certificate.

    The chain must lead to the authority, every certificate must be valid now, and the first one must be the
    organisation's ("Virksomhetssertifikat" on docs.digdir.no).

    :param chain: the header's `x5c`: base64 of DER, the client's own certificate first (RFC 7515, section 4.1.6).
    :param authority: PEM of the trusted certificate.
    :raises ChainRefusal: it does not.
    """
    certificates = _parsed(chain)
    root = x509.load_pem_x509_certificate(authority.encode("ascii"))
    moment = datetime.fromtimestamp(now, UTC)
    for certificate, issuer in zip(certificates, [*certificates[1:], root], strict=True):
        if certificate == root:
            continue
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise ChainRefusal(INVALID, f"{SIGNED_WITH_INVALID} It is expired or not yet valid.")
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as exc:
            raise ChainRefusal(INVALID, f"{SIGNED_WITH_INVALID} No trusted authority has issued it.") from exc
    if org_number not in _numbers(certificates[0]):
        text = "Invalid JWT. Invalid organization number for client. Does not match certificate orgno."
        raise ChainRefusal(OTHER_OWNER, text)
    key = certificates[0].public_key()
    if not isinstance(key, RSAPublicKey):
        raise ChainRefusal(INVALID, f"{SIGNED_WITH_INVALID} Its key is not RSA.")
    return key


def _parsed(chain: object) -> list[x509.Certificate]:
    if not isinstance(chain, list) or not chain or not all(isinstance(part, str) for part in chain):
        raise ChainRefusal(UNREADABLE, "Invalid JWT header x5c. It must be a list of certificates.")
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(part, validate=True)) for part in chain]
    except (ValueError, binascii.Error) as exc:
        raise ChainRefusal(UNREADABLE, "Invalid JWT header x5c. It must be a list of certificates.") from exc


def _numbers(certificate: x509.Certificate) -> set[str]:
    """Give the organisation numbers that a certificate names: as serial number, or "NTRNO-" and the number."""
    attributes = [
        attribute
        for oid in (NameOID.SERIAL_NUMBER, ORGANIZATION_IDENTIFIER)
        for attribute in certificate.subject.get_attributes_for_oid(oid)
    ]
    return {str(attribute.value).removeprefix("NTRNO-") for attribute in attributes}

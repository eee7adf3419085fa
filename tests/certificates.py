"""An authority and the enterprise certificate that it issues, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

START = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2060, 1, 1, tzinfo=UTC)


@cache
def root_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def middle_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common_name: str, number: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if number:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, number))
    return x509.Name(attributes)


def _issue(
    subject: x509.Name, key: rsa.RSAPrivateKey, issuer: x509.Name, by: rsa.RSAPrivateKey, end: datetime = END
) -> x509.Certificate:
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), START, end)
    return builder.sign(by, hashes.SHA256())


@cache
def root() -> x509.Certificate:
    return _issue(_name("Test root"), root_key(), _name("Test root"), root_key())


@cache
def middle() -> x509.Certificate:
    return _issue(_name("Test issuing CA"), middle_key(), _name("Test root"), root_key())


def authority_pem() -> str:
    """Return the certificate that a server trusts."""
    return root().public_bytes(Encoding.PEM).decode()


def enterprise_certificate(key: rsa.RSAPrivateKey, number: str, *, lapsed: bool = False) -> x509.Certificate:
    """Make an organisation's certificate, issued by the authority below the root."""
    end = START + timedelta(days=1) if lapsed else END
    return _issue(_name("Test company", number), key, _name("Test issuing CA"), middle_key(), end)


def pkcs12(key: rsa.RSAPrivateKey, number: str, passphrase: str = "", *, lapsed: bool = False) -> bytes:
    """Put key, certificate and chain in one file, the chain in an order that says nothing."""
    sealed = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    own = enterprise_certificate(key, number, lapsed=lapsed)
    return serialize_key_and_certificates(b"test", key, own, [root(), middle()], sealed)

import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def sign(content: bytes, key_id: str) -> bytes:
    """Sign with RS256. A file stands for the KMS here; put your KMS's own call in its place."""
    file = Path(os.environ["COMPANY_KEYS"]) / f"{key_id}.pem"
    key = load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(f"{key_id} is no RSA key")
    return key.sign(content, padding.PKCS1v15(), hashes.SHA256())

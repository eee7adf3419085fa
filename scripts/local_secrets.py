"""Secrets of the embedded installation, made at first start and kept in `.run/secrets`."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from scripts.run_folder import write_private

USERNAME = "admin"
_RSA_BITS = 2048


@dataclass(frozen=True)
class LocalSecrets:
    """What the embedded Airflow needs to keep its tokens and connections readable across restarts.

    :param passwords_file: SimpleAuthManager's file, `{"admin": "…"}`.
    """

    jwt_secret: str = field(repr=False)
    api_secret: str = field(repr=False)
    fernet_key: str = field(repr=False)
    password: str = field(repr=False)
    passwords_file: Path


@dataclass(frozen=True)
class ClientKey:
    """One client's key pair: where the private key lies, and the public part for the client's registration."""

    private_key_file: Path
    key_id: str
    public_jwk: dict[str, object]


def local_secrets(folder: Path) -> LocalSecrets:
    """Read the secrets of this installation, making those that are missing."""
    password = _kept(folder / "password", lambda: secrets.token_urlsafe(12))
    passwords_file = folder / "passwords.json"
    write_private(passwords_file, json.dumps({USERNAME: password}))
    return LocalSecrets(
        jwt_secret=_kept(folder / "jwt_secret", lambda: secrets.token_urlsafe(64)),
        api_secret=_kept(folder / "api_secret", lambda: secrets.token_urlsafe(32)),
        fernet_key=_kept(folder / "fernet_key", lambda: base64.urlsafe_b64encode(os.urandom(32)).decode()),
        password=password,
        passwords_file=passwords_file,
    )


def client_key(folder: Path, client_id: str) -> ClientKey:
    """Read a client's RSA key, making it at first use."""
    path = folder / f"{client_id}.pem"
    pem = _kept(path, _new_pem)
    private = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError(f"{path} does not hold an RSA key")
    key_id = f"{client_id}-key"
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return ClientKey(path, key_id, {**public, "kid": key_id, "use": "sig", "alg": "RS256"})


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_private(path, make())
    return path.read_text(encoding="utf-8")


def _new_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()

"""Secrets of the embedded installation: random, kept, private."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from cryptography.fernet import Fernet

from scripts.local_secrets import client_key, local_secrets


def test_secrets_are_kept_from_run_to_run_and_differ_between_installations(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first = local_secrets(one)
    assert local_secrets(one) == first
    second = local_secrets(other)
    assert second.password != first.password
    assert second.jwt_secret != first.jwt_secret


def test_each_secret_serves_its_purpose(tmp_path: Path) -> None:
    made = local_secrets(tmp_path)
    assert Fernet(made.fernet_key).decrypt(Fernet(made.fernet_key).encrypt(b"x")) == b"x"
    assert len(made.jwt_secret) >= 64
    assert json.loads(made.passwords_file.read_text()) == {"admin": made.password}


def test_nobody_else_can_read_them_and_no_repr_shows_them(tmp_path: Path) -> None:
    made = local_secrets(tmp_path)
    client_key(tmp_path, "demo")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    for secret in (made.jwt_secret, made.fernet_key, made.password, made.api_secret):
        assert secret not in repr(made)


def test_a_client_key_is_kept_and_only_its_public_part_is_given_out(tmp_path: Path) -> None:
    key = client_key(tmp_path, "demo")
    assert client_key(tmp_path, "demo") == key
    assert key.private_key_file.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert {"kty", "n", "e", "kid"} <= set(key.public_jwk)
    assert not {"d", "p", "q"} & set(key.public_jwk)

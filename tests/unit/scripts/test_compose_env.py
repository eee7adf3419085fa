"""The secrets for docker compose."""

from __future__ import annotations

import io
import stat
from pathlib import Path

from cryptography.fernet import Fernet

from scripts.compose_env import compose_variables, write_environment


def test_values_are_random_and_need_no_quoting() -> None:
    first, second = compose_variables(), compose_variables()
    assert all(first[name] != second[name] for name in first if name != "AIRFLOW_ADMIN_USER")
    assert all(
        set(value) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=")
        for value in first.values()
    )
    assert len(first["AIRFLOW_JWT_SECRET"]) >= 64
    Fernet(first["AIRFLOW_FERNET_KEY"])


def test_an_existing_file_is_never_changed(tmp_path: Path) -> None:
    path, out = tmp_path / ".env", io.StringIO()
    write_environment(path, out)
    before = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "AIRFLOW_ADMIN_PASSWORD" in out.getvalue()
    write_environment(path, out)
    assert path.read_text() == before
    assert "nothing changed" in out.getvalue()
    password = before.split("AIRFLOW_ADMIN_PASSWORD=")[1].strip()
    assert password not in out.getvalue()

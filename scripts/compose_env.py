"""Write a `.env` with random secrets for docker-compose.yaml, unless there is one.

Runs with the system's Python before anything is installed, so it imports the standard library only.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

PROJECT = Path(__file__).resolve().parent.parent

Random = Callable[[int], str]


def random_text(size: int) -> str:
    """Return random text that needs no quoting in a file, a shell or a URL."""
    return secrets.token_urlsafe(size)


def compose_variables(random: Random = random_text) -> dict[str, str]:
    """Return every variable that docker-compose.yaml requires."""
    return {
        "POSTGRES_PASSWORD": random(24),
        "REDIS_PASSWORD": random(24),
        # Fernet wants 32 bytes, encoded with padding.
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW_JWT_SECRET": random(64),
        "AIRFLOW_API_SECRET_KEY": random(32),
        "AIRFLOW_ADMIN_USER": "admin",
        "AIRFLOW_ADMIN_PASSWORD": random(12),
    }


def write_environment(path: Path, out: TextIO) -> None:
    """Write the file, readable for the owner only; never change one that is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        out.write(f"{path} is there already; nothing changed\n")
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.writelines(f"{name}={value}\n" for name, value in compose_variables().items())
    out.write(f"Wrote {path}; the password for Airflow is AIRFLOW_ADMIN_PASSWORD there\n")


if __name__ == "__main__":
    write_environment(PROJECT / ".env", sys.stdout)

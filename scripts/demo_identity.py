"""Who logs in: the demo's clients, their registration with the emulator, and Airflow's connections for them.

`altinn_default` acts through Maskinporten as an organisation's system user; `altinn_vat` acts through ID-porten as a
person, because Skatteetaten accepts VAT returns from persons only. Organisations, the system user and the person are
Altinn's public test data, as the emulator has them; nobody of them exists.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.local_secrets import ClientKey, client_key
from scripts.rest import Service
from scripts.run_folder import RunFolder, write_json, write_private

VENDOR = "913312465"
SYSTEM_USER = {"org_number": "950474084", "external_ref": None, "id": "d111dbab-d619-4f15-bf29-58fe570a9ae6"}
PERSON = 1337
"""LocalTest's user Sophie Salt."""

INSTANCE_SCOPES = ["altinn:instances.read", "altinn:instances.write"]
VAT_SCOPES = [*INSTANCE_SCOPES, "skatteetaten:mvameldinginnsending", "skatteetaten:mvameldingvalidering"]
SYSTEM_CLIENT = "demo-maskinporten"
PERSON_CLIENT = "demo-idporten"
LOOPBACK_REDIRECT = "http://127.0.0.1:8471/callback"
"""Where `altinn login` listens."""


@dataclass(frozen=True)
class DemoIdentity:
    """The two clients' keys, and where their registration and the person's refresh token lie."""

    system: ClientKey
    person: ClientKey
    clients_file: Path
    refresh_token_file: Path


def demo_identity(folder: RunFolder, airflow_url: str = "") -> DemoIdentity:
    """Read or make the clients' keys, and write the registration that the emulator starts with.

    :param airflow_url: Airflow's own address, to which ID-porten may send a browser back.
    """
    identity = DemoIdentity(
        system=client_key(folder.secrets, SYSTEM_CLIENT),
        person=client_key(folder.secrets, PERSON_CLIENT),
        clients_file=folder.path / "clients.json",
        refresh_token_file=folder.secrets / "refresh_token",
    )
    write_json(identity.clients_file, registrations(identity.system, identity.person, airflow_url))
    return identity


def registrations(system: ClientKey, person: ClientKey, airflow_url: str = "") -> list[dict[str, Any]]:
    """Return the clients as Samarbeidsportalen would hold them: public keys, scopes and system users."""
    return [
        {
            "client_id": SYSTEM_CLIENT,
            "jwks": {"keys": [system.public_jwk]},
            "integration": "maskinporten",
            "scopes": INSTANCE_SCOPES,
            "org_number": VENDOR,
            "system_id": f"{VENDOR}_sbs",
            "system_users": [SYSTEM_USER],
        },
        {
            "client_id": PERSON_CLIENT,
            "jwks": {"keys": [person.public_jwk]},
            "integration": "idporten",
            "scopes": VAT_SCOPES,
            "org_number": VENDOR,
            "system_users": [],
            "redirect_uris": [LOOPBACK_REDIRECT, *([f"{airflow_url}/altinn-login/callback"] if airflow_url else [])],
        },
    ]


def log_in_person(emulator: Service, identity: DemoIdentity) -> None:
    """Let the test person log in, as she would in a browser, and store her refresh token for the connection.

    :raises scripts.failure.CommandError: the emulator refused.
    """
    login = {"client_id": PERSON_CLIENT, "user_id": PERSON, "scope": " ".join(["openid", *VAT_SCOPES])}
    answer = emulator.call("POST", "/_emulator/idporten/login", login)
    write_private(identity.refresh_token_file, answer["refresh_token"])


def connections(identity: DemoIdentity, emulator_url: str) -> list[dict[str, Any]]:
    """Return both connections in the shape of Airflow's REST API; keys and tokens are named by file only."""
    shared = {"conn_type": "altinn", "host": emulator_url}
    local = {"environment": "local"}
    return [
        {
            **shared,
            "connection_id": "altinn_default",
            "description": "Altinn emulator, as the system user of a test organisation (Maskinporten)",
            "login": SYSTEM_CLIENT,
            "extra": json.dumps(
                {
                    **local,
                    "auth_mode": "maskinporten",
                    "key_id": identity.system.key_id,
                    "private_key_file": str(identity.system.private_key_file),
                    "scopes": " ".join(INSTANCE_SCOPES),
                    "on_behalf_of": SYSTEM_USER["org_number"],
                }
            ),
        },
        {
            **shared,
            "connection_id": "altinn_vat",
            "description": "Altinn emulator, as a test person (ID-porten)",
            "login": PERSON_CLIENT,
            "extra": json.dumps(
                {
                    **local,
                    "auth_mode": "idporten",
                    "key_id": identity.person.key_id,
                    "private_key_file": str(identity.person.private_key_file),
                    "refresh_token_file": str(identity.refresh_token_file),
                    "scopes": " ".join(VAT_SCOPES),
                }
            ),
        },
    ]

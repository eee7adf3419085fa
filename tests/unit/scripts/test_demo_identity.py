"""The demo's clients and connections, held against the emulator's registry and the provider's settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from altinn.emulator.identity.client_registry import parse_client
from altinn.protocol.settings import settings_from, with_files_read
from scripts.demo_identity import PERSON_CLIENT, SYSTEM_CLIENT, DemoIdentity, connections, demo_identity
from scripts.run_folder import RunFolder, write_private

HOST = "http://127.0.0.1:25101"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> DemoIdentity:
    folder = RunFolder(tmp_path_factory.mktemp("demo") / "run")
    folder.prepare()
    made = demo_identity(folder)
    write_private(made.refresh_token_file, "a-refresh-token")
    return made


def test_the_emulator_accepts_both_registrations(identity: DemoIdentity) -> None:
    clients = [parse_client(document) for document in json.loads(identity.clients_file.read_text())]
    assert [client.client_id for client in clients] == [SYSTEM_CLIENT, PERSON_CLIENT]
    assert [client.integration for client in clients] == ["maskinporten", "idporten"]
    assert [len(client.system_users) for client in clients] == [1, 0]


def test_the_registration_holds_no_private_key(identity: DemoIdentity) -> None:
    for client in json.loads(identity.clients_file.read_text()):
        assert all(not {"d", "p", "q"} & set(key) for key in client["jwks"]["keys"])


@pytest.mark.parametrize(
    ("number", "conn_id", "mode"), [(0, "altinn_default", "maskinporten"), (1, "altinn_vat", "idporten")]
)
def test_the_provider_accepts_both_connections(identity: DemoIdentity, number: int, conn_id: str, mode: str) -> None:
    connection = connections(identity, HOST)[number]
    assert connection["connection_id"] == conn_id
    extra = with_files_read(conn_id, json.loads(connection["extra"]), lambda path: Path(path).read_text())
    settings = settings_from(conn_id, host=connection["host"], login=connection["login"], password=None, extra=extra)
    assert settings.auth_mode == mode
    assert settings.unknown_extras == ()
    assert settings.environment.platform_url == HOST
    assert settings.private_key.startswith("-----BEGIN PRIVATE KEY-----")


def test_connections_name_secrets_by_file_and_hold_none(identity: DemoIdentity) -> None:
    text = json.dumps(connections(identity, HOST))
    assert "PRIVATE KEY" not in text
    assert "a-refresh-token" not in text
    assert str(identity.refresh_token_file) in text

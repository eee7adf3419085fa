"""One rotating refresh token and the task processes of two hosts, which share the store and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from cryptography.fernet import Fernet

from altinn.emulator import Emulator
from altinn.person_login.login_place import LoginPlace
from altinn.person_login.oidc_login import OidcLogin
from altinn.token_store import TokenStore
from altinn.transport import BlockingDriver
from tests.contract.backend_vault import ADDRESS, BackendVault, backend
from tests.contract.oidc_browser import BACK, log_in, person_client, person_settings, plain_session
from tests.unit.login_samples import pem

ROOT = Path(__file__).parents[2]
PROCESSES, ROUNDS = 4, 3
KEY = Fernet.generate_key().decode()


@contextmanager
def workers(
    count: int, home: Path, order: dict[str, object], **environment: str
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the task processes of one host: a home, a host name and a mount point of its own."""
    home.mkdir()
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    own = {"HOME": str(home), "AIRFLOW_HOME": str(home), "HOSTNAME": home.name, "TMPDIR": str(home), **environment}
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    command = [sys.executable, "-m", "tests.contract.worker_of_a_host", json.dumps(order)]
    started = [
        subprocess.Popen(
            command,
            cwd=home,
            env={**inherited, **own, **path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def renewals(emulator: Emulator) -> int:
    journal = requests.get(f"{emulator.base_url}/_emulator/journal", timeout=10).json()
    return sum(entry["path"] == "/idporten/token" for entry in journal)


@pytest.mark.parametrize("kind", ["encrypted files", "own backend"])
def test_a_refresh_token_is_used_once_for_all_processes_of_two_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    for host in ("one", "two"):
        (tmp_path / f"mnt-{host}").symlink_to(shared)
    with Emulator(port=0, clients=[person_client()]) as emulator, backend() as address:
        monkeypatch.setenv(ADDRESS, address)
        own = kind == "own backend"
        settings = person_settings(emulator.base_url, login_store="shared")
        store = TokenStore(shared / "tokens", KEY, vault=BackendVault() if own else None)
        login = OidcLogin(settings, plain_session())
        url, pending = login.begin(BACK)
        driver = BlockingDriver(plain_session())
        kept = LoginPlace(settings, store).keep(login.finish(pending, log_in(url)), driver.run)
        before = renewals(emulator)

        def order(host: str) -> dict[str, object]:
            directory = str(tmp_path / f"mnt-{host}" / "tokens")
            return {
                "host": emulator.base_url,
                "directory": directory,
                "fernet_key": KEY,
                "key": pem(),
                "backend": own,
                "rejected": kept.altinn,
            }

        environment = {ADDRESS: address}
        with (
            workers(PROCESSES, tmp_path / "one", order("one"), **environment) as here,
            workers(PROCESSES, tmp_path / "two", order("two"), **environment) as there,
        ):
            everybody = [*here, *there]
            assert [said(process) for process in everybody] == ["ready"] * len(everybody)
            tokens: list[set[str]] = []
            for _ in range(ROUNDS):
                for process in everybody:
                    assert process.stdin is not None
                    process.stdin.write("go\n")
                    process.stdin.flush()
                tokens.append({said(process) for process in everybody})
        assert [len(one) for one in tokens] == [1] * ROUNDS, tokens
        assert all(token.count(".") == 2 for one in tokens for token in one)
        assert len(set.union(*tokens)) == ROUNDS
        assert renewals(emulator) - before == ROUNDS

"""The installed commands `airflow altinn` and `altinn`, each in a process of its own, with Airflow's own database."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from altinn.airflow_commands import commands
from altinn.cli import COMMANDS
from altinn.emulator import Emulator
from tests.contract.oidc_browser import log_in, person_client, plain_session
from tests.free_ports import free_ports
from tests.system.airflow_process import BINARIES, LIMIT, Environment, own_airflow, run
from tests.unit.login_samples import pem


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Have an Airflow of its own, without a database."""
    return own_airflow(tmp_path_factory.mktemp("airflow"))


def test_airflow_lists_every_command(environment: Environment) -> None:
    said = run(environment, "airflow", "altinn", "--help").stdout
    listed = re.findall(r"^    ([a-z-]+)(?=\s)", said, re.MULTILINE)
    assert sorted(COMMANDS) == sorted(set(listed)), said
    assert "File periodic reports through Altinn 3" in said


def test_both_commands_answer_alike(environment: Environment) -> None:
    arguments = ("periods", "vat_terms", "--from", "2026", "--to", "2026", "--json")
    answers = [
        json.loads(run(environment, *command, *arguments).stdout) for command in (("altinn",), ("airflow", "altinn"))
    ]
    assert answers[0] == answers[1]
    (fifth,) = [period for period in answers[0] if period["name"] == "2026-T5"]
    assert (fifth["start"], fifth["end"], fifth["due_date"]) == ("2026-09-01", "2026-10-31", "2026-12-10")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_both_commands_take_the_same_options(name: str) -> None:
    own, airflow_s = argparse.ArgumentParser(add_help=False), argparse.ArgumentParser(add_help=False)
    import_module(COMMANDS[name]).add_arguments(own)
    (group,) = commands()
    (command,) = [one for one in group.subcommands if one.name == name]  # type: ignore[union-attr]
    for argument in command.args:
        argument.add_to_parser(airflow_s)

    def told(parser: argparse.ArgumentParser) -> list[tuple[Any, ...]]:
        return [
            (one.dest, one.option_strings, one.default, one.type, one.choices, one.nargs, one.required, type(one))
            for one in parser._actions
        ]

    assert told(airflow_s) == told(own)


def test_the_status_goes_through_airflow(environment: Environment, tmp_path: Path) -> None:
    done = run(environment, "airflow", "altinn", "hash", str(tmp_path / "none.xml"), expected=2)
    assert "cannot be read" in done.stderr


# -- a login that is kept in the connection


@pytest.fixture
def listening() -> int:
    (port,) = free_ports(1)
    return port


@pytest.fixture
def altinn(listening: int) -> Iterator[Emulator]:
    client = person_client(redirect_uris=[f"http://127.0.0.1:{listening}/callback"])
    with Emulator(port=0, clients=[client]) as running:
        yield running


def exported(environment: Environment, conn_id: str) -> dict[str, object]:
    """Read a connection's extra as Airflow itself shows it to whoever may see it."""
    text = run(environment, "airflow", "connections", "export", "-", "--file-format", "json").stdout
    extra = json.loads(text[text.index("{") :])[conn_id]["extra"]
    return dict(json.loads(extra) if isinstance(extra, str) else extra)


def log_in_by_command(environment: Environment, port: int, log: Path) -> str:
    """Start `altinn login`, be the person in the browser, and return what the command said in the end."""
    with log.open("w") as output:
        command = [str(BINARIES / "altinn"), "login", "--conn-id", "altinn_vat", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        address = None
        deadline = time.monotonic() + LIMIT
        while address is None and time.monotonic() < deadline and process.poll() is None:
            address = re.search(r"^  (http://\S+/authorize\S+)$", log.read_text(), re.MULTILINE)
            time.sleep(0.2)
        assert address is not None, log.read_text()
        with plain_session() as browser:
            assert browser.get(log_in(address[1]), timeout=60).status_code == 200
        assert process.wait(LIMIT) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    return log.read_text()


def test_a_login_is_kept_in_the_connection(
    environment: Environment, altinn: Emulator, listening: int, tmp_path: Path
) -> None:
    run(environment, "airflow", "db", "migrate")
    extra = {
        "environment": "local", "auth_mode": "idporten", "private_key": pem(), "key_id": "key-1",
        "token_dir": str(tmp_path / "tokens"),
    }  # fmt: skip
    made = {"conn_type": "altinn", "host": altinn.base_url, "login": "person", "extra": extra}
    run(environment, "airflow", "connections", "add", "altinn_vat", "--conn-json", json.dumps(made))
    assert "nobody has logged in" in run(environment, "altinn", "doctor", "--conn-id", "altinn_vat", expected=1).stdout

    said = log_in_by_command(environment, listening, tmp_path / "said")
    assert "Logged in: user 1337 (SophieDDG)" in said
    assert "Kept in the Airflow connection 'altinn_vat'" in said

    kept = exported(environment, "altinn_vat")
    token = str(kept["refresh_token"])
    assert kept == {**extra, "refresh_token": token, "login_expires_at": kept["login_expires_at"]}
    assert token
    assert token not in said
    assert token.encode() not in (Path(environment["AIRFLOW_HOME"]) / "airflow.db").read_bytes(), (
        "it is encrypted there"
    )
    run(environment, "altinn", "doctor", "--conn-id", "altinn_vat")

"""The commands that connect an installation, and the doctor as a task, with connections as Airflow gives them."""

from __future__ import annotations

import getpass
import io
import json
import re
import stat
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from jwt.algorithms import RSAAlgorithm

from altinn.cli import main
from altinn.commands import log_in as log_in_command
from altinn.emulator import Emulator
from altinn.exceptions import AltinnConfigurationError
from altinn.operators import AltinnDoctorOperator
from tests.contract.backend_vault import ADDRESS, backend
from tests.contract.oidc_browser import log_in, person_client, plain_session
from tests.system.conftest import Connect, RunTask
from tests.unit.login_samples import pem, private_key

SCOPES = [
    "altinn:instances.read",
    "altinn:instances.write",
    "altinn:authentication/systemregister.write",
    "altinn:authentication/systemuser.request.write",
    "altinn:authentication/systemuser.request.read",
]
SYSTEM = "991825827_ledger"
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def altinn() -> Iterator[Emulator]:
    public = {**RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True), "kid": "key-1"}
    vendor = {
        "client_id": "vendor",
        "integration": "maskinporten",
        "jwks": {"keys": [public]},
        "scopes": SCOPES,
        "org_number": "991825827",
    }
    redirects = [f"http://127.0.0.1:{port}/callback" for port in range(8471, 8475)]
    with Emulator(port=0, clients=[vendor, person_client(redirect_uris=redirects)]) as running:
        yield running


@pytest.fixture
def vendor(connect: Connect, altinn: Emulator) -> str:
    return connect(altinn.base_url, login="vendor", private_key=pem(), key_id="key-1", on_behalf_of="950474084")


@pytest.fixture
def person(connect: Connect, altinn: Emulator, tmp_path: Path) -> str:
    return connect(
        altinn.base_url,
        conn_id="altinn_vat",
        login="person",
        auth_mode="idporten",
        private_key=pem(),
        key_id="key-1",
        refresh_token_file=str(tmp_path / "refresh_token"),
    )


# -- system users


def system_user(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["system-user", *arguments, "--system", SYSTEM])
    said = capsys.readouterr()
    return status, said.out + said.err


def test_from_nothing_to_a_system_user_that_files(
    altinn: Emulator, vendor: str, capsys: pytest.CaptureFixture[str], run_task: RunTask
) -> None:
    asked = ("request", "--org-number", "950474084", "--external-ref", "ledger-1", "--right", "ttd/basic")
    status, text = system_user(capsys, *asked)
    assert (status, "is not in the register" in text) == (2, True), text

    status, text = system_user(capsys, *asked, "--register", "Ledger")
    assert (status, "Registered system" in text) == (1, True), text
    address = re.search(r"http://\S+/accessmanagement/\S+", text)
    assert address is not None
    status, again = system_user(capsys, *asked)
    assert (status, address[0] in again) == (1, True), "the same request is found again"
    assert system_user(capsys, "status", "--org-number", "950474084", "--external-ref", "ledger-1")[0] == 1
    assert "waits for approval" in system_user(capsys, "list")[1]

    assert requests.post(address[0], data={"answer": "approve"}, timeout=10).status_code == 200
    status, text = system_user(capsys, *asked)
    assert status == 0
    assert "on_behalf_of='950474084' and external_ref='ledger-1'" in text
    assert "approved" in system_user(capsys, "list")[1]
    listed = json.loads(system_user(capsys, "list", "--json")[1])
    assert [entry["external_ref"] for entry in listed] == ["ledger-1"]

    task = AltinnDoctorOperator(task_id="doctor", app="ttd/basic", altinn_conn_id=vendor, external_ref="ledger-1")
    outcome = run_task(task)
    assert outcome.state == "success", outcome.error
    findings = {finding["link"]: finding for finding in outcome.result}
    assert findings["system user"]["status"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("request", "--right", "ttd/basic"), "needs --org-number"),
        (("request", "--org-number", "950474084"), "needs --right or --access-package"),
        (("status", "--org-number", "950474084", "--conn-id", "nope"), "no connection 'nope'"),
        (("status", "--org-number", "950474084", "--external-ref", "none"), "not found"),
    ],
)
def test_what_cannot_be_asked_is_told(
    vendor: str, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    status, text = system_user(capsys, *arguments)
    assert status == 2
    assert said in text


def test_a_person_s_connection_asks_for_no_system_users(person: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = system_user(capsys, "list", "--conn-id", person)
    assert (status, "auth_mode 'maskinporten'" in text) == (2, True)


# -- the doctor


def test_the_doctor_speaks_to_people_and_machines(
    altinn: Emulator, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    good = connect(altinn.base_url, conn_id="good", auth_mode="localtest", test_user_id="1337")
    assert main(["doctor", "--conn-id", good, "--app", "ttd/basic", "--org-number", "950474084"]) == 0
    text = capsys.readouterr().out
    assert "exchange: ok. Altinn token for a person, user 1337" in text
    assert "app library: ok." in text
    bad = connect(altinn.base_url, conn_id="bad", login="vendor", private_key=pem(), key_id="unknown")
    assert main(["doctor", "--conn-id", bad, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [one["link"] for one in document["findings"] if one["status"] == "failed"] == ["registered key"]
    broken = connect(altinn.base_url, conn_id="broken", login="vendor", private_key="nonsense", settle="soon")
    assert main(["doctor", "--conn-id", broken]) == 1
    assert "connection form: failed. connection 'broken': settle" in capsys.readouterr().out
    assert main(["doctor", "--conn-id", "nope"]) == 2
    assert main(["doctor", "--conn-id", good, "--try-draft"]) == 2


def test_the_doctor_as_a_task_fails_with_the_broken_link(connect: Connect, altinn: Emulator, run_task: RunTask) -> None:
    connect(altinn.base_url, login="nobody", private_key=pem(), key_id="key-1", on_behalf_of="950474084")
    outcome = run_task(AltinnDoctorOperator(task_id="doctor", app="ttd/basic"))
    assert isinstance(outcome.error, AltinnConfigurationError)
    assert "client: failed." in str(outcome.error)


# -- a person's login on the command line


class Browser:
    """Stands where the desktop's browser would open."""

    def __init__(self, user_id: str = "1337") -> None:
        self.user_id = user_id
        self.pages: list[str] = []

    def open(self, url: str) -> bool:
        threading.Thread(target=self._go, args=(url,), daemon=True).start()
        return True

    def _go(self, url: str) -> None:
        answer = log_in(url, self.user_id)
        with plain_session() as session:
            forged = session.get(answer.replace("state=", "state=x"), timeout=10)
            self.pages.append(f"{forged.status_code} {forged.text}")
            shown = session.get(answer, timeout=10)
            self.pages.append(f"{shown.status_code} {shown.text}")


def test_a_person_logs_in_with_the_browser_of_this_machine(
    person: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, altinn: Emulator
) -> None:
    browser = Browser()
    monkeypatch.setattr(webbrowser, "open", browser.open)
    assert main(["login", "--conn-id", person, "--port", "8472"]) == 0
    text = capsys.readouterr().out
    assert "Logged in: user 1337 (SophieDDG), level idporten-loa-substantial, expires in 90 days" in text
    assert f"Kept in the file {tmp_path / 'refresh_token'}" in text
    assert stat.S_IMODE((tmp_path / "refresh_token").stat().st_mode) == 0o600
    assert [page[:3] for page in browser.pages] == ["400", "200"], (
        "a forged answer is refused, the real one still counts"
    )
    secrets = [(tmp_path / "refresh_token").read_text(), "01039012345", "eyJ"]
    assert not [one for one in secrets if one in text + "".join(browser.pages)]
    assert main(["doctor", "--conn-id", person]) == 0


def test_a_person_logs_in_elsewhere_and_pastes(
    person: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()

    def paste(_prompt: str) -> str:
        address = re.search(r"http://\S+/authorize\S+", shown.getvalue())
        assert address is not None
        return log_in(address[0])

    monkeypatch.setattr(getpass, "getpass", paste)
    options: Any = _options("--conn-id", person, "--no-browser")
    assert log_in_command.run(options, shown) == 0
    assert "Logged in: user 1337" in shown.getvalue()
    assert "code=" not in shown.getvalue().split("Logged in")[1]


def _options(*arguments: str) -> Any:
    import argparse

    parser = argparse.ArgumentParser()
    log_in_command.add_arguments(parser)
    return parser.parse_args(arguments)


def test_a_cancelled_login_says_so(
    person: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(
        getpass,
        "getpass",
        lambda _prompt: log_in(re.findall(r"http://\S+/authorize\S+", shown.getvalue())[0], ""),
    )
    assert log_in_command.run(_options("--conn-id", person, "--no-browser"), shown) == 1
    assert "the person cancelled the login" in capsys.readouterr().err


def test_a_login_that_could_not_be_kept_is_never_begun(
    connect: Connect, altinn: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = {"login": "person", "auth_mode": "idporten", "private_key": pem(), "key_id": "key-1"}
    lost = connect(altinn.base_url, conn_id="lost", refresh_token_file=str(tmp_path / "no" / "token"), **common)
    assert main(["login", "--conn-id", lost]) == 2
    assert "no folder that Airflow's user can write" in capsys.readouterr().err
    assert main(["login", "--conn-id", "nope"]) == 2
    machine = connect(altinn.base_url, conn_id="machine", login="vendor", private_key=pem(), key_id="key-1")
    assert main(["login", "--conn-id", machine]) == 2
    assert "only auth_mode 'idporten' is a person's login" in capsys.readouterr().err


def test_production_refuses_a_redirect_to_this_machine(
    connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conn = connect(
        "",
        environment="prod",
        login="person",
        auth_mode="idporten",
        private_key=pem(),
        key_id="key-1",
        refresh_token_file=str(tmp_path / "token"),
    )
    assert main(["login", "--conn-id", conn]) == 2
    assert "ID-porten allows no redirect address on this machine in production" in capsys.readouterr().err


# -- what the documentation shows


def test_the_documentation_s_signer_signs(
    altinn: Emulator,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "key-1.pem").write_text(pem())
    monkeypatch.setenv("COMPANY_KEYS", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__ALTINN__SIGNERS", "kms = company_signer:sign")
    monkeypatch.syspath_prepend(EXAMPLES)
    conn = connect(altinn.base_url, conn_id="hsm", login="vendor", signer="kms", key_id="key-1", scopes=SCOPES[0])
    assert main(["doctor", "--conn-id", conn]) == 0
    assert "an external signer, key id 'key-1'" in capsys.readouterr().out
    monkeypatch.setenv("AIRFLOW__ALTINN__SIGNERS", "kms = company_signer:nothing")
    assert main(["doctor", "--conn-id", conn]) == 1
    assert "cannot be imported here" in capsys.readouterr().out


def test_the_documentation_s_dag_loads() -> None:
    import runpy

    loaded = runpy.run_path(str(EXAMPLES / "wait_for_login.py"))
    assert loaded["AltinnLoginSensor"].__name__ == "AltinnLoginSensor"


def test_an_own_vault_is_named_in_the_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], person: str
) -> None:
    monkeypatch.setenv("AIRFLOW__ALTINN__TOKEN_VAULT", "tests.contract.backend_vault:BackendVault")
    with backend() as address:
        monkeypatch.setenv(ADDRESS, address)
        assert main(["doctor", "--conn-id", person]) == 1
        assert "login: failed." in capsys.readouterr().out
    monkeypatch.setenv("AIRFLOW__ALTINN__TOKEN_VAULT", "pathlib:Path")
    assert main(["doctor", "--conn-id", person]) == 1
    assert "has no load, save, locked" in capsys.readouterr().out

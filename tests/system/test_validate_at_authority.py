"""AltinnValidateAtAuthorityOperator: Skatteetaten judges first, asked with the token of the login itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from altinn.emulator import Emulator
from altinn.exceptions import AltinnInputError
from altinn.operators import AltinnValidateAtAuthorityOperator
from scripts.demo_identity import connections, demo_identity, log_in_person, registrations
from scripts.rest import Service
from scripts.run_folder import RunFolder
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import SOPHIE, Connect, Look, MemorySupervisor, Outcome, RunTask
from tests.unit.login_samples import pem

DATA = Path(__file__).parents[1] / "data" / "skatteetaten-mva"
PATH = "/api/mva/grensesnittstoette/mva-melding/valider"


@pytest.fixture
def vendor(emulator: Emulator, supervisor: MemorySupervisor, tmp_path: Path) -> str:
    """Name a Maskinporten connection, whose token is not Altinn's."""
    return connected(emulator, supervisor, tmp_path, 0)


@pytest.fixture
def person(emulator: Emulator, supervisor: MemorySupervisor, tmp_path: Path) -> str:
    """Name the connection of a person who has logged in with ID-porten."""
    return connected(emulator, supervisor, tmp_path, 1)


def connected(emulator: Emulator, supervisor: MemorySupervisor, folder: Path, number: int) -> str:
    """Register the demo's clients, let its person log in, and make one of its two connections."""
    run_folder = RunFolder(folder / "run")
    run_folder.prepare()
    identity = demo_identity(run_folder)
    clients = registrations(identity.system, identity.person)
    requests.post(f"{emulator.base_url}/_emulator/clients", json=clients, timeout=10).raise_for_status()
    log_in_person(Service("the emulator", emulator.base_url), identity)
    made = connections(identity, emulator.base_url)[number]
    extra = json.loads(made["extra"]) | {"token_dir": str(folder / "tokens")}
    fields = {name: made[name] for name in ("conn_type", "host", "login")}
    supervisor.connections[made["connection_id"]] = {**fields, "extra": json.dumps(extra)}
    return str(made["connection_id"])


def validate(run_task: RunTask, path: Path, conn_id: str, **more: Any) -> Outcome:
    operator = AltinnValidateAtAuthorityOperator(
        task_id="ask", app="skd/mva-melding-innsending-v1", path=str(path), altinn_conn_id=conn_id, retries=0, **more
    )
    return run_task(operator)


def test_a_good_return_passes_with_the_logins_own_token(run_task: RunTask, vendor: str, look: Look) -> None:
    done = validate(run_task, DATA / "valid" / "kompensasjon_mvamelding.xml", vendor)
    assert done.state == "success", done.error
    assert done.result["status"] == "ok"
    assert look.writes() == [f"POST {PATH} 200"]


def test_a_person_s_own_id_porten_token_is_taken_as_it_is(run_task: RunTask, person: str, emulator: Emulator) -> None:
    with AltinnProxy(emulator.base_url) as proxy:
        path = DATA / "valid" / "kompensasjon_mvamelding.xml"
        done = validate(run_task, path, person, url=proxy.base_url + PATH)
        (asked,) = proxy.requests("POST", PATH)
    assert done.state == "success", done.error
    assert done.result["status"] == "ok"
    token = asked.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"].rstrip("/").endswith("/idporten")
    assert "pid" in claims, "ID-porten's own token, not the one that Altinn gave for it"


def test_what_would_be_refused_is_red_with_the_codes(run_task: RunTask, vendor: str) -> None:
    done = validate(run_task, DATA / "invalid-real" / "postman-v09.xml", vendor)
    assert done.state == "failed"
    assert "MvaMeldingsinnhold_Xml_SkjemaValideringsfeil" in str(done.error)
    assert validate(run_task, DATA / "invalid-real" / "postman-v09.xml", vendor, fail_on="never").state == "success"


def judged(status: str) -> bytes:
    return f"<valideringsresultat><status>{status}</status></valideringsresultat>".encode()


@pytest.mark.parametrize(
    ("status", "fail_on", "state"),
    [
        ("AVVIKENDE_SKATTEMELDING", "invalid", "success"),
        ("AVVIKENDE_SKATTEMELDING", "deviating", "failed"),
        ("MANGELFULL_SKATTEMELDING", "deviating", "failed"),
        ("MANGELFULL_SKATTEMELDING", "deficient", "failed"),
        ("AVVIKENDE_SKATTEMELDING", "deficient", "success"),
        ("NOE_NYTT 01039012345", "invalid", "failed"),
        ("NOE_NYTT 01039012345", "never", "success"),
    ],
)
def test_the_mildest_judgement_that_fails_is_a_choice(
    run_task: RunTask, vendor: str, proxy: AltinnProxy, status: str, fail_on: str, state: str
) -> None:
    proxy.falsify("POST", PATH, 200, body=judged(status))
    path = DATA / "valid" / "kompensasjon_mvamelding.xml"
    done = validate(run_task, path, vendor, url=proxy.base_url + PATH, fail_on=fail_on)
    assert done.state == state, done.error
    assert "01039012345" not in f"{done.error} {done.xcoms}"


def test_a_token_goes_nowhere_without_https(run_task: RunTask, connect: Connect, proxy: AltinnProxy) -> None:
    conn_id = connect("", environment="tt02", login="c", private_key=pem(), key_id="k")
    path = DATA / "valid" / "kompensasjon_mvamelding.xml"
    done = validate(run_task, path, conn_id, url=proxy.base_url + PATH)
    assert isinstance(done.error, AltinnInputError)
    assert "https://" in str(done.error)
    assert proxy.seen == []


def test_a_login_without_a_token_of_its_own_is_refused(
    run_task: RunTask, connect: Connect, emulator: Emulator, look: Look
) -> None:
    conn_id = connect(emulator.base_url, **SOPHIE)
    done = validate(run_task, DATA / "valid" / "kompensasjon_mvamelding.xml", conn_id)
    assert done.state == "failed"
    assert "external" in str(done.error)
    assert look.requests("POST", PATH) == []


def test_altinns_token_is_not_taken(emulator: Emulator) -> None:
    token = requests.get(f"{emulator.base_url}/Home/GetTestUserToken/1337", timeout=10).text
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/xml"}
    assert requests.post(emulator.base_url + PATH, data=b"<a/>", headers=headers, timeout=10).status_code == 401


@pytest.mark.parametrize("more", [{"fail_on": "often"}, {"path": ""}])
def test_bad_input_is_refused_before_anything_is_sent(
    run_task: RunTask, vendor: str, look: Look, more: dict[str, Any]
) -> None:
    arguments: dict[str, Any] = {
        "path": str(DATA / "valid" / "kompensasjon_mvamelding.xml"),
        "fail_on": "invalid",
    } | more
    done = validate(run_task, arguments.pop("path"), vendor, **arguments)
    assert done.state == "failed"
    assert look.requests("POST", PATH) == []

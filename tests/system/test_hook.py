"""AltinnHook over Airflow's connections: what reaches the wire and the log, who may file, what a missing one says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from airflow.sdk.log import redact  # type: ignore[attr-defined]
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from altinn.emulator import Emulator
from altinn.exceptions import AltinnConnectionMissingError, AltinnInputError
from altinn.hooks.altinn_hook import AltinnHook, http_session
from tests.system.conftest import SOPHIE, Connect, MemorySupervisor

WRONG_DIGIT = "974760674"


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def echo() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve 200 to everything, and keep the headers that came."""
    seen: list[dict[str, str]] = []

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


def test_nothing_of_the_connection_becomes_a_header(
    connect: Connect, echo: tuple[str, list[dict[str, str]]], pem: str
) -> None:
    address, seen = echo
    extra = {"private_key": pem, "key_id": "the-key-id", "on_behalf_of": "974760673", "external_ref": "the-reference"}
    connect(address, login="the-client-id", auth_mode="maskinporten", **extra)
    session = http_session(AltinnHook().settings)
    session.get(address, timeout=10).raise_for_status()

    (headers,) = seen
    assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    sent = " ".join(headers.values())
    for hidden in (*pem.split(), "the-key-id", "the-client-id", "the-reference", "974760673"):
        assert len(hidden) < 8 or hidden not in sent


def test_proxies_and_certificates_are_the_connection_s(connect: Connect, pem: str) -> None:
    proxies = {"https": "http://proxy.example.com:3128"}
    connect("", environment="tt02", login="c", private_key=pem, key_id="k", proxies=proxies, verify=False)
    session = http_session(AltinnHook().settings)
    assert session.proxies["https"] == proxies["https"]
    assert session.verify is False


def test_production_refuses_a_wrong_check_digit(connect: Connect, pem: str) -> None:
    connect("", environment="prod", login="c", private_key=pem, key_id="k")
    with pytest.raises(AltinnInputError, match="wrong check digit"):
        AltinnHook().owner(organisation_number=WRONG_DIGIT)


def test_elsewhere_a_wrong_check_digit_is_a_warning(
    connect: Connect, pem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    connect("", environment="tt02", login="c", private_key=pem, key_id="k")
    assert AltinnHook().owner(organisation_number=WRONG_DIGIT).organisation_number == WRONG_DIGIT
    assert "has a wrong check digit; production would refuse it" in capsys.readouterr().out


@pytest.mark.parametrize("awaiting", [False, True], ids=["in a task", "in the triggerer"])
def test_the_key_is_masked_once_the_connection_is_read(connect: Connect, awaiting: bool) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    connect("", environment="tt02", login="c", private_key=own, key_id="k")
    hook = AltinnHook()
    if awaiting:
        asyncio.run(hook.asettings())
    else:
        _ = hook.settings
    for line in own.splitlines()[1:-1]:
        assert line not in str(redact(f"it says {line}"))


def test_a_token_is_masked_by_each_task_and_once_only(connection: str, supervisor: MemorySupervisor) -> None:
    """Each time is a message to Airflow's supervisor, and a task makes a dozen calls with one token."""
    for _task in range(2):
        supervisor.masked.clear()
        hook = AltinnHook(connection)
        for _ in range(3):
            hook.use_login(hook.settings)
        tokens = [text for text in supervisor.masked if text.startswith("eyJ")]
        assert len(tokens) == 1
        assert tokens[0] not in str(redact(f"it says {tokens[0]}"))


def test_a_person_s_number_is_masked(connect: Connect, emulator: Emulator) -> None:
    connect(emulator.base_url, **SOPHIE, person_number="01039012345")
    _ = AltinnHook().settings
    assert "01039012345" not in str(redact("it says 01039012345"))


@pytest.mark.parametrize("awaiting", [False, True], ids=["in a task", "in the triggerer"])
def test_a_missing_connection_is_explained(supervisor: MemorySupervisor, awaiting: bool) -> None:
    hook = AltinnHook("altinn_typo")
    with pytest.raises(AltinnConnectionMissingError, match=r"no connection 'altinn_typo'.*Admin > Connections"):
        _ = asyncio.run(hook.asettings()) if awaiting else hook.settings


def test_the_test_button_logs_in(connect: Connect, emulator: Emulator) -> None:
    connect(emulator.base_url, **SOPHIE)
    works, message = AltinnHook().test_connection()
    assert works, message
    assert "eyJ" not in message


def test_the_test_button_says_that_the_host_is_not_there(connect: Connect) -> None:
    connect("http://127.0.0.1:1", **SOPHIE)
    works, message = AltinnHook().test_connection()
    assert not works
    assert "127.0.0.1:1" in message

"""The command `altinn-emulator` says what is wrong with what it was given, before it serves."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from altinn.emulator.server import main


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--apps", "nothing"], "nothing: no app here"),
        (["--clients", "list.json"], "list.json: expected a JSON list"),
        (["--clients", "text.json"], "text.json: not JSON"),
        (["--clients", "nothing.json"], "nothing.json"),
        (["--state", "text.json"], "text.json"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list.json").write_text("{}", "utf-8")
    Path("text.json").write_text("text", "utf-8")
    assert main(["--port", "0", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "65536"], "65536 is no port"),
        (["--app-library", "7"], "invalid choice"),
        (["--seed", "x"], "invalid int value"),
    ],
)
def test_options_are_checked(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert (refusal.value.code, says in capsys.readouterr().err) == (2, True)


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_what_is_logged_as_served_is_served() -> None:
    command = [sys.executable, "-m", "altinn.emulator.server", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"serving on (http://127\.0\.0\.1:[1-9][0-9]*)$", line)
        try:
            assert found is not None, line
            assert requests.get(found[1], timeout=10).status_code == 200
        finally:
            process.send_signal(signal.SIGTERM)


def test_nothing_is_logged_as_served_that_cannot_be(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level("INFO"):
        assert main(["--port", "0", "--apps", str(tmp_path / "nothing")]) == 2
    assert "serving" not in caplog.text

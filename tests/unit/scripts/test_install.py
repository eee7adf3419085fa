"""Installation: what is shown, when nothing is to be done, and what a failure says."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from scripts.install import InstallError, Progress, fingerprint, pinned_packages, run
from scripts.run_folder import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
PIP = """\
Looking in indexes: https://example.invalid/simple
Collecting apache-airflow-core==3.3.2 (from -r /home/kari/requirements.lock (line 1))
  Downloading apache_airflow_core-3.3.2-py3-none-any.whl (6.9 MB)
Processing /wheels/python_multipart-0.0.20-py3-none-any.whl (from -r /home/kari/requirements.lock (line 4))
Requirement already satisfied: pip-tools==7.4.1 in ./.venv (from -r requirements.lock (line 7)) (7.4.1)
WARNING: Retrying (Retry(total=4)) after connection broken
Installing collected packages: a, b
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(out: io.StringIO, every: int) -> str:
    progress = Progress(out, total=3, every=every)
    for line in PIP.splitlines(keepends=True):
        progress.see(line)
    progress.end()
    return out.getvalue()


def test_outside_a_terminal_a_line_now_and_then_and_every_trouble() -> None:
    assert watched(io.StringIO(), every=2).splitlines() == [
        "  2/3 python_multipart",
        "  WARNING: Retrying (Retry(total=4)) after connection broken",
        "  all packages are here; unpacking and compiling them",
    ]


def test_on_a_terminal_one_line_that_is_rewritten_and_removed() -> None:
    text = watched(Terminal(), every=40)
    assert "\n" not in text
    for shown in ("1/3 apache-airflow-core\r", "2/3 python_multipart\r", "3/3 pip-tools\r"):
        assert shown in text
    assert text.endswith("\r\x1b[K")


def test_another_lock_or_interpreter_means_installing_anew(tmp_path: Path) -> None:
    lock, project = tmp_path / "lock", tmp_path / "project"
    lock.write_text("a==1")
    project.write_text("x")
    before = fingerprint([lock, project], "3.12")
    assert fingerprint([lock, project], "3.12") == before
    assert fingerprint([lock, project], "3.13") != before
    lock.write_text("a==2")
    assert fingerprint([lock, project], "3.12") != before


def test_a_failing_command_shows_the_end_of_its_output_and_keeps_all_of_it(tmp_path: Path) -> None:
    log = tmp_path / "install.log"
    program = "for n in range(40): print('line', n)\nraise SystemExit('ERROR: no matching distribution')"
    with pytest.raises(InstallError) as error:
        run([sys.executable, "-c", program], log)
    assert "ERROR: no matching distribution" in str(error.value)
    assert "line 39" in str(error.value)
    assert "line 2\n" not in str(error.value)
    assert str(log) in str(error.value)
    assert "line 2\n" in log.read_text()


def test_the_lock_pins_every_package_with_hashes_and_names_no_index() -> None:
    requirements = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert pinned_packages(LOCK) == len(requirements) > 100
    assert all("==" in line and line.endswith("\\") for line in requirements)
    assert LOCK.count("--hash=sha256:") >= len(requirements)
    for forbidden in ("://", "--index", "--extra-index", "--find-links", "@ "):
        assert forbidden not in LOCK

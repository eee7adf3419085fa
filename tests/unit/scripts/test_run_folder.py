"""The state folder: one command at a time, files whole and private."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.failure import CommandError
from scripts.run_folder import PROJECT, RunFolder, read_json, write_json, write_private

HOLDER = """
import sys
from pathlib import Path
from scripts.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_all_folders_are_made_and_the_whole_is_private(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    folder.prepare()
    assert mode(folder.path) == 0o700
    assert mode(folder.secrets) == 0o700
    for made in (folder.airflow_home, folder.emulator_state, folder.logs, folder.files):
        assert made.is_dir()


def test_a_second_command_is_refused_and_told_who_is_at_work(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.path)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CommandError, match=rf"process {holder.pid}\)"), folder.locked():
            pass
        holder.kill()
    with folder.locked():
        assert folder.lock.read_text() != str(holder.pid)


def test_private_files_are_readable_for_their_owner_only_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old and world-readable")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_json_comes_back_and_a_broken_or_missing_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    assert read_json(path) is None
    write_json(path, {"name": "Ærlig"})
    assert read_json(path) == {"name": "Ærlig"}
    path.write_text('{"name": ')
    assert read_json(path) is None

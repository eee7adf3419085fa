"""AltinnDownloadDataOperator: what the instance has, written whole and under harmless names."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altinn.exceptions import AltinnInputError, AltinnNotFoundError
from altinn.operators import AltinnDownloadDataOperator
from altinn.protocol.model import DataElement
from tests.altinn_proxy import AltinnProxy
from tests.system.conftest import Look, Outcome, RunTask


def _download(run_task: RunTask, draft: dict[str, Any], folder: Path, **arguments: Any) -> Outcome:
    return run_task(AltinnDownloadDataOperator(task_id="download", folder=str(folder), **draft, **arguments))


def _attach(look: Look, draft: dict[str, Any], name: str, content: bytes) -> None:
    headers = {"Content-Type": "text/plain", "Content-Disposition": f'attachment; filename="{name}"'}
    look.api("POST", f"/ttd/basic/instances/{draft['instance_id']}/data/attachment", data=content, headers=headers)


def test_files_come_whole_and_with_their_hash(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    for name in ("one.txt", "two.txt"):
        _attach(look, draft, name, name.encode() * 1000)
    got = _download(run_task, draft, tmp_path / "in", data_types=["attachment", "model"], accept="application/xml")

    assert got.state == "success", got.error
    assert [file["data_type"] for file in got.result] == ["attachment", "attachment", "model"]
    for file in got.result:
        content = Path(file["path"].removeprefix("file://")).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert len(content) == file["size"]
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["model.xml", "one.txt", "two.txt"]
    assert (tmp_path / "in" / "model.xml").read_bytes().lstrip(b"\xef\xbb\xbf").startswith(b"<")


def test_a_name_from_the_server_stays_in_the_folder(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    # Storage decodes names twice, so that a path can be smuggled in.
    _attach(look, draft, "%252E%252E%252F%252E%252E%252Foutside.txt", b"x")
    (name,) = [name for data_type, name in look.elements(draft["instance_id"]) if data_type == "attachment"]
    assert name == "../../outside.txt"

    got = _download(run_task, draft, tmp_path / "a" / "b" / "c", data_types=["attachment"])
    assert got.state == "success", got.error
    assert got.result[0]["file_name"] == "outside.txt"
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*outside*")] == ["a/b/c/outside.txt"]


def test_a_type_without_elements_is_an_error_that_lists_what_is_there(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path
) -> None:
    _attach(look, draft, "one.txt", b"1")
    missing = _download(run_task, draft, tmp_path, data_types=["kvittering"])
    assert isinstance(missing.error, AltinnNotFoundError)
    assert "download of kvittering" in str(missing.error)
    assert "the instance has: attachment, model" in str(missing.error)

    accepted = _download(run_task, draft, tmp_path, data_types=["kvittering", "model"], missing_ok=True)
    assert [file["data_type"] for file in accepted.result] == ["model"]


def test_a_download_that_breaks_off_leaves_no_half_file(
    run_task: RunTask, draft: dict[str, Any], proxied: str, proxy: AltinnProxy, look: Look, tmp_path: Path
) -> None:
    _attach(look, draft, "one.txt", b"1" * 100_000)
    proxy.lose_answer("GET", "/data/", times=4)
    lost = _download(run_task, draft, tmp_path / "in", data_types=["attachment"])
    assert lost.state == "up_for_retry"
    assert not (tmp_path / "in" / "one.txt").exists()
    again = _download(run_task, draft, tmp_path / "in", data_types=["attachment"])
    assert again.state == "success", again.error
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["one.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"data_types": []}, "data_types is empty"), ({"data_types": ["model"], "folder": "in"}, "is relative")],
)
def test_bad_input_is_refused(
    run_task: RunTask, draft: dict[str, Any], tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    operator = AltinnDownloadDataOperator(task_id="download", **{"folder": str(tmp_path), **draft, **arguments})
    refused = run_task(operator)
    assert refused.state == "failed"
    assert isinstance(refused.error, AltinnInputError)
    assert said in str(refused.error)


def test_names_from_the_server_stay_in_the_folder_and_apart(
    run_task: RunTask, draft: dict[str, Any], look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may add an element chooses its name: here two of one name, and one with folders in it."""
    for name in ("up.txt", "UP.txt", "third.txt"):
        _attach(look, draft, name, name.encode())
    read = DataElement.from_json

    def hostile(value: Any) -> DataElement:
        element = read(value)
        return replace(element, file_name="../../..\\up.txt") if element.file_name == "third.txt" else element

    monkeypatch.setattr(DataElement, "from_json", hostile)
    folder = tmp_path / "deep" / "in"
    done = _download(run_task, draft, folder, data_types=["attachment"])
    assert done.state == "success", done.error
    assert sorted(path.name.lower() for path in folder.iterdir()) == ["2-up.txt", "3-up.txt", "up.txt"]
    assert list((tmp_path / "deep").iterdir()) == [folder]
    files = [(folder / entry["file_name"], entry) for entry in done.result]
    assert {path.read_bytes() for path, _ in files} == {b"up.txt", b"UP.txt", b"third.txt"}
    assert all(entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() for path, entry in files)

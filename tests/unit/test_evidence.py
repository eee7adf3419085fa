"""The receipt bundle: whole and unchanged, or named as what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.cli import main
from altinn.evidence import MANIFEST, Bundled, masked, problems_of, read_manifest, write_document, write_manifest
from altinn.exceptions import AltinnInputError

ABOUT = {"instance_id": "1/a", "app": "skd/x", "period": "2026-T5", "outcome": "accepted"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / "bundle")


def made(folder: Path) -> Path:
    files = [
        write_document(folder, "events.json", {"a": "å"}, "events"),
        write_document(folder, "receipts/kvittering.json", ["b"], "kvittering"),
    ]
    write_manifest(folder, ABOUT, files)
    return folder


def test_a_bundle_as_it_was_written_is_whole(folder: Path) -> None:
    assert problems_of(folder) == []
    bundle = read_manifest(folder)
    assert bundle is not None
    assert problems_of(folder, expected_sha256=bundle.sha256.upper()) == []
    assert [entry["path"] for entry in bundle.manifest["files"]] == ["events.json", "receipts/kvittering.json"]


def test_writing_it_again_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    made(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["events.json", "receipts/kvittering.json"])
def test_a_changed_file_is_named(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-2] + b"x\n")
    assert problems_of(folder) == [f"{name} was changed"]
    (folder / name).write_bytes(content + b"\n")
    assert problems_of(folder) == [f"{name} was changed"]
    (folder / name).unlink()
    assert problems_of(folder) == [f"{name} is missing"]


def test_an_added_file_is_named(folder: Path) -> None:
    (folder / "receipts" / "another.pdf").write_bytes(b"%PDF")
    (folder / "receipts" / ".half.pdf.partial").write_bytes(b"%P")
    assert problems_of(folder) == ["receipts/another.pdf is not in the manifest"]


def test_a_changed_manifest_is_named(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps(manifest | {"outcome": "rejected"}), "utf-8")
    assert problems_of(folder) == ["manifest.json was changed: its seal does not fit"]


def test_a_manifest_sealed_anew_shows_by_the_digest_that_was_told(folder: Path) -> None:
    bundle = read_manifest(folder)
    assert bundle is not None
    files = [Bundled(**entry) for entry in bundle.manifest["files"]]
    write_manifest(folder, ABOUT | {"outcome": "rejected"}, files)
    assert problems_of(folder) == []
    (problem,) = problems_of(folder, expected_sha256=bundle.sha256)
    assert "another one than expected" in problem


@pytest.mark.parametrize("path", ["../out.txt", "/etc/hostname", "a/../../b", "", "a\\b", "a//b"])
def test_no_path_leads_out_of_the_bundle(folder: Path, path: str) -> None:
    write_manifest(folder, ABOUT, [Bundled(path, "0" * 64, 1, "x")])
    assert f"{path!r} leads out of the bundle" in problems_of(folder)


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b'{"format": "altinn-receipt/2", "files": []}', b"\xff"])
def test_what_is_no_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(AltinnInputError):
        problems_of(folder)


def test_an_unfinished_bundle_is_none(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    assert read_manifest(folder) is None
    with pytest.raises(AltinnInputError, match="not finished"):
        problems_of(folder)


@given(st.data())
def test_any_single_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    folder = made(tmp_path_factory.mktemp("bundle"))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    whole = read_manifest(folder)
    assert whole is not None
    path.write_bytes(bytes(content))
    try:
        assert problems_of(folder, expected_sha256=whole.sha256)
    except AltinnInputError:
        assert path.name == MANIFEST


def test_person_numbers_are_hidden_wherever_they_stand() -> None:
    assert masked({"performedBy": "01039012345", "a": [{"01039012345": 1}]}) == {
        "performedBy": "<eleven digits>",
        "a": [{"<eleven digits>": 1}],
    }


def test_the_command_says_whole_or_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-receipt", str(folder)]) == 0
    assert "whole and unchanged; skd/x 2026-T5 of 1/a: accepted" in capsys.readouterr().out
    assert main(["verify-receipt", str(folder), "--sha256", "0" * 64]) == 1
    (folder / "events.json").write_bytes(b"{}")
    assert main(["verify-receipt", str(folder)]) == 1
    assert "events.json was changed" in capsys.readouterr().out
    assert main(["verify-receipt", str(folder / "nowhere")]) == 2
    assert "no receipt bundle" in capsys.readouterr().err

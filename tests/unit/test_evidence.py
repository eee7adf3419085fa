"""The receipt bundle: whole and unchanged, or named as what it is."""

from __future__ import annotations

import json
import os
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
    assert problems_of(folder) == ["receipts/another.pdf is not in the manifest"]


@pytest.mark.parametrize(
    "name", ["receipts/forged.v2.partial.pdf", "receipts/.half.pdf.partial", ".a.partial/kvittering.pdf", ".x.partial"]
)
def test_no_name_hides_an_added_file(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"%PDF")
    assert problems_of(folder) == [f"{name} is not in the manifest"]


@pytest.mark.parametrize("target", ["/nonexistent", "events.json", "loop", "receipts", "/"])
@pytest.mark.parametrize("link", ["loop", "receipts/loop"])
def test_a_link_is_a_problem_wherever_it_leads(folder: Path, link: str, target: str) -> None:
    (folder / link).symlink_to(target)
    assert problems_of(folder) == [f"{link} is a link or no plain file"]


@pytest.mark.parametrize("name", ["events.json", MANIFEST])
def test_a_link_to_the_same_content_is_a_problem(folder: Path, name: str, tmp_path: Path) -> None:
    (folder / name).rename(tmp_path / "elsewhere.json")
    (folder / name).symlink_to(tmp_path / "elsewhere.json")
    assert problems_of(folder) == [f"{name} is a link or no plain file"]


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    (folder / "events.json").unlink()
    os.mkfifo(folder / "events.json")
    assert problems_of(folder) == ["events.json is a link or no plain file"]


def test_a_manifest_that_leads_to_itself_is_one_clear_error(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).symlink_to(MANIFEST)
    with pytest.raises(AltinnInputError, match="cannot be read"):
        problems_of(folder)


def respelled(content: bytes) -> list[bytes]:
    """Return other bytes that say the same to a reader of JSON."""
    manifest = json.loads(content)
    return [
        json.dumps(manifest).encode(),
        content + b" ",
        content.rstrip(),
        content.replace(b"{", b'{"outcome": "rejected", ', 1),
        json.dumps(dict(reversed(manifest.items())), indent=1).encode() + b"\n",
        json.dumps({"seal": manifest.pop("seal"), **manifest}, indent=1).encode() + b"\n",
    ]


@pytest.mark.parametrize("way", range(6))
def test_a_manifest_in_other_bytes_is_changed(folder: Path, way: int) -> None:
    content = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(respelled(content)[way])
    (problem,) = problems_of(folder)
    assert problem.startswith("manifest.json was changed")
    (folder / MANIFEST).write_bytes(content)
    assert problems_of(folder) == []


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


@pytest.mark.parametrize(
    "content", [b"", b"[", b"[]", b'{"format": "altinn-receipt/2", "files": []}', b"\xff", b"[" * 200_000]
)
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
    path.write_bytes(bytes(content))
    try:
        assert problems_of(folder)
    except AltinnInputError:
        assert path.name == MANIFEST


def test_person_numbers_are_hidden_wherever_they_stand() -> None:
    assert masked({"performedBy": "01039012345", "a": [{"01039012345": 1}]}) == {
        "performedBy": "<eleven digits>",
        "a": [{"<eleven digits>": 1}],
    }


def test_a_person_number_that_is_a_json_number_is_hidden() -> None:
    told = {"fnr": 11039012345, "all": [11039012345], "amount": 1103901234, "sent": True, "part": 0.11039012345}
    assert masked(told) == told | {"fnr": "<eleven digits>", "all": ["<eleven digits>"]}
    assert masked({"size": 11039012345}) == {"size": 11039012345}
    assert masked({"size": ["11039012345"]}) == {"size": ["<eleven digits>"]}


def test_a_digest_is_no_person_number() -> None:
    digest = "ab01039012345" + "c" * 51
    assert masked({"sha256": digest}) == {"sha256": digest}
    assert masked(digest + "c") != digest + "c"


def test_the_command_says_whole_or_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-receipt", str(folder)]) == 0
    assert "whole and unchanged; skd/x 2026-T5 of 1/a: accepted" in capsys.readouterr().out
    assert main(["verify-receipt", str(folder), "--sha256", "0" * 64]) == 1
    (folder / "events.json").write_bytes(b"{}")
    assert main(["verify-receipt", str(folder)]) == 1
    assert "events.json was changed" in capsys.readouterr().out
    assert main(["verify-receipt", str(folder / "nowhere")]) == 2
    assert "no receipt bundle" in capsys.readouterr().err

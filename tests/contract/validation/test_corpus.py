"""The copied part of the corpus gives the verdicts that its manifest has, and a wrong one is noticed."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts import corpus


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Copy one valid, one invalid and one hostile file to a corpus of its own."""
    manifest = json.loads((corpus.COPIED / "manifest.json").read_bytes())
    names = ("HvemErHvem_SERES.valid.json", "missing-required.json", "attacks/xxe-file.xml")
    entries = [entry for entry in manifest["files"] if entry["file"].endswith(names)]
    assert len(entries) == 3
    for name in {name for entry in entries for name in (entry["file"], entry.get("schema")) if name}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(corpus.COPIED / name, tmp_path / name)
    write(tmp_path, entries)
    return tmp_path


def write(folder: Path, entries: list[dict[str, Any]]) -> None:
    (folder / "manifest.json").write_text(json.dumps({"files": entries}))


def entries_of(folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_bytes())["files"]
    return entries


def tallied(folder: Path) -> corpus.Tally:
    tally = corpus.Tally()
    corpus.check_corpus(folder, tally)
    return tally


def test_the_copied_corpus_gives_its_verdicts() -> None:
    out = io.StringIO()
    assert corpus.main([], out) == 0
    lines = out.getvalue().splitlines()
    assert lines[-1] == "17 valid, 41 invalid, 7 attacks, 0 wrong"
    assert all(line.count(": ") >= 2 for line in lines if line.startswith("exception"))


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Path) -> None:
    monkeypatch.setattr(corpus, "COPIED", own)
    out = io.StringIO()
    assert corpus.main([str(tmp_path / "none")], out) == 0
    assert f"There is no corpus in {tmp_path / 'none'}" in out.getvalue()


def test_what_is_right_is_counted(own: Path) -> None:
    assert tallied(own).summary() == "1 valid, 1 invalid, 1 attacks, 0 wrong"


@pytest.mark.parametrize("verdict", ["valid", "invalid"])
def test_another_verdict_is_wrong(own: Path, verdict: str) -> None:
    entries = entries_of(own)
    for entry in entries:
        entry.update(dict.fromkeys([k for k in entry if k.startswith(("jsonschema", "fastjson"))], verdict))
    write(own, entries)
    # The app's schema wraps its forms, so a form that it lets pass and we do not is an exception with a reason.
    expected = {"valid": (0, 1), "invalid": (1, 0)}[verdict]
    tally = tallied(own)
    assert (len({line.split(":")[0] for line in tally.wrong}), len(tally.exceptions)) == expected


def test_a_missing_file_and_an_attack_that_harms_are_wrong(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = entries_of(own)
    (own / entries[0]["file"]).unlink()
    monkeypatch.setattr(corpus, "SECONDS", 0.01)
    assert len(tallied(own).wrong) == 2

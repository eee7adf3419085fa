"""Schemas and samples are the publisher's, byte for byte, and none lacks its source."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [
    ROOT / "include/schemas/skatteetaten-mva",
    ROOT / "include/schemas/skatteetaten-skattemelding",
    ROOT / "include/samples/skatteetaten-skattemelding",
    ROOT / "tests/data/skatteetaten-mva",
]
ROW = re.compile(r"^\| `(?P<file>[^`]+)` \| .*\| `(?P<sha256>[0-9a-f]{64})` \|$", re.MULTILINE)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_the_files_are_those_that_the_source_list_names(folder: Path) -> None:
    text = (folder / "SOURCES.md").read_text(encoding="utf-8")
    listed = {row["file"]: row["sha256"] for row in ROW.finditer(text)}
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("SOURCES.md", ".gitattributes")
    }
    assert found == listed
    assert "Apache License 2.0" in text
    assert re.search(r"\b[0-9a-f]{40}\b", text)

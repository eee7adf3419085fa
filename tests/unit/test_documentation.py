"""What the documents show is what the files hold, and what they point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLE = re.compile(r"^<!-- from (?P<file>\S+) -->\n```\w*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)#\s]+)[^)]*\)")
TARGET = re.compile(r"`make (?P<target>[a-z-]+)[^`]*`")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_code_is_that_of_the_named_file(document: Path) -> None:
    for example in EXAMPLE.finditer(document.read_text("utf-8")):
        code = (ROOT / example["file"]).read_text("utf-8")
        assert example["code"].strip() in code, f"{document.name} shows other code than {example['file']} has"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_links_lead_to_files(document: Path) -> None:
    targets = [link["target"] for link in LINK.finditer(document.read_text("utf-8"))]
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    missing = [target for target in local if not (document.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_commands_are_make_targets(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^([a-z][a-z-]*(?: [a-z-]+)*):", makefile, re.MULTILINE))
    targets = {name for line in known for name in line.split()}
    named = {match["target"] for match in TARGET.finditer(document.read_text("utf-8"))}
    assert named <= targets


def test_the_readme_shows_a_dag_and_a_picture() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert [example["file"] for example in EXAMPLE.finditer(text)] == ["docs/examples/first_filing.py"]
    assert (ROOT / "docs/vat_return_run.png").read_bytes().startswith(b"\x89PNG")


def test_every_example_dag_and_its_settings_are_in_the_table() -> None:
    files = sorted((ROOT / "dags").glob("*.py"))
    table = (ROOT / "docs/example-dags.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    settings = {name for file in files for name in re.findall(r'environ\.get\("(\w+)"', file.read_text("utf-8"))}
    assert set(rows) == {file.stem for file in files} | settings - {"AIRFLOW_HOME"}
    for name in settings - {"AIRFLOW_HOME", "ALTINN_FILES"}:
        (named,) = re.findall(rf"^\| `{name}` \| ([^|]*) \|", table, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", named)) == {f.stem for f in files if f'"{name}"' in f.read_text("utf-8")}

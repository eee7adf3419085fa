"""Names and types of documents; what needs a storage is tested with Airflow."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.documents import combined_sha256, content_type_of, safe_file_name
from altinn.exceptions import Issue
from altinn.issue_table import table_of


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("kvittering.pdf", "kvittering.pdf"),
        ("Årsrapport 2026 (endelig).pdf", "Årsrapport 2026 (endelig).pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.pdf", "a.pdf"),
        ("/", "x.bin"),
        ("..", "x.bin"),
        (". . .", "x.bin"),
        ("", "x.bin"),
        (".bashrc", "bashrc"),
        ("a\x00b\n.pdf", "ab.pdf"),
        ('a<b>:"|?*.pdf', "ab.pdf"),
        ("\u202efdp.exe", "fdp.exe"),
        ("no extension", "no extension"),
    ],
)
def test_a_name_from_a_server_stays_in_its_folder(name: str, safe: str) -> None:
    assert safe_file_name(name, "x.bin") == safe


@pytest.mark.parametrize("letter", ["a", "å", "文", "😀"])
def test_a_long_name_is_cut_by_bytes_and_keeps_its_extension(letter: str) -> None:
    safe = safe_file_name(letter * 400 + ".pdf", "x.bin")
    assert safe.endswith(letter + ".pdf")
    assert 140 < len(safe.encode()) <= 150


@given(st.text(max_size=300))
def test_any_name_becomes_one_plain_file_name(name: str) -> None:
    safe = safe_file_name(name, "x.bin")
    assert safe
    assert PurePosixPath(safe).name == PureWindowsPath(safe).name == safe
    assert safe.isprintable()
    assert len(safe.encode()) <= 150
    assert not safe.startswith(".")
    assert safe_file_name(safe, "x.bin") == safe


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.xml", "application/xml"),
        ("A.XML", "application/xml"),
        ("a.b.pdf", "application/pdf"),
        ("a.json", "application/json"),
        ("a.png", "image/png"),
        ("a", "application/octet-stream"),
        ("a.nothing-known", "application/octet-stream"),
        (
            "a.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    ],
)
def test_the_content_type_belongs_to_the_extension(name: str, content_type: str) -> None:
    assert content_type_of(name) == content_type


ROWS = st.lists(
    st.fixed_dictionaries(
        {name: st.text("ab1", min_size=1, max_size=3) for name in ("data_type", "file_name", "sha256")}
    ),
    max_size=5,
)


@given(ROWS, st.randoms())
def test_the_hash_over_all_documents_does_not_depend_on_their_order(rows: list[dict[str, str]], random: object) -> None:
    shuffled = sorted(rows, key=lambda _row: random.random())  # type: ignore[attr-defined]
    assert combined_sha256(shuffled) == combined_sha256(rows)


@given(ROWS, ROWS)
def test_other_documents_have_another_hash(one: list[dict[str, str]], other: list[dict[str, str]]) -> None:
    same = sorted(map(str, one)) == sorted(map(str, other))
    assert (combined_sha256(one) == combined_sha256(other)) == same


def test_the_hash_is_what_its_description_says() -> None:
    rows = [
        {"data_type": "model", "file_name": "b.xml", "sha256": "22"},
        {"data_type": "attachment", "file_name": "a.pdf", "sha256": "11"},
    ]
    assert combined_sha256(rows) == hashlib.sha256(b"attachment\ta.pdf\t11\nmodel\tb.xml\t22").hexdigest()


def test_findings_are_laid_out_in_columns() -> None:
    issues = [
        Issue("error", "E1", "a.xml", "too short", line=7),
        Issue("warning", "LONGER", "", "word " * 30),
        Issue("warning", "W", "b", ""),
    ]
    lines = table_of(issues, limit=3).splitlines()
    assert lines[0].split() == ["severity", "where", "code", "message"]
    assert lines[1].split() == ["error", "a.xml:7", "E1", "too", "short"]
    column = lines[0].index("message")
    assert [line[column:].split()[0] for line in lines] == ["message", "too", "word", "word", "word", "-"]
    assert max(map(len, lines)) <= column + 70


def test_findings_beyond_the_limit_are_counted() -> None:
    issues = [Issue("error", f"E{n}", "", "x") for n in range(5)]
    assert table_of(issues, limit=2).splitlines()[-1] == "… and 3 more"
    assert "more" not in table_of(issues)

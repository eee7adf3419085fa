"""Documents by path, through Airflow's storage paths."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from altinn.checked_documents import read_whole
from altinn.documents import documents_of, storage_path
from altinn.exceptions import AltinnInputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Årsrapport 2026.pdf"
    path.write_bytes(b"%PDF x")
    return path


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "  {path} "])
def test_a_bare_path_is_a_local_file(file: Path, form: str) -> None:
    [document] = documents_of([{"data_type": "attachment", "path": form.format(path=file)}])
    assert (document.file_name, document.content_type, document.size) == (file.name, "application/pdf", 6)
    assert document.sha256 == hashlib.sha256(b"%PDF x").hexdigest()
    for _ in range(2):
        with document.open() as stream:
            assert stream.read() == b"%PDF x"


def test_other_storages_keep_their_scheme() -> None:
    path = storage_path("memory://bucket/a.xml")
    assert (path.protocol, path.name) == ("memory", "a.xml")


def test_name_and_type_may_be_given(file: Path) -> None:
    entry = {"data_type": "a", "path": str(file), "file_name": "b.xml", "content_type": "text/xml"}
    [document] = documents_of(entry)
    assert (document.file_name, document.content_type) == ("b.xml", "text/xml")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("{{ templates }}", "render_template_as_native_obj"),
        (None, "got NoneType"),
        (3, "got int"),
        (["a.xml"], "document 1 must be a mapping"),
        ([{"data_type": "a"}], "document 1 needs data_type and path"),
        ([{"path": "/a"}], "document 1 needs data_type and path"),
        ([{"data_type": "a", "path": "/a", "typo": 1}], "not known: typo"),
        ([{"data_type": "a", "path": "relative.xml"}], "give an absolute path"),
        ([{"data_type": "a", "path": " "}], "has no path"),
        ([{"data_type": "a", "path": "/no/such/file.xml"}], "is not there"),
        ([{"data_type": "a", "path": "/"}], "is a folder"),
    ],
)
def test_a_wrong_entry_is_named(entries: Any, said: str) -> None:
    with pytest.raises(AltinnInputError, match=said):
        documents_of(entries)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"path": "/data/Vedlegg styret-13048712317.pdf"}, "/data/Vedlegg styret-<eleven digits>.pdf"),
        ({"path": "/data/530487 12572/a.pdf"}, "/data/<eleven digits>/a.pdf"),
        ({"path": "/data/a.pdf", "file_name": "13.04.87.12317.pdf"}, "<eleven digits>.pdf"),
    ],
)
def test_a_name_with_a_person_s_number_is_refused_and_not_shown(entry: dict[str, str], shown: str) -> None:
    with pytest.raises(AltinnInputError, match="look like a person's number") as refused:
        documents_of([{"data_type": "a", **entry}])
    assert str(refused.value).startswith(f"{shown} holds")
    with pytest.raises(AltinnInputError, match="look like a person's number"):
        read_whole(entry.get("file_name") or entry["path"])


@pytest.mark.parametrize(
    "name",
    [
        "20261125093000.pdf",
        "99887712345.pdf",
        "vat_010126-00042.xml",
        "run-12081100001.xml",
        "01234567-89ab-cdef-0123-010190123456.pdf",
        "0101901234567.pdf",
    ],
)
def test_other_digits_in_a_name_are_no_person_s_number(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    [document] = documents_of([{"data_type": "a", "path": str(tmp_path / name)}])
    assert document.file_name == name


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").touch()
    with pytest.raises(AltinnInputError, match="is empty"):
        documents_of([{"data_type": "a", "path": str(tmp_path / "a.xml")}])


def test_nothing_to_upload_is_nothing(tmp_path: Path) -> None:
    assert documents_of([]) == []

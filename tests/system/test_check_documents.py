"""AltinnCheckDocumentOperator: a wrong document never makes a draft, and what was checked is what is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath

from altinn.authorities import skatteetaten_vat as vat
from altinn.checked_documents import check_document
from altinn.exceptions import AltinnDocumentError, AltinnInputError
from altinn.operators import AltinnCheckDocumentOperator, AltinnUploadDataOperator
from tests.system.conftest import Look, Outcome, RunTask

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "include" / "schemas" / "skatteetaten-mva"
RETURN = SCHEMAS / vat.SCHEMAS[vat.RETURN]
VALID = ROOT / "tests" / "data" / "skatteetaten-mva" / "valid" / "mvakode1.xml"
MODEL = ROOT / "plugins" / "altinn" / "emulator" / "apps" / "ttd" / "basic" / "models"
APP = {"app": "ttd/basic", "altinn_conn_id": "altinn_default"}


def check(run_task: RunTask, **arguments: Any) -> Outcome:
    return run_task(AltinnCheckDocumentOperator(task_id="check", **arguments))


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / "broken.xml"
    path.write_bytes(VALID.read_bytes().replace(b"<aar>2", b"<aar>x", 1))
    return str(path)


def test_a_schema_alone_needs_no_connection(run_task: RunTask) -> None:
    done = check(run_task, data_type="mvamelding", path=str(VALID), schema=str(RETURN))
    assert done.state == "success", done.error
    [entry] = done.result
    assert (entry["data_type"], entry["file_name"], len(entry["sha256"])) == ("mvamelding", "mvakode1.xml", 64)


def test_what_is_wrong_is_shown_and_nothing_is_asked_of_altinn(run_task: RunTask, broken: str, look: Look) -> None:
    done = check(run_task, data_type="mvamelding", path=broken, schema=str(RETURN))
    assert done.state == "failed"  # Never retried: the document stays wrong.
    assert isinstance(done.error, AltinnDocumentError)
    assert "broken.xml:/mvaMeldingDto/skattegrunnlagOgBeregnetSkatt/skattleggingsperiode/aar" in str(done.error)
    assert [issue["code"] for issue in done.xcoms["altinn_issues"]] == ["xsd-type"]
    assert look.journal() == []


def test_the_apps_metadata_is_checked_with_it(run_task: RunTask, connection: str, form: str, tmp_path: Path) -> None:
    text = tmp_path / "a.pdf"
    text.write_text("x")
    documents = [
        {"data_type": "model", "path": form, "schema": str(MODEL / "model.xsd")},
        {"data_type": "modell", "path": str(text)},
    ]
    done = check(run_task, **APP, documents=documents)
    assert isinstance(done.error, AltinnDocumentError)
    assert "did you mean 'model'" in str(done.error)
    good = check(run_task, **APP, documents=documents[:1], whole=True)
    assert good.state == "success", good.error


def test_the_hash_follows_the_document(run_task: RunTask, draft: dict[str, Any], form: str) -> None:
    checked = check(run_task, **APP, data_type="model", path=form, schema=str(MODEL / "model.xsd")).result
    upload = AltinnUploadDataOperator(task_id="upload", documents=checked, **draft)
    put = run_task(upload)
    assert put.state == "success", put.error
    assert put.result[0]["sha256"] == checked[0]["sha256"]


def test_a_document_that_changed_after_its_check_is_not_sent(
    run_task: RunTask, draft: dict[str, Any], form: str, look: Look
) -> None:
    checked = check(run_task, **APP, data_type="model", path=form, schema=str(MODEL / "model.xsd")).result
    Path(form).write_bytes(b"<model><property1>other</property1></model>")
    before = look.writes()
    put = run_task(AltinnUploadDataOperator(task_id="upload", documents=checked, **draft))
    assert isinstance(put.error, AltinnInputError)
    assert "has changed since it was checked" in str(put.error)
    assert look.writes() == before


def test_the_apps_own_schema_is_a_hint(run_task: RunTask, connection: str, tmp_path: Path) -> None:
    path = tmp_path / "form.json"
    path.write_text(json.dumps({"property1": 5}))
    done = check(run_task, **APP, data_type="model", path=str(path), schema="app")
    assert done.state == "success", done.error
    issues = done.xcoms["altinn_issues"]
    assert {issue["severity"] for issue in issues} <= {"warning", "information"}
    assert {"json-type", "hint-only"} <= {issue["code"] for issue in issues}


def test_the_apps_own_schema_says_nothing_about_xml(run_task: RunTask, connection: str, form: str) -> None:
    done = check(run_task, **APP, data_type="model", path=form, schema="app")
    assert isinstance(done.error, AltinnInputError)
    assert "name an XSD" in str(done.error)


def test_a_party_that_the_app_does_not_serve(run_task: RunTask, connection: str) -> None:
    ssb = {"app": "ssb/ra0000-01", "altinn_conn_id": connection}
    done = check(run_task, **ssb, documents=[{"data_type": "none", "path": str(VALID)}], organisation_number="1" * 9)
    assert isinstance(done.error, AltinnDocumentError)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "needs data_type and path"),
        ({"documents": []}, "empty"),
        ({"documents": "a.xml"}, "no list"),
        ({"documents": ["a.xml"]}, "a mapping"),
        ({"documents": [{"data_type": "a", "path": "/none.xml"}]}, "not there"),
        ({"documents": [{"data_type": "a", "path": str(VALID)}], "path": "/b"}, "not both"),
        ({"data_type": "a", "path": str(VALID), "schema": "/none.xsd"}, "there is no schema"),
        ({"data_type": "a", "path": str(VALID), "schema": "none.xsd"}, "include/schemas"),
        (
            {"data_type": "a", "path": str(VALID), "schema": str(RETURN), "schema_root": str(VALID.parent)},
            "root folder",
        ),
        ({"data_type": "a", "path": str(VALID), "schema": str(RETURN), "engine": "quick"}, "engine must be"),
        ({"data_type": "a", "path": str(VALID), "schema": str(RETURN), "anchored_patterns": "x"}, "anchored_patterns"),
        ({"data_type": "a", "path": str(VALID), "schema": "app"}, "needs app"),
    ],
)
def test_bad_arguments_say_what_to_do(run_task: RunTask, arguments: dict[str, Any], says: str) -> None:
    done = check(run_task, **arguments)
    assert isinstance(done.error, AltinnInputError)
    assert says in str(done.error)


def test_a_switch_leaves_its_trace(run_task: RunTask, tmp_path: Path) -> None:
    path = tmp_path / "rows.xml"
    path.write_bytes(
        VALID.read_bytes().replace(b"<mvaSpesifikasjonslinje>", b'<mvaSpesifikasjonslinje altinnRowId="1">')
    )
    arguments = {"data_type": "a", "path": str(path), "schema": str(RETURN)}
    assert isinstance(check(run_task, **arguments).error, AltinnDocumentError)
    done = check(run_task, **arguments, strip_altinn_row_id=True)
    assert [issue["code"] for issue in done.xcoms["altinn_issues"]] == ["compat-row-id"]


# -- in a task of one's own, and schemas that lie elsewhere


def test_a_task_may_call_the_check_itself(broken: str) -> None:
    lines: list[str] = []
    checked = check_document(str(VALID), str(RETURN), report=lines.append)
    assert checked == {"path": str(VALID), "size": VALID.stat().st_size, "sha256": checked["sha256"]}
    assert lines == []
    with pytest.raises(AltinnDocumentError, match="1 error"):
        check_document(broken, str(RETURN), report=lines.append)
    assert "1 error(s), 0 other finding(s)" in lines[0]


def test_schemas_may_lie_in_any_storage(broken: str) -> None:
    folder = ObjectStoragePath("memory://schemas/vat")
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    head = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
    (folder / "parts" / "t.xsd").write_text(
        f'{head}<xs:simpleType name="t"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>'
    )
    (folder / "s.xsd").write_text(
        f'{head}<xs:include schemaLocation="parts/t.xsd"/><xs:element name="r" type="t"/></xs:schema>'
    )
    document = ObjectStoragePath("memory://documents/r.xml")
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text("<r>1</r>")
    assert check_document(str(document), str(folder / "s.xsd"))["size"] == 8
    document.write_text("<r>x</r>")
    with pytest.raises(AltinnDocumentError):
        check_document(str(document), str(folder / "s.xsd"), schema_root=str(folder))
    with pytest.raises(AltinnInputError, match="root folder"):
        check_document(str(document), str(folder / "s.xsd"), schema_root="memory://elsewhere")


def test_a_relative_schema_lies_in_the_projects_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "include" / "schemas" / "vat"
    target.mkdir(parents=True)
    for path in SCHEMAS.glob("*.xsd"):
        (target / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert check_document(str(VALID), f"vat/{RETURN.name}")["size"] == VALID.stat().st_size


def test_what_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    large = tmp_path / "large.xml"
    with large.open("wb") as stream:
        stream.truncate(300_000_000)
    with pytest.raises(AltinnDocumentError, match="more than the limit"):
        check_document(str(large), str(RETURN))

"""`altinn check`: three exit statuses, findings for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from altinn import cli
from altinn.authorities import skatteetaten_vat as vat

ROOT = Path(__file__).parents[3]
RETURN = ROOT / "include/schemas/skatteetaten-mva" / vat.SCHEMAS[vat.RETURN]
ENVELOPE = RETURN.parent / vat.SCHEMAS[vat.ENVELOPE]
VALID = ROOT / "tests/data/skatteetaten-mva/valid/mvakode1.xml"
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> tuple[int, str, str]:
        status = cli.main(["check", *map(str, arguments)])
        caught = capsys.readouterr()
        return status, caught.out, caught.err

    return run


def broken(folder: Path) -> Path:
    path = folder / "broken.xml"
    path.write_bytes(VALID.read_bytes().replace(b"<aar>2", b"<aar>x", 1))
    return path


def test_a_valid_document(check: Any) -> None:
    assert check(VALID, "--schema", RETURN) == (0, f"{VALID}: valid\n", "")


def test_an_invalid_document_comes_with_a_table(check: Any, tmp_path: Path) -> None:
    path = broken(tmp_path)
    status, out, err = check(path, "--schema", RETURN)
    assert (status, err) == (1, "")
    head, finding, *_, verdict = out.splitlines()
    assert head.split() == ["severity", "where", "code", "message"]
    assert "/aar:" in finding
    assert verdict == f"{path}: 1 error(s)"


def test_json_for_programs(check: Any, tmp_path: Path) -> None:
    status, out, _ = check(broken(tmp_path), "--schema", RETURN, "--json")
    result = json.loads(out)
    assert (status, result["valid"]) == (1, False)
    [issue] = result["issues"]
    assert (issue["code"], issue["severity"], issue["line"] > 0) == ("xsd-type", "error", True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE a><a/>", "DOCTYPE"),
        ("<a/>".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_refused_document_is_no_verdict(check: Any, tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    status, out, err = check(path, "--schema", RETURN, "--json")
    assert (status, json.loads(out)["valid"]) == (2, None)
    assert says in err
    assert says in json.loads(out)["reason"]


def test_a_document_without_an_end_is_refused(check: Any) -> None:
    status, out, err = check("/dev/zero", "--schema", RETURN)
    assert (status, out) == (2, "")
    assert "more than the limit of" in err


def test_what_cannot_be_checked_says_why(check: Any, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("hello")
    for arguments, says in [
        ((tmp_path / "none.xml", "--schema", RETURN), "cannot be read"),
        ((tmp_path, "--schema", RETURN), "cannot be read"),
        ((VALID, "--schema", tmp_path / "none.xsd"), "there is no schema"),
        ((VALID, "--schema", text), "neither an XSD nor a JSON Schema"),
        ((VALID, "--schema", RETURN, "--schema-root", tmp_path), "does not lie in its root folder"),
    ]:
        status, out, err = check(*arguments)
        assert (status, out) == (2, "")
        assert says in err


def test_json_documents_are_checked_as_well(check: Any, tmp_path: Path) -> None:
    schema, good, bad = tmp_path / "s.json", tmp_path / "good.json", tmp_path / "bad.json"
    schema.write_text(json.dumps(SCHEMA))
    good.write_text('{"name": "x"}')
    bad.write_text("{}")
    assert check(good, "--schema", schema)[0] == 0
    status, out, _ = check(bad, "--schema", schema)
    assert status == 1
    assert "lacks name" in out
    status, _, err = check(good, "--schema", schema, "--assume-namespace")
    assert status == 2
    assert "for XML" in err


def test_a_schema_may_read_from_its_root(check: Any, tmp_path: Path) -> None:
    head = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
    (tmp_path / "own").mkdir()
    (tmp_path / "t.xsd").write_text(
        f'{head}<xs:simpleType name="t"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>'
    )
    schema, document = tmp_path / "own" / "s.xsd", tmp_path / "r.xml"
    schema.write_text(f'{head}<xs:include schemaLocation="../t.xsd"/><xs:element name="r" type="t"/></xs:schema>')
    document.write_text("<r>1</r>")
    assert check(document, "--schema", schema)[0] == 2
    assert check(document, "--schema", schema, "--schema-root", tmp_path)[0] == 0
    assert check(document, "--schema", schema, "--schema-root", tmp_path, "--engine", "fast")[0] == 0


# -- compatibility switches: strict by default, and each use leaves a trace


def test_a_missing_namespace_may_be_assumed(check: Any, tmp_path: Path) -> None:
    """All official VAT envelopes lack theirs."""
    path = tmp_path / "bare.xml"
    content = (ROOT / "tests/data/skatteetaten-mva/derived/konvolutt-kompensasjon-ns.xml").read_bytes()
    namespace = content.split(b'xmlns="', 1)[1].split(b'"', 1)[0]
    path.write_bytes(content.replace(b' xmlns="' + namespace + b'"', b"", 1))
    status, out, _ = check(path, "--schema", ENVELOPE)
    assert status == 1
    assert "add xmlns" in out
    strict = check(tmp_path / "bare.xml", "--schema", ENVELOPE, "--json")
    lenient = check(path, "--schema", ENVELOPE, "--assume-namespace", "--json")
    issues = json.loads(lenient[1])["issues"]
    assert "xsd-root" in {issue["code"] for issue in json.loads(strict[1])["issues"]}
    assert "xsd-root" not in {issue["code"] for issue in issues}
    assert [issue["code"] for issue in issues if issue["severity"] == "warning"] == ["compat-namespace"]
    assert path.read_bytes().count(b"xmlns=") == 0


def test_row_ids_may_be_passed_over(check: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.xml"
    path.write_bytes(
        VALID.read_bytes()
        .replace(b"<mvaSpesifikasjonslinje>", b'<mvaSpesifikasjonslinje altinnRowId="1>2">')
        .replace(b"</mvaMeldingDto>", b'<!-- altinnRowId="x" --></mvaMeldingDto>')
    )
    assert check(path, "--schema", RETURN)[0] == 1
    for engine in ("pure", "fast"):
        status, out, _ = check(path, "--schema", RETURN, "--strip-altinn-row-id", "--engine", engine, "--json")
        assert status == 0
        assert [issue["code"] for issue in json.loads(out)["issues"]] == ["compat-row-id"]


@pytest.mark.parametrize("engine", ["pure", "fast"])
def test_anchors_may_be_read_as_dotnet_reads_them(check: Any, tmp_path: Path, engine: str) -> None:
    schema, document = tmp_path / "s.xsd", tmp_path / "r.xml"
    schema.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="r"><xs:simpleType>'
        r'<xs:restriction base="xs:string"><xs:pattern value="^\S+@\S+\.[A-Za-z]{2,}$"/></xs:restriction>'
        "</xs:simpleType></xs:element></xs:schema>"
    )
    document.write_text("<r>a@b.no</r>")
    assert check(document, "--schema", schema, "--engine", engine)[0] == 1
    status, out, _ = check(document, "--schema", schema, "--anchored-patterns", "dotnet", "--engine", engine, "--json")
    assert status == 0
    assert [issue["code"] for issue in json.loads(out)["issues"]] == ["compat-patterns"]
    document.write_text("<r>a</r>")
    assert check(document, "--schema", schema, "--anchored-patterns", "dotnet", "--engine", engine)[0] == 1


def test_a_switch_that_changes_nothing_leaves_no_trace(check: Any) -> None:
    arguments = ("--assume-namespace", "--strip-altinn-row-id", "--anchored-patterns", "dotnet")
    assert check(VALID, "--schema", RETURN, *arguments) == (0, f"{VALID}: valid\n", "")


def test_values_show_only_when_asked_for(check: Any, tmp_path: Path) -> None:
    path = broken(tmp_path)
    assert "'x" not in check(path, "--schema", RETURN)[1]
    assert "found 'x" in check(path, "--schema", RETURN, "--show-values")[1]

"""Oddities that agencies' schemas and documents have in the wild, each made anew here and judged by both engines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from altinn.exceptions import AltinnInputError, Issue
from altinn.validation.compatibility import Compatibility
from altinn.validation.json_check import check_json
from altinn.validation.xml_check import check_xml

BOTH = pytest.mark.parametrize("engine", ["pure", "fast", "auto"])
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def xsd(folder: Path, body: str, head: str = "", name: str = "s.xsd", mark: bytes = b"") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" {head}>{body}</xs:schema>'
    path.write_bytes(mark + text.encode())
    return path


def errors(document: str, schema: Path, engine: str, switches: Compatibility | None = None) -> list[Issue]:
    found = check_xml(document.encode(), schema, engine=engine, compatibility=switches)
    return [issue for issue in found if issue.severity == "error"]


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        '<xs:element name="r"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="(?=a)a"/>'
        "</xs:restriction></xs:simpleType></xs:element>",
        '<xs:element name="r" type="xs:string"><xs:simpleType><xs:restriction base="xs:string"/></xs:simpleType>'
        "</xs:element>",
    ],
    ids=["look-ahead", "a type twice"],
)
def test_a_schema_that_xsd_forbids_is_refused_by_name(tmp_path: Path, engine: str, body: str) -> None:
    with pytest.raises(AltinnInputError, match=r"s\.xsd cannot be used"):
        check_xml(b"<r>a</r>", xsd(tmp_path, body), engine=engine)


@BOTH
def test_an_import_that_nobody_has_is_told_until_a_name_of_it_is_needed(tmp_path: Path, engine: str) -> None:
    lost = '<xs:import namespace="urn:seres" schemaLocation="seres.xsd"/>'
    unused = xsd(tmp_path, f'{lost}<xs:element name="r" type="xs:int"/>')
    assert errors("<r>1</r>", unused, engine) == []
    assert [issue.code for issue in errors("<r>x</r>", unused, engine)] == ["xsd-type"]
    assert any(issue.code == "schema-incomplete" for issue in check_xml(b"<r>1</r>", unused, engine=engine))
    used = xsd(tmp_path, f'{lost}<xs:element name="r" type="s:t"/>', 'xmlns:s="urn:seres"', "used.xsd")
    with pytest.raises(AltinnInputError, match=r"used\.xsd cannot be used"):
        check_xml(b"<r>1</r>", used, engine=engine)


@BOTH
def test_a_type_catalogue_lies_in_a_folder_below(tmp_path: Path, engine: str) -> None:
    xsd(
        tmp_path,
        '<xs:simpleType name="t"><xs:restriction base="xs:int"/></xs:simpleType>',
        'targetNamespace="urn:types"',
        "catalogue/types.xsd",
    )
    path = xsd(
        tmp_path,
        '<xs:import namespace="urn:types" schemaLocation="catalogue/types.xsd"/><xs:element name="r" type="t:t"/>',
        'xmlns:t="urn:types"',
    )
    assert errors("<r>1</r>", path, engine) == []
    assert [issue.code for issue in errors("<r>1.5</r>", path, engine)] == ["xsd-type"]


FIXED = (
    '<xs:element name="r"><xs:complexType><xs:attribute name="orid" type="xs:positiveInteger" use="required" '
    'fixed="17107"/></xs:complexType></xs:element>'
)


@BOTH
@pytest.mark.parametrize(
    ("document", "good"), [('<r orid="17107"/>', True), ('<r orid="17108"/>', False), ("<r/>", False)]
)
def test_a_fixed_attribute_is_needed_as_it_is(tmp_path: Path, engine: str, document: str, good: bool) -> None:
    found = errors(document, xsd(tmp_path, FIXED), engine)
    assert (found == []) is good
    assert all("orid" in issue.where + issue.message for issue in found)


@BOTH
def test_no_namespace_is_assumed_where_the_schema_has_none(tmp_path: Path, engine: str) -> None:
    path = xsd(tmp_path, '<xs:element name="r" type="xs:int"/>')
    switches = Compatibility(assume_namespace=True)
    assert check_xml(b"<r>1</r>", path, engine=engine, compatibility=switches) == []
    assert [issue.code for issue in errors('<r xmlns="urn:x">1</r>', path, engine, switches)] == ["xsd-root"]


@BOTH
def test_nil_is_for_what_may_be_nil(tmp_path: Path, engine: str) -> None:
    path = xsd(
        tmp_path,
        '<xs:element name="r"><xs:complexType><xs:sequence><xs:element name="a" type="xs:int" nillable="true"/>'
        '<xs:element name="b" type="xs:int"/></xs:sequence></xs:complexType></xs:element>',
    )
    assert errors(f'<r {XSI}><a xsi:nil="true"/><b>1</b></r>', path, engine) == []
    wrong = errors(f'<r {XSI}><a>1</a><b xsi:nil="true"/></r>', path, engine)
    assert {issue.where.split("/@")[0] for issue in wrong} == {"/r/b"}


@BOTH
def test_a_schema_may_begin_with_a_byte_order_mark(tmp_path: Path, engine: str) -> None:
    path = xsd(tmp_path, '<xs:element name="r" type="xs:int"/>', 'version="2.1"', mark=b"\xef\xbb\xbf")
    assert errors("<r>1</r>", path, engine) == []
    assert errors("<r>x</r>", path, engine)


@BOTH
def test_spaces_around_a_name_in_the_schema_do_not_count(tmp_path: Path, engine: str) -> None:
    path = xsd(
        tmp_path,
        '<xs:element name="r"><xs:complexType><xs:sequence><xs:element name="   term" type="xs:int"/></xs:sequence>'
        "</xs:complexType></xs:element>",
    )
    assert errors("<r><term>1</term></r>", path, engine) == []
    assert errors("<r><term>x</term></r>", path, engine)


@BOTH
def test_foreign_attributes_pass_where_the_schema_lets_them(tmp_path: Path, engine: str) -> None:
    path = xsd(
        tmp_path,
        '<xs:element name="r"><xs:complexType><xs:sequence>'
        '<xs:element name="a"><xs:complexType><xs:anyAttribute processContents="skip"/></xs:complexType></xs:element>'
        '<xs:element name="b"><xs:complexType/></xs:element>'
        '<xs:any minOccurs="0" processContents="skip"/></xs:sequence></xs:complexType></xs:element>',
    )
    assert errors('<r><a x="1"/><b/><own:z xmlns:own="urn:o" y="?">anything</own:z></r>', path, engine) == []
    assert errors('<r><a/><b x="1"/></r>', path, engine)


@BOTH
def test_a_space_makes_another_namespace(tmp_path: Path, engine: str) -> None:
    path = xsd(tmp_path, '<xs:element name="r" type="xs:int"/>', 'targetNamespace="urn:x"')
    assert errors('<r xmlns="urn:x">1</r>', path, engine) == []
    assert errors('<r xmlns="urn:x ">1</r>', path, engine)


@BOTH
def test_a_type_named_in_the_document_is_looked_up_with_its_prefix(tmp_path: Path, engine: str) -> None:
    path = xsd(tmp_path, '<xs:element name="r" type="xs:decimal"/>')
    names = f'{XSI} xmlns:q="http://www.w3.org/2001/XMLSchema"'
    assert errors(f'<r {names} xsi:type="q:int">1</r>', path, engine) == []
    assert errors(f'<r {names} xsi:type="q:int">1.5</r>', path, engine)
    assert errors(f'<r {names} xsi:type="q:string">1</r>', path, engine)


@BOTH
def test_nothing_is_unpacked_on_the_way(tmp_path: Path, engine: str) -> None:
    path = xsd(tmp_path, '<xs:element name="r" type="xs:int"/>')
    found = check_xml(gzip.compress(b"<r>1</r>"), path, engine=engine)
    assert [issue.code for issue in found] == ["refused-packed"]


@pytest.mark.parametrize("engine", ["pure", "fast"])
def test_a_draft_4_limit_in_a_newer_schema_is_the_schema_s_mistake(engine: str) -> None:
    newer = {"$schema": "https://json-schema.org/draft/2020-12/schema", "maximum": 5, "exclusiveMaximum": True}
    with pytest.raises(AltinnInputError, match="exclusiveMaximum"):
        check_json(b"5", newer, engine=engine)


@pytest.mark.parametrize("engine", ["pure", "fast"])
@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("date-time", "2026-01-31T10:00:00Z", "31.01.2026 10:00"),
        ("date", "2026-01-31", "2026-02-30"),
        ("uri", "https://example.no/a", "no address"),
        ("email", "a@example.no", "a"),
    ],
)
def test_formats_are_looked_at_or_said_not_to_be(engine: str, kind: str, good: str, bad: str) -> None:
    schema = {"type": "string", "format": kind}
    assert [i for i in check_json(f'"{good}"'.encode(), schema, engine=engine) if i.severity == "error"] == []
    assert check_json(f'"{bad}"'.encode(), schema, engine=engine) != []

"""Forms are read and written as .NET's serializer with ordered members does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.emulator.annotations import read_annotations
from altinn.emulator.formcodec import (
    FormError,
    field_at,
    read_json,
    read_xml,
    set_field,
    stored_xml,
    to_json,
    write_xml,
)
from altinn.emulator.formschema import FormModel, FormSchemaError, load_form_model
from altinn.emulator.world import OWN_APPS

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
PLAIN = load_form_model(OWN_APPS / "ttd/basic/models/model.xsd", "model")
NESTED = load_form_model(OWN_APPS / "ssb/ra0000-01/models/A3_RA-0000_M.xsd", None)
NAMESPACED_XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:r" targetNamespace="urn:r"
 elementFormDefault="qualified">
  <xs:element name="report" type="Report"/>
  <xs:complexType name="Base"><xs:sequence><xs:element name="who" type="xs:string"/></xs:sequence></xs:complexType>
  <xs:complexType name="Report"><xs:complexContent><xs:extension base="Base"><xs:sequence>
    <xs:choice><xs:element name="cash" type="xs:decimal"/><xs:element name="kind" type="xs:string"/></xs:choice>
    <xs:element name="part" type="Report" minOccurs="0" maxOccurs="unbounded"/>
    <xs:element name="sum"><xs:complexType><xs:simpleContent><xs:extension base="xs:decimal">
      <xs:attribute name="currency" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
  </xs:sequence></xs:extension></xs:complexContent></xs:complexType>
</xs:schema>"""


@pytest.fixture(scope="module")
def namespaced(tmp_path_factory: pytest.TempPathFactory) -> FormModel:
    path = tmp_path_factory.mktemp("xsd") / "report.xsd"
    path.write_text(NAMESPACED_XSD, "utf-8")
    return load_form_model(path, "report")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<model><property1>1</property1><property2>2</property2></model>", {"property1": "1", "property2": "2"}),
        ("<model><unknown>1</unknown><property1>1</property1></model>", {}),
        ("<model><property1>1</property1><unknown/><property2>2</property2></model>", {"property1": "1"}),
        ("<model><property2>2</property2><property1>1</property1></model>", {"property2": "2"}),
        ("<model><property1>1</property1><property1>2</property1><property3>3</property3></model>", {"property1": "1"}),
        ("<model a='1'>text<property3/></model>", {"property3": ""}),
        (
            "\ufeff<?xml version='1.0' encoding='ISO-8859-1'?><model><property1>å</property1></model>",
            {"property1": "å"},
        ),
    ],
)
def test_what_is_out_of_order_or_unknown_is_dropped_with_what_follows(sent: str, kept: dict[str, str]) -> None:
    assert read_xml(PLAIN, sent.encode("utf-8")) == kept


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"<model>",
        b"<other/>",
        b'<model xmlns="urn:x"/>',
        b'<!DOCTYPE model [<!ENTITY a "b">]><model><property1>&a;</property1></model>',
    ],
)
def test_what_is_no_form_of_the_model_is_refused(sent: bytes) -> None:
    with pytest.raises(FormError):
        read_xml(PLAIN, sent)


def test_a_form_is_written_as_the_app_writes_it() -> None:
    assert write_xml(PLAIN, {}) == f"<model {XSI} />"
    assert (
        stored_xml(PLAIN, {"property1": "a&b<c>"})
        == (
            f'<?xml version="1.0" encoding="utf-8"?><model {XSI}><property1>a&amp;b&lt;c&gt;</property1></model>'
        ).encode()
    )
    assert len(stored_xml(PLAIN, {})) == 146


def test_a_nested_form_keeps_lists_attributes_and_normal_values() -> None:
    sent = (
        b'<A3_RA-0000_M dataFormatVersion="1"><InternInfo><raNummer>RA</raNummer><periodeNummer>007</periodeNummer>'
        b"</InternInfo><SkjemaData><ansatte>3</ansatte><vare><kode>a</kode><eksport>1</eksport></vare>"
        b"<vare><kode>b</kode><mengde>1.50</mengde></vare></SkjemaData></A3_RA-0000_M>"
    )
    form = read_xml(NESTED, sent)
    assert field_at(form, "InternInfo.periodeNummer") == "7"
    assert field_at(form, "SkjemaData.vare[1].mengde") == "1.50"
    assert field_at(form, "SkjemaData.vare[2].mengde") is None
    written = write_xml(NESTED, form)
    assert written.startswith(f'<A3_RA-0000_M {XSI} dataFormatVersion="1"><InternInfo>')
    assert "<eksport>true</eksport>" in written
    shown = to_json(NESTED, form)
    assert shown["SkjemaData"]["vare"][0] == {"kode": "a", "mengde": None, "eksport": True}
    assert shown["Kontakt"] is None


@pytest.mark.parametrize("value", ["x", "1,5", ""])
def test_a_value_that_its_type_refuses_refuses_the_form(value: str) -> None:
    inner = f"<raNummer>R</raNummer><periodeNummer>{value}</periodeNummer>"
    sent = f"<A3_RA-0000_M><InternInfo>{inner}</InternInfo></A3_RA-0000_M>"
    with pytest.raises(FormError):
        read_xml(NESTED, sent.encode())


def test_a_namespace_may_be_left_out_but_not_be_another(namespaced: FormModel) -> None:
    bare = b"<report><who>a</who><cash>1</cash><sum currency='NOK'>2.0</sum></report>"
    form = read_xml(namespaced, bare)
    assert form == {"who": "a", "cash": "1", "sum": {"currency": "NOK", "value": "2.0"}}
    assert read_xml(namespaced, bare.replace(b"<report>", b'<report xmlns="urn:r">')) == form
    prefixed = b'<r:report xmlns:r="urn:r"><r:who>a</r:who><who>b</who></r:report>'
    assert read_xml(namespaced, prefixed) == {"who": "a"}
    with pytest.raises(FormError):
        read_xml(namespaced, bare.replace(b"<report>", b'<report xmlns="urn:other">'))
    assert write_xml(namespaced, form) == (
        f'<report {XSI} xmlns="urn:r"><who>a</who><cash>1</cash><sum currency="NOK">2.0</sum></report>'
    )


def test_a_type_may_hold_itself(namespaced: FormModel) -> None:
    form = read_xml(namespaced, b"<report><who>a</who><part><who>b</who><part><who>c</who></part></part></report>")
    assert field_at(form, "part.part.who") == "c"


texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=20)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "InternInfo": st.fixed_dictionaries(
                {"raNummer": texts}, optional={"periodeAAr": st.integers(0, 9999).map(str)}
            ),
            "SkjemaData": st.fixed_dictionaries(
                {},
                optional={
                    "omsetning": st.decimals(0, 10**9, places=2).map(str),
                    "vare": st.lists(st.fixed_dictionaries({"kode": texts}), min_size=1, max_size=3),
                    "merknad": texts,
                },
            ),
        },
    )
)
def test_what_is_written_is_read_back(form: dict[str, Any]) -> None:
    assert read_xml(NESTED, stored_xml(NESTED, form)) == form


def test_json_is_read_by_name_in_any_case_and_by_type() -> None:
    assert read_json(NESTED, b'{"interninfo": {"RANUMMER": "R", "periodeAAr": 2026, "x": 1}, "Kontakt": null}') == {
        "InternInfo": {"raNummer": "R", "periodeAAr": "2026"}
    }
    for wrong in (
        b"[]",
        b"{",
        b'{"InternInfo": 1}',
        b'{"SkjemaData": {"vare": {}}}',
        b'{"InternInfo": {"raNummer": 1}}',
    ):
        with pytest.raises(FormError):
            read_json(NESTED, wrong)


def test_a_field_is_set_by_its_path() -> None:
    form: dict[str, Any] = {}
    assert set_field(NESTED, form, "InternInfo.raNummer", "RA-0000")
    assert not set_field(NESTED, form, "InternInfo.nothing", "x")
    assert not set_field(NESTED, form, "SkjemaData.vare", "x")
    assert form == {"InternInfo": {"raNummer": "RA-0000"}}


def test_what_is_no_schema_is_refused(tmp_path: Path) -> None:
    for name, content in (
        ("a", "<x/>"),
        ("b", "<x"),
        ("c", '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>'),
    ):
        path = tmp_path / f"{name}.xsd"
        path.write_text(content, "utf-8")
        with pytest.raises(FormSchemaError):
            load_form_model(path, None)


def test_attribute_rules_are_found_through_references_and_lists() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A"}, "rows": {"type": "array", "items": {"$ref": "#/$defs/A"}}},
        "$defs": {"A": {"properties": {"code": {"type": "string", "maxLength": 3, "pattern": "[a-z]*"}}}},
    }
    form = {"a": {"code": "abcd"}, "rows": [{"code": "ok"}, {"code": "NO"}, {"code": "\U0001f600\U0001f600"}]}
    found = {where: text for rule in read_annotations(schema) for where, text in rule.violations(form)}
    assert found == {
        "a.code": "The field code must be a string or array type with a maximum length of '3'.",
        "rows[1].code": "The field code must match the regular expression '[a-z]*'.",
        "rows[2].code": "The field code must match the regular expression '[a-z]*'.",
    }

"""The XML check gives the verdict that XSD gives, says where and what, and repeats nothing of the document."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest

from altinn.authorities import skatteetaten_vat as vat
from altinn.exceptions import AltinnInputError, Issue
from altinn.validation.xml_check import SchemaSource, check_xml

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "include/schemas/skatteetaten-mva"
DATA = ROOT / "tests/data/skatteetaten-mva"
RETURN = SCHEMAS / vat.SCHEMAS[vat.RETURN]
FULL = (DATA / "valid/eksempelMedAlleTilfeller.xml").read_bytes()


def errors(data: bytes, schema: Path = RETURN) -> list[Issue]:
    return [issue for issue in check_xml(data, schema) if issue.severity == "error"]


def changed(old: str, new: str) -> bytes:
    assert FULL.count(old.encode()) >= 1
    return FULL.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize("path", sorted((DATA / "valid").glob("*.xml")), ids=lambda path: path.stem)
def test_every_published_return_is_valid(path: Path) -> None:
    assert check_xml(path.read_bytes(), RETURN) == []


@pytest.mark.parametrize(
    ("name", "data_type"),
    [
        ("betalingsinformasjon", vat.PAYMENT_INFORMATION),
        ("valideringsresultat", vat.VALIDATION_RESULT),
        ("mvamelding", vat.RETURN),
    ],
)
def test_the_published_feedback_is_valid(name: str, data_type: str) -> None:
    assert check_xml((DATA / f"feedback/{name}.xml").read_bytes(), SCHEMAS / vat.SCHEMAS[data_type]) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">77511<", ">77511.50<"),
        (">77511<", "> +77511 <"),
        (">77511<", ">-.5<"),
        ("<mvaMeldingDto", '<mvaMeldingDto xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
         ' xsi:schemaLocation="urn:x http://127.0.0.1:9/x.xsd"'),
        ("<aar>", "<aar> "),
    ],
)  # fmt: skip
def test_what_xsd_allows_passes(old: str, new: str) -> None:
    assert errors(changed(old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "where", "says"),
    [
        (">77511<", ">77511,00<", "xsd-type", 17, "/fastsattMerverdiavgift", "full stop before the decimals"),
        (">77511<", ">77 511<", "xsd-type", 17, "/fastsattMerverdiavgift", "no spaces"),
        (">77511<", ">77\u00a0511<", "xsd-type", 17, "/fastsattMerverdiavgift", "no spaces"),
        (">77511<", ">77_511<", "xsd-type", 17, "/fastsattMerverdiavgift", "not a decimal"),
        (">77511<", ">٧٧٥١١<", "xsd-type", 17, "/fastsattMerverdiavgift", "not a decimal"),
        (">77511<", ">\u221277511<", "xsd-type", 17, "/fastsattMerverdiavgift", "not a decimal"),
        (">77511<", "><", "xsd-type", 17, "/fastsattMerverdiavgift", "not a decimal"),
        (">77511<", ">NaN<", "xsd-type", 17, "/fastsattMerverdiavgift", "not a decimal"),
        ("<aar>", "<aar>x", "xsd-type", 15, "/aar", "four digits"),
        (">alminnelig<", ">Alminnelig<", "xsd-value", 242, "/meldingskategori", "must be one of alminnelig"),
        (">alminnelig<", ">alminnelig <", "xsd-value", 242, "/meldingskategori", "must be one of alminnelig"),
        ("<meldingskategori>", "<x/><meldingskategori>", "xsd-content", 242, "/x", "expected here: meldingskategori"),
        ("</meldingskategori>", "</meldingskategori><merknad/>", "xsd-content", 242, "/merknad[1]", "is not complete"),
        ("<innsending>", '<innsending ekstra="1">', "xsd-structure", 3, "/innsending", "ekstra"),
        ("<periode>", "<periode>tekst", "xsd-structure", 12, "/periode", "character data"),
    ],
)  # fmt: skip
def test_each_mistake_is_found_where_it_is(old: str, new: str, code: str, line: int, where: str, says: str) -> None:
    found = errors(changed(old, new))
    assert [(issue.code, issue.line) for issue in found][:1] == [(code, line)]
    assert found[0].where.endswith(where)
    assert found[0].where.startswith("/mvaMeldingDto/")
    assert says in found[0].message
    assert found[0].source == "xsd"


def test_a_wrong_line_among_many_is_named_by_its_number() -> None:
    parts = FULL.split(b"<merverdiavgift>")
    broken = b"<merverdiavgift>".join(parts[:8]) + b"<merverdiavgift>x" + b"<merverdiavgift>".join(parts[8:])
    (issue,) = errors(broken)
    assert issue.where == "/mvaMeldingDto/skattegrunnlagOgBeregnetSkatt/mvaSpesifikasjonslinje[8]/merverdiavgift"
    assert issue.line == broken[: broken.index(b"<merverdiavgift>x")].count(b"\n") + 1


def test_length_and_pattern_are_both_told() -> None:
    import re

    broken = re.sub(rb"<organisasjonsnummer>\d+<", b"<organisasjonsnummer>12 345 678<", FULL)
    messages = {issue.message for issue in errors(broken)}
    assert messages == {"must match the pattern [0-9]+", "must have exactly 9 characters"}


def test_a_missing_namespace_says_how_to_add_it() -> None:
    bare = changed(' xmlns="no:skatteetaten:fastsetting:avgift:mva:skattemeldingformerverdiavgift:v1.0"', "")
    (issue,) = errors(bare)
    assert issue.code == "xsd-root"
    assert 'add xmlns="no:skatteetaten:fastsetting:avgift:mva:skattemeldingformerverdiavgift:v1.0"' in issue.message


def test_documents_in_the_wild_that_break_their_schema_are_found() -> None:
    (old,) = errors((DATA / "invalid-real/postman-v09.xml").read_bytes())
    assert old.code == "xsd-root"
    wrong = errors((DATA / "derived/konvolutt-kompensasjon-ns.xml").read_bytes(), SCHEMAS / vat.SCHEMAS[vat.ENVELOPE])
    assert [(issue.code, issue.line) for issue in wrong] == [("xsd-value", 12), ("xsd-content", 18)]


def test_no_value_is_repeated_unless_asked_for() -> None:
    secret = changed(">77511<", ">hemmelig-beløp<")
    assert "hemmelig" not in repr(check_xml(secret, RETURN))
    assert "hemmelig" in repr(check_xml(secret, RETURN, show_values=True))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<a>", "xml-not-well-formed"),
        (FULL.replace(b"?>", b"?><!DOCTYPE a [<!ENTITY e 'x'>]>", 1), "refused-doctype"),
        (FULL.decode().encode("utf-16"), "refused-encoding"),
    ],
)
def test_what_is_not_judged_says_so(data: bytes, code: str) -> None:
    assert [issue.code for issue in check_xml(data, RETURN)] == [code]


def test_many_problems_are_cut_off_and_the_cut_is_told() -> None:
    broken = FULL.replace(b"</merverdiavgift>", b"x</merverdiavgift>")
    found = check_xml(broken, RETURN, max_issues=3)
    assert [issue.code for issue in found] == ["xsd-type"] * 3 + ["more-issues"]
    assert found[-1].severity == "information"


# ── schemas of our own ───────────────────────────────────────────────────────────────────────────────────────────────
HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'


def schema(folder: Path, body: str, name: str = "s.xsd") -> Path:
    path = folder / name
    path.write_text(f"{HEAD}{body}</xs:schema>", encoding="utf-8")
    return path


def test_numbers_in_attributes_lists_and_integers_are_looked_at_too(tmp_path: Path) -> None:
    path = schema(
        tmp_path,
        '<xs:element name="r"><xs:complexType><xs:sequence>'
        '<xs:element name="i" type="xs:int" minOccurs="0"/><xs:element name="f" type="xs:double" minOccurs="0"/>'
        '<xs:element name="l" minOccurs="0"><xs:simpleType><xs:list itemType="xs:decimal"/></xs:simpleType>'
        "</xs:element>"
        '</xs:sequence><xs:attribute name="a" type="xs:decimal"/></xs:complexType></xs:element>',
    )
    good = b'<r a="1.5"><i>-15</i><f>1e3</f><l>1 2.5</l></r>'
    assert check_xml(good, path) == []
    for wrong, where in [
        (b'<r a="1 5"/>', "/r/@a"),
        (b"<r><i>1_5</i></r>", "/r/i"),
        (b"<r><i>1.5</i></r>", "/r/i"),
        (b"<r><f>1_5</f></r>", "/r/f"),
        (b"<r><l>1 2,5</l></r>", "/r/l"),
    ]:
        assert [(issue.code, issue.where) for issue in errors(wrong, path)] == [("xsd-type", where)], wrong


SECRETS = f"""{HEAD}
  <xs:element name="r"><xs:complexType><xs:sequence>
    <xs:element name="item" maxOccurs="unbounded"><xs:complexType><xs:simpleContent>
      <xs:extension base="xs:string">
        <xs:attribute name="id" type="xs:ID"/><xs:attribute name="ref" type="xs:IDREF"/>
        <xs:attribute name="day" type="xs:date"/><xs:attribute name="fixed" fixed="a"/>
        <xs:attribute name="either"><xs:simpleType><xs:union memberTypes="xs:int xs:date"/>
          </xs:simpleType></xs:attribute>
        <xs:attribute name="all"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:attribute>
        <xs:attribute name="qname" type="xs:QName"/>
      </xs:extension></xs:simpleContent></xs:complexType></xs:element></xs:sequence></xs:complexType>
    <xs:unique name="one"><xs:selector xpath="item"/><xs:field xpath="."/></xs:unique></xs:element></xs:schema>"""


@pytest.mark.parametrize(
    "items",
    [
        '<item id="hemmelig"/><item id="hemmelig">2</item>',
        '<item ref="hemmelig"/>',
        '<item day="hemmelig"/>',
        '<item fixed="hemmelig"/>',
        '<item either="hemmelig"/>',
        '<item all="1 hemmelig"/>',
        '<item qname="hemmelig:x"/>',
        "<item>hemmelig</item><item>hemmelig</item>",
        '<item xsi:type="hemmelig"/>',
        '<item xsi:nil="hemmelig"/>',
        "hemmelig<item/>",
    ],
)
@pytest.mark.parametrize("engine", ["pure", "fast"])
def test_no_kind_of_error_repeats_a_value(tmp_path: Path, items: str, engine: str) -> None:
    path = tmp_path / "s.xsd"
    path.write_text(SECRETS, encoding="utf-8")
    document = f'<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{items}</r>'
    found = check_xml(document.encode(), path, engine=engine)
    assert found
    assert "hemmelig" not in repr(found)


def test_a_schema_may_include_from_its_own_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    (folder / "parts").mkdir(parents=True)
    schema(folder / "parts", '<xs:simpleType name="t"><xs:restriction base="xs:int"/></xs:simpleType>', "t.xsd")
    schema(folder, '<xs:include schemaLocation="parts/t.xsd"/><xs:element name="r" type="t"/>')
    assert errors(b"<r>x</r>", folder / "s.xsd")[0].code == "xsd-type"
    schema(tmp_path, '<xs:simpleType name="t"><xs:restriction base="xs:int"/></xs:simpleType>', "t.xsd")
    outside = schema(folder, '<xs:include schemaLocation="../t.xsd"/><xs:element name="r" type="t"/>', "o.xsd")
    with pytest.raises(AltinnInputError, match=r"o\.xsd cannot be used"):
        check_xml(b"<r>1</r>", outside)
    assert check_xml(b"<r>1</r>", SchemaSource(tmp_path, "own/o.xsd")) == []


def test_a_changed_schema_is_built_anew(tmp_path: Path) -> None:
    path = schema(tmp_path, '<xs:element name="r" type="xs:int"/>')
    assert errors(b"<r>x</r>", path)
    schema(tmp_path, '<xs:element name="r" type="xs:string"/>')
    assert not errors(b"<r>x</r>", path)


@pytest.mark.parametrize("body", ["<xs:element", '<xs:element name="r" type="nothing"/>'])
def test_a_broken_schema_is_the_caller_s_error(tmp_path: Path, body: str) -> None:
    with pytest.raises(AltinnInputError, match=r"s\.xsd cannot be used"):
        check_xml(b"<r/>", schema(tmp_path, body))


def test_a_missing_schema_is_the_caller_s_error(tmp_path: Path) -> None:
    with pytest.raises(AltinnInputError, match="there is no schema"):
        check_xml(b"<r/>", tmp_path / "none.xsd")


def test_nothing_is_fetched_whatever_schema_and_document_point_to(tmp_path: Path) -> None:
    asked: list[str] = []

    class Recorder(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        path = schema(
            tmp_path,
            f'<xs:import namespace="urn:x" schemaLocation="{base}/import.xsd"/><xs:element name="r" type="xs:anyURI"/>',
        )
        xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        hint = f'<r {xsi} xsi:noNamespaceSchemaLocation="{base}/hint.xsd">x</r>'
        found = check_xml(hint.encode(), path)
        assert [(issue.severity, issue.code) for issue in found] == [("warning", "schema-incomplete")]
        assert check_xml(f"{base}/document.xml".encode(), path)[-1].code == "xml-not-well-formed"
        server.shutdown()
    assert asked == []

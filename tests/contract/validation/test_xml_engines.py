"""Both engines give one verdict, also where each has its own idea, and the extra is chosen where it pays."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from lxml import etree

from altinn.authorities import skatteetaten_vat as vat
from altinn.exceptions import AltinnInputError, Issue
from altinn.protocol.xml_prescan import XmlLimits
from altinn.validation.two_engines import stricter
from altinn.validation.xml_check import COMPARED_UP_TO, PURE_UP_TO, check_xml, has_fast

ROOT = Path(__file__).parents[3]
RETURN = ROOT / "include/schemas/skatteetaten-mva" / vat.SCHEMAS[vat.RETURN]
FULL = (ROOT / "tests/data/skatteetaten-mva/valid/eksempelMedAlleTilfeller.xml").read_bytes()
BOTH = pytest.mark.parametrize("engine", ["pure", "fast"])
XS = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'


def errors(data: bytes, schema: Path, engine: str, limits: XmlLimits | None = None) -> list[Issue]:
    found = check_xml(data, schema, engine=engine, limits=limits)
    return [issue for issue in found if issue.severity == "error"]


def one_value(folder: Path, kind: str) -> Path:
    """Write a schema with one element of this simple type."""
    path = folder / "one.xsd"
    path.write_text(f'{XS}<xs:element name="r">{kind}</xs:element></xs:schema>', encoding="utf-8")
    return path


def simple(base: str, facets: str = "") -> str:
    return f'<xs:simpleType><xs:restriction base="xs:{base}">{facets}</xs:restriction></xs:simpleType>'


VALUES = [
    ("decimal", "", "15 000", False),
    ("decimal", "", "15\u00a0000", False),
    ("decimal", "", "15\u202f000", False),
    ("decimal", "", "15,5", False),
    ("decimal", "", " 15.50 ", True),
    ("integer", "", "15_000", False),
    ("integer", "", "١٥", False),
    ("integer", "", "+15", True),
    ("gYear", "", " 2024 ", True),
    ("gYear", "", "24", False),
    ("gYear", "", "2024Z", True),
    ("date", "", "\n2024-01-31\n", True),
    ("date", "", "2024-02-30", False),
    ("dateTime", "", "2024-01-31", False),
    ("base64Binary", "", "!!!!", False),
    ("base64Binary", "", "QUJD\nREVG", True),
    ("base64Binary", "", "QUJ", False),
    ("anyURI", "", ":::", False),
    ("anyURI", "", "%zz", False),
    ("anyURI", "", "http://[::1", False),
    ("anyURI", "", "https://example.no/a?b=c#d", True),
    ("anyURI", "", "../a/b", True),
    ("string", r'<xs:pattern value="\w+"/>', "ab_c", False),
    ("string", r'<xs:pattern value="[\w.]+"/>', "a_b", False),
    ("string", r'<xs:pattern value="[\w.]+"/>', "a.bø1", True),
    ("string", '<xs:pattern value="^a$"/>', "a", False),
    ("string", '<xs:pattern value="[0-9]{9}"/>', "12345678\u0663", False),
    ("string", '<xs:maxLength value="2"/>', "abc", False),
    ("string", '<xs:enumeration value="ja"/>', "Ja", False),
    ("boolean", "", "True", False),
]


@BOTH
@pytest.mark.parametrize(("base", "facets", "value", "good"), VALUES)
def test_a_value_is_judged_as_xsd_has_it(
    tmp_path: Path, engine: str, base: str, facets: str, value: str, good: bool
) -> None:
    found = errors(f"<r>{value}</r>".encode(), one_value(tmp_path, simple(base, facets)), engine)
    assert (found == []) is good, found
    assert all(issue.where == "/r" and value.strip() not in issue.message.split(" or ") for issue in found)


@BOTH
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<mvaMeldingDto", "xml-not-well-formed"),
        (FULL.rstrip()[:-1], "xml-not-well-formed"),
        (FULL[: len(FULL) // 2], "xml-not-well-formed"),
        (FULL.replace(b">77511<", b">7 & 8<"), "xml-not-well-formed"),
        (FULL.replace(b"?>", b"?><!DOCTYPE a [<!ENTITY e 'x'>]>", 1), "refused-doctype"),
        (b"<!-- a --><!DOCTYPE r [<!ENTITY e \"x\">]><r><a>&e;</a></r>", "refused-doctype"),
        (FULL.decode().encode("utf-16"), "refused-encoding"),
        (FULL.replace(b"UTF-8", b"ISO-8859-1", 1), "refused-encoding"),
        (FULL.replace(b"UTF-8", b"x-none", 1), "refused-encoding"),
        (FULL.replace(b'version="1.0"', b'version="1.1"', 1), "refused-version"),
        (FULL.replace(b">77511<", b">\xe6<"), "xml-not-well-formed"),
        (b"<a>" * 300 + b"</a>" * 300, "refused-depth"),
        (b"<a " + b" ".join(b'a%d=""' % n for n in range(600)) + b"/>", "refused-attributes"),
        (b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(600)) + b"/>", "refused-attributes"),
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_by_both(engine: str, data: bytes, code: str) -> None:
    assert [issue.code for issue in errors(data, RETURN, engine)] == [code]


@BOTH
def test_too_many_elements_are_refused(engine: str) -> None:
    limits = XmlLimits(elements=10)
    assert [issue.code for issue in errors(FULL, RETURN, engine, limits)] == ["refused-elements"]


@BOTH
@pytest.mark.parametrize(
    ("old", "new", "where", "line", "says"),
    [
        (">77511<", ">77511,00<", "/mvaMeldingDto/skattegrunnlagOgBeregnetSkatt/fastsattMerverdiavgift", 17, "decimal"),
        (">alminnelig<", ">Alminnelig<", "/mvaMeldingDto/meldingskategori", 242, "must be one of"),
        ("<aar>2021", "<aar>21", "/mvaMeldingDto/skattegrunnlagOgBeregnetSkatt/skattleggingsperiode/aar", 15, "four"),
    ],
)
def test_both_say_the_same_place(engine: str, old: str, new: str, where: str, line: int, says: str) -> None:
    assert old.encode() in FULL
    [issue] = errors(FULL.replace(old.encode(), new.encode(), 1), RETURN, engine)
    assert (issue.where, issue.line) == (where, line)
    assert says in issue.message


@BOTH
def test_the_cut_is_told(engine: str) -> None:
    broken = FULL.replace(b"</merverdiavgift>", b"x</merverdiavgift>")
    found = check_xml(broken, RETURN, max_issues=3, engine=engine)
    assert [issue.code for issue in found] == ["xsd-type"] * 3 + ["more-issues"]


def test_a_schema_with_files_from_elsewhere_is_not_for_the_fast_engine(tmp_path: Path) -> None:
    """libxml2 would read them; the other engine says that it may not."""
    (tmp_path / "t.xsd").write_text(f'{XS}<xs:element name="x"/></xs:schema>')
    folder = tmp_path / "own"
    folder.mkdir()
    path = folder / "s.xsd"
    path.write_text(f'{XS}<xs:include schemaLocation="../t.xsd"/><xs:element name="r"/></xs:schema>')
    with pytest.raises(AltinnInputError, match=r"outside the schema's folder"):
        check_xml(b"<r/>", path, engine="fast")


@BOTH
def test_what_else_lies_in_the_schema_s_folder_does_not_matter(tmp_path: Path, engine: str) -> None:
    schema = one_value(tmp_path, simple("int"))
    (tmp_path / "a folder.xsd").mkdir()
    (tmp_path / "a link to nothing.xsd").symlink_to(tmp_path / "nothing")
    assert errors(b"<r>1</r>", schema, engine) == []
    assert errors(b"<r>x</r>", schema, engine) != []


@BOTH
def test_a_namespace_with_norwegian_letters_is_judged(tmp_path: Path, engine: str) -> None:
    """libxml2 refuses every document in such a namespace, so the other engine takes over."""
    path = tmp_path / "s.xsd"
    path.write_text(
        XS.replace(">", ' targetNamespace="http://x.no/skjemaø" elementFormDefault="qualified">')
        + '<xs:element name="r" type="xs:int"/></xs:schema>',
        encoding="utf-8",
    )
    assert errors('<r xmlns="http://x.no/skjemaø">1</r>'.encode(), path, engine) == []
    assert errors('<r xmlns="http://x.no/skjemaø">x</r>'.encode(), path, engine) != []


# -- which engine


def large(lines: int = 7000) -> bytes:
    """Make a valid return of a few megabytes by repeating its last line."""
    start, end = FULL.rindex(b"<mvaSpesifikasjonslinje>"), FULL.rindex(b"</mvaSpesifikasjonslinje>")
    line = FULL[start : end + len(b"</mvaSpesifikasjonslinje>")]
    return FULL[:start] + line * lines + FULL[start:]


def test_the_fast_engine_is_there_when_it_may_be_used() -> None:
    assert has_fast("auto", "lxml")
    assert has_fast("fast", "lxml")
    assert not has_fast("pure", "lxml")
    assert not has_fast("auto", "no_such_module")


def test_a_large_document_is_judged_with_paths_and_lines() -> None:
    data = large()
    assert len(data) > COMPARED_UP_TO
    assert check_xml(data, RETURN) == []
    broken = data[: data.rindex(b"</merverdiavgift>")] + b"x" + data[data.rindex(b"</merverdiavgift>") :]
    [issue] = check_xml(broken, RETURN)
    assert issue.code == "xsd-type"
    assert issue.where.endswith("/merverdiavgift")
    assert issue.line == broken[: broken.index(b"x</merverdiavgift>")].count(b"\n") + 1


# -- two engines, two verdicts


def padded_date(size: int, folder: Path) -> tuple[bytes, Path]:
    """Make a document on which the engines differ: libxml2 takes no white space around a date in an attribute."""
    path = folder / "padded.xsd"
    path.write_text(
        f'{XS}<xs:element name="r"><xs:complexType><xs:simpleContent><xs:extension base="xs:string">'
        '<xs:attribute name="d" type="xs:gYear"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>'
        "</xs:schema>",
        encoding="utf-8",
    )
    return b'<r d=" 2024 ">' + b"x" * size + b"</r>", path


def test_where_the_engines_differ_the_stricter_counts_and_says_so(tmp_path: Path) -> None:
    data, schema = padded_date(1, tmp_path)
    assert errors(data, schema, "pure") == []
    assert [issue.code for issue in errors(data, schema, "fast")] == ["xsd-type"]
    [issue] = errors(data, schema, "auto")
    assert (issue.code, issue.where, issue.line) == ("engine-disagreement", "/r/@d", 1)
    assert "2024" not in issue.message


def test_the_stricter_counts_the_other_way_round_too() -> None:
    found = Issue("error", "xsd-type", "/r/@b", "not a base64Binary", "xsd", 1)
    note = Issue("warning", "schema-incomplete", "a.xsd", "an import is missing", "xsd")
    told = "not a base64Binary (says one of two engines; the stricter counts)"
    expected = [note, replace(found, code="engine-disagreement", message=told)]
    assert stricter([], [note, found]) == expected
    assert stricter([found], [note]) == expected


T = '<xs:simpleType name="t"><xs:restriction base="xs:base64Binary"/></xs:simpleType>'
HIDDEN = {
    "attribute": '<xs:element name="r"><xs:complexType><xs:attribute name="b" type="xs:base64Binary"/></xs:complexType>'
    "</xs:element>",
    "attribute of a type of its own": T + '<xs:element name="r"><xs:complexType><xs:attribute name="b" type="t"/>'
    "</xs:complexType></xs:element>",
    "list": T + '<xs:element name="r"><xs:simpleType><xs:list itemType="t"/></xs:simpleType></xs:element>',
    "union": '<xs:element name="r"><xs:simpleType><xs:union memberTypes="xs:int xs:base64Binary"/></xs:simpleType>'
    "</xs:element>",
    "one name for two": '<xs:element name="r" type="xs:base64Binary"/><xs:element name="o"><xs:complexType>'
    '<xs:sequence><xs:element name="r" type="xs:string"/></xs:sequence></xs:complexType></xs:element>',
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_binary_values_where_lxml_overlooks_them_are_left_to_the_other_engine(tmp_path: Path, kind: str) -> None:
    """libxml2 takes anything for base64, and ours can look again only at elements that are always binary."""
    path = tmp_path / "binary.xsd"
    path.write_text(f"{XS}{HIDDEN[kind]}</xs:schema>", encoding="utf-8")
    data = b'<r b="!!!!"/>' if "attribute" in kind else b"<r>!!!!</r>"
    assert bare_lxml(path).validate(etree.fromstring(data)), "lxml has mended this: the rule may go"
    assert errors(data, path, "fast") == errors(data, path, "pure") != []


@pytest.mark.parametrize(("size", "judges"), [(COMPARED_UP_TO - 100, 2), (COMPARED_UP_TO, 1)])
def test_above_a_size_lxml_judges_alone(tmp_path: Path, size: int, judges: int) -> None:
    data, schema = padded_date(size, tmp_path)
    expected = "engine-disagreement" if judges == 2 else "xsd-type"
    assert [issue.code for issue in errors(data, schema, "auto")] == [expected]


def test_engines_of_one_mind_are_told_in_the_better_words() -> None:
    broken = FULL.replace(b">77511<", b">77511,00<", 1)
    assert check_xml(broken, RETURN) == check_xml(broken, RETURN, engine="pure")
    assert check_xml(FULL, RETURN) == check_xml(FULL, RETURN, engine="pure")


def test_an_engine_that_gave_up_is_no_verdict() -> None:
    gave_up = Issue("error", "refused-engine", "", "could not be judged", "xsd")
    found = Issue("error", "xsd-type", "/r", "not a valid xs:int", "xsd", 1)
    assert stricter([found], [gave_up]) == [found]
    assert stricter([], [gave_up]) == [gave_up]


# -- lxml's traps


def bare_lxml(schema: Path) -> Any:
    return etree.XMLSchema(etree.parse(str(schema)))


class Counter:
    """A parser's target: counts elements."""

    def __init__(self) -> None:
        self.number = 0

    def start(self, _tag: str | bytes, _attributes: object) -> None:
        self.number += 1

    def end(self, _tag: str | bytes) -> None:
        """Take an end tag."""

    def close(self) -> int:
        return self.number


@BOTH
def test_a_schema_given_to_a_parser_with_a_target_is_not_our_way(engine: str) -> None:
    """Lxml then builds what the target wants and validates nothing; ours finds the mistake."""
    broken = FULL.replace(b">77511<", b">77511,00<", 1)
    trapped: Any = etree.XMLParser(schema=bare_lxml(RETURN), target=cast("Any", Counter()))
    assert cast("int", etree.fromstring(broken, trapped)) > 100, "lxml has mended this: the rule may go"
    assert [issue.code for issue in errors(broken, RETURN, engine)] == ["xsd-type"]


def test_no_parser_of_ours_is_given_a_schema_or_a_target() -> None:
    """Three of lxml's traps begin with it: a crash, cut-off files taken for whole ones, and no check at all."""
    found = []
    for path in sorted((ROOT / "plugins/altinn").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in ("XMLParser", "XMLPullParser", "iterparse", "HTMLParser"):
                found += [f"{path.name}: {name}({keyword.arg})" for keyword in node.keywords]
    assert any("XMLParser(resolve_entities)" in each for each in found), "the walk sees our parsers"
    assert not [each for each in found if each.endswith(("(schema)", "(target)", "(None)")) or "iterparse" in each]


@pytest.mark.parametrize("engine", ["pure", "fast", "auto"])
@pytest.mark.parametrize("length", [1, COMPARED_UP_TO + 1])
def test_no_entity_comes_as_far_as_the_validation(tmp_path: Path, engine: str, length: int) -> None:
    """With entities left alone, lxml's validation of one ends in an internal error; ours never sees it."""
    schema = one_value(tmp_path, simple("string"))
    data = b'<!DOCTYPE r [<!ENTITY e "x">]><r>' + b"a" * length + b"&e;</r>"
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False))
    with pytest.raises(etree.XMLSchemaValidateError):
        bare_lxml(schema).validate(root)
    assert [issue.code for issue in errors(data, schema, engine)] == ["refused-doctype"]


WITHOUT = """
import sys
sys.modules["lxml"] = None
sys.path.insert(0, "plugins")
from pathlib import Path
from altinn.exceptions import AltinnInputError
from altinn.validation import xml_check
data, schema = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
assert [i for i in xml_check.check_xml(data, schema) if i.severity == "error"] == []
assert [i.code for i in xml_check.check_xml(data.replace(b">77511<", b">7 7<"), schema)] == ["xsd-type"]
xml_check.SLOW_FROM = 1000
assert [i.code for i in xml_check.check_xml(data, schema)] == ["slow-engine"]
xml_check.PURE_UP_TO = 2000
assert [i.code for i in xml_check.check_xml(data, schema)] == ["refused-engine"]
try:
    xml_check.check_xml(data, schema, engine="fast")
except AltinnInputError as exc:
    assert "[fast]" in str(exc)
else:
    raise SystemExit("fast was not refused")
assert not any(name.startswith("lxml.") for name in sys.modules)
"""


def test_without_the_extra_everything_is_judged_slowly_or_refused() -> None:
    sample = ROOT / "tests/data/skatteetaten-mva/valid/eksempelMedAlleTilfeller.xml"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(sample), str(RETURN)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_an_engine_that_is_none_is_refused() -> None:
    with pytest.raises(AltinnInputError, match="engine must be one of"):
        check_xml(FULL, RETURN, engine="quick")
    assert PURE_UP_TO > COMPARED_UP_TO

"""Dangerous and ambiguous XML is refused before an engine sees it."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from altinn.exceptions import AltinnDocumentError
from altinn.protocol.xml_prescan import XmlLimits, parse_xml, prescan

SMALL = XmlLimits(size=2000, depth=5, elements=20, attributes=10)


def code_of(data: bytes, limits: XmlLimits | None = None) -> str:
    with pytest.raises(AltinnDocumentError) as caught:
        prescan(data, limits)
    (issue,) = caught.value.issues
    return issue.code


def test_root_and_lines_are_found() -> None:
    seen = prescan(b'<?xml version="1.0" encoding="UTF-8"?>\n<a xmlns="urn:x">\n <b/>\n\n <b\n c="1"/></a>')
    assert seen.root == "{urn:x}a"
    assert [seen.line(number) for number in (0, 1, 2, 3, -1)] == [2, 3, 5, 0, 0]


def test_a_root_without_namespace_and_a_byte_order_mark_are_fine() -> None:
    assert prescan(b"\xef\xbb\xbf<a/>").root == "a"
    assert prescan(b"<!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a>]]></a>").root == "a"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "xml-empty"),
        (b"<a>", "xml-not-well-formed"),
        (b"\n<?xml version='1.0'?><a/>", "xml-not-well-formed"),
        (b"<a>&</a>", "xml-not-well-formed"),
        (b"<a>\xe6</a>", "xml-not-well-formed"),
        (b"<a/>x", "xml-not-well-formed"),
        (b"<a>&x;</a>", "xml-not-well-formed"),
        (b"<!DOCTYPE a><a/>", "refused-doctype"),
        (b"<?xml version='1.0'?><!-- x --><?pi?>\n<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
         "refused-doctype"),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "refused-encoding"),
        (b"<?xml version='1.0' encoding='utf-16'?><a/>", "refused-encoding"),
        (b"<?xml version='1.0' encoding='nothing-known'?><a/>", "refused-encoding"),
        ("<a/>".encode("utf-16"), "refused-encoding"),
        ("<a/>".encode("utf-16-be"), "refused-encoding"),
        ("<a/>".encode("utf-32"), "refused-encoding"),
        (b"<?xml version='1.1'?><a/>", "refused-version"),
        (gzip.compress(b"<a/>", mtime=0), "refused-packed"),
        (b"PK\x03\x04rest of a zip", "refused-packed"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(data: bytes, code: str) -> None:
    assert code_of(data) == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<a>" + b" " * 2000 + b"</a>", "refused-size"),
        (b"<a>" * 6 + b"</a>" * 6, "refused-depth"),
        (b"<a>" + b"<b/>" * 20 + b"</a>", "refused-elements"),
        (b"<a " + b" ".join(b'x%d="1"' % n for n in range(11)) + b"/>", "refused-attributes"),
        (b"<a " + b" ".join(b'xmlns:x%d="u%d"' % (n, n) for n in range(11)) + b"/>", "refused-attributes"),
    ],
)
def test_each_limit_holds(data: bytes, code: str) -> None:
    assert code_of(data, SMALL) == code


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * 5 + b"</a>" * 5,
        b"<a>" + b"<b/>" * 19 + b"</a>",
        b"<a "
        + b" ".join(b'x%d="1"' % n for n in range(5))
        + b"><b "
        + b" ".join(b'x%d="1"' % n for n in range(10))
        + b"/></a>",
    ],
)
def test_exactly_the_limit_is_taken(data: bytes) -> None:
    assert prescan(data, SMALL).root == "a"


def test_an_entity_bomb_is_refused_before_it_is_expanded() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "x">{entities}]><a>&e9;</a>'
    assert code_of(bomb.encode()) == "refused-doctype"


def test_the_line_of_the_problem_is_in_the_error() -> None:
    with pytest.raises(AltinnDocumentError, match=r"^line 3: "):
        prescan(b"<a>\n<b>\n</c></a>")


def test_a_tree_is_made_of_what_passes() -> None:
    assert parse_xml(b"<a><b>1</b></a>").findtext("b") == "1"


def agrees_with_the_parser(data: bytes) -> None:
    """Check that the look refuses with one issue, or sees the elements that a parser sees."""
    try:
        elements = sum(1 for _ in parse_xml(data).iter())
    except AltinnDocumentError:
        assert code_of(data)
    else:
        assert len(prescan(data).lines) == elements


@given(st.binary(max_size=200))
@example(b"<?xml")
@example(b"<a xmlns:b=''/>")
@example(b"<?xml version='1.0' encoding='\x00'?><a/>")
def test_no_bytes_crash_the_look(data: bytes) -> None:
    agrees_with_the_parser(data)


_PIECES = ["<a>", "</a>", "<b x='1'/>", "<!--", "-->", "<![CDATA[", "]]>", "<?p ", "?>", "&amp;", "&#0;",
           "<!DOCTYPE a>", "xmlns='u'", " ", "\n", "\x00", "æ", "<?xml version='1.0'?>",
           "<a xmlns:n='u' n:x=''>"]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=20).map("".join))
def test_no_broken_xml_crashes_the_look(text: str) -> None:
    agrees_with_the_parser(text.encode())

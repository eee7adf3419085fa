"""What an app keeps is compared with what was sent by what it says, not by how it is written."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import AltinnDocumentError
from altinn.protocol.meaning import Difference, compare_forms, is_allowed, meaning_sha256, shown_pair

NS = "http://example.com/form"
KEPT_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?><form xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns="{NS}">'
)


def sent_xml(content: str) -> bytes:
    return f'<form xmlns="{NS}">{content}</form>'.encode()


def kept_xml(content: str) -> bytes:
    return f"{KEPT_HEAD}{content}</form>".encode()


def told(sent: bytes, kept: bytes) -> list[tuple[str, str, str, str]]:
    return [(d.kind, d.path, d.sent, d.kept) for d in compare_forms(sent, kept)]


SAME = {
    "declarations": ("<a>1</a>", "<a>1</a>"),
    "layout": ("\n  <a>1</a>\n  <b>x y</b>\n", "<a>1</a><b>x y</b>"),
    "layout of a value": ("<a>\n 12\n</a>", "<a>12</a>"),
    "comments": ("<!-- who --><a>1<!-- what --></a><?x y?>", "<a>1</a>"),
    "character data": ("<a><![CDATA[x & y]]></a>", "<a>x &amp; y</a>"),
    "row ids": (
        "<line><a>1</a></line>",
        '<line altinnRowId="5"><altinnRowId>0e1f</altinnRowId><a>1</a></line>',
    ),
    "decimals": ("<a>77511.00</a>", "<a>77511</a>"),
    "sign": ("<a>+5</a>", "<a>5</a>"),
    "minus zero": ("<a>-0.0</a>", "<a>0</a>"),
    "no digit before the point": ("<a>.5</a>", "<a>0.5</a>"),
    "exponent": ("<a>1E3</a>", "<a>1000</a>"),
    "no rounding": ("<a>123456789012345678901234567890.10</a>", "<a>123456789012345678901234567890.1</a>"),
    "truth": ("<a>true</a><b>0</b>", "<a>1</a><b>false</b>"),
    "zone": ("<a>2024-06-01T10:00:00+02:00</a>", "<a>2024-06-01T08:00:00Z</a>"),
    "fraction of a second": ("<a>2024-06-01T10:00:00.120</a>", "<a>2024-06-01T10:00:00.12</a>"),
    "midnight": ("<a>2024-06-01</a>", "<a>2024-06-01T00:00:00</a>"),
    "order of different names": ("<b>2</b><a>1</a>", "<a>1</a><b>2</b>"),
    "where the schema lies": (
        '<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="x y">1</a>',
        "<a>1</a>",
    ),
    "prefixes": (f'<p:a xmlns:p="{NS}">1</p:a>', "<a>1</a>"),
    "prefix of a type": (
        f'<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:q="{NS}" i:type="q:t">1</a>',
        '<a xsi:type="t">1</a>',
    ),
    "nil is no value": (
        '<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>',
        '<a xsi:nil="true" />',
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_what_only_looks_different_is_the_same(name: str) -> None:
    sent, kept = sent_xml(SAME[name][0]), kept_xml(SAME[name][1])
    assert told(sent, kept) == []
    assert meaning_sha256(sent) == meaning_sha256(kept)


OTHER = {
    "another number": ("<a>1.50</a>", "<a>1.05</a>", ("changed", "/form/a", "1.50", "1.05")),
    "the sign": ("<a>-1</a>", "<a>1</a>", ("changed", "/form/a", "-1", "1")),
    "identifiers keep their zeros": ("<a>0123</a>", "<a>123</a>", ("changed", "/form/a", "0123", "123")),
    "case": ("<a>Ja</a>", "<a>ja</a>", ("changed", "/form/a", "Ja", "ja")),
    "space inside": ("<a>x y</a>", "<a>x  y</a>", ("changed", "/form/a", "x y", "x  y")),
    "another instant": (
        "<a>2024-06-01T10:00:00+02:00</a>",
        "<a>2024-06-01T10:00:00Z</a>",
        ("changed", "/form/a", "2024-06-01T10:00:00+02:00", "2024-06-01T10:00:00Z"),
    ),
    "dropped": ("<a>1</a><b>2</b>", "<a>1</a>", ("dropped", "/form/b", "2", "")),
    "added": ("<a>1</a>", "<a>1</a><b>2</b>", ("added", "/form/b", "", "2")),
    "value gone": ("<a>1</a>", "<a/>", ("dropped", "/form/a", "1", "")),
    "value filled in": ("<a/>", "<a>1</a>", ("added", "/form/a", "", "1")),
    "attribute dropped": ('<a x="1">2</a>', "<a>2</a>", ("dropped", "/form/a/@x", "1", "")),
    "attribute added": ("<a>2</a>", '<a orid="7">2</a>', ("added", "/form/a/@orid", "", "7")),
    "attribute changed": ('<a x="1">2</a>', '<a x="3">2</a>', ("changed", "/form/a/@x", "1", "3")),
    "one of a list": (
        "<l>1</l><l>2</l><l>3</l>",
        "<l>1</l><l>3</l>",
        ("dropped", "/form/l[2]", "2", ""),
    ),
    "in a list": (
        "<l><a>1</a></l><l><a>2</a></l><l><a>3</a></l>",
        "<l><a>1</a></l><l><a>9</a></l><l><a>3</a></l>",
        ("changed", "/form/l[2]/a", "2", "9"),
    ),
    "an empty element": ("<a/><b>1</b>", "<b>1</b>", ("empty", "/form/a", "", "")),
}


@pytest.mark.parametrize("name", OTHER)
def test_what_says_something_else_is_told_with_path_and_values(name: str) -> None:
    sent, kept, expected = OTHER[name]
    assert told(sent_xml(sent), kept_xml(kept)) == [expected]


def test_a_dropped_group_is_told_value_by_value() -> None:
    sent = "<g><a>1</a><l><x>2</x></l><l><x>3</x></l></g>"
    assert told(sent_xml(sent), kept_xml("")) == [
        ("dropped", "/form/g/a", "1", ""),
        ("dropped", "/form/g/l[1]/x", "2", ""),
        ("dropped", "/form/g/l[2]/x", "3", ""),
    ]


def test_the_order_of_a_list_counts() -> None:
    assert told(sent_xml("<l>1</l><l>2</l>"), kept_xml("<l>2</l><l>1</l>")) == [
        ("changed", "/form/l[1]", "1", "2"),
        ("changed", "/form/l[2]", "2", "1"),
    ]


def test_a_document_without_a_namespace_is_read_as_the_app_reads_it() -> None:
    assert told(b"<form><a>1</a></form>", kept_xml("<a>1</a>")) == []


def test_another_namespace_is_another_document() -> None:
    [difference] = compare_forms(b'<form xmlns="urn:other"><a>1</a></form>', kept_xml("<a>1</a>"))
    assert (difference.kind, difference.stops) == ("changed", True)


def test_what_the_real_app_dropped() -> None:
    """The exchange recorded in form-put.json: with the unknown element goes what follows it."""
    sent = b"<model><unknown>1</unknown><property1>1</property1></model>"
    assert told(sent, b"<model />") == [
        ("dropped", "/model/unknown", "1", ""),
        ("dropped", "/model/property1", "1", ""),
    ]


@pytest.mark.parametrize(
    "kind", [("dropped", True), ("changed", True), ("added", False), ("empty", False)], ids=lambda kind: kind[0]
)
def test_what_stops_a_filing(kind: tuple[str, bool]) -> None:
    assert Difference(kind[0], "/a").stops is kind[1]


# -- JSON


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def test_json_is_compared_as_json() -> None:
    sent = as_json({"a": 1.50, "list": [{"x": "1"}, {"x": "2"}], "flag": True, "empty": None})
    kept = as_json({"list": [{"x": "1", "altinnRowId": "0e"}, {"x": "2"}], "flag": True, "a": 1.5, "more": [], "b": {}})
    assert compare_forms(sent, kept) == []
    assert meaning_sha256(sent) == meaning_sha256(kept)


def test_json_paths_are_counted_from_0() -> None:
    sent = {"a": {"list": [{"x": "1"}, {"x": "2"}]}, "only": ["k"], "grid": [[1, 2], [3]]}
    kept = {"a": {"list": [{"x": "1"}, {"x": "3"}]}, "new": "n", "grid": [[1, 2], [4]]}
    assert told(as_json(sent), as_json(kept)) == [
        ("changed", "$.a.list[1].x", "2", "3"),
        ("dropped", "$.only[0]", "k", ""),
        ("changed", "$.grid[1][0]", "3", "4"),
        ("added", "$.new", "", "n"),
    ]


# -- foreign content


@pytest.mark.parametrize(
    "kept",
    [
        b'<!DOCTYPE form [<!ENTITY e "x">]><form>&e;</form>',
        b"<form>",
        b"",
        b"{",
        b"\xff\xfe<\x00f\x00",
        b"<a>" * 500 + b"</a>" * 500,
        b"[" * 100_000,
    ],
    ids=["document type", "cut off", "nothing", "half of JSON", "UTF-16", "deep", "deep JSON"],
)
def test_what_cannot_be_read_is_refused(kept: bytes) -> None:
    with pytest.raises(AltinnDocumentError):
        compare_forms(sent_xml("<a>1</a>"), kept)
    with pytest.raises(AltinnDocumentError):
        meaning_sha256(kept)


def test_values_do_not_show_in_a_repr_and_person_numbers_nowhere() -> None:
    [difference] = compare_forms(sent_xml("<a>01010112345</a>"), kept_xml("<a>x</a>"))
    assert "01010112345" not in repr(difference)
    assert "01010112345" not in "".join(shown_pair(difference.sent, difference.sent))
    assert shown_pair("x" * 100, "") == (repr("x" * 60 + "…"), repr(""))


# -- expected differences


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/form/a", True),
        ("/form/g/b", True),
        ("/form/g", True),
        ("/form/gg", False),
        ("/form/line[2]/x", True),
        ("/form/line[2]/y", False),
        ("/form/other[1]/y", True),
        ("/form/other[2]/y", False),
        ("/form/many[3]", True),
        ("$.a.b[0].c", True),
        ("$.ab", False),
    ],
)
def test_expected_differences(path: str, allowed: bool) -> None:
    patterns = ["/form/a", "/form/g", "/form/line/x", "/form/other[1]", "/*/many", "$.a"]
    assert is_allowed(Difference("changed", path), patterns) is allowed


def test_nothing_is_expected_by_default() -> None:
    assert not is_allowed(Difference("changed", "/form/a"), [])


# -- properties

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from(["", "1", "1.0", "01", "x", "true", "2024-01-01"])


def trees() -> st.SearchStrategy[Any]:
    return st.recursive(VALUES, lambda inner: st.lists(st.tuples(NAMES, inner), max_size=4), max_leaves=12)


def element(name: str, tree: Any) -> ElementTree.Element:
    node = ElementTree.Element(name)
    if isinstance(tree, str):
        node.text = tree
    else:
        node.extend(element(*child) for child in tree)
    return node


def rewritten(node: ElementTree.Element) -> ElementTree.Element:
    """Write a form as an app does: members in the order of their names, numbers its own way, empty ones left out."""
    copy = ElementTree.Element(node.tag)
    copy.text = {"1": "1.00", "1.0": "1", "true": "1"}.get(node.text or "", node.text)
    for child in sorted(node, key=lambda child: child.tag):
        if "".join(child.itertext()):
            copy.append(rewritten(child))
    copy.set("altinnRowId", "7")
    return copy


def as_bytes(node: ElementTree.Element) -> bytes:
    return ElementTree.tostring(node)


@given(trees())
def test_what_an_app_rewrites_says_the_same(tree: Any) -> None:
    node = element("form", tree)
    sent, kept = as_bytes(node), as_bytes(rewritten(node))
    assert [d for d in compare_forms(sent, kept) if d.kind != "empty"] == []
    assert meaning_sha256(sent) == meaning_sha256(kept)


@given(trees(), trees())
def test_the_hash_is_the_same_exactly_when_nothing_differs(one: Any, two: Any) -> None:
    sent, kept = as_bytes(element("form", one)), as_bytes(element("form", two))
    differs = any(d.kind != "empty" for d in compare_forms(sent, kept))
    assert differs is (meaning_sha256(sent) != meaning_sha256(kept))


@given(trees(), trees())
def test_a_difference_is_seen_from_both_sides(one: Any, two: Any) -> None:
    """What a list's items are matched with depends on the side; whether anything differs does not."""
    sent, kept = as_bytes(element("form", one)), as_bytes(element("form", two))
    there, back = compare_forms(sent, kept), compare_forms(kept, sent)
    assert any(d.kind != "empty" for d in there) == any(d.kind != "empty" for d in back)
    assert not any(d.kind == "dropped" and not d.sent for d in there)
    assert not any(d.kind == "added" and not d.kept for d in there)

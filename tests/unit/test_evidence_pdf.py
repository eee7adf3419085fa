"""The PDF that a run makes is one that readers accept."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.evidence_pdf import MAX_COLUMNS, MAX_LINES, one_page_pdf
from altinn.exceptions import AltinnInputError

_CP1252 = st.characters(codec="cp1252", categories=["L", "N", "P", "S", "Zs"]).filter(str.isprintable)


def objects_by_offset(pdf: bytes) -> dict[int, bytes]:
    """Read the file as a reader does: from the end to the table, from the table to each object."""
    end = re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", pdf)
    assert end
    table = re.match(rb"xref\n0 (\d+)\n0000000000 65535 f \n((?:\d{10} 00000 n \n)*)trailer\n", pdf[int(end[1]) :])
    assert table
    offsets = [int(entry[:10]) for entry in table[2].splitlines()]
    assert len(offsets) + 1 == int(table[1])
    found = {}
    for number, offset in enumerate(offsets, 1):
        body = re.match(rb"(\d+) 0 obj\n(.*?)\nendobj\n", pdf[offset:], re.DOTALL)
        assert body
        assert int(body[1]) == number
        found[number] = body[2]
    return found


def shown_lines(pdf: bytes) -> list[str]:
    content = re.fullmatch(rb"<< /Length (\d+) >>\nstream\n(.*)endstream", objects_by_offset(pdf)[4], re.DOTALL)
    assert content
    assert int(content[1]) == len(content[2])
    strings = re.findall(rb"\(((?:[^\\()]|\\.)*)\) Tj", content[2], re.DOTALL)
    return [re.sub(rb"\\(.)", rb"\1", text).decode("cp1252") for text in strings]


def test_the_objects_lie_where_the_table_says() -> None:
    found = objects_by_offset(one_page_pdf(["Vedlegg"]))
    assert found[1] == b"<< /Type /Catalog /Pages 2 0 R >>"
    assert b"/Contents 4 0 R" in found[3]


@given(st.lists(st.text(_CP1252, max_size=MAX_COLUMNS), max_size=MAX_LINES))
def test_every_line_is_on_the_page_unchanged(lines: list[str]) -> None:
    assert shown_lines(one_page_pdf(lines)) == lines


def test_the_same_lines_give_the_same_bytes() -> None:
    assert one_page_pdf(["a", "b"]) == one_page_pdf(["a", "b"])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["x"] * (MAX_LINES + 1), "lines do not fit"),
        (["x" * (MAX_COLUMNS + 1)], "does not fit"),
        (["a\nb"], "control characters"),
        (["日本"], "no character"),
    ],
)
def test_what_does_not_fit_is_refused(lines: list[str], says: str) -> None:
    with pytest.raises(AltinnInputError, match=says):
        one_page_pdf(lines)

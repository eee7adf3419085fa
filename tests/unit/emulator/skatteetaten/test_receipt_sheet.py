from __future__ import annotations

import re

from altinn.emulator.skatteetaten.receipt_sheet import receipt_pdf


def test_the_table_says_where_each_object_begins() -> None:
    pdf = receipt_pdf(["Kvittering (1)", r"a\b", "Blåbær – 日本"])
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", pdf)[0])
    assert pdf[start:].startswith(b"xref\n0 6\n")
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n \n", pdf[start:])]
    assert len(offsets) == 5
    for number, offset in enumerate(offsets, 1):
        assert pdf[offset:].startswith(b"%d 0 obj\n" % number)


def test_the_content_is_as_long_as_it_says_and_its_text_is_escaped() -> None:
    pdf = receipt_pdf(["Kvittering (1)", r"a\b", "Blåbær – 日本"])
    length, content = re.findall(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", pdf, re.DOTALL)[0]
    assert len(content) == int(length)
    assert rb"(Kvittering \(1\)) Tj" in content
    assert rb"(a\\b) Tj" in content
    assert "(Blåbær ? ??) Tj".encode("latin-1") in content

"""Of two documents of one type, neither decides."""

from __future__ import annotations

import pytest

from altinn.exceptions import AltinnUnknownOutcomeError
from altinn.protocol.verdict_documents import VerdictDocuments


def test_one_document_and_copies_of_it_can_be_read() -> None:
    documents = VerdictDocuments("1/a")
    documents.add("result", "a.xml", b"ok")
    documents.add("result", "b.xml", b"ok")
    assert dict(documents) == {"result": b"ok"}
    assert documents.get("other") is None
    assert "other" not in documents


@pytest.mark.parametrize("contents", [(b"ok", b"no"), (b"no", b"ok"), (b"ok", b"ok", b"no")])
def test_documents_that_differ_are_named_instead_of_read(contents: tuple[bytes, ...]) -> None:
    documents = VerdictDocuments("1/a")
    for number, content in enumerate(contents):
        documents.add("result", f"{number}.xml", content)
    documents.add("receipt", "r.pdf", b"%PDF")
    assert documents["receipt"] == b"%PDF"
    assert "result" in documents
    with pytest.raises(AltinnUnknownOutcomeError, match=r"result, which differ: 0\.xml, 1\.xml"):
        documents.get("result")

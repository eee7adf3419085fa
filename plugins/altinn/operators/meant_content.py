"""What an operator's arguments say is meant to be filed."""

from __future__ import annotations

from collections.abc import Sequence

from altinn.documents import combined_sha256
from altinn.protocol.filed_document import Document
from altinn.protocol.meant_documents import MeantDocuments


def meant_documents(
    content_sha256: str | None, documents: Sequence[Document], allow_changes: Sequence[str] = ()
) -> MeantDocuments:
    """Take the caller's hash, or make it from the documents."""
    if content_sha256 or not documents:
        return MeantDocuments(content_sha256 or "", documents, allow_changes)
    named = [{"data_type": d.data_type, "file_name": d.file_name, "sha256": d.sha256} for d in documents]
    return MeantDocuments(combined_sha256(named), documents, allow_changes)

"""Check planned documents against the app's own metadata, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from altinn.exceptions import AltinnDocumentError
from altinn.issue_table import table_of
from altinn.protocol.upload import Document


def check_documents(
    app: str,
    metadata: Mapping[str, Any],
    documents: Sequence[Document],
    *,
    whole: bool,
    report: Callable[[str], None],
) -> None:
    """Refuse what the app would refuse.

    :param whole: the documents are all that will be filed, so that required types must be among them.
    :raises AltinnDocumentError: lists every finding.
    """
    from altinn.validation.preflight import PlannedDocument, check_plan

    planned = [PlannedDocument(d.data_type, d.file_name, d.content_type, d.size) for d in documents]
    issues = check_plan(metadata, planned, required=whole)
    for issue in issues:
        if issue.severity != "error":
            report(f"{issue.severity}: {issue.where}: {issue.message}")
    errors = [issue for issue in issues if issue.severity == "error"]
    if errors:
        raise AltinnDocumentError(
            f"{app} would refuse {len(errors)} of the planned documents; nothing was sent\n{table_of(errors)}", errors
        )

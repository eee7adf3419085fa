"""Check planned documents against the app's own metadata, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from altinn.exceptions import AltinnDocumentError, Issue
from altinn.issue_table import table_of
from altinn.protocol.filed_document import Document
from altinn.protocol.identifiers import InstanceOwner


def check_documents(
    app: str,
    metadata: Mapping[str, Any],
    documents: Sequence[Document],
    *,
    whole: bool,
    report: Callable[[str], None],
    owner: str | None = None,
) -> None:
    """Refuse what the app would refuse.

    :param whole: the documents are all that will be filed, so that required types must be among them.
    :param owner: "organisation" or "person", where it is known who is going to file.
    :raises AltinnDocumentError: lists every finding.
    """
    issues = plan_issues(metadata, documents, whole=whole, owner=owner)
    for issue in issues:
        if issue.severity != "error":
            report(f"{issue.severity}: {issue.where}: {issue.message}")
    errors = [issue for issue in issues if issue.severity == "error"]
    if errors:
        raise AltinnDocumentError(
            f"{app} would refuse what is planned, for {len(errors)} reason(s); nothing was sent\n{table_of(errors)}",
            errors,
        )


def plan_issues(
    metadata: Mapping[str, Any],
    documents: Sequence[Document],
    *,
    whole: bool,
    owner: str | None = None,
    task_id: str = "",
) -> list[Issue]:
    """Return what the app would refuse or change, by its metadata; see `altinn.validation.preflight`."""
    from altinn.validation.preflight import PlannedDocument, check_owner, check_plan

    planned = [PlannedDocument(d.data_type, d.file_name, d.content_type, d.size) for d in documents]
    return [
        *(check_owner(metadata, owner) if owner else ()),
        *check_plan(metadata, planned, required=whole, task_id=task_id),
    ]


def owner_kind(owner: InstanceOwner) -> str | None:
    """Return whether an owner is an organisation or a person; None when only Altinn knows."""
    return "organisation" if owner.organisation_number else "person" if owner.username else None

"""Whether a person has approved exactly what is about to be filed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altinn.documents import combined_sha256
from altinn.exceptions import AltinnActionDeniedError, AltinnDiffersError, AltinnInputError

APPROVE = "Approve"


def approved_sha256(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the hash over everything that was uploaded, generated documents included.

    :raises AltinnInputError: there is nothing to approve, or an entry is not what an upload task returned.
    """
    if not documents:
        raise AltinnInputError("there are no documents to approve: pass the upload tasks' outputs")
    try:
        return combined_sha256(documents)
    except KeyError as exc:
        raise AltinnInputError(f"documents must be what AltinnUploadDataOperator returned: {exc} is missing") from exc


def check_approval(approved: object, documents: object, instance_id: object) -> None:
    """Return only if a person of this run has approved exactly these documents, in this draft.

    :param approved: what the approval task of this run returned.
    :param documents: what the upload tasks of this run returned.
    :param instance_id: the draft that is to be pushed.
    :raises AltinnActionDeniedError: nobody has approved.
    :raises AltinnDiffersError: something else was approved.
    """
    if not isinstance(approved, Mapping) or APPROVE not in (approved.get("chosen_options") or ()):
        raise AltinnActionDeniedError(
            "this run has no approval of the filing: nothing was pushed. Run the approval task and let a person answer"
        )
    if not approved.get("responded_by_user"):
        raise AltinnActionDeniedError(
            "the approval names nobody who gave it, as after a timeout: nothing was pushed. Clear the approval task, "
            "and let a person answer"
        )
    draft = approved.get("instance_id")
    if draft and draft != str(instance_id):
        raise AltinnDiffersError(
            f"what was approved is {draft}, and {instance_id} would be filed: nothing was pushed. Clear the approval "
            "task, so that a person looks at it again",
            [str(draft), str(instance_id)],
        )
    digest = approved_sha256(flat_documents(documents))
    if approved.get("content_sha256") != digest:
        raise AltinnDiffersError(
            f"what was approved (SHA-256 {str(approved.get('content_sha256'))[:12]}…) is not what would be filed "
            f"({digest[:12]}…): nothing was pushed. Clear the approval task, so that a person looks at it again"
        )


def lacks_documents(documents: object) -> bool:
    """Tell whether the answer of one of several upload tasks is not there (any more)."""
    if isinstance(documents, Mapping | str | bytes):
        return False
    return documents is None or (isinstance(documents, Sequence) and any(map(lacks_documents, documents)))


def flat_documents(documents: object, *, partial: bool = False) -> list[Mapping[str, Any]]:
    """Flatten what upload tasks returned: a list of documents, or a list of such lists.

    :param partial: take what is there, for a record.
    :raises AltinnInputError: it is something else, or a task's answer is not there (any more), so that what it has
        uploaded would be compared with nothing.
    """
    if documents is None and partial:
        return []
    if documents is None:
        raise AltinnInputError(
            "documents: an upload task's answer is not there, so what it has uploaded cannot be compared. Nothing was "
            "pushed; clear the upload task together with this one: it uploads nothing twice"
        )
    if isinstance(documents, Mapping):
        return [documents]
    if isinstance(documents, Sequence) and not isinstance(documents, str | bytes):
        return [entry for item in documents for entry in flat_documents(item, partial=partial)]
    raise AltinnInputError(
        f"documents must be what AltinnUploadDataOperator returned, got {type(documents).__name__}: pass its .output"
    )

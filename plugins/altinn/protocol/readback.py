"""Read back what Altinn keeps and compare it with what was sent.

An app answers 201 and drops what it does not know, so a form is compared by meaning; everything else is kept as it
was sent, so it is compared byte for byte. The answer of a PUT is not trusted: it shows the element as it was before.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from altinn.exceptions import AltinnAnswerError, AltinnDiffersError, AltinnDocumentError
from altinn.protocol.app_api import App
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.meaning import Difference, compare_forms, is_allowed, meaning_sha256, shown_pair
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow

_SHOWN = 50


class _Digest(io.RawIOBase):
    """A file that keeps only hash and size of what is written to it: attachments may have gigabytes."""

    def __init__(self) -> None:
        super().__init__()
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self.size += len(data)
        return len(data)


def measured_element(session: Session, app: App, instance_id: InstanceId, element_id: str) -> Flow[tuple[int, str]]:
    """Download an element and return size and SHA-256 of its bytes, without keeping them."""
    digests: list[_Digest] = []

    def sink() -> BinaryIO:
        digests.append(_Digest())
        return cast("BinaryIO", digests[-1])

    yield from session.perform(app.read_data(instance_id, element_id, sink=sink))
    return digests[-1].size, digests[-1].sha256.hexdigest()


def sha256_of(session: Session, app: App, instance_id: InstanceId, element_id: str) -> Flow[str]:
    """Download an element and return the SHA-256 of its bytes, without keeping them."""
    _, digest = yield from measured_element(session, app, instance_id, element_id)
    return digest


def read_kept_form(
    session: Session, app: App, instance_id: InstanceId, element_id: str, content_type: str
) -> Flow[bytes]:
    """Read a form as the app keeps it, as JSON or XML: whichever was sent.

    :param content_type: of what was sent.
    """
    accept = "application/json" if "json" in content_type else "application/xml"
    answer = yield from session.perform(app.read_data(instance_id, element_id, accept=accept))
    return answer.body


@dataclass(frozen=True, slots=True)
class FormReadBack:
    """Compares one instance's forms with what was sent.

    :param allow_changes: paths where a difference is expected; see `altinn.protocol.meaning.is_allowed`.
    :param report: takes one line for each finding, for the log.
    """

    session: Session
    app: App
    instance_id: InstanceId
    allow_changes: Collection[str] = ()
    report: Callable[[str], None] = lambda _line: None

    def tell_what_goes(self, label: str, element_id: str, content_type: str, sent: bytes) -> Flow[None]:
        """Report, before a form is overwritten, which values in it the new one lacks or changes: prefill, mostly."""
        kept = yield from read_kept_form(self.session, self.app, self.instance_id, element_id, content_type)
        try:
            there = compare_forms(sent, kept)
        except AltinnDocumentError:
            self.report(f"{label}: what lies in the form already cannot be read ({len(kept)} bytes); it is overwritten")
            return
        lost = [
            Difference("erased" if d.sent == "" else "overwritten", d.path, d.sent, d.kept) for d in there if d.kept
        ]
        if lost:
            self.report(
                f"{label}: {len(lost)} value(s) that lie in the form already, prefilled or from an earlier upload, are "
                f"not in the document and go\n{table_of_differences(lost)}"
            )

    def check(
        self, label: str, element_id: str, content_type: str, sent: bytes, calculated: Mapping[str, Any] | None = None
    ) -> Flow[str]:
        """Compare what the app keeps with what was sent, and report every difference with both values.

        :param calculated: `changedFields` of the upload's answer.
        :return: a hash over the meaning of what is kept, for comparing again later; see `meaning_sha256`.
        :raises AltinnDiffersError: something was dropped or changed, and not expected to.
        """
        kept = yield from read_kept_form(self.session, self.app, self.instance_id, element_id, content_type)
        try:
            differences = compare_forms(sent, kept)
        except AltinnDocumentError as exc:
            raise AltinnAnswerError(
                f"{self.instance_id}: what the app keeps of {label} cannot be read ({len(kept)} bytes): {exc}"
            ) from exc
        stopping = [d for d in differences if d.stops and not is_allowed(d, self.allow_changes)]
        if differences:
            table = table_of_differences(differences, calculated or {}, self.allow_changes)
            self.report(f"{label}: what the app keeps differs from what was sent\n{table}")
        if stopping:
            paths = ", ".join(f"{d.kind} {d.path}" for d in stopping[:10]) + (" …" if len(stopping) > 10 else "")
            raise AltinnDiffersError(
                f"{self.instance_id}: the app does not keep {label} as it was sent: {len(stopping)} value(s), {paths}. "
                "Nothing was pushed. Mend the document, or list in allow_changes what is expected; the task's log has "
                "the values",
                [str(self.instance_id)],
            )
        return meaning_sha256(kept)


def table_of_differences(
    differences: Sequence[Difference], calculated: Mapping[str, Any] | None = None, allowed: Collection[str] = ()
) -> str:
    """Lay differences out for a log: kind, path, both values, and why one is no reason to stop."""
    fields = {_plain_field(name) for name in calculated or ()}
    lines = []
    width = max((len(d.path) for d in differences[:_SHOWN]), default=0)
    for difference in differences[:_SHOWN]:
        sent, kept = shown_pair(difference.sent, difference.kept)
        values = [
            f"{side} {text}"
            for side, text, there in (("sent", sent, difference.sent), ("kept", kept, difference.kept))
            if there
        ]
        notes = []
        if difference.kind != "dropped" and _field_of(difference.path) in fields:
            notes.append("calculated by the app")
        if difference.stops and is_allowed(difference, allowed):
            notes.append("expected")
        note = f" ({', '.join(notes)})" if notes else ""
        lines.append(f"  {difference.kind:<11} {difference.path:<{width}}  {', '.join(values)}{note}".rstrip())
    if len(differences) > _SHOWN:
        lines.append(f"  … and {len(differences) - _SHOWN} more")
    return "\n".join(lines)


def _field_of(path: str) -> str:
    """Return a path as `changedFields` has it, but for numbers and case: without the root, with dots."""
    if path.startswith("$"):
        return _plain_field(path.lstrip("$").lstrip("."))
    return _plain_field(".".join(path.split("/")[2:]).replace("@", ""))


def _plain_field(name: str) -> str:
    return re.sub(r"\[[0-9]+\]", "", name).lower()

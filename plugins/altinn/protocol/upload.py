"""Put documents into an instance: replace the auto-created form, add the rest once, and wait for the virus scan.

A POST adds another element each time, so the list of elements is read before it and after a lost answer. Names are
compared loosely, because Storage decodes them twice, and content is compared by its hash. What lies there at the end is
read back and compared: a form by meaning, everything else byte for byte (`altinn.protocol.readback`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from altinn.exceptions import (
    AltinnAmbiguousError,
    AltinnAnswerError,
    AltinnConflictError,
    AltinnDiffersError,
    AltinnInputError,
    AltinnNoAnswerError,
    AltinnServerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnUnknownOutcomeError,
)
from altinn.protocol.app_api import App
from altinn.protocol.closed_instance import ClosedInstance
from altinn.protocol.filed_document import Document, Placed, has_content, loose_name, same_name
from altinn.protocol.filing_key import is_delivered
from altinn.protocol.form_tree import read_form
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import DataElement, Instance
from altinn.protocol.readback import FormReadBack, measured_element
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.virus_scan import await_scan
from altinn.protocol.wire import Flow

_PERHAPS_DONE = (
    AltinnNoAnswerError,
    AltinnAnswerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnServerError,
    AltinnConflictError,
)


@dataclass(frozen=True, slots=True)
class Upload:
    """Puts documents into one instance, in their order.

    :param forms: the app's form data types; see `form_types`.
    :param scan_timeout: seconds to wait for the virus scan.
    :param allow_changes: paths in forms where the app may keep something else than was sent.
    :param report: takes one line for each decision, for the log.
    """

    session: Session
    app: App
    storage: Storage
    instance_id: InstanceId
    forms: frozenset[str]
    scan_timeout: float = 600.0
    allow_changes: Collection[str] = ()
    report: Callable[[str], None] = lambda _line: None
    takes_other: bool = False

    def run(self, documents: Sequence[Document]) -> Flow[list[Placed]]:
        """Put every document in place; what lies there already is kept, so a repeat goes on where it stopped.

        :raises AltinnInputError: two documents would overwrite each other.
        :raises AltinnAmbiguousError: more than one element could be meant.
        :raises AltinnDocumentError: the virus scan refused a file.
        :raises AltinnDiffersError: what Altinn keeps is not what was sent.
        """
        self._refuse_twins(documents)
        placed = []
        for number, document in enumerate(documents, 1):
            done = yield from self._place(document)
            self.report(f"{number}/{len(documents)} {done.how}: {document.label}, {document.size} bytes")
            placed.append(done)
        yield from await_scan(self.instance_id, self._instance, {p.element_id for p in placed}, self.scan_timeout)
        for done in placed:
            if done.how in ("added", "replaced") and done.document.data_type not in self.forms:
                yield from self._read_back_file(done)
        return placed

    @property
    def _read_back(self) -> FormReadBack:
        return FormReadBack(self.session, self.app, self.instance_id, self.allow_changes, self.report)

    @property
    def _closed(self) -> ClosedInstance:
        return ClosedInstance(
            self.session, self.app, self.instance_id, self.forms, self._read_back, self.report, self.takes_other
        )

    def _read_back_file(self, placed: Placed) -> Flow[None]:
        size, digest = yield from measured_element(self.session, self.app, self.instance_id, placed.element_id)
        sent = placed.document
        if (size, digest) != (sent.size, sent.sha256):
            raise AltinnDiffersError(
                f"{self.instance_id}: Altinn keeps {sent.label} with {size} bytes and SHA-256 {digest[:12]}…, but "
                f"{sent.size} bytes with {sent.sha256[:12]}… were sent: nothing was pushed. Run the task again",
                [str(self.instance_id)],
            )

    def _refuse_twins(self, documents: Sequence[Document]) -> None:
        seen: set[tuple[str, str]] = set()
        for document in documents:
            name = "" if document.data_type in self.forms else loose_name(document.file_name)
            if (document.data_type, name) in seen:
                raise AltinnInputError(
                    f"two documents are {document.label}: the second would overwrite the first. Give them different "
                    "file names, and a form only once"
                )
            seen.add((document.data_type, name))

    def _instance(self) -> Flow[Instance]:
        return (yield from self.session.perform(self.storage.get_instance(self.instance_id)))

    def _place(self, document: Document) -> Flow[Placed]:
        instance = yield from self._instance()
        present = instance.of_type(document.data_type)
        if is_delivered(instance):
            return (yield from self._closed.delivered(document, present))
        if instance.process.task_type not in ("", "data"):
            settled = yield from self._closed.settled(document, present, instance)
            if settled is not None:
                return settled
        if document.data_type in self.forms:
            return (yield from self._place_form(document, present))
        return (yield from self._place_file(document, present))

    def _place_form(self, document: Document, present: Sequence[DataElement]) -> Flow[Placed]:
        if len(present) > 1:
            raise AltinnAmbiguousError(
                f"{self.instance_id} has {len(present)} elements of form {document.data_type}: none is overwritten",
                [str(self.instance_id)],
            )
        sent = document.content()
        read_form(sent)  # What no app could read either is refused before anything is sent.
        if present:
            element_id = present[0].id
            yield from self._read_back.tell_what_goes(document.label, element_id, document.content_type, sent)
            calculated = yield from self._replace(document, present[0])
            how = "replaced"
        else:
            added = yield from self._add(document, present)
            element_id, how, calculated = added.element_id, added.how, {}
        meaning = yield from self._read_back.check(document.label, element_id, document.content_type, sent, calculated)
        return Placed(document, element_id, how, meaning)

    def _place_file(self, document: Document, present: Sequence[DataElement]) -> Flow[Placed]:
        named = [e for e in present if same_name(e.file_name, document.file_name)]
        same = []
        for element in named:
            if element.size == document.size and (yield from self._holds(element, document)):
                same.append(element)
        if same:
            yield from self._remove_twins(document, same[1:])
            return Placed(document, same[0].id, "kept")
        if len(named) > 1:
            raise AltinnAmbiguousError(
                f"{self.instance_id} has {len(named)} elements {document.label} with other content: remove them first",
                [str(self.instance_id)],
            )
        if named:
            yield from self._replace(document, named[0])
            return Placed(document, named[0].id, "replaced")
        return (yield from self._add(document, present))

    def _remove_twins(self, document: Document, twins: Sequence[DataElement]) -> Flow[None]:
        """Remove copies of what is kept: an upload that was sent once may arrive again, long after its answer."""
        for twin in twins:
            yield from self.session.perform(self.app.delete_data(self.instance_id, twin.id))
            self.report(f"{document.label} lay there twice with the same bytes: the later one is removed")

    def _replace(self, document: Document, element: DataElement) -> Flow[Mapping[str, Any]]:
        """Overwrite an element, and return which fields the app says it has calculated."""
        file_name = "" if document.data_type in self.forms else document.file_name
        changed = yield from self.session.perform(
            self.app.replace_data(self.instance_id, element.id, document.body, document.content_type, file_name)
        )
        if changed:
            self.report(f"the app calculated fields of {document.label}: {', '.join(sorted(changed)[:20])}")
        return changed

    def _add(self, document: Document, present: Sequence[DataElement]) -> Flow[Placed]:
        call = self.app.add_data(
            self.instance_id, document.data_type, document.body, document.content_type, document.file_name
        )
        try:
            element_id = yield from self.session.perform(call)
        except _PERHAPS_DONE as exc:
            arrived = yield from self._arrived(document, {e.id for e in present})
            if arrived is not None:
                self.report(f"{document.label} had arrived although {type(exc).__name__} came back")
                return Placed(document, arrived.id, "added")
            if isinstance(exc, AltinnConflictError):
                raise
            raise AltinnUnknownOutcomeError(
                f"the upload of {document.label} to {self.instance_id} got no clean answer and no element shows; a "
                f"retry looks again before it sends. Cause: {exc}",
                [str(self.instance_id)],
            ) from exc
        return Placed(document, element_id, "added")

    def _arrived(self, document: Document, known: set[str]) -> Flow[DataElement | None]:
        instance = yield from self._instance()
        for element in instance.of_type(document.data_type):
            if element.id in known:
                continue
            if document.data_type in self.forms:
                return element
            if not same_name(element.file_name, document.file_name):
                continue
            if element.size == document.size and (yield from self._holds(element, document)):
                return element
        return None

    def _holds(self, element: DataElement, document: Document) -> Flow[bool]:
        return (yield from has_content(self.session, self.app, self.instance_id, element, document))

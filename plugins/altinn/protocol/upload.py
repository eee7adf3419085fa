"""Put documents into an instance: replace the auto-created form, add the rest once, and wait for the virus scan.

A POST adds another element each time, so the list of elements is read before it and after a lost answer. Names are
compared loosely, because Storage decodes them twice, and content is compared by its hash. What lies there at the end is
read back and compared: a form by meaning, everything else byte for byte (`altinn.protocol.readback`).
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from altinn.exceptions import (
    AltinnAmbiguousError,
    AltinnAnswerError,
    AltinnConflictError,
    AltinnDiffersError,
    AltinnDocumentError,
    AltinnInputError,
    AltinnNoAnswerError,
    AltinnServerError,
    AltinnTimeoutError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnUnknownOutcomeError,
    Issue,
)
from altinn.protocol.app_api import App, ascii_name
from altinn.protocol.filing import is_delivered
from altinn.protocol.form_tree import read_form
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.meaning import compare_forms, meaning_sha256
from altinn.protocol.model import DataElement, Instance
from altinn.protocol.readback import (
    FormReadBack,
    measured_element,
    read_kept_form,
    sha256_of,
    table_of_differences,
)
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import Flow, Sleep, StreamBody

_PERHAPS_DONE = (
    AltinnNoAnswerError,
    AltinnAnswerError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnServerError,
    AltinnConflictError,
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document to be filed.

    :param size: bytes.
    :param sha256: lower-case hex digest of the bytes.
    :param open: gives a new binary stream of the bytes.
    """

    data_type: str
    file_name: str
    content_type: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)

    @property
    def body(self) -> StreamBody:
        """The document as a request body."""
        return StreamBody(self.open, self.size, self.sha256, self.label)

    def content(self) -> bytes:
        """Read the whole document; forms only, an attachment may have gigabytes."""
        with self.open() as stream:
            return stream.read()

    @property
    def label(self) -> str:
        """The document for logs."""
        return f"{self.data_type} {self.file_name}".strip()


@dataclass(frozen=True, slots=True)
class Placed:
    """A document as it lies in the instance.

    :param document: its size and hash are those of what was sent; of what Altinn keeps, if it was delivered before.
    :param how: "replaced", "added", "kept" (it lay there already) or "delivered" (nothing may change any more).
    :param meaning: of a form: the hash over the meaning of what the app keeps (`meaning_sha256`), by which the push
        task sees that it still says the same.
    """

    document: Document
    element_id: str
    how: str
    meaning: str = ""

    def as_json(self) -> dict[str, str | int]:
        """Return the plain JSON that goes to XCom."""
        return {
            "data_type": self.document.data_type,
            "file_name": self.document.file_name,
            "content_type": self.document.content_type,
            "size": self.document.size,
            "sha256": self.document.sha256,
            "element_id": self.element_id,
            "how": self.how,
            **({"meaning_sha256": self.meaning} if self.meaning else {}),
        }


def form_types(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Return the data types that the app reads as forms and writes anew (`appLogic.classRef`)."""
    return frozenset(
        str(item.get("id")) for item in metadata.get("dataTypes") or () if (item.get("appLogic") or {}).get("classRef")
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
        yield from self._await_scan({p.element_id for p in placed})
        for done in placed:
            if done.how in ("added", "replaced") and done.document.data_type not in self.forms:
                yield from self._read_back_file(done)
        return placed

    @property
    def _read_back(self) -> FormReadBack:
        return FormReadBack(self.session, self.app, self.instance_id, self.allow_changes, self.report)

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
            name = "" if document.data_type in self.forms else _loose(document.file_name)
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
            return (yield from self._delivered(document, present))
        if instance.process.task_type not in ("", "data"):
            settled = yield from self._settled(document, present, instance)
            if settled is not None:
                return settled
        if document.data_type in self.forms:
            return (yield from self._place_form(document, present))
        return (yield from self._place_file(document, present))

    def _settled(self, document: Document, present: Sequence[DataElement], instance: Instance) -> Flow[Placed | None]:
        """Compare with what lies there, once the data task has been left: nothing is overwritten any more.

        A run that failed at the confirmation and is cleared comes here; what it uploaded then must still be meant.

        :return: None when there is no such element yet.
        :raises AltinnDiffersError: it lies there with other content.
        """
        if document.data_type in self.forms:
            if len(present) != 1:
                return None
            meaning = yield from self._read_back.check(
                document.label, present[0].id, document.content_type, document.content(), {}
            )
            return Placed(document, present[0].id, "kept", meaning)
        named = [e for e in present if same_name(e.file_name, document.file_name)]
        for element in named:
            if element.size == document.size and (yield from self._has_content(element, document)):
                return Placed(document, element.id, "kept")
        if not named:
            return None
        raise AltinnDiffersError(
            f"{self.instance_id} stands at {instance.process.where} with another {document.label} than the file here: "
            "nothing is overwritten there. Lead it back to its data task in Altinn, or delete that draft, and run the "
            "filing again",
            [str(self.instance_id)],
        )

    def _delivered(self, document: Document, present: Sequence[DataElement]) -> Flow[Placed]:
        """Describe what was delivered, with the hash of what Altinn keeps: that, not today's file, is filed."""
        matching = [
            e for e in present if document.data_type in self.forms or same_name(e.file_name, document.file_name)
        ]
        if not matching:
            raise AltinnDiffersError(
                f"{self.instance_id} has been delivered without {document.label}: what is delivered cannot be changed; "
                "file a correction",
                [str(self.instance_id)],
            )
        if document.data_type in self.forms:
            return (yield from self._delivered_form(document, matching[0]))
        size, digest = yield from measured_element(self.session, self.app, self.instance_id, matching[0].id)
        kept = replace(document, size=size, sha256=digest)
        if kept.sha256 != document.sha256:
            self.report(f"{document.label} lies in the delivered instance with other bytes than the file here has")
        return Placed(kept, matching[0].id, "delivered")

    def _delivered_form(self, document: Document, element: DataElement) -> Flow[Placed]:
        body = yield from read_kept_form(self.session, self.app, self.instance_id, element.id, document.content_type)
        differences = compare_forms(document.content(), body)
        if any(difference.stops for difference in differences):
            self.report(
                f"{document.label}: the delivered form says something else than the document here\n"
                f"{table_of_differences(differences)}"
            )
        return Placed(replace(document, size=element.size), element.id, "delivered", meaning_sha256(body))

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
            if element.size == document.size and (yield from self._has_content(element, document)):
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
            if element.size == document.size and (yield from self._has_content(element, document)):
                return element
        return None

    def _has_content(self, element: DataElement, document: Document) -> Flow[bool]:
        digest = yield from sha256_of(self.session, self.app, self.instance_id, element.id)
        return digest == document.sha256

    def _await_scan(self, element_ids: set[str]) -> Flow[None]:
        waited, pause = 0.0, 1.0
        while True:
            instance = yield from self._instance()
            elements = [e for e in instance.elements if e.id in element_ids]
            infected = [e for e in elements if e.file_scan == "Infected"]
            if infected:
                issues = [
                    Issue("error", "DataElementFileInfected", e.file_name, "Altinn's virus scan refused it", "altinn")
                    for e in infected
                ]
                names = ", ".join(e.file_name or e.data_type for e in infected)
                raise AltinnDocumentError(
                    f"{self.instance_id}: the virus scan refused {names}: replace the file", issues
                )
            pending = [e for e in elements if e.file_scan == "Pending"]
            if not pending:
                return
            if waited >= self.scan_timeout:
                raise AltinnTimeoutError(f"{self.instance_id}: {len(pending)} file(s) not scanned after {waited:.0f} s")
            yield Sleep(pause, f"virus scan of {len(pending)} file(s)")
            waited += pause
            pause = min(pause * 2, 15.0)


def same_name(kept: str, sent: str) -> bool:
    """Compare file names as Altinn may have changed them.

    Storage decodes them twice and takes '+' for a space; the app reads only the ASCII form when a file is replaced.
    """
    return _loose(kept) in (_loose(sent), _loose(ascii_name(sent)))


def _loose(name: str) -> str:
    for _ in range(2):
        name = urllib.parse.unquote_plus(name)
    return name.strip().casefold()

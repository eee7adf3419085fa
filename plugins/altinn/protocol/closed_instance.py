"""Compare documents with an instance that takes no more of them: it has left its data task, or was delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from altinn.exceptions import AltinnDiffersError
from altinn.protocol.app_api import App
from altinn.protocol.filed_document import Document, Placed, has_content, same_name
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.meaning import compare_forms, is_allowed, meaning_sha256
from altinn.protocol.model import DataElement, Instance
from altinn.protocol.readback import FormReadBack, measured_element, read_kept_form, table_of_differences
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow


@dataclass(frozen=True, slots=True)
class ClosedInstance:
    """Finds documents in an instance that is not written any more.

    :param forms: the app's form data types.
    :param read_back: compares a form with what the app keeps.
    :param report: takes one line for each finding, for the log.
    :param takes_other: a delivered document that differs from today's is told, and no reason to stop.
    """

    session: Session
    app: App
    instance_id: InstanceId
    forms: frozenset[str]
    read_back: FormReadBack
    report: Callable[[str], None]
    takes_other: bool = False

    def settled(self, document: Document, present: Sequence[DataElement], instance: Instance) -> Flow[Placed | None]:
        """Compare with what lies there, once the data task has been left: nothing is overwritten any more.

        A run that failed at the confirmation and is cleared comes here; what it uploaded then must still be meant.

        :return: None when there is no such element yet.
        :raises AltinnDiffersError: it lies there with other content.
        """
        if document.data_type in self.forms:
            if len(present) != 1:
                return None
            try:
                meaning = yield from self.read_back.check(
                    document.label, present[0].id, document.content_type, document.content(), {}
                )
            except AltinnDiffersError as exc:
                raise self._cannot_overwrite(document, instance) from exc
            return Placed(document, present[0].id, "kept", meaning)
        named = [e for e in present if same_name(e.file_name, document.file_name)]
        for element in named:
            if element.size == document.size and (
                yield from has_content(self.session, self.app, self.instance_id, element, document)
            ):
                return Placed(document, element.id, "kept")
        if not named:
            return None
        raise self._cannot_overwrite(document, instance)

    def _cannot_overwrite(self, document: Document, instance: Instance) -> AltinnDiffersError:
        return AltinnDiffersError(
            f"{self.instance_id} stands at {instance.process.where} with another {document.label} than the file here: "
            "nothing is overwritten there, and nothing was pushed. Lead it back to its data task in Altinn, or delete "
            "that draft, and run the filing again",
            [str(self.instance_id)],
        )

    def holds(self, documents: Sequence[Document], instance: Instance) -> Flow[bool]:
        """Whether the documents, and no other ones of their types, lie in the instance as they are here.

        Forms are compared by meaning, but for what `read_back` allows the app to change; files byte for byte.
        """
        for data_type in {document.data_type for document in documents} - self.forms:
            if len(instance.of_type(data_type)) != sum(document.data_type == data_type for document in documents):
                return False
        for document in documents:
            if not (yield from self._holds_one(document, instance.of_type(document.data_type))):
                return False
        return True

    def _holds_one(self, document: Document, present: Sequence[DataElement]) -> Flow[bool]:
        if document.data_type in self.forms:
            if len(present) != 1:
                return False
            body = yield from read_kept_form(
                self.session, self.app, self.instance_id, present[0].id, document.content_type
            )
            allowed = self.read_back.allow_changes
            return not any(d.stops and not is_allowed(d, allowed) for d in compare_forms(document.content(), body))
        named = [e for e in present if same_name(e.file_name, document.file_name) and e.size == document.size]
        for element in named:
            if (yield from has_content(self.session, self.app, self.instance_id, element, document)):
                return True
        return False

    def delivered(self, document: Document, present: Sequence[DataElement]) -> Flow[Placed]:
        """Describe what was delivered, with the hash of what Altinn keeps: that, not today's file, is filed.

        :raises AltinnDiffersError: the document was not delivered, or another one than it is now, unless
            `takes_other` says that such a difference is no reason to stop.
        """
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
        for element in matching:
            if element.size == document.size and (
                yield from has_content(self.session, self.app, self.instance_id, element, document)
            ):
                return Placed(document, element.id, "delivered")
        size, digest = yield from measured_element(self.session, self.app, self.instance_id, matching[0].id)
        self._tell_other(f"{document.label} lies in the delivered instance with other bytes than the file here has")
        return Placed(replace(document, size=size, sha256=digest), matching[0].id, "delivered")

    def _delivered_form(self, document: Document, element: DataElement) -> Flow[Placed]:
        body = yield from read_kept_form(self.session, self.app, self.instance_id, element.id, document.content_type)
        differences = compare_forms(document.content(), body)
        allowed = self.read_back.allow_changes
        if any(difference.stops and not is_allowed(difference, allowed) for difference in differences):
            table = table_of_differences(differences, {}, allowed)
            self._tell_other(
                f"{document.label}: the delivered form says something else than the document here\n{table}"
            )
        return Placed(replace(document, size=element.size), element.id, "delivered", meaning_sha256(body))

    def _tell_other(self, what: str) -> None:
        self.report(what)
        if not self.takes_other:
            raise AltinnDiffersError(
                f"{self.instance_id} has been delivered with other documents than these: {what.splitlines()[0]}. What "
                "is delivered cannot be changed: look at it in Altinn, put back the file that was meant, or file a "
                "correction. If this document is made anew each time, let its upload task say on_delivered='tell'",
                [str(self.instance_id)],
            )

"""Tell whether what was delivered is what the caller means to file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from altinn.protocol.app_api import App
from altinn.protocol.closed_instance import ClosedInstance
from altinn.protocol.filed_document import Document
from altinn.protocol.filing_key import HASH_STAMP
from altinn.protocol.model import Instance
from altinn.protocol.readback import FormReadBack
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow


@dataclass(frozen=True, slots=True)
class MeantDocuments:
    """What the caller means to file.

    :param sha256: hash over the source documents; empty when nobody knows it.
    :param documents: the documents themselves, where the caller gave them.
    :param allow_changes: paths in forms where the app may keep something else, as in AltinnUploadDataOperator.
    """

    sha256: str
    documents: Sequence[Document] = ()
    allow_changes: Sequence[str] = ()

    def differ_from_stamp(self, instance: Instance) -> bool:
        """Whether the instance was made with other documents. A draft may have been brought up to date since."""
        stamped = instance.stamps.get(HASH_STAMP, "")
        return bool(self.sha256 and stamped and stamped != self.sha256)

    def differ_from_delivered(
        self, instance: Instance, session: Session, app: App, forms: frozenset[str], report: Callable[[str], None]
    ) -> Flow[bool]:
        """Whether something else was delivered than is meant.

        The stamp is of the documents that the draft was made with, and a draft is brought up to date in place; so
        where it differs, what was delivered is looked at before anything is said. Without documents to compare, the
        stamp alone decides.

        :param forms: the app's form data types.
        """
        if not self.differ_from_stamp(instance):
            return False
        if not self.documents:
            return True
        read_back = FormReadBack(session, app, instance.id, self.allow_changes, report)
        closed = ClosedInstance(session, app, instance.id, forms, read_back, report)
        if not (yield from closed.holds(self.documents, instance)):
            return True
        report(f"{instance.id} was made with other documents, but these were delivered in it")
        return False

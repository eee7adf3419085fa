"""The last look before a push: the instance must hold exactly what is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from altinn.exceptions import (
    AltinnDiffersError,
    AltinnForbiddenError,
    AltinnInputError,
    AltinnNotFoundError,
    AltinnUnexpectedStateError,
)
from altinn.protocol.app_api import App
from altinn.protocol.filed_document import form_types
from altinn.protocol.filing_key import is_delivered
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.meaning import meaning_sha256
from altinn.protocol.model import DataElement, Instance, Process
from altinn.protocol.readback import read_kept_form, sha256_of
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.timestamps import time_key
from altinn.protocol.wire import Flow

_APPS_OWN_PDF = "ref-data-as-pdf"


@dataclass(frozen=True, slots=True)
class ExpectedElement:
    """An element that an upload left behind.

    :param meaning: of a form: the hash over the meaning of what the app kept when it was read back.
    """

    data_type: str
    file_name: str
    size: int
    sha256: str
    element_id: str
    content_type: str = ""
    meaning: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ExpectedElement:
        """Read an entry of what AltinnUploadDataOperator returned."""
        try:
            return cls(
                data_type=str(value["data_type"]),
                file_name=str(value["file_name"]),
                size=int(value["size"]),
                sha256=str(value["sha256"]),
                element_id=str(value["element_id"]),
                content_type=str(value.get("content_type") or ""),
                meaning=str(value.get("meaning_sha256") or ""),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise AltinnInputError(
                "documents must be what AltinnUploadDataOperator returned, with data_type, file_name, size, sha256 and "
                "element_id in each entry"
            ) from exc


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the instance must hold before a push.

    :param expected: what the uploads left; empty means that nothing is compared.
    :param ignored_types: data types that others may add to.
    """

    session: Session
    storage: Storage
    app: App
    instance_id: InstanceId
    expected: tuple[ExpectedElement, ...] = ()
    ignored_types: tuple[str, ...] = ()
    _metadata: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def check(self, _process: Process) -> Flow[None]:
        """Read the instance once more and refuse the push when it is deleted or holds something else.

        Files are compared byte for byte. The app writes forms anew, so a form must say what it said when the upload
        task had read it back; one without that hash, from an upload of an earlier version, must be there.

        :raises AltinnUnexpectedStateError: the instance has been deleted.
        :raises AltinnDiffersError: an element is missing, differs, or was added by somebody else.
        """
        instance = yield from self.session.perform(self.storage.get_instance(self.instance_id))
        if instance.is_soft_deleted or instance.is_hard_deleted:
            raise AltinnUnexpectedStateError(
                f"{self.instance_id} has been deleted: nothing was pushed. Altinn would file it all the same: see "
                "who deleted it",
                [str(self.instance_id)],
            )
        yield from self.check_seen(instance)

    def check_seen(self, instance: Instance, delivered_at: str = "") -> Flow[None]:
        """Compare the instance as it has just been read: after a push nothing is written any more.

        :param delivered_at: when the push was that delivered it, by Altinn's clock: what somebody added before that
            was filed with the rest.
        :raises AltinnDiffersError: an element is missing, differs, or was added by somebody else.
        """
        if not self.expected:
            return
        metadata = yield from self._types()
        forms = form_types(metadata)
        self._compare_lists(instance, self._watched(instance, metadata))
        if delivered_at:
            self._compare_added(instance, self._addable(metadata), time_key(delivered_at))
        by_id = {element.id: element for element in instance.elements}
        for expected in self.expected:
            if expected.data_type not in forms:
                yield from self._compare_file(expected, by_id[expected.element_id])
            elif expected.meaning:
                yield from self.compare_form(expected)

    def check_filed(self, instance: Instance, delivered_at: str, *, is_whole: bool = True) -> Flow[list[str]]:
        """Compare what was delivered long ago: what the authority has changed or added since is left out.

        :param delivered_at: when it was delivered, by Altinn's clock.
        :param is_whole: `expected` is all that was uploaded, so that what else was delivered was somebody else's.
        :return: what may not be read any more, so that it is not compared.
        :raises AltinnDiffersError: something else was delivered.
        """
        metadata, moment = (yield from self._types()), time_key(delivered_at)
        by_id, forms = {element.id: element for element in instance.elements}, form_types(metadata)
        unread = []
        for expected in self.expected:
            element = by_id.get(expected.element_id)
            if element is None:
                raise AltinnDiffersError(
                    f"{instance.id} does not hold {expected.data_type} {expected.file_name}", [str(instance.id)]
                )
            if time_key(element.last_changed) > moment:
                continue
            try:
                if expected.data_type not in forms:
                    yield from self._compare_file(expected, element)
                elif expected.meaning:
                    yield from self.compare_form(expected)
            except (AltinnForbiddenError, AltinnNotFoundError):
                unread.append(f"{expected.data_type} {expected.file_name}")
        if is_whole:
            self._compare_added(instance, self._addable(metadata), moment)
        return unread

    def _types(self) -> Flow[Mapping[str, Any]]:
        """Read the app's metadata once for the looks before a push and after it: the same types are watched in both."""
        if not self._metadata:
            self._metadata.update((yield from self.session.perform(self.app.metadata())))
        return self._metadata

    def _watched(self, instance: Instance, metadata: Mapping[str, Any]) -> frozenset[str]:
        """Return the data types in which nothing may lie but what was uploaded.

        Once the instance is delivered the authority adds what it likes; there only uploaded types count.
        """
        types = self._addable(metadata)
        return types & self._uploaded if is_delivered(instance) else types

    def _addable(self, metadata: Mapping[str, Any]) -> frozenset[str]:
        """Return the data types whose elements are filed with ours: those that a sender may add to.

        Some forms, and its own PDF, the app makes by itself.
        """
        types = _uploadable(metadata) - frozenset(self.ignored_types)
        return types - (_made_by_the_app(metadata) - self._uploaded) - {_APPS_OWN_PDF}

    @property
    def _uploaded(self) -> frozenset[str]:
        return frozenset(e.data_type for e in self.expected)

    def _compare_lists(self, instance: Instance, types: frozenset[str]) -> None:
        present = {e.id: e for e in instance.elements}
        wanted = {e.element_id: e for e in self.expected}
        missing = [f"{e.data_type} {e.file_name}" for key, e in wanted.items() if key not in present]
        extra = [
            f"{e.data_type} {e.file_name}" for key, e in present.items() if key not in wanted and e.data_type in types
        ]
        if missing or extra:
            parts = [f"missing: {', '.join(missing)}"] if missing else []
            parts += [f"not ours: {', '.join(extra)}"] if extra else []
            raise AltinnDiffersError(
                f"{self.instance_id} does not hold what was uploaded ({'; '.join(parts)}): nothing was pushed. Run the "
                "upload task again, or remove what does not belong",
                [str(self.instance_id)],
            )

    def _compare_added(self, instance: Instance, types: frozenset[str], delivered_at: tuple[str, str]) -> None:
        """Refuse what was added between the last look and the push; what came later is the app's or the authority's."""
        wanted = {e.element_id for e in self.expected}
        added = [
            f"{e.data_type} {e.file_name}"
            for e in instance.elements
            if e.id not in wanted and e.data_type in types and time_key(e.created) < delivered_at
        ]
        if added:
            raise AltinnDiffersError(
                f"{self.instance_id} was delivered with what somebody else had added right before: {', '.join(added)}",
                [str(self.instance_id)],
            )

    def compare_form(self, expected: ExpectedElement) -> Flow[None]:
        """Read a form once more and compare its meaning with what the upload task read back.

        :raises AltinnDiffersError: it says something else.
        """
        kept = yield from read_kept_form(
            self.session, self.app, self.instance_id, expected.element_id, expected.content_type
        )
        if meaning_sha256(kept) != expected.meaning:
            raise AltinnDiffersError(
                f"{self.instance_id}: form {expected.data_type} no longer says what it said after the upload: nothing "
                "was pushed. See in Altinn who changed it, and run the upload task again",
                [str(self.instance_id)],
            )

    def _compare_file(self, expected: ExpectedElement, element: DataElement) -> Flow[None]:
        digest = yield from sha256_of(self.session, self.app, self.instance_id, element.id)
        if digest != expected.sha256:
            raise AltinnDiffersError(
                f"{self.instance_id}: {expected.data_type} {expected.file_name} is not what was uploaded: nothing was "
                "pushed. Run the upload task again",
                [str(self.instance_id)],
            )


def _made_by_the_app(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Return the form types of which the app makes an element when a task begins (`appLogic.autoCreate`)."""
    types = metadata.get("dataTypes") or ()
    return frozenset(str(item.get("id")) for item in types if (item.get("appLogic") or {}).get("autoCreate"))


def _uploadable(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Return the data types that a sender may add to; the owner's own come and go without us."""
    return frozenset(
        str(item.get("id"))
        for item in metadata.get("dataTypes") or ()
        if not item.get("allowedContributers") and not item.get("allowedContributors")
    )

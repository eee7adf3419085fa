"""Writes and reads the receipt bundle of one instance: what `altinn.evidence` holds, filled from Altinn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from altinn import __version__
from altinn.documents import safe_file_name, storage_path
from altinn.evidence import (
    RECEIPTS,
    Bundle,
    Bundled,
    masked,
    problems_of,
    read_manifest,
    write_document,
    write_manifest,
)
from altinn.exceptions import AltinnForbiddenError, AltinnInputError, AltinnNotFoundError
from altinn.operators.approval_check import flat_documents
from altinn.operators.download_data import fetch_element, free_name
from altinn.operators.earlier_bundle import (
    contents_of,
    make_room,
    manifest_of,
    receipts_in,
    receipts_of,
    recorded,
    shows_person_numbers,
)
from altinn.protocol.filing_key import KIND_STAMP
from altinn.protocol.masking import mask
from altinn.protocol.model import events_from_json
from altinn.protocol.outcome import Outcome, who_confirmed
from altinn.protocol.readback import sha256_of
from altinn.protocol.wire import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import ObjectStoragePath

    from altinn.authorities.authority import Authority
    from altinn.hooks.altinn_hook import AltinnHook
    from altinn.protocol.identifiers import InstanceId
    from altinn.protocol.model import DataElement, Instance


@dataclass(frozen=True, slots=True)
class ReceiptBundle:
    """The bundle of one instance.

    :param folder: the bundle's own folder.
    :param show_person_numbers: keep person numbers in the JSON files instead of masking them.
    """

    hook: AltinnHook
    app: str
    folder: ObjectStoragePath
    show_person_numbers: bool
    report: Callable[[str], None]

    def receipts(self, before: Bundle | None, authority: Authority, instance: Instance) -> list[dict[str, Any]]:
        """Return the receipts that Altinn has: those of a whole bundle where they are the same, else downloaded.

        They are downloaded beside the bundle, which is not touched before all is read. A type of which the bundle has
        receipts is wanted for good, also where the authority does not ask for it any more.
        """
        wanted = self._wanted(authority, instance)
        if before is not None and before.manifest.get("last_changed") == instance.last_changed:
            there = receipts_in(before, self.folder)
            if sorted((f["data_type"], f["file_name"]) for f in there) == sorted((e.data_type, n) for e, n in wanted):
                return there
        self.clean_up()
        if wanted:
            self._beside.mkdir(parents=True, exist_ok=True)
        return [
            fetch_element(self.hook, self.app, instance.id, element, name, self._beside) for element, name in wanted
        ]

    def _wanted(self, authority: Authority, instance: Instance) -> list[tuple[DataElement, str]]:
        """Return the elements that are receipts, each with its file's name in the bundle.

        A name holds no person's number, whatever the bundle may show: it becomes a part of XComs, logs and paths.
        """
        found = manifest_of(self.folder)
        earlier = [str(entry.get("what")) for entry in receipts_of(found)] if found else []
        taken: set[str] = set()
        return [
            (element, free_name(dataclasses.replace(element, file_name=_hidden_name(element)), taken))
            for data_type in dict.fromkeys([*authority.receipt_types, *earlier])
            for element in instance.of_type(data_type)
        ]

    def clean_up(self) -> None:
        """Remove what was downloaded beside the bundle and did not become a part of it."""
        if self._beside.exists():
            self._beside.fs.rm(self._beside.path, recursive=True)

    @property
    def _beside(self) -> ObjectStoragePath:
        beside: ObjectStoragePath = self.folder.parent / f".{self.folder.name}.new"
        return beside

    def is_outdated(self, kept: Bundle, outcome: Outcome, files: Sequence[Mapping[str, Any]], sent: object) -> bool:
        """Whether a bundle that is whole tells less than is known now.

        :param files: the receipts that Altinn has.
        :param sent: what the upload tasks of this run returned.
        """
        told = kept.manifest
        if (told.get("outcome"), told.get("codes")) != (outcome.state, self._shown(list(outcome.codes))):
            return True
        if contents_of(receipts_in(kept, self.folder)) != contents_of(files):
            return True
        if shows_person_numbers(kept, self.folder, receipts_only=self.show_person_numbers):
            return True
        today = self._shown(list(flat_documents(sent, partial=True)))
        return _has_written(today) and today != recorded(self.folder, "documents.json", "sent")

    def write(
        self,
        instance: Instance,
        outcome: Outcome,
        files: Sequence[Mapping[str, Any]],
        *,
        documents: object,
        validation: Sequence[Any] | None,
        period: str,
    ) -> Bundle:
        """Read everything, then put it in the place of what was there, the manifest last.

        What an earlier run has sent, and what Altinn's validation said then, is taken over, unless this run has sent
        something itself.

        :param files: the receipts, as `receipts` returned them.
        :raises AltinnInputError: the bundle would not pass `altinn verify-receipt`, because somebody has added to it.
        """
        raw_events = self.hook.run(self.hook.session.perform(_raw(self.hook.storage.events(instance.id))))
        confirmation = who_confirmed(events_from_json(raw_events))
        kept, history = self._kept_documents(instance), self._raw_history(instance.id)
        sent, issues = list(flat_documents(documents, partial=True)), list(validation or ())
        earlier = recorded(self.folder, "documents.json", "sent")
        if earlier and not _has_written(sent):
            sent = earlier
            issues = recorded(self.folder, "validation.json", "issues") or issues
        make_room(self.folder, {f"{RECEIPTS}/{file['file_name']}" for file in files}, self.report)
        bundled = [
            write_document(self.folder, name, self._shown(content), what)
            for name, content, what in (
                ("documents.json", {"sent": sent, "kept": kept}, "what was sent, what Altinn keeps"),
                ("validation.json", {"issues": issues}, "Altinn's validation"),
                ("process.json", history, "process history"),
                ("events.json", raw_events, "who did what, and when"),
            )
        ]
        bundled += [self._take_in(file) for file in files]
        about = {
            "instance_id": str(instance.id),
            "instance_url": self.hook.instance_link(self.app, instance.id),
            "app": instance.app_id,
            "environment": self.hook.settings.environment.name,
            "organisation_number": instance.organisation_number,
            "period": period,
            "kind": instance.stamps.get(KIND_STAMP, ""),
            "outcome": outcome.state,
            "reason": self._shown(outcome.reason),
            "codes": self._shown(list(outcome.codes)),
            "ended": instance.process.ended,
            "last_changed": instance.last_changed,
            "confirmed_by": confirmation.actor,
            "confirmed_at": confirmation.created,
            "collected_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "software": f"airflow-provider-altinn {__version__}",
        }
        write_manifest(self.folder, about, bundled)
        written = read_manifest(self.folder)
        if written is None:
            raise AltinnInputError(
                f"the bundle in {self.folder} vanished while it was written: does the storage keep files?"
            )
        if problems := problems_of(self.folder):
            raise AltinnInputError(
                f"the bundle in {self.folder} is no proof: {'; '.join(problems[:5])}. Move away what does not belong "
                "there, and clear the task"
            )
        self.report(f"{instance.id}: receipt bundle with {len(bundled)} file(s) in {self.folder}")
        return written

    def _take_in(self, file: Mapping[str, Any]) -> Bundled:
        path = f"{RECEIPTS}/{file['file_name']}"
        source, target = storage_path(str(file["path"])), self.folder / path
        if str(source) != str(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        return Bundled(path, str(file["sha256"]), int(file["size"]), str(file["data_type"]))

    def _kept_documents(self, instance: Instance) -> list[dict[str, Any]]:
        return [
            {
                "data_type": element.data_type,
                "file_name": element.file_name,
                "content_type": element.content_type,
                "element_id": element.id,
                "created": element.created,
                **self._hashed(instance.id, element.id),
            }
            for element in instance.elements
        ]

    def _hashed(self, instance_id: InstanceId, element_id: str) -> dict[str, Any]:
        try:
            flow = sha256_of(self.hook.session, self.hook.app(self.app), instance_id, element_id)
            return {"sha256": self.hook.run(flow)}
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            # The authority's own notes, for example, need not be readable for the sender: no reason to have no proof.
            return {"sha256": None, "not_readable": f"{type(exc).__name__}: this login may not read it"}

    def _shown(self, value: Any) -> Any:
        return value if self.show_person_numbers else masked(value)

    def _raw_history(self, instance_id: InstanceId) -> Any:
        call = _raw(self.hook.app(self.app).history(instance_id))
        try:
            return self.hook.run(self.hook.session.perform(call))
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            # A role that may not read the app after the end still sees the events in Storage.
            return {"processHistory": [], "not_readable": f"{type(exc).__name__}: see events.json"}


def _raw(call: Call[Any]) -> Call[Any]:
    """Return the same call with its answer as it came, person numbers included."""
    return Call(call.name, call.request, lambda response: response.json(), call.accept, call.harmless, call.audience)


def _hidden_name(element: DataElement) -> str:
    # Cleaned first: what is taken out of a name must not bring digits together afterwards.
    return mask(safe_file_name(element.file_name, ""))


def _has_written(sent: Sequence[Any]) -> bool:
    return any(isinstance(entry, Mapping) and entry.get("how") in ("added", "replaced") for entry in sent)

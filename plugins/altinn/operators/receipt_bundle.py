"""Writes and reads the receipt bundle of one instance: what `altinn.evidence` holds, filled from Altinn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from altinn import __version__
from altinn.evidence import (
    MANIFEST,
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
from altinn.protocol.outcome import Outcome, who_confirmed
from altinn.protocol.readback import sha256_of
from altinn.protocol.wire import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import ObjectStoragePath

    from altinn.authorities.authority import Authority
    from altinn.hooks.altinn_hook import AltinnHook
    from altinn.protocol.identifiers import InstanceId
    from altinn.protocol.model import Instance


@dataclass(frozen=True, slots=True)
class ReceiptBundle:
    """The bundle of one instance.

    :param folder: the bundle's own folder.
    :param show_person_numbers: keep person numbers instead of masking them.
    """

    hook: AltinnHook
    app: str
    folder: ObjectStoragePath
    show_person_numbers: bool
    report: Callable[[str], None]

    def whole(self, instance: Instance) -> Bundle | None:
        """Return the bundle that is there, if it is whole and of the instance as it is now."""
        try:
            found = read_manifest(self.folder)
        except AltinnInputError:
            return None
        if found is None or problems_of(self.folder):
            return None
        return found if found.manifest.get("last_changed") == instance.last_changed else None

    def fetch(self, authority: Authority, instance: Instance) -> list[dict[str, Any]]:
        """Download what the authority has added; a bundle that was there counts as unfinished from now on.

        Receipts of that bundle which the instance does not have any more are removed: a new one cannot list them.
        """
        target = self.folder / RECEIPTS
        earlier = self._receipts_before()
        if (self.folder / MANIFEST).exists():
            (self.folder / MANIFEST).unlink()
        files: list[dict[str, Any]] = []
        taken: set[str] = set()
        for data_type in authority.receipt_types:
            for element in instance.of_type(data_type):
                target.mkdir(parents=True, exist_ok=True)
                name = free_name(element, taken)
                files.append(fetch_element(self.hook, self.app, instance.id, element, name, target))
        for name in sorted(earlier - {str(file["file_name"]) for file in files}):
            (target / name).unlink(missing_ok=True)
            self.report(f"{instance.id}: the receipt {name} is not in Altinn any more: removed from the bundle")
        return files

    def _receipts_before(self) -> set[str]:
        """Return the file names of the receipts that a bundle written earlier lists."""
        try:
            found = read_manifest(self.folder)
        except AltinnInputError:
            return set()
        names = (str(entry["file_name"]) for entry in receipts_in(found, self.folder)) if found else ()
        return {name for name in names if name not in (".", "..") and "/" not in name and "\\" not in name}

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
        """Write everything but the receipts, the manifest last.

        :raises AltinnInputError: the bundle would not pass `altinn verify-receipt`, because somebody has added to it.
        """
        events = self.hook.run(self.hook.session.perform(self.hook.storage.events(instance.id)))
        confirmation = who_confirmed(events)
        bundled = [
            write_document(
                self.folder, "documents.json", self._documents(instance, documents), "what was sent, what Altinn keeps"
            ),
            write_document(self.folder, "validation.json", {"issues": list(validation or ())}, "Altinn's validation"),
            write_document(self.folder, "process.json", self._shown(self._raw_history(instance.id)), "process history"),
            write_document(
                self.folder, "events.json", self._shown(self._raw_events(instance.id)), "who did what, and when"
            ),
        ]
        bundled += [
            Bundled(f"{RECEIPTS}/{file['file_name']}", str(file["sha256"]), int(file["size"]), str(file["data_type"]))
            for file in files
        ]
        about = {
            "instance_id": str(instance.id),
            "instance_url": self.hook.instance_link(self.app, instance.id),
            "app": instance.app_id,
            "environment": self.hook.settings.environment.name,
            "organisation_number": instance.organisation_number,
            "period": period,
            "kind": instance.stamps.get("filingkind", ""),
            "outcome": outcome.state,
            "reason": outcome.reason,
            "codes": list(outcome.codes),
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

    def _documents(self, instance: Instance, sent: object) -> dict[str, Any]:
        kept = []
        for element in instance.elements:
            kept.append(
                {
                    "data_type": element.data_type,
                    "file_name": element.file_name,
                    "content_type": element.content_type,
                    "element_id": element.id,
                    "created": element.created,
                    "sha256": self._kept_sha256(instance.id, element.id),
                }
            )
        return {"sent": list(flat_documents(sent)), "kept": kept}

    def _kept_sha256(self, instance_id: InstanceId, element_id: str) -> str:
        return self.hook.run(sha256_of(self.hook.session, self.hook.app(self.app), instance_id, element_id))

    def _shown(self, value: Any) -> Any:
        return value if self.show_person_numbers else masked(value)

    def _raw_history(self, instance_id: InstanceId) -> Any:
        call = _raw(self.hook.app(self.app).history(instance_id))
        try:
            return self.hook.run(self.hook.session.perform(call))
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            # A role that may not read the app after the end still sees the events in Storage.
            return {"processHistory": [], "not_readable": f"{type(exc).__name__}: see events.json"}

    def _raw_events(self, instance_id: InstanceId) -> Any:
        return self.hook.run(self.hook.session.perform(_raw(self.hook.storage.events(instance_id))))


def _raw(call: Call[Any]) -> Call[Any]:
    """Return the same call with its answer as it came, person numbers included."""
    return Call(call.name, call.request, lambda response: response.json(), call.accept, call.harmless, call.audience)


def receipts_in(bundle: Bundle, folder: ObjectStoragePath) -> list[dict[str, Any]]:
    """Return the receipts of a bundle that is whole, as `ReceiptBundle.fetch` returned them when it was written."""
    start = f"{RECEIPTS}/"
    return [
        {
            "data_type": entry["what"],
            "path": str(folder / entry["path"]),
            "file_name": entry["path"].removeprefix(start),
        }
        for entry in bundle.manifest["files"]
        if entry["path"].startswith(start)
    ]

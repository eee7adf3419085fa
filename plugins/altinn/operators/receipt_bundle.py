"""Writes and reads the receipt bundle of one instance: what `altinn.evidence` holds, filled from Altinn."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from altinn import __version__
from altinn.documents import opened, storage_path
from altinn.evidence import (
    MANIFEST,
    RECEIPTS,
    Bundle,
    Bundled,
    files_in,
    is_unreadable,
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

_DOCUMENTS = ("documents.json", "validation.json", "process.json", "events.json")
_RECEIPT = re.compile(rf"{RECEIPTS}/[^/\\]+")
_HALF = re.compile(rf"(?:{RECEIPTS}/)?\.[^/]*\.partial")
"""What an interrupted run may have left in the bundle's folder."""

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
    :param show_person_numbers: keep person numbers in the JSON files instead of masking them.
    """

    hook: AltinnHook
    app: str
    folder: ObjectStoragePath
    show_person_numbers: bool
    report: Callable[[str], None]

    def before(self) -> Bundle | None:
        """Return the bundle that is there, if it is whole.

        :raises OSError: the storage does not answer, which is no damage.
        """
        found = self._manifest()
        if found is None:
            return None
        problems = problems_of(self.folder)
        for problem in filter(is_unreadable, problems):
            raise OSError(f"{self.folder}: {problem}")
        return None if problems else found

    def fetch(self, authority: Authority, instance: Instance) -> list[dict[str, Any]]:
        """Download what the authority has added, beside the bundle, which is not touched before all is read."""
        self.clean_up()
        files: list[dict[str, Any]] = []
        taken: set[str] = set()
        for data_type in authority.receipt_types:
            for element in instance.of_type(data_type):
                self._beside.mkdir(parents=True, exist_ok=True)
                name = free_name(element, taken)
                files.append(fetch_element(self.hook, self.app, instance.id, element, name, self._beside))
        return files

    def clean_up(self) -> None:
        """Remove what was downloaded beside the bundle and did not become a part of it."""
        if self._beside.exists():
            self._beside.fs.rm(self._beside.path, recursive=True)

    @property
    def _beside(self) -> ObjectStoragePath:
        beside: ObjectStoragePath = self.folder.parent / f".{self.folder.name}.new"
        return beside

    def _manifest(self) -> Bundle | None:
        try:
            return read_manifest(self.folder)
        except AltinnInputError:
            return None

    def is_outdated(self, kept: Bundle, outcome: Outcome, files: Sequence[Mapping[str, Any]], sent: object) -> bool:
        """Whether a bundle that is whole tells less than is known now.

        :param files: the receipts that Altinn has.
        :param sent: what the upload tasks of this run returned.
        """
        told = kept.manifest
        if (told.get("outcome"), told.get("codes")) != (outcome.state, self._shown(list(outcome.codes))):
            return True
        if _content_of(receipts_in(kept, self.folder)) != _content_of(files):
            return True
        today = self._shown(list(flat_documents(sent)))
        return _has_written(today) and today != self._recorded("documents.json", "sent")

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

        :param files: the receipts, as `fetch` or `receipts_in` returned them.
        :raises AltinnInputError: the bundle would not pass `altinn verify-receipt`, because somebody has added to it.
        """
        events = self.hook.run(self.hook.session.perform(self.hook.storage.events(instance.id)))
        confirmation = who_confirmed(events)
        kept, history = self._kept_documents(instance), self._raw_history(instance.id)
        raw_events = self._raw_events(instance.id)
        sent, issues = list(flat_documents(documents)), list(validation or ())
        recorded = self._recorded("documents.json", "sent")
        if recorded and not _has_written(sent):
            sent = recorded
            issues = self._recorded("validation.json", "issues") or issues
        self._make_room({f"{RECEIPTS}/{file['file_name']}" for file in files})
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
            "kind": instance.stamps.get("filingkind", ""),
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

    def _make_room(self, receipts: set[str]) -> None:
        """Take away the earlier bundle's manifest, its receipts that are not in Altinn any more, and half files.

        Until here nothing of it was touched. The receipts go first, while the manifest still names them.

        :raises AltinnInputError: somebody else has put something there, which is theirs.
        """
        found = self._manifest()
        earlier = {str(entry["path"]) for entry in receipts_of(found)} if found else set()
        own = {MANIFEST, *_DOCUMENTS, *receipts, *earlier}
        there = set(files_in(self.folder)) if self.folder.exists() else set()
        half = {path for path in there if _HALF.fullmatch(path)}
        if strange := sorted(there - own - half):
            raise AltinnInputError(
                f"the bundle in {self.folder} is no proof: {', '.join(strange[:5])} is not in the manifest. Move away "
                "what does not belong there, and clear the task"
            )
        for path in sorted((earlier - receipts) & there):
            (self.folder / path).unlink(missing_ok=True)
            self.report(f"{self.folder.name}: the receipt {path} is not in Altinn any more: removed from the bundle")
        for path in sorted(half | ({MANIFEST} & there)):
            (self.folder / path).unlink(missing_ok=True)

    def _recorded(self, name: str, member: str) -> list[Any]:
        """Return what an earlier run has recorded; nothing when that was changed since.

        A bundle without a manifest is one that a run did not finish: what lies there is its own.
        """
        try:
            with opened(self.folder / name, "rb") as stream:
                content = stream.read()
            value = json.loads(content)[member]
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return []
        found = self._manifest()
        digests = [e.get("sha256") for e in _entries(found) if e.get("path") == name] if found else None
        if digests is not None and digests != [hashlib.sha256(content).hexdigest()]:
            return []
        return value if isinstance(value, list) else []

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

    def _raw_events(self, instance_id: InstanceId) -> Any:
        return self.hook.run(self.hook.session.perform(_raw(self.hook.storage.events(instance_id))))


def _raw(call: Call[Any]) -> Call[Any]:
    """Return the same call with its answer as it came, person numbers included."""
    return Call(call.name, call.request, lambda response: response.json(), call.accept, call.harmless, call.audience)


def receipts_in(bundle: Bundle, folder: ObjectStoragePath) -> list[dict[str, Any]]:
    """Return the receipts of a bundle that is whole, with what `ReceiptBundle.write` needs of them."""
    return [
        {
            "data_type": entry["what"],
            "path": str(folder / entry["path"]),
            "file_name": entry["path"].removeprefix(f"{RECEIPTS}/"),
            "sha256": entry["sha256"],
            "size": entry["size"],
        }
        for entry in receipts_of(bundle)
    ]


def receipts_of(bundle: Bundle) -> list[Mapping[str, Any]]:
    """Return a manifest's entries of receipts, as far as they stay in their folder."""
    return [e for e in _entries(bundle) if _RECEIPT.fullmatch(str(e.get("path"))) and ".." not in str(e["path"])]


def _entries(bundle: Bundle) -> list[Mapping[str, Any]]:
    return [entry for entry in bundle.manifest["files"] if isinstance(entry, dict)]


def _content_of(files: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return sorted((str(file["data_type"]), str(file["sha256"])) for file in files)


def _has_written(sent: Sequence[Any]) -> bool:
    return any(isinstance(entry, Mapping) and entry.get("how") in ("added", "replaced") for entry in sent)

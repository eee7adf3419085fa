"""Read the authority's verdict, and keep the proof."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias
from airflow.sdk.exceptions import AirflowSkipException

from altinn.authorities.authority import Authority, load_authority
from altinn.documents import opened, storage_path
from altinn.evidence import masked
from altinn.exceptions import AltinnDiffersError, AltinnForbiddenError, AltinnInputError, AltinnNotFoundError
from altinn.operators.altinn_operator import AltinnInstanceOperator
from altinn.operators.approval_check import flat_documents, lacks_documents
from altinn.operators.earlier_bundle import receipts_in, whole_bundle
from altinn.operators.receipt_bundle import ReceiptBundle
from altinn.protocol.feedback import with_feedback
from altinn.protocol.filing_key import KIND_STAMP, PERIOD_STAMP, correction_of
from altinn.protocol.manifest import ExpectedElement, Manifest
from altinn.protocol.outcome import ACCEPTED, REJECTED, WAITING_FOR_AUTHORITY, Outcome
from altinn.protocol.signature import with_signature
from altinn.protocol.submission import delivered_at
from altinn.protocol.verdict_documents import VerdictDocuments
from altinn.runs import FILE_MISSING, RunRules
from altinn.triggers.pause_trigger import AltinnPauseTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from altinn.evidence import Bundle
    from altinn.protocol.identifiers import InstanceId
    from altinn.protocol.model import Instance

ACCEPTANCES = "altinn_acceptances"
"""Name of the asset alias through which acceptances are announced."""

ACCEPTED_ASSET = Asset("altinn_accepted")
"""What a DAG schedules on to start when a report has been accepted."""

_TOLD = (
    "instance_id",
    "app",
    "organisation_number",
    "period",
    "kind",
    "correction_number",
    "outcome",
    "bundle",
    "manifest_sha256",
)
_SHOWN = ("data_type", "file_name", "sha256", "size", "how")

LATE_RECEIPTS = 3600.0
"""Seconds for which an authority that has ended the process may still add what its verdict needs."""
_BETWEEN_LOOKS = 60.0

_ANNOUNCED_KEY = "altinn_announced"


def mark_announced(context: Context) -> None:
    """Remember, once the task has succeeded, that this filing's acceptance was announced, if this run did so."""
    ti = context["ti"]
    told = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index, key=_ANNOUNCED_KEY)
    if isinstance(told, Mapping):
        with opened(_marker(storage_path(str(told["bundle"]))), "wb") as stream:
            stream.write(f"{told['manifest_sha256']}\n".encode())


class AltinnCollectReceiptOperator(AltinnInstanceOperator):
    """Fail unless the authority has accepted the report, and write the receipt bundle, also of a rejection.

    Only reads in Altinn, so it is safe to retry. A bundle that is whole stays as it is while outcome and receipts are
    the same. When they have changed, everything is read before the bundle is touched, and the record of what was sent
    is taken over, so that it outlives later runs.

    An accepted report fires an event of the asset `altinn_accepted`, once for each filing: a later run that finds the
    same filing fires none. If the worker dies between its success and the note of it, the event may fire once more;
    whoever starts something from it takes `instance_id` as the key. The event's `extra` holds instance_id, app,
    organisation_number, period, kind ("main" or "correction"), correction_number, outcome, bundle, manifest_sha256, and
    the authority's results (payment …). A correction is an acceptance of its own.

    Of a data type that the verdict reads there may be one document, or copies of it: two that differ make the task red.

    :param authority: the report's authority; see `load_authority`.
    :param folder: where bundles lie; each gets a folder of its own there, named by the instance.
    :param documents: what the upload tasks returned: what was sent. What was delivered is compared with it.
    :param ignored_types: data types that others may add to, as in AltinnProcessNextOperator; the authority's receipts
        are among them.
    :param validation: what the validate task returned.
    :param period: the period's name; by default the one stamped into the instance.
    :param already_filed: whether the instance had been delivered before this run: the instantiate task's XCom
        `altinn_delivered`.
    :param show_person_numbers: keep person numbers in the bundle's JSON files instead of masking them.
    :param patience: seconds to wait, without a worker slot, while what the verdict needs is not all there. Put a sensor
        before this task for the answer itself; a run that only verifies waits for nothing.
    :param dry_run: skip this task, because nothing was filed.
    :param on_backfill: "verify_only" ends this task of a backfill's run as skipped, with its outcome named.
    :param accepted_asset: the asset whose event is fired; None for no event.
    :param on_success_callback: called after a success, besides the note that the acceptance was announced.
    :return: {"instance_id", "app", "period", "kind", "correction_number", "organisation_number", "outcome", "reason",
        "codes", "already_filed", "documents", "confirmed_by", "confirmed_at", "files", "bundle", "receipt_dir",
        "manifest_sha256", "instance_url"} and the authority's results by their names, which are XComs of their own as
        well.
    """

    template_fields: Sequence[str] = (
        *AltinnInstanceOperator.template_fields,
        "folder",
        "documents",
        "validation",
        "period",
        "already_filed",
        "is_dry_run",
        "on_backfill",
    )
    template_fields_renderers = {"documents": "json", "validation": "json"}

    def __init__(
        self,
        *,
        authority: str | Mapping[str, Any] | Authority,
        folder: str,
        documents: Sequence[Any] | None = None,
        ignored_types: Sequence[str] = (),
        validation: Sequence[Any] | None = None,
        period: str | None = None,
        already_filed: bool | str = False,
        show_person_numbers: bool = False,
        patience: float = 0.0,
        dry_run: bool | str = False,
        on_backfill: str = FILE_MISSING,
        accepted_asset: Asset | None = ACCEPTED_ASSET,
        outlets: Sequence[Any] = (AssetAlias(ACCEPTANCES),),
        on_success_callback: Any = None,
        **kwargs: Any,
    ) -> None:
        # A callback of the user's or of default_args comes besides the note, never instead of it.
        own = list(on_success_callback) if isinstance(on_success_callback, Collection) else [on_success_callback]
        callbacks = [one for one in own if one is not None and one is not mark_announced]
        super().__init__(outlets=list(outlets), on_success_callback=[*callbacks, mark_announced], **kwargs)
        self.authority = authority
        self.folder = folder
        self.documents = documents
        self.ignored_types = ignored_types
        self.validation = validation
        self.period = period
        self.already_filed = already_filed
        self.show_person_numbers = show_person_numbers
        self.patience = patience
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run
        self.on_backfill = on_backfill
        self.accepted_asset = accepted_asset

    def execute(self, context: Context) -> dict[str, Any]:
        """Read, keep, and return the receipt of an accepted report.

        :raises AltinnRejectedError: the authority rejected the report; carries its codes. The bundle is written.
        :raises AltinnUnknownOutcomeError: it is neither accepted nor rejected.
        :raises AltinnDiffersError: it is accepted, with other documents than `documents`. The bundle is written.
        """
        return self.go_on(context)

    def go_on(self, context: Context, event: Mapping[str, Any] | None = None, *, waited: float = 0.0) -> dict[str, Any]:
        """Look, also after a wait for what was still to come."""
        rules = RunRules.of(context, dry_run=self.is_dry_run, on_backfill=self.on_backfill)
        if rules.dry_run:
            raise AirflowSkipException("dry run: nothing was filed, so there is nothing to accept")
        authority = load_authority(self.authority)
        instance_id = self.checked_instance_id(context)
        instance = self._read(authority, instance_id)
        folder = storage_path(self.folder) / instance_id.guid
        bundle = ReceiptBundle(self.hook, self.app, folder, self.show_person_numbers, self.report)
        try:
            patience = 0.0 if rules.verify_only else self.patience
            kept, outcome, contents = self._kept(bundle, authority, instance, patience - waited)
        finally:
            bundle.clean_up()
        files = receipts_in(kept, folder)
        outcome.require_accepted(instance_id)
        self._require_as_sent(authority, instance)
        told = outcome.masked()
        results = authority.results(contents)
        receipt = self._receipt(kept, instance, told, folder, files) | results
        for name, value in results.items():
            context["ti"].xcom_push(name, value)
        if rules.verify_only:
            context["ti"].xcom_push("altinn_verified", receipt)
            raise AirflowSkipException(f"verify only: {instance_id} is {told.state} ({told.reason})")
        self._announce(context, receipt, folder, results)
        return receipt

    def _kept(
        self, bundle: ReceiptBundle, authority: Authority, instance: Instance, left: float
    ) -> tuple[Bundle, Outcome, VerdictDocuments]:
        """Return the bundle of the instance as it is now, its verdict, and what that was read from."""
        before = whole_bundle(bundle.folder)
        files = bundle.receipts(before, authority, instance)
        contents = VerdictDocuments(instance.id)
        for file in (one for one in files if one["data_type"] in authority.receipt_types):
            contents.add(str(file["data_type"]), str(file["file_name"]), _content(file))
        outcome = authority.verdict(instance, contents)
        self.report(f"{instance.id}: {outcome.state}: {outcome.masked().reason}")
        if outcome.state == WAITING_FOR_AUTHORITY and left > 0:
            self._wait(left)
        if outcome.state not in (ACCEPTED, REJECTED):
            outcome.require_accepted(instance.id)
        if before is not None and not bundle.is_outdated(before, outcome, files, self.documents):
            return before, outcome, contents
        written = bundle.write(
            instance,
            outcome,
            files,
            documents=self.documents,
            validation=self.validation,
            period=self._period(instance),
        )
        return written, outcome, contents

    def _wait(self, left: float) -> None:
        pause = min(_BETWEEN_LOOKS, left)
        self.report(f"looking again in {pause:.0f} s")
        self.defer(
            trigger=AltinnPauseTrigger(until=time.time() + pause),
            method_name="go_on",
            kwargs={"waited": self.patience - left + pause},
        )

    def _read(self, authority: Authority, instance_id: InstanceId) -> Instance:
        session = self.hook.session
        instance = self.hook.run(session.perform(self.hook.storage.get_instance(instance_id)))
        awaited = authority.awaited()
        instance = self.hook.run(with_feedback(session, self.hook.app(self.app), instance, awaited))
        return self.hook.run(with_signature(session, self.hook.storage, instance, awaited))

    def _period(self, instance: Instance) -> str:
        return str(self.period or instance.stamps.get(PERIOD_STAMP, ""))

    def _require_as_sent(self, authority: Authority, instance: Instance) -> None:
        """Compare what was delivered with what was uploaded: the last step may have been a person's.

        :raises AltinnDiffersError: something else was delivered.
        """
        try:
            given = flat_documents(self.documents, partial=True)
            expected = tuple(ExpectedElement.from_json(one) for one in given)
        except AltinnInputError:
            self.report("documents is no upload's answer: it is kept, and nothing is compared with it")
            return
        if not expected:
            return
        session, app = self.hook.session, self.hook.app(self.app)
        ignored = (*self.ignored_types, *authority.receipt_types)
        manifest = Manifest(session, self.hook.storage, app, instance.id, expected, ignored)
        try:
            process = self.hook.run(session.perform(app.get_process(instance.id)))
            at = self.hook.run(delivered_at(session, app, instance.id, process))
            if at:
                is_whole = not lacks_documents(self.documents)
                for name in self.hook.run(manifest.check_filed(instance, at, is_whole=is_whole)):
                    self.report(f"{name} may not be read any more: it is not compared")
            else:
                self.report(f"Altinn does not tell when {instance.id} was delivered: nothing is compared")
        except AltinnDiffersError as exc:
            raise AltinnDiffersError(
                f"{instance.id} is accepted, and what was delivered is not what was uploaded. Look at it in Altinn: "
                "is a correction due? Where an app adds documents of its own, name their type in ignored_types. Found: "
                f"{str(exc).partition(': nothing was pushed')[0]}",
                [str(instance.id)],
            ) from exc
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            self.report(f"what {instance.id} holds may not be read, so nothing is compared: {exc}")

    def _receipt(
        self,
        bundle: Bundle,
        instance: Instance,
        outcome: Outcome,
        folder: ObjectStoragePath,
        files: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        with opened(folder / "documents.json", "rb") as stream:
            sent = json.loads(stream.read())["sent"]
        kind = instance.stamps.get(KIND_STAMP, "")
        correction = correction_of(kind)
        return {
            "instance_id": str(instance.id),
            "app": self.app,
            "period": self._period(instance),
            "kind": "correction" if correction else kind,
            "correction_number": correction,
            "organisation_number": instance.organisation_number,
            "outcome": outcome.state,
            "reason": outcome.reason,
            "codes": list(outcome.codes),
            "already_filed": str(self.already_filed).strip().lower() == "true",
            # XComs and events hold no person's number, whatever the bundle holds.
            "documents": masked([{name: entry.get(name) for name in _SHOWN} for entry in sent]),
            "confirmed_by": bundle.manifest.get("confirmed_by", ""),
            "confirmed_at": bundle.manifest.get("confirmed_at", ""),
            "files": [str(file["path"]) for file in files],
            "bundle": str(folder),
            "receipt_dir": str(folder),
            "manifest_sha256": bundle.sha256,
            "instance_url": self.hook.instance_link(self.app, instance.id),
        }

    def _announce(
        self, context: Context, receipt: Mapping[str, Any], folder: ObjectStoragePath, results: Mapping[str, Any]
    ) -> None:
        if self.accepted_asset is None:
            return
        if _marker(folder).exists():
            self.report(f"{receipt['instance_id']} was announced by an earlier run: no event")
            return
        extra = {name: receipt[name] for name in _TOLD} | dict(results)
        events = context["outlet_events"]
        aliases = [outlet for outlet in self.outlets if isinstance(outlet, AssetAlias)]
        for alias in aliases:
            events[alias].add(self.accepted_asset, extra=extra)
        if aliases:
            context["ti"].xcom_push(_ANNOUNCED_KEY, {name: receipt[name] for name in ("bundle", "manifest_sha256")})


def _marker(folder: ObjectStoragePath) -> ObjectStoragePath:
    """Return where it is noted, beside the bundle, that its acceptance was announced."""
    marker: ObjectStoragePath = folder.parent / f"{folder.name}.announced"
    return marker


def _content(file: Mapping[str, Any]) -> bytes:
    with opened(storage_path(str(file["path"])), "rb") as stream:
        return stream.read()

"""What a run that may only look does instead of writing: say what would come, or require what is filed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from altinn.authorities.period_readers import period_reader_of_app
from altinn.exceptions import AltinnDiffersError, AltinnFilingError
from altinn.protocol.changed_filing import ChangedFiling
from altinn.protocol.filed_document import form_types
from altinn.protocol.filing import Filed, Filing
from altinn.protocol.filing_key import FilingKey, is_delivered, refuse_taken_stamps
from altinn.protocol.identifiers import InstanceId

if TYPE_CHECKING:
    from airflow.sdk import Context

    from altinn.operators.altinn_operator import AltinnOperator
    from altinn.protocol.meant_documents import MeantDocuments
    from altinn.protocol.model import Instance
    from altinn.runs import RunRules

DRY_RUN_KEY = "altinn_dry_run"


@dataclass(frozen=True, slots=True)
class LookingRun:
    """Looks for what is filed under a key; sends nothing that writes.

    :param operator: whose connection, app and log are used.
    :param metadata: the app's `applicationmetadata`.
    :param meant: the documents that a run would file.
    :param on_foreign: as in AltinnInstantiateOperator.
    :param on_changed: as there.
    """

    operator: AltinnOperator
    metadata: Mapping[str, Any]
    context: Context
    key: FilingKey
    meant: MeantDocuments
    on_foreign: str
    on_changed: str = "fail"

    def require_filed(self, rules: RunRules) -> Instance:
        """Return what is delivered under the key, or under a correction of it; only a verifying run gets that far.

        :raises AirflowSkipException: the end of a dry run, which has said what a run would do.
        :raises AltinnFilingError: nothing is filed, or other documents are.
        """
        try:
            key, found = self._found()
        except AltinnDiffersError as exc:
            raise self._at_others(exc, rules) from exc
        if rules.dry_run:
            self._end_dry_run(key, found, rules)
        return self._required(key, found)

    def _found(self) -> tuple[FilingKey, Filed | None]:
        hook, app_id = self.operator.hook, self.operator.app
        refuse_taken_stamps(self.key.app_id, self.metadata)
        app = hook.app(app_id)
        changed = ChangedFiling(
            hook.session,
            app,
            lambda key: Filing(
                session=hook.session,
                app=app,
                period_of=period_reader_of_app(app_id, hook.session, app),
                storage=hook.storage,
                key=key,
                on_foreign=self.on_foreign,
                settle=hook.settings.settle,
                report=self.operator.report,
            ),
            self.meant,
            form_types(self.metadata),
            self.on_changed,
            self.operator.report,
        )
        return hook.run(changed.find(self.key))

    def _at_others(self, exc: AltinnDiffersError, rules: RunRules) -> Exception:
        """Return how a run ends that meets other documents, and may not file a correction."""
        (instance_id,) = exc.instance_ids
        self.operator.show_instance(self.context, InstanceId.parse(instance_id))
        if not rules.dry_run:
            differs = f"{self.key} is filed as {instance_id}, but with other documents than these"
            return AltinnFilingError(differs, [instance_id]) if self.on_changed == "fail" else exc
        would = f"{instance_id} is delivered, with other documents than these" if self.on_changed == "fail" else exc
        return self._end_of_dry_run(self.key, f"nothing would be filed: {would}", instance_id)

    def _end_dry_run(self, key: FilingKey, found: Filed | None, rules: RunRules) -> None:
        would = self._what_would_happen(key, found)
        if rules.verify_only and (found is None or not is_delivered(found.instance)):
            would = f"this backfill only verifies: its run would fail, because {key} is not filed"
        if found is not None:
            self.operator.show_instance(self.context, found.instance.id)
        raise self._end_of_dry_run(key, would, str(found.instance.id) if found else None)

    def _end_of_dry_run(self, key: FilingKey, would: str, instance_id: str | None) -> AirflowSkipException:
        plan = {"period": key.period, "kind": key.kind, "would": would, "instance_id": instance_id}
        self.context["ti"].xcom_push(DRY_RUN_KEY, plan)
        self.operator.report(f"dry run: {would}")
        return AirflowSkipException(f"dry run: nothing was written. {would}")

    def _what_would_happen(self, key: FilingKey, found: Filed | None) -> str:
        changed = key != self.key
        as_correction = f"correction {key.correction} would be filed: " if changed else ""
        if found is None:
            return f"{as_correction}an instance would be made for {key}, filled in and filed"
        instance, where = found.instance, found.instance.process.where
        if not is_delivered(instance):
            return f"{as_correction}draft {instance.id}, which is at {where}, would be brought up to date and filed"
        already = f" as correction {key.correction}" if changed else ""
        return f"nothing would be filed: {instance.id} is delivered already{already} ({where})"

    def _required(self, key: FilingKey, found: Filed | None) -> Instance:
        if found is None or not is_delivered(found.instance):
            ids = [] if found is None else [str(found.instance.id)]
            there = f"draft {ids[0]} is at {found.instance.process.where}" if found else "Altinn has no instance of it"
            raise AltinnFilingError(
                f"{key} is not filed: {there}. This backfill only verifies (on_backfill='verify_only'), so "
                "nothing was filed",
                ids,
            )
        instance = found.instance
        self.operator.show_instance(self.context, instance.id)
        self.operator.report(f"{key} is filed as {instance.id} ({instance.process.where})")
        return instance

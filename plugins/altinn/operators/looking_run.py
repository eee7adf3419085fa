"""What a run that may only look does instead of writing: say what would come, or require what is filed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from altinn.authorities.period_readers import period_reader_of_app
from altinn.exceptions import AltinnFilingError
from altinn.protocol.filed_document import form_types
from altinn.protocol.filing import Filed, Filing
from altinn.protocol.filing_key import FilingKey, is_delivered, refuse_taken_stamps

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
    """

    operator: AltinnOperator
    metadata: Mapping[str, Any]
    context: Context
    key: FilingKey
    meant: MeantDocuments
    on_foreign: str

    def require_filed(self, rules: RunRules) -> Instance:
        """Return what is delivered under the key; only a verifying run gets that far.

        :raises AirflowSkipException: the end of a dry run, which has said what a run would do.
        :raises AltinnFilingError: nothing is filed, or other documents are.
        """
        found = self._found()
        if rules.dry_run:
            self._end_dry_run(found, rules)
        return self._required(found)

    def _found(self) -> Filed | None:
        hook, app_id = self.operator.hook, self.operator.app
        refuse_taken_stamps(self.key.app_id, self.metadata)
        app = hook.app(app_id)
        filing = Filing(
            session=hook.session,
            app=app,
            period_of=period_reader_of_app(app_id, hook.session, app),
            storage=hook.storage,
            key=self.key,
            on_foreign=self.on_foreign,
            settle=hook.settings.settle,
            report=self.operator.report,
        )
        return hook.run(filing.find())

    def _end_dry_run(self, found: Filed | None, rules: RunRules) -> None:
        plan = self._what_would_happen(found)
        if rules.verify_only and (found is None or not is_delivered(found.instance)):
            plan["would"] = f"this backfill only verifies: its run would fail, because {self.key} is not filed"
        if found is not None:
            self.operator.show_instance(self.context, found.instance.id)
        self.context["ti"].xcom_push(DRY_RUN_KEY, plan)
        self.operator.report(f"dry run: {plan['would']}")
        raise AirflowSkipException(f"dry run: nothing was written. {plan['would']}")

    def _what_would_happen(self, found: Filed | None) -> dict[str, Any]:
        if found is None:
            would, instance_id = f"an instance would be made for {self.key}, filled in and filed", None
        else:
            instance_id = str(found.instance.id)
            where = found.instance.process.where
            if not is_delivered(found.instance):
                would = f"draft {instance_id}, which is at {where}, would be brought up to date and filed"
            elif self._differs(found):
                would = f"nothing would be filed: {instance_id} is delivered, with other documents than these"
            else:
                would = f"nothing would be filed: {instance_id} is delivered already ({where})"
        return {"period": self.key.period, "kind": self.key.kind, "would": would, "instance_id": instance_id}

    def _required(self, found: Filed | None) -> Instance:
        if found is None or not is_delivered(found.instance):
            ids = [] if found is None else [str(found.instance.id)]
            there = f"draft {ids[0]} is at {found.instance.process.where}" if found else "Altinn has no instance of it"
            raise AltinnFilingError(
                f"{self.key} is not filed: {there}. This backfill only verifies (on_backfill='verify_only'), so "
                "nothing was filed",
                ids,
            )
        instance = found.instance
        self.operator.show_instance(self.context, instance.id)
        if self._differs(found):
            raise AltinnFilingError(
                f"{self.key} is filed as {instance.id}, but with other documents than these", [str(instance.id)]
            )
        self.operator.report(f"{self.key} is filed as {instance.id} ({instance.process.where})")
        return instance

    def _differs(self, found: Filed) -> bool:
        hook, forms = self.operator.hook, form_types(self.metadata)
        app = hook.app(self.operator.app)
        return hook.run(
            self.meant.differ_from_delivered(found.instance, hook.session, app, forms, self.operator.report)
        )

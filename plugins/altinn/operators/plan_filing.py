"""Say what a run is about and what it may do, and stop here when it may only look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from altinn.authorities.period_readers import period_reader_of_app
from altinn.documents import documents_of
from altinn.exceptions import AltinnFilingError
from altinn.operators.altinn_operator import AltinnOperator, whole_number
from altinn.operators.meant_content import meant_documents
from altinn.protocol.filed_document import form_types
from altinn.protocol.filing import Filed, Filing
from altinn.protocol.filing_key import FilingKey, is_delivered, refuse_taken_stamps
from altinn.protocol.identifiers import AppId
from altinn.runs import BACKFILL_LIMIT, FILE_MISSING, RunRules, resolve_period
from altinn.runs.backfill_rules import refuse_long_backfill

if TYPE_CHECKING:
    from airflow.sdk import Context

DRY_RUN_KEY = "altinn_dry_run"


class AltinnPlanFilingOperator(AltinnOperator):
    """Find out the run's period, and stand before the first write: the tasks after it are the ones that file.

    - Every run: the period is one that the run states, and has ended (`altinn.runs.resolve_period`).
    - A dry run: looks for what is filed, says what a run would do, and skips all tasks after it.
    - A backfill: stops if it has more periods than `max_filings_per_backfill`. With `on_backfill="verify_only"` it
      goes on only where the report is delivered already, so that the tasks after it prove what is filed, and fails
      where nothing is.

    Only reads, so it is safe to retry, clear and backfill. Put whatever can find a mistake, such as the check against
    a schema, before it: then a dry run does that too.

    :param period: the period's name; by default what the run says.
    :param kind: "main", or "correction" together with `correction_number`.
    :param correction_number: 1, 2 … for corrections.
    :param organisation_number: the company that files; by default the connection's.
    :param content_sha256: as in AltinnInstantiateOperator, to say whether what is delivered is the same.
    :param documents: as in AltinnInstantiateOperator; without them the hash of what the draft was made with decides,
        and a draft that was brought up to date before its delivery seems to differ.
    :param allow_changes: as in AltinnUploadDataOperator, for that comparison.
    :param dry_run: write nothing.
    :param on_backfill: "file_missing" or "verify_only".
    :param max_filings_per_backfill: how many periods one backfill may file; 0 for no limit.
    :param on_foreign: as in AltinnInstantiateOperator.
    :return: {"period", "kind", "correction_number"} for the tasks after it, as `plan.output["period"]` …
    """

    template_fields: Sequence[str] = (
        *AltinnOperator.template_fields,
        "period",
        "kind",
        "correction_number",
        "organisation_number",
        "content_sha256",
        "documents",
        "allow_changes",
        "is_dry_run",
        "on_backfill",
        "max_filings_per_backfill",
    )

    def __init__(
        self,
        *,
        period: str | None = None,
        kind: str = "main",
        correction_number: int | str = 0,
        organisation_number: str | None = None,
        content_sha256: str | None = None,
        documents: Sequence[Mapping[str, str]] | None = None,
        allow_changes: Sequence[str] = (),
        dry_run: bool | str = False,
        on_backfill: str = FILE_MISSING,
        max_filings_per_backfill: int | str = BACKFILL_LIMIT,
        on_foreign: str = "fail",
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.period = period
        self.kind = kind
        self.correction_number = correction_number
        self.organisation_number = organisation_number
        self.content_sha256 = content_sha256
        self.documents = documents
        self.allow_changes = allow_changes
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run
        self.on_backfill = on_backfill
        self.max_filings_per_backfill = max_filings_per_backfill
        self.on_foreign = on_foreign

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the run, and look where it may only look."""
        rules = RunRules.of(context, dry_run=self.is_dry_run, on_backfill=self.on_backfill)
        period = self.period or resolve_period(context).name
        key = self._key(period)
        if rules.looks_only:
            found = self._look(key)
            if rules.dry_run:
                self._end_dry_run(context, key, found)
            self._require_delivered(context, key, found)
        else:
            refuse_long_backfill(context, whole_number(self.max_filings_per_backfill, "max_filings_per_backfill"))
        return {"period": key.period, "kind": self.kind, "correction_number": key.correction}

    def _key(self, period: str) -> FilingKey:
        owner = self.hook.owner(organisation_number=self.organisation_number)
        number = whole_number(self.correction_number, "correction_number")
        return FilingKey.of(AppId.parse(self.app), owner, period, self.kind, number)

    def _look(self, key: FilingKey) -> Filed | None:
        refuse_taken_stamps(key.app_id, self.hook.metadata(self.app))
        app = self.hook.app(self.app)
        filing = Filing(
            session=self.hook.session,
            app=app,
            period_of=period_reader_of_app(self.app, self.hook.session, app),
            storage=self.hook.storage,
            key=key,
            on_foreign=self.on_foreign,
            settle=self.hook.settings.settle,
            report=self.report,
        )
        return self.hook.run(filing.find())

    def _end_dry_run(self, context: Context, key: FilingKey, found: Filed | None) -> None:
        plan = self._what_would_happen(key, found)
        if found is not None:
            self.show_instance(context, found.instance.id)
        context["ti"].xcom_push(DRY_RUN_KEY, plan)
        self.report(f"dry run: {plan['would']}")
        raise AirflowSkipException(f"dry run: nothing was written. {plan['would']}")

    def _what_would_happen(self, key: FilingKey, found: Filed | None) -> dict[str, Any]:
        if found is None:
            would, instance_id = f"an instance would be made for {key}, filled in and filed", None
        else:
            instance_id = str(found.instance.id)
            where = found.instance.process.where
            if not is_delivered(found.instance):
                would = f"draft {instance_id}, which is at {where}, would be brought up to date and filed"
            elif self._differs(found):
                would = f"nothing would be filed: {instance_id} is delivered, with other documents than these"
            else:
                would = f"nothing would be filed: {instance_id} is delivered already ({where})"
        return {"period": key.period, "kind": key.kind, "would": would, "instance_id": instance_id}

    def _require_delivered(self, context: Context, key: FilingKey, found: Filed | None) -> None:
        if found is None or not is_delivered(found.instance):
            ids = [] if found is None else [str(found.instance.id)]
            there = f"draft {ids[0]} is at {found.instance.process.where}" if found else "Altinn has no instance of it"
            raise AltinnFilingError(
                f"{key} is not filed: {there}. This backfill only verifies (on_backfill='verify_only'), so nothing was "
                "filed",
                ids,
            )
        self.show_instance(context, found.instance.id)
        if self._differs(found):
            raise AltinnFilingError(
                f"{key} is filed as {found.instance.id}, but with other documents than these", [str(found.instance.id)]
            )
        self.report(f"{key} is filed as {found.instance.id} ({found.instance.process.where})")

    def _differs(self, found: Filed) -> bool:
        documents = documents_of(self.documents) if self.documents else []
        meant = meant_documents(self.content_sha256, documents, tuple(self.allow_changes))
        if not meant.differ_from_stamp(found.instance):
            return False
        forms = form_types(self.hook.metadata(self.app))
        session, app = self.hook.session, self.hook.app(self.app)
        return self.hook.run(meant.differ_from_delivered(found.instance, session, app, forms, self.report))

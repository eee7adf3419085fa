"""Say what a run is about and what it may do, and stop here when it may only look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altinn.documents import documents_of
from altinn.exceptions import AltinnInputError
from altinn.operators.altinn_operator import AltinnOperator, require_choice, whole_number
from altinn.operators.looking_run import LookingRun
from altinn.operators.meant_content import meant_documents
from altinn.periods import parse_period, report_calendar
from altinn.protocol.filing_key import FilingKey
from altinn.protocol.identifiers import AppId
from altinn.runs import BACKFILL_LIMIT, FILE_MISSING, RunRules, resolve_period
from altinn.runs.backfill_rules import refuse_long_backfill
from altinn.runs.run_period import known_kinds, require_ended, require_kind, scheduled_report

if TYPE_CHECKING:
    from airflow.sdk import Context


class AltinnPlanFilingOperator(AltinnOperator):
    """Find out the run's period, and stand before the first write: the tasks after it are the ones that file.

    - Every run: the period is one that the run states, and has ended (`altinn.runs.resolve_period`).
    - A dry run: looks for what is filed, says what a run would do, and skips all tasks after it.
    - A backfill, a dry one too: stops if it has more periods than `max_filings_per_backfill`. With
      `on_backfill="verify_only"` it goes on only where the report is delivered already, so that the tasks after it
      prove what is filed, and fails where nothing is.

    Only reads, so it is safe to retry, clear and backfill. Put whatever can find a mistake, such as the check against
    a schema, before it: then a dry run does that too.

    :param period: the period's name, which must have ended; by default what the run says. A name that is no period of
        this provider's is taken as it stands where neither `report`, `kinds` nor the DAG's schedule says what periods
        there are.
    :param report: a name of `altinn.periods.REPORTS`, where the DAG's schedule does not say it: the run's period must
        be one of its.
    :param kinds: kinds of period ("term", "month" …) that are allowed beside the report's own.
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
    :param on_changed: as there: with "correction" a dry run says which correction would be filed, and a verifying run
        goes on where these documents were delivered as one.
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
        report: str | None = None,
        kinds: Sequence[str] = (),
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
        on_changed: str = "fail",
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.period = period
        self.report_name = report
        self.kinds = kinds
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
        self.on_changed = on_changed

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the run, and look where it may only look."""
        require_choice("on_changed", self.on_changed, "fail", "correction")
        rules = RunRules.of(context, dry_run=self.is_dry_run, on_backfill=self.on_backfill)
        period = self._period(context)
        key = self._key(period)
        if not rules.verify_only:
            refuse_long_backfill(context, whole_number(self.max_filings_per_backfill, "max_filings_per_backfill"))
        if rules.looks_only:
            documents = documents_of(self.documents) if self.documents else []
            meant = meant_documents(self.content_sha256, documents, tuple(self.allow_changes))
            metadata = self.hook.metadata(self.app)
            looking = LookingRun(self, metadata, context, key, meant, self.on_foreign, self.on_changed)
            looking.require_filed(rules)
        return {"period": key.period, "kind": self.kind, "correction_number": key.correction}

    def _period(self, context: Context) -> str:
        if not self.period:
            return resolve_period(context, report=self.report_name, kinds=self.kinds).name
        kinds = known_kinds(self.kinds)
        calendar = report_calendar(self.report_name) if self.report_name else scheduled_report(context)
        try:
            named = calendar.period(self.period) if calendar else parse_period(self.period)
        except AltinnInputError:
            if calendar or kinds:
                raise
            return self.period
        require_kind(named, calendar, kinds)
        require_ended(named)
        return self.period

    def _key(self, period: str) -> FilingKey:
        owner = self.hook.owner(organisation_number=self.organisation_number)
        number = whole_number(self.correction_number, "correction_number")
        return FilingKey.of(AppId.parse(self.app), owner, period, self.kind, number)

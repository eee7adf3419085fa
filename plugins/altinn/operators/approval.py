"""A person approves before the step that cannot be taken back, and the push holds to what was approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLRejectException, HITLTimeoutError
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException

from altinn.exceptions import AltinnConfigurationError
from altinn.operators.approval_check import approved_sha256, flat_documents
from altinn.runs import FILE_MISSING, RunRules

if TYPE_CHECKING:
    from airflow.sdk import Context

SHOWN_KEY = "altinn_approval_shown"
DRAFT_KEY = "altinn_shown_draft"


class AltinnApprovalOperator(ApprovalOperator):
    """Ask a person to approve a filing, showing what will be filed and its hash; takes no worker slot meanwhile.

    A rejection fails the task, and with it the run: a run whose filing was refused must not look green. The answer
    carries the hash that was shown; AltinnProcessNextOperator (`approved=`) refuses to push anything else.

    :param documents: what the upload tasks returned.
    :param instance_id: the draft, "party/guid"; then the approval is for this draft alone, whose key says company,
        period and kind, and the push refuses another one with the same documents.
    :param filing: what else the person should see, label and text.
    :param response_timeout: how long to wait; without an answer the task fails.
    :param dry_run: ask nobody, because nothing is filed.
    :param on_backfill: "verify_only" asks nobody in a backfill's run, likewise.
    :raises AltinnConfigurationError: `defaults` would approve without a person, or `fail_on_reject=False` would let a
        refused filing's run look green.
    :return: {"chosen_options", "params_input", "responded_at", "responded_by_user", "content_sha256", "instance_id"}.
    """

    template_fields: Sequence[str] = (
        *ApprovalOperator.template_fields,
        "documents",
        "instance_id",
        "filing",
        "is_dry_run",
        "on_backfill",
    )
    template_fields_renderers = {"documents": "json", "filing": "json"}

    def __init__(
        self,
        *,
        documents: Sequence[Any],
        instance_id: str | None = None,
        filing: Mapping[str, Any] | None = None,
        subject: str = "Approve this filing?",
        response_timeout: timedelta | None = timedelta(days=14),
        fail_on_reject: bool = True,
        retries: int = 0,
        dry_run: bool | str = False,
        on_backfill: str = FILE_MISSING,
        **kwargs: Any,
    ) -> None:
        if fail_on_reject is not True:
            raise AltinnConfigurationError(
                f"{kwargs.get('task_id')}: fail_on_reject=False would end the run of a refused filing green: leave it "
                "out"
            )
        super().__init__(
            subject=subject, response_timeout=response_timeout, fail_on_reject=fail_on_reject, retries=retries, **kwargs
        )
        if self.defaults and set(self.defaults) != {self.REJECT}:
            raise AltinnConfigurationError(
                f"{self.task_id}: defaults={self.defaults} would approve when nobody answers: a person has to"
            )
        self.documents = documents
        self.instance_id = instance_id
        self.filing = filing
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run
        self.on_backfill = on_backfill

    def execute(self, context: Context) -> None:
        """Show what will be filed, remember its hash, and wait; a run that may only look goes on."""
        if RunRules.of(context, dry_run=self.is_dry_run, on_backfill=self.on_backfill).looks_only:
            self.log.info("This run may only look: nothing is filed, so nobody is asked")
            return
        documents = flat_documents(self.documents)
        digest = approved_sha256(documents)
        context["task_state_store"].set(SHOWN_KEY, digest)
        context["task_state_store"].set(DRAFT_KEY, self.instance_id or "")
        self.body = _body(dict(self.filing or {}), documents, digest, str(self.body or ""))
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the answer together with the hash that was shown when it was asked for.

        :raises AirflowFailException: the person rejected, or nobody answered in time. No retry asks once more, whatever
            the DAG's `default_args` say: another person might approve what the first one has refused.
        """
        try:
            answer = dict(super().execute_complete(context, event))
        except (HITLRejectException, HITLTimeoutError) as exc:
            raise AirflowFailException(f"not approved, so nothing is filed: {exc}") from exc
        answered_at: Any = answer.get("responded_at")
        return {
            **answer,
            "responded_at": answered_at.isoformat() if hasattr(answered_at, "isoformat") else answered_at,
            "content_sha256": context["task_state_store"].get(SHOWN_KEY),
            "instance_id": context["task_state_store"].get(DRAFT_KEY) or None,
        }


def _body(filing: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], digest: str, more: str) -> str:
    """Write the page's text as Markdown; what comes from file names cannot break out of its cell."""
    lines = [f"**{_cell(label)}**: {_cell(text)}  " for label, text in filing.items() if text not in (None, "")]
    lines += ["", "| document | file | bytes | SHA-256 |", "|---|---|---|---|"]
    lines += [
        f"| {_cell(d['data_type'])} | {_cell(d.get('file_name'))} | {d.get('size', '')} | `{_cell(d['sha256'])}` |"
        for d in documents
    ]
    lines += ["", f"SHA-256 over all: `{digest}`", "", "Approving lets the next task file it; that cannot be undone."]
    return "\n".join([*lines, "", more] if more else lines)


def _cell(text: object) -> str:
    return "".join(char if char.isprintable() and char not in "|`<>[]" else " " for char in str(text))[:200]

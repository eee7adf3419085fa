"""Ask Altinn whether the instance may move on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from altinn.exceptions import AltinnDocumentError, AltinnInputError
from altinn.issue_table import table_of
from altinn.operators.altinn_operator import AltinnInstanceOperator
from altinn.protocol.filing import is_delivered

if TYPE_CHECKING:
    from airflow.sdk import Context

_RANK = {"error": 3, "warning": 2, "information": 1}


class AltinnValidateOperator(AltinnInstanceOperator):
    """Run the app's validation and show its findings as a table.

    Only reads, so it is safe to retry. The form's validators run while the instance is in its data task only; an
    instance that has been delivered is not validated again.

    :param fail_on: the least severity that fails the task: "error" (default), "warning", "information" or "never".
    :param language: language of the findings, "nb", "nn" or "en".
    :return: list of issues, {"severity", "code", "where", "message", "source", "line"}.
    """

    template_fields: Sequence[str] = (*AltinnInstanceOperator.template_fields, "fail_on", "language")

    def __init__(self, *, fail_on: str = "error", language: str = "nb", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fail_on = fail_on
        self.language = language

    def execute(self, context: Context) -> list[dict[str, str | int]]:
        """Validate and return the findings."""
        if self.fail_on not in (*_RANK, "never"):
            raise AltinnInputError(f"fail_on must be one of {', '.join(_RANK)} or never, not {self.fail_on!r}")
        instance_id = self.checked_instance_id(context)
        instance = self.hook.run(self.hook.session.perform(self.hook.storage.get_instance(instance_id)))
        if is_delivered(instance):
            self.log.info("%s has been delivered already (%s): not validated", instance_id, instance.process.where)
            return []
        call = self.hook.app(self.app).validate(instance_id, self.language)
        issues = self.hook.run(self.hook.session.perform(call))
        found = [issue.as_json() for issue in issues]
        context["ti"].xcom_push("altinn_issues", found)
        if not issues:
            self.log.info("%s is valid in %s", instance_id, instance.process.where)
            return found
        self.log.info("%s: %d finding(s)\n%s", instance_id, len(issues), table_of(issues))
        limit = _RANK.get(self.fail_on, 99)
        stopping = [issue for issue in issues if _RANK.get(issue.severity, 0) >= limit]
        if stopping:
            raise AltinnDocumentError(
                f"{instance_id} has {len(stopping)} finding(s) of severity {self.fail_on} or worse; nothing was "
                f"submitted\n{table_of(stopping)}",
                stopping,
            )
        return found

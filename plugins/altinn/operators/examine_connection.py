"""Have the doctor look at the connection before anything is filed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from altinn.doctor.examination import Question
from altinn.doctor.findings import FAILED, WARNING
from altinn.exceptions import AltinnConfigurationError
from altinn.operators.altinn_operator import AltinnOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class AltinnDoctorOperator(AltinnOperator):
    """Walk everything between this worker and a filing, and fail if a link is broken.

    Only reads, so it is safe to retry; it creates nothing.

    :param organisation_number: for whom is filed; by default what the connection says.
    :return: list of findings, {"link", "status", "text", "who", "where"}.
    :raises AltinnConfigurationError: a link is broken; names it, and who can mend it.
    """

    template_fields: Sequence[str] = (*AltinnOperator.template_fields, "organisation_number")

    def __init__(self, *, organisation_number: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.organisation_number = organisation_number

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Examine, log one line for each link, and return the findings."""
        findings = self.hook.examine(Question(self.app, self.organisation_number))
        for finding in findings:
            log = self.log.warning if finding.status in (FAILED, WARNING) else self.log.info
            log("%s", finding.line())
        broken = [finding.line() for finding in findings if finding.status == FAILED]
        if broken:
            raise AltinnConfigurationError("; ".join(broken))
        return [asdict(finding) for finding in findings]

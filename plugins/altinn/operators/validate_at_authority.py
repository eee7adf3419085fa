"""Ask the authority itself, before anything is filed, whether it would accept the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from altinn.authorities.vat_feedback import ValidationResult, read_validation_result
from altinn.checked_documents import read_whole
from altinn.exceptions import AltinnConfigurationError, AltinnDocumentError, AltinnInputError
from altinn.issue_table import table_of
from altinn.operators.altinn_operator import AltinnOperator
from altinn.protocol.wire import SLOW_READ_TIMEOUT, Call, HttpRequest

if TYPE_CHECKING:
    from airflow.sdk import Context

VAT_VALIDATION = {
    "prod": "https://idporten.api.skatteetaten.no/api/mva/grensesnittstoette/mva-melding/valider",
    "tt02": "https://idporten-api-sbstest.sits.no/api/mva/grensesnittstoette/mva-melding/valider",
}
"""Skatteetaten's `valider` in each environment. Source: its API documentation, "mvameldingvalidering"."""

EMULATED_PATH = "/api/mva/grensesnittstoette/mva-melding/valider"
_REFUSING = {"deviating": 1, "deficient": 2, "invalid": 3, "unknown": 3}
_LIMITS = {"invalid": 3, "deficient": 2, "deviating": 1, "never": 99}


class AltinnValidateAtAuthorityOperator(AltinnOperator):
    """Have Skatteetaten validate a VAT return before it is filed.

    The service is Skatteetaten's own, not Altinn's: it takes the raw ID-porten (or Maskinporten) token instead of
    Altinn's, and its answer is always 200 with the judgement inside. It keeps nothing, so the task is safe to retry.

    :param path: the return, local or anything ObjectStoragePath knows.
    :param fail_on: the mildest judgement that fails the task: "invalid" (default; it would be refused), "deficient",
        "deviating" (it may be filed), or "never".
    :param url: the service's address; by default Skatteetaten's in the connection's environment.
    :return: {"status", "stated", "issues"}.
    """

    template_fields: Sequence[str] = (*AltinnOperator.template_fields, "path", "fail_on", "url")

    def __init__(self, *, path: str, fail_on: str = "invalid", url: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.fail_on = fail_on
        self.url = url

    def execute(self, context: Context) -> dict[str, Any]:
        """Validate and return the authority's judgement.

        :raises AltinnDocumentError: the authority would refuse the return; carries its findings.
        """
        if self.fail_on not in _LIMITS:
            raise AltinnInputError(f"fail_on must be one of {', '.join(_LIMITS)}, not {self.fail_on!r}")
        content = read_whole(self.path)
        result = self.hook.run(self.hook.session.perform(self._call(content)))
        if result.issues:
            self.log.info("%s: %d finding(s)\n%s", result.stated, len(result.issues), table_of(result.issues))
        else:
            self.log.info("The authority says: %s", result.stated)
        found = {
            "status": result.status,
            "stated": result.stated,
            "issues": [issue.as_json() for issue in result.issues],
        }
        context["ti"].xcom_push("altinn_issues", found["issues"])
        if _REFUSING.get(result.status, 0) >= _LIMITS[self.fail_on]:
            raise AltinnDocumentError(
                f"the authority judges the return as {result.stated!r}; nothing was filed\n{table_of(result.issues)}",
                result.issues,
            )
        return found

    def _call(self, content: bytes) -> Call[ValidationResult]:
        headers = {"Content-Type": "application/xml", "Accept": "application/xml"}
        return Call(
            "POST valider of the VAT return",
            HttpRequest("POST", self._address(), headers, content, SLOW_READ_TIMEOUT),
            lambda response: read_validation_result(response.body),
            harmless=True,
            audience="external",
        )

    def _address(self) -> str:
        environment = self.hook.settings.environment
        if self.url:
            if not self.url.startswith("https://") and environment.name != "local":
                raise AltinnInputError("url must begin with https://: the login's own token goes there")
            return self.url
        if environment.name == "local":
            return f"{environment.platform_url}{EMULATED_PATH}"
        try:
            return VAT_VALIDATION[environment.name]
        except KeyError as exc:
            raise AltinnConfigurationError(
                f"Skatteetaten has no validation service for the environment {environment.name!r}: give url"
            ) from exc

"""The answers of faults that refuse: what a gateway, an app or Storage was seen to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from altinn.emulator.answers import default_problem, empty, json_answer, problem, text
from altinn.emulator.faults.fault_script import Fault
from altinn.emulator.workflowanswers import resume_required, retrying

if TYPE_CHECKING:
    from starlette.responses import Response

HTML = "text/html; charset=utf-8"
REASONS = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
ISSUE = {
    "severity": 1,
    "dataElementId": None,
    "field": "property1",
    "code": "property1.feil",
    "description": "property1 kan ikke være FEIL",
    "source": "emulator-fault",
}
XML_REFUSAL = (
    "<valideringsresultat><valideringsfeil><melding>Skjemavalidering feilet</melding></valideringsfeil>"
    "</valideringsresultat>"
)


def gateway_page(status: int, retry_after: float | None = None) -> Response:
    """Return what a gateway answers in place of the server behind it."""
    title = f"{status} {REASONS[status]}"
    page = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
    answer = text(status, page, HTML)
    if retry_after is not None:
        answer.headers["retry-after"] = f"{retry_after:.0f}"
    return answer


def html_page(status: int = 200) -> Response:
    """Return a page for people where JSON is expected."""
    return text(status, "<!DOCTYPE html><html><head><title>Logg inn</title></head><body>Logg inn</body></html>", HTML)


def token_refused(description: str) -> Response:
    """Return the 401 for a token that is valid no more."""
    words = f'Bearer error="invalid_token", error_description="{description}"'
    return empty(401, {"www-authenticate": words})


def _too_many(fault: Fault) -> Response:
    answer = text(429, "Rate limit is exceeded. Try again later.")
    answer.headers["retry-after"] = f"{fault.seconds:.0f}"
    return answer


REFUSALS: dict[str, Callable[[Fault], Response]] = {
    "500": lambda _: default_problem(500),
    "502": lambda _: gateway_page(502),
    "503": lambda fault: gateway_page(503, fault.seconds),
    "504": lambda _: gateway_page(504),
    "429": _too_many,
    "html_before": lambda _: html_page(),
    "token_expired": lambda _: token_refused("The token has expired"),
    "token_revoked": lambda _: token_refused("The token was revoked"),
    "403": lambda _: empty(403),
    "404": lambda _: json_answer("Unable to find instance. Exception: NpgsqlException", 404),
    "409_validation": lambda _: problem(
        409, "Validation failed for task", "1 validation errors found for task Task_1", validationIssues=[ISSUE]
    ),
    "409_lock": lambda _: default_problem(409),
    "409_ended": lambda _: problem(409, None, "Process is ended.", validationIssues=None),
    "409_empty": lambda _: empty(409),
    "409_string": lambda _: json_answer("Ugyldig innsending: perioden er allerede levert", 409),
    "409_xml": lambda _: text(409, XML_REFUSAL, "application/xml; charset=utf-8"),
    "409_retrying": lambda _: retrying(),
    "409_resume_required": lambda _: resume_required(),
    "service_task_failed": lambda _: problem(500, "Service task failed!", "Service task pdf returned a failed result!"),
    "lock_unavailable": lambda _: empty(403),
}
IN_PLACE: dict[str, Callable[[Fault], Response]] = {
    "401_after_commit": lambda _: token_refused("The token has expired"),
    "500_after_commit": lambda _: default_problem(500),
    "502_after_commit": lambda _: gateway_page(502),
    "503_after_commit": lambda fault: gateway_page(503, fault.seconds),
    "504_after_commit": lambda _: gateway_page(504),
}

"""Turns an error answer of any dialect into one of our errors.

Altinn answers errors as problem+json, as a JSON string, as plain text, as an authority's XML, or with no body at
all (ProcessController, DataController and InstancesController in Altinn's public app library).
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from altinn.exceptions import (
    AltinnConflictError,
    AltinnCreationError,
    AltinnForbiddenError,
    AltinnHttpError,
    AltinnLockedError,
    AltinnNotFoundError,
    AltinnProcessEndedError,
    AltinnRefusedError,
    AltinnResumeRequiredError,
    AltinnRetryingError,
    AltinnServerError,
    AltinnServiceTaskError,
    AltinnUnauthorizedError,
    AltinnUnavailableError,
    AltinnUnknownNameError,
    AltinnValidationError,
    Problem,
)
from altinn.protocol.masking import mask
from altinn.protocol.model import issues_from_json
from altinn.protocol.wire import HttpResponse

TEMPORARY = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that say "not now" (RFC 9110, and 425 from RFC 8470)."""

_LONGEST_RETRY_AFTER = 86_400.0
"""Seconds; a server that asks for more is asked again after a day."""


def problem_of(response: HttpResponse, now: datetime | None = None) -> Problem:
    """Read what an error answer says.

    :param now: the present, for a `Retry-After` that names a date; without it such a header is left out.
    """
    body: object = None
    try:
        body = response.json() if response.body else None
    except (ValueError, RecursionError):
        body = response.text
    retry_after = _retry_after(response.headers.get("retry-after", ""), now)
    if isinstance(body, Mapping):
        return Problem(
            status=response.status,
            title=_one_line(body.get("title") or body.get("error")),
            detail=_one_line(body.get("detail") or body.get("message") or body.get("error_description")),
            trace_id=_one_line(body.get("traceId")),
            retry_after=retry_after,
            issues=issues_from_json(body.get("validationIssues") or body.get("uploadValidationIssues")),
            raw=body,
        )
    issues = issues_from_json(body)
    text = "" if issues or body is None else _one_line(_readable(str(body)))
    return Problem(status=response.status, detail=text, retry_after=retry_after, issues=issues)


def _one_line(value: object) -> str:
    """Mask before the cut: half a token or half a person number would not be recognised any more."""
    return "" if value is None else mask(" ".join(str(value).split()))[:600]


def _readable(text: str) -> str:
    """Strip the mark-up of an HTML page or an authority's XML; what remains is what a person would read."""
    if not text.lstrip().startswith("<"):
        return text
    without_code = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", text[:20_000])
    root = re.match(r"(?:<[?!][^>]*>\s*)*<(?:\w+:)?(valideringsresultat)\b", without_code.lstrip(), re.IGNORECASE)
    return (f"{root[1]}: " if root else "") + re.sub(r"<[^<>]*>", " ", without_code)


def _retry_after(value: str, now: datetime | None) -> float | None:
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), _LONGEST_RETRY_AFTER)
    if not value or now is None:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_RETRY_AFTER)


def error_of(what: str, response: HttpResponse, now: datetime | None = None) -> AltinnHttpError:
    """Choose the typed error for an answer that is not a success."""
    problem = problem_of(response, now)
    if problem.status == 409:
        return _conflict(what, problem)
    if problem.status in TEMPORARY:
        return AltinnUnavailableError(what, problem)
    if problem.status == 401:
        return AltinnUnauthorizedError(what, problem, "the token was refused; is the connection's environment right?")
    if problem.status == 403:
        return AltinnForbiddenError(what, problem, _forbidden_hint(what, problem))
    if problem.status == 404:
        return _not_found(what, problem)
    if problem.status >= 500:
        return _failure(what, problem)
    return AltinnRefusedError(what, problem)


def _failure(what: str, problem: Problem) -> AltinnServerError:
    """Tell a failed service task and version 9's failed creation from other failures."""
    if "initializationState" in (problem.raw or {}):
        return AltinnCreationError(what, problem, "the instance may be there: look before anything is created again")
    if problem.title == "Service task failed!":
        return AltinnServiceTaskError(what, problem, "a step of the app's own failed; the next try pushes it again")
    return AltinnServerError(what, problem)


def _conflict(what: str, problem: Problem) -> AltinnConflictError:
    """Tell the 409s apart: by `processNextState`, then by issues, then by detail, then by what is missing.

    Only the instance lock's answer lacks the member `validationIssues` on `process/next` (ProcessController).
    """
    raw = problem.raw or {}
    state = raw.get("processNextState")
    if state == "retrying":
        return AltinnRetryingError(what, problem, "Altinn is repeating the step by itself; wait")
    if state == "resumeRequired":
        return AltinnResumeRequiredError(
            what, problem, "the app's owner has to mend the cause, then POST process/resume"
        )
    if problem.issues or _is_authority_refusal(problem):
        return AltinnValidationError(what, problem, "correct the data; nothing was submitted")
    if problem.detail.startswith("Process is ended"):
        return AltinnProcessEndedError(what, problem)
    if "process/next" in what and problem.title == "Conflict" and "validationIssues" not in raw:
        return AltinnLockedError(what, problem, "another call holds the instance")
    if problem.title == "User action not supported!":
        return AltinnConflictError(what, problem, "the app knows no such action here: look at the task's action")
    return AltinnConflictError(what, problem)


def _is_authority_refusal(problem: Problem) -> bool:
    """Recognise an authority's own validation: Skatteetaten answers a JSON string or its XML (mva-meldingen's docs)."""
    return problem.raw is None and problem.detail.lower().startswith(("valideringsfeil", "valideringsresultat"))


def _not_found(what: str, problem: Problem) -> AltinnNotFoundError:
    """Tell an owner that does not exist from a register that did not answer: both are 404, with other endings."""
    if "Cannot lookup party" not in problem.detail:
        return AltinnNotFoundError(what, problem)
    if "404 - Not Found" in problem.detail or "Object reference not set" in problem.detail:
        hint = "check who is to file; Altinn's test environments know test organisations only"
        return AltinnUnknownNameError(what, problem, hint)
    return AltinnNotFoundError(what, problem, "Altinn's register did not answer, or does not know the owner")


def _forbidden_hint(what: str, problem: Problem) -> str:
    if problem.detail == "Insufficient scope":
        return "the app demands a scope that the token lacks: add it to the client and to the connection's scopes"
    if what.startswith("POST instances"):
        return (
            "this identity may not create an instance of the app for this company, or there is no such app for it: the "
            "company grants the right in Altinn, to a person as a role, to a system user as an access package. Some "
            "reports, VAT among them, take only a person's ID-porten login"
        )
    return "the identity lacks a right for this, or the instance does not exist (Altinn answers 403 to both)"

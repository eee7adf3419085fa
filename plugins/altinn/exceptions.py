"""The errors of this provider.

    AltinnError
     ├── AltinnInputError            the caller's input is wrong; nothing was sent
     │    └── AltinnDocumentError       a document fails its schema (carries `issues`)
     ├── AltinnConfigurationError    the connection or the key is wrong
     │    └── AltinnConnectionMissingError  Airflow has no such connection, or could not read it
     │    └── AltinnLoginNeededError    nobody has logged in for this connection, or that login has ended
     ├── AltinnLoginRefusedError     a person's login in the browser was not completed; nothing was kept
     ├── AltinnTransportError        no answer
     │    ├── AltinnNotSentError        the request never left (name resolution, refused connection)
     │    └── AltinnNoAnswerError       sent, but no (whole) answer came: the effect is unknown
     ├── AltinnHttpError             an answer that is not a success (carries `status`, `title`, `detail` …)
     │    ├── AltinnLoginError          Maskinporten, ID-porten or the exchange said no
     │    │    └── AltinnLoginEndedError     ID-porten no longer takes the refresh token
     │    ├── AltinnUnavailableError    408, 429, 502, 503, 504 and other temporary answers
     │    ├── AltinnUnauthorizedError   401
     │    ├── AltinnForbiddenError      403
     │    ├── AltinnNotFoundError       404
     │    │    └── AltinnUnknownNameError    no app, or no owner, of that name: a repeat gives the same
     │    ├── AltinnConflictError       409
     │    │    ├── AltinnValidationError     the data is wrong (carries `issues`)
     │    │    ├── AltinnLockedError         another `process/next` holds the instance: wait and look
     │    │    ├── AltinnRetryingError       the workflow engine is at it: wait
     │    │    ├── AltinnResumeRequiredError the workflow engine wants `process/resume`
     │    │    └── AltinnProcessEndedError   the process has ended already
     │    ├── AltinnRefusedError        400, 413, 415, 422: wrong as sent; a repeat gives the same
     │    └── AltinnServerError         500
     │         ├── AltinnServiceTaskError    a service task of the app failed; it can be pushed again
     │         └── AltinnCreationError       version 9 could not finish a creation (carries `action`)
     ├── AltinnAnswerError           a success whose body is not what the contract says
     ├── AltinnFilingError           the filing cannot go on as planned
     │    ├── AltinnForeignInstanceError  an instance of this period that is not ours (carries `instance_ids`)
     │    ├── AltinnAmbiguousError      more than one candidate
     │    ├── AltinnUnknownOutcomeError the outcome cannot be known; says what to look at
     │    ├── AltinnDiffersError        what Altinn keeps is not what was meant
     │    ├── AltinnUnexpectedStateError  the process is not where the plan expects it
     │    ├── AltinnActionDeniedError   the identity may not do this action in this task
     │    ├── AltinnNotSurvivorError    another instance of the key is the one to be filed
     │    ├── AltinnSupersededError     this try was ended or replaced: nothing more is sent
     │    └── AltinnRejectedError       the authority rejected the report (carries `codes`)
     ├── AltinnFenceError            it cannot be proven now that this try is the living one: nothing was sent
     ├── AltinnNotYetError           Altinn needs time (carries `seconds`); an operator waits without a worker slot
     └── AltinnTimeoutError          a wait came to its limit

None of them derives from an Airflow class: the protocol works without Airflow, which treats any exception as a
failure. `altinn.retries` decides which of them are worth another try. Texts never hold a token, a key, a person
number or a form's content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding about a document: Altinn's validation issue, or one of our own checks.

    :param severity: "error", "warning", "information", "fixed", "success" or "unspecified".
    :param code: machine-readable kind.
    :param where: field, path or file name; empty when the finding is about the whole.
    :param message: for people.
    :param source: who found it ("altinn", "xsd", "preflight" …).
    :param line: line in the document, 0 when unknown.
    """

    severity: str
    code: str
    where: str
    message: str
    source: str = ""
    line: int = 0

    def as_json(self) -> dict[str, str | int]:
        """Return the issue as plain JSON, for XCom."""
        return {
            "severity": self.severity,
            "code": self.code,
            "where": self.where,
            "message": self.message,
            "source": self.source,
            "line": self.line,
        }


class AltinnError(Exception):
    """Base of everything this provider raises on purpose."""


class AltinnInputError(AltinnError, ValueError):
    """The caller's input is wrong; nothing was sent."""


class AltinnDocumentError(AltinnInputError):
    """A document fails its local check; nothing was sent."""

    def __init__(self, message: str, issues: Sequence[Issue] = ()) -> None:
        super().__init__(message)
        self.issues = tuple(issues)


class AltinnConfigurationError(AltinnError):
    """The connection, the key or the environment is wrong; says which field and what to do."""


class AltinnLoginNeededError(AltinnConfigurationError):
    """A person has to log in with ID-porten: nobody has, or the login that was kept has ended."""


class AltinnLoginRefusedError(AltinnError):
    """A person's login in the browser was not completed, or its answer could not be trusted; nothing was kept."""


class AltinnConnectionMissingError(AltinnConfigurationError):
    """Airflow has no connection of that name, or could not read it at the moment: it says the same of both."""


class AltinnLocalFileError(AltinnConfigurationError):
    """A file or folder of this machine that the connection names cannot be used: wrong, or only at the moment."""


class AltinnTransportError(AltinnError):
    """No answer came."""


class AltinnNotSentError(AltinnTransportError):
    """The request never left this machine, so it had no effect."""


class AltinnNoAnswerError(AltinnTransportError):
    """The request was sent and no whole answer came back: it may have had its effect."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error answer says, read from any of the server's dialects.

    :param raw: the decoded JSON object, for callers that know more members; empty for other bodies.
    """

    status: int
    title: str = ""
    detail: str = ""
    trace_id: str = ""
    retry_after: float | None = None
    issues: tuple[Issue, ...] = ()
    raw: Mapping[str, object] | None = field(default=None, repr=False)


class AltinnHttpError(AltinnError):
    """An answer that is not a success.

    :param what: what was asked, as in `Call.name`.
    :param problem: what the answer says.
    :param hint: what the reader can do about it.
    """

    def __init__(self, what: str, problem: Problem, hint: str = "") -> None:
        self.what = what
        self.problem = problem
        self.hint = hint
        super().__init__(self._text())

    def _text(self) -> str:
        said = ": ".join(part for part in (self.problem.title, self.problem.detail) if part)
        text = f"{self.what} answered {self.problem.status}" + (f" ({said})" if said else "")
        text += "".join(f"\n  {i.severity} {i.code} {i.where}: {i.message}" for i in self.problem.issues[:20])
        if len(self.problem.issues) > 20:
            text += f"\n  … and {len(self.problem.issues) - 20} more"
        if self.hint:
            text += f"\n  {self.hint}"
        if self.problem.trace_id:
            text += f"\n  trace {self.problem.trace_id}"
        return text

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The validation issues that came along."""
        return self.problem.issues

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asked to wait, if it did."""
        return self.problem.retry_after

    def __reduce__(self) -> tuple[type, tuple[str, Problem, str]]:
        return type(self), (self.what, self.problem, self.hint)


class AltinnLoginError(AltinnHttpError):
    """Maskinporten, ID-porten or Altinn's token exchange refused the login."""


class AltinnLoginEndedError(AltinnLoginError):
    """ID-porten no longer takes the refresh token: expired, withdrawn, or used elsewhere. A person has to log in."""


class AltinnUnavailableError(AltinnHttpError):
    """The server cannot answer at the moment."""


class AltinnUnauthorizedError(AltinnHttpError):
    """The token was refused, also after a renewal."""


class AltinnForbiddenError(AltinnHttpError):
    """No right to do this, or the instance does not exist: Altinn answers 403 to both."""


class AltinnNotFoundError(AltinnHttpError):
    """Altinn does not know it. For a known instance one 404 is no proof (contract trap 36)."""


class AltinnUnknownNameError(AltinnNotFoundError):
    """The environment has no app, or Altinn no party, of that name."""


class AltinnConflictError(AltinnHttpError):
    """The instance's state does not allow it."""


class AltinnValidationError(AltinnConflictError):
    """The data has errors that stop the process; `issues` lists them."""


class AltinnLockedError(AltinnConflictError):
    """Another `process/next` holds the instance: wait, then look."""


class AltinnRetryingError(AltinnConflictError):
    """The workflow engine is repeating a step by itself: wait."""


class AltinnResumeRequiredError(AltinnConflictError):
    """A step failed for good; `process/resume` continues once the cause is mended."""


class AltinnProcessEndedError(AltinnConflictError):
    """The process has ended already."""


class AltinnRefusedError(AltinnHttpError):
    """Wrong as sent; a repeat gives the same answer."""


class AltinnServerError(AltinnHttpError):
    """The server failed; the effect of a write is unknown."""


class AltinnServiceTaskError(AltinnServerError):
    """A service task of the app (PDF, transfer …) failed; pushing on is safe and often mends it."""


class AltinnCreationError(AltinnServerError):
    """Version 9 could not finish a creation; the instance may be there.

    Source: WorkflowInitializationProblemDetails of the public app library.
    """

    @property
    def action(self) -> str:
        """What Altinn recommends: "retryInstanceCreation", "inspectInstance" or "resumeCurrentTask"."""
        return str((self.problem.raw or {}).get("recommendedAction") or "")

    @property
    def instance_id(self) -> str:
        """The instance it is about, "party/guid"; empty when the answer names none."""
        raw = self.problem.raw or {}
        named = str(raw.get("instanceId") or "")
        if "/" in named or not named:
            return named
        owner = str(raw.get("instanceOwnerPartyId") or "")
        return f"{owner}/{named}" if owner else ""


class AltinnAnswerError(AltinnError):
    """A successful answer whose body is not what the contract says."""


class AltinnFilingError(AltinnError):
    """The filing cannot go on as planned; a person has to look.

    :param instance_ids: the instances to look at, "party/guid".
    """

    def __init__(self, message: str, instance_ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.instance_ids = tuple(instance_ids)


class AltinnForeignInstanceError(AltinnFilingError):
    """Somebody else made an instance for this period."""


class AltinnAmbiguousError(AltinnFilingError):
    """More than one candidate, and none may be guessed."""


class AltinnUnknownOutcomeError(AltinnFilingError):
    """It cannot be known whether a write took effect."""


class AltinnDiffersError(AltinnFilingError):
    """What Altinn keeps is not what was meant to be filed."""


class AltinnUnexpectedStateError(AltinnFilingError):
    """The process is not where the plan expects it."""


class AltinnActionDeniedError(AltinnFilingError):
    """The identity may not do the action in the current task; nothing was pushed."""


class AltinnNotSurvivorError(AltinnFilingError):
    """Another instance of the same key is the one that is filed, so this one is never pushed."""


class AltinnSupersededError(AltinnFilingError):
    """Another try of this task goes on, or somebody ended this one: nothing more is sent."""


class AltinnRejectedError(AltinnFilingError):
    """The authority rejected the report.

    :param codes: the authority's own codes and words.
    """

    def __init__(self, message: str, instance_ids: Sequence[str] = (), codes: Sequence[str] = ()) -> None:
        super().__init__(message, instance_ids)
        self.codes = tuple(codes)


class AltinnFenceError(AltinnError):
    """Airflow did not answer whether this is still the living try; nothing was sent."""


class AltinnNotYetError(AltinnError):
    """Altinn needs time; whoever comes back after it starts from the beginning, which is safe.

    :param seconds: how long to wait.
    :param limit: seconds that may be waited for this reason in all; then the cause, or AltinnTimeoutError, is raised.
    """

    def __init__(self, message: str, seconds: float, limit: float) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.limit = limit

    def __reduce__(self) -> tuple[type, tuple[str, float, float]]:
        return type(self), (str(self), self.seconds, self.limit)


class AltinnTimeoutError(AltinnError):
    """A wait came to its limit."""

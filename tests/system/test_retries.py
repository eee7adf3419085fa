"""Which failures Airflow tries again, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from altinn import exceptions
from altinn.exceptions import (
    AltinnActionDeniedError,
    AltinnAmbiguousError,
    AltinnAnswerError,
    AltinnConfigurationError,
    AltinnConnectionMissingError,
    AltinnDiffersError,
    AltinnDocumentError,
    AltinnError,
    AltinnFenceError,
    AltinnFilingError,
    AltinnForeignInstanceError,
    AltinnHttpError,
    AltinnInputError,
    AltinnLocalFileError,
    AltinnLoginEndedError,
    AltinnLoginNeededError,
    AltinnLoginRefusedError,
    AltinnNoAnswerError,
    AltinnNotSentError,
    AltinnNotSurvivorError,
    AltinnNotYetError,
    AltinnRejectedError,
    AltinnSupersededError,
    AltinnTimeoutError,
    AltinnTransportError,
    AltinnUnexpectedStateError,
    AltinnUnknownOutcomeError,
    Problem,
)
from altinn.protocol.problems import error_of
from altinn.protocol.wire import HttpResponse
from altinn.retries import AltinnRetryPolicy, is_worth_a_retry

NEXT = "PUT process/next (write) of 1/a"
PARTY_LOOKUP = b"Cannot lookup party: Failed to lookup party by organisationNumber: 1. The exception was: %b"
LATER: list[AltinnError] = [
    AltinnNotSentError("x"),
    AltinnNoAnswerError("x"),
    AltinnTransportError("x"),
    AltinnAnswerError("x"),
    AltinnUnknownOutcomeError("x"),
    AltinnTimeoutError("x"),
    *[error_of("GET x", HttpResponse(status)) for status in (401, 404, 408, 409, 429, 500, 502, 503, 504)],
    error_of(NEXT, HttpResponse(409, {}, b'{"title": "Conflict", "status": 409}')),
    error_of(NEXT, HttpResponse(409, {}, b'{"status": 409, "processNextState": "retrying"}')),
    error_of(NEXT, HttpResponse(409, {}, b'{"status": 409, "processNextState": "resumeRequired"}')),
    error_of(NEXT, HttpResponse(500, {}, b'{"title": "Service task failed!", "status": 500}')),
    error_of("POST instances", HttpResponse(500, {}, b'{"initializationState": "workflowFailed"}')),
    AltinnFenceError("x"),
    AltinnNotYetError("x", 1.0, 2.0),
    AltinnConnectionMissingError("x"),
    error_of("POST instances of a/b", HttpResponse(404, {}, PARTY_LOOKUP % b"503 - Service Unavailable - ")),
]
NEVER: list[AltinnError] = [
    AltinnInputError("x"),
    AltinnDocumentError("x"),
    AltinnConfigurationError("x"),
    AltinnLocalFileError("x"),
    AltinnFilingError("x"),
    AltinnForeignInstanceError("x"),
    AltinnAmbiguousError("x"),
    AltinnDiffersError("x"),
    AltinnUnexpectedStateError("x"),
    AltinnActionDeniedError("x"),
    AltinnRejectedError("x"),
    AltinnNotSurvivorError("x"),
    AltinnSupersededError("x"),
    AltinnLoginNeededError("x"),
    AltinnLoginRefusedError("x"),
    AltinnLoginEndedError("POST idporten/token", Problem(400)),
    error_of("POST instances of a/b", HttpResponse(404, {}, PARTY_LOOKUP % b"404 - Not Found - ")),
    *[error_of("GET x", HttpResponse(status)) for status in (400, 403, 410, 413, 415, 422)],
    error_of(NEXT, HttpResponse(409, {}, b'{"validationIssues": [{"severity": 1, "code": "c"}]}')),
]


def action(error: BaseException) -> RetryAction:
    return AltinnRetryPolicy().evaluate(error, 1, 4).action


@pytest.mark.parametrize("error", LATER, ids=lambda e: f"{type(e).__name__}-{getattr(e, 'status', '')}")
def test_what_time_may_mend_is_tried_again(error: AltinnError) -> None:
    assert is_worth_a_retry(error)
    assert action(error) == RetryAction.RETRY


@pytest.mark.parametrize("error", NEVER, ids=lambda e: f"{type(e).__name__}-{getattr(e, 'status', '')}")
def test_what_a_retry_cannot_mend_fails_at_once(error: AltinnError) -> None:
    assert not is_worth_a_retry(error)
    assert action(error) == RetryAction.FAIL


def test_every_error_is_decided_on() -> None:
    bases = {"AltinnError", "AltinnHttpError", "AltinnLoginError", "AltinnProcessEndedError"}
    named = {name for name in vars(exceptions) if name.startswith("Altinn")} - bases
    assert {type(error).__name__ for error in LATER + NEVER} == named


@pytest.mark.parametrize(
    ("what", "status", "worth"),
    [
        ("GET exchange/maskinporten", 401, True),
        ("POST maskinporten/token", 401, False),
        ("POST maskinporten/token", 400, False),
        ("POST maskinporten/token", 429, True),
        ("POST maskinporten/token", 503, True),
    ],
)
def test_a_refused_login_is_final_unless_the_refusal_hides_an_outage(what: str, status: int, worth: bool) -> None:
    assert is_worth_a_retry(exceptions.AltinnLoginError(what, Problem(status))) is worth


@pytest.mark.parametrize(("header", "delay"), [("90", timedelta(seconds=90)), ("0", None), ("", None)])
def test_a_retry_comes_no_sooner_than_the_server_asked(header: str, delay: timedelta | None) -> None:
    error: AltinnHttpError = error_of("GET x", HttpResponse(503, {"retry-after": header}))
    assert AltinnRetryPolicy().evaluate(error, 1, 4).retry_delay == delay


def test_an_endless_retry_after_is_bounded() -> None:
    error = error_of("GET x", HttpResponse(503, {"retry-after": "9" * 400}))
    assert AltinnRetryPolicy().evaluate(error, 1, 4).retry_delay == timedelta(days=1)


def test_other_peoples_errors_are_left_to_airflow() -> None:
    assert action(RuntimeError("x")) == RetryAction.DEFAULT

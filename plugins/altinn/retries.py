"""Which failures are worth another try, and how often and when: the operators' default retry policy."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy

from altinn.exceptions import (
    AltinnActionDeniedError,
    AltinnConfigurationError,
    AltinnConnectionMissingError,
    AltinnError,
    AltinnFilingError,
    AltinnForbiddenError,
    AltinnHttpError,
    AltinnInputError,
    AltinnLocalFileError,
    AltinnLockedError,
    AltinnLoginEndedError,
    AltinnLoginError,
    AltinnLoginNeededError,
    AltinnLoginRefusedError,
    AltinnRefusedError,
    AltinnResumeRequiredError,
    AltinnRetryingError,
    AltinnUnknownNameError,
    AltinnUnknownOutcomeError,
    AltinnValidationError,
)
from altinn.protocol.waiting import WAITING, Progress

if TYPE_CHECKING:
    from airflow.sdk import Context

RETRIES = 4
RETRY_DELAY = 30.0
"""Seconds; grows with every try, since what a retry mends takes minutes rather than seconds."""
BACKOFF = 2.0
LONGEST_RETRY_DELAY = 900.0
"""Seconds."""

_LATER = (
    AltinnConnectionMissingError,
    AltinnUnknownOutcomeError,
    AltinnLockedError,
    AltinnRetryingError,
    AltinnResumeRequiredError,
)
_NEVER = (
    AltinnInputError,
    AltinnConfigurationError,
    AltinnLoginRefusedError,
    AltinnRefusedError,
    AltinnForbiddenError,
    AltinnUnknownNameError,
    AltinnValidationError,
    AltinnActionDeniedError,
    AltinnFilingError,
)


class AltinnRetryPolicy(RetryPolicy):
    """Fail at once on what a retry cannot mend; retry the rest, no sooner than the server asked.

    A retry is safe for every operator of this provider: each looks at what is there before it writes.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the error's type."""
        if not isinstance(exception, AltinnError):
            return RetryDecision.default()
        if not is_worth_a_retry(exception):
            return RetryDecision.fail(reason=type(exception).__name__)
        wait = exception.retry_after if isinstance(exception, AltinnHttpError) else None
        delay = timedelta(seconds=wait) if wait else None
        return RetryDecision.retry(delay, reason=type(exception).__name__)


RETRY_POLICY = AltinnRetryPolicy()


def is_worth_a_retry(error: AltinnError) -> bool:
    """Tell whether time may mend the error."""
    if isinstance(error, _LATER):
        return True
    if isinstance(error, AltinnLoginError):
        # Altinn's exchange answers 401 to every failure inside it, an outage of its own services included.
        return error.status >= 500 or error.status == 429 or (error.status == 401 and "exchange" in error.what)
    return not isinstance(error, _NEVER)


_NEEDS_LOGIN = (AltinnLoginNeededError, AltinnLoginEndedError)
"""Errors that a person mends by logging in."""


def is_worth_waiting(error: AltinnError) -> bool:
    """Tell whether a wait goes on in spite of the error: time may mend it, or a person who logs in again.

    A key's file or the folder of the tokens may be away for a moment, when a disk is full or a secret is renewed. The
    tasks before have used them, so that does not end a wait of weeks.
    """
    return isinstance(error, (*_NEEDS_LOGIN, AltinnLocalFileError)) or is_worth_a_retry(error)


def waiting_despite(error: AltinnError) -> Progress:
    """Return how far a wait has come that goes on in spite of such an error, as its log tells it."""
    if isinstance(error, _NEEDS_LOGIN):
        text = f"nobody is logged in any more, so nothing can be seen until a person logs in again: {error}"
        return Progress(WAITING, text, warn=True)
    if isinstance(error, AltinnLocalFileError):
        return Progress(WAITING, f"nothing can be seen at the moment: {error}", warn=True)
    return Progress(WAITING, f"Altinn did not answer ({type(error).__name__})")

"""One call with everything around it: token, renewal, harmless repeats, typed errors."""

from __future__ import annotations

import random
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from altinn.exceptions import (
    AltinnAnswerError,
    AltinnError,
    AltinnHttpError,
    AltinnNoAnswerError,
    AltinnNotSentError,
    AltinnServerError,
    AltinnUnavailableError,
)
from altinn.protocol.problems import error_of
from altinn.protocol.wire import Call, Flow, HttpRequest, HttpResponse, NeedToken, Sleep

T = TypeVar("T")

_REDIRECTS = frozenset({301, 302, 307, 308})


@dataclass(frozen=True, slots=True)
class RepeatRules:
    """How often and how patiently a harmless call is repeated within one task.

    :param attempts: requests in all, the first one included.
    :param first_delay: seconds before the second attempt; doubles from then on.
    :param max_delay: seconds that the doubling ends at.
    :param max_retry_after: seconds of the server's `Retry-After` that are waited out here; a longer wait is left to
        the task's retry.
    """

    attempts: int = 4
    first_delay: float = 1.0
    max_delay: float = 20.0
    max_retry_after: float = 60.0


@dataclass(frozen=True, slots=True)
class Session:
    """The rules that hold for every call.

    :param jitter: a number in [0, 1) that spreads the repeats of many tasks.
    :param now: the present, for a `Retry-After` that names a date.
    """

    rules: RepeatRules = field(default_factory=RepeatRules)
    jitter: Callable[[], float] = random.random
    now: Callable[[], datetime] | None = None

    def perform(self, call: Call[T]) -> Flow[T]:
        """Make one call.

        A call that is not harmless is sent at most once, except when it provably never left this machine. After a
        401 the token is renewed in any case, so that whoever looks next can do so.

        :raises AltinnTransportError: no answer, after the repeats that are allowed.
        :raises AltinnHttpError: an answer that is not a success.
        :raises AltinnAnswerError: a success that cannot be read.
        """
        rejected: str | None = None
        attempt = 0
        while True:
            attempt += 1
            token = yield from _token(call, rejected)
            request = call.request if token is None else call.request.with_header("Authorization", f"Bearer {token}")
            try:
                response = yield from _send(request)
            except (AltinnNotSentError, AltinnNoAnswerError) as exc:
                if not self._may_repeat(call, exc, attempt):
                    raise
                yield self._pause(attempt, None, f"{call.name}: no answer")
                continue
            if response.status in call.accept:
                return _parse(call, response)
            if response.status == 401 and token is not None and rejected is None:
                rejected = token
                if call.harmless:
                    continue
                yield from _token(call, rejected)
            error = error_of(call.name, response, self.now() if self.now else None)
            if not self._may_repeat(call, error, attempt):
                raise error
            yield self._pause(attempt, error.retry_after, f"{call.name}: {error.status}")

    def _may_repeat(self, call: Call[T], error: AltinnError, attempt: int) -> bool:
        if attempt >= self.rules.attempts:
            return False
        if isinstance(error, AltinnNotSentError):
            return True
        if not call.harmless:
            return False
        if isinstance(error, AltinnHttpError):
            if (error.retry_after or 0) > self.rules.max_retry_after:
                return False
            if error.status in call.ask_again:
                return attempt < 2
        return isinstance(error, AltinnNoAnswerError | AltinnUnavailableError | AltinnServerError)

    def _pause(self, attempt: int, retry_after: float | None, reason: str) -> Sleep:
        backoff = min(self.rules.first_delay * 2 ** (attempt - 1), self.rules.max_delay)
        seconds = backoff * (0.5 + self.jitter() / 2)
        return Sleep(max(seconds, retry_after or 0.0), reason)


def _token(call: Call[T], rejected: str | None) -> Flow[str | None]:
    if call.audience is None:
        return None
    token = yield NeedToken(call.audience, rejected, call.min_validity)
    if not isinstance(token, str):
        raise AltinnAnswerError(f"{call.name}: the driver gave no token")
    return token


def _send(request: HttpRequest) -> Flow[HttpResponse]:
    """Send, and follow redirects of GET on the same host only: a token never goes elsewhere."""
    for _ in range(4):
        response = yield request
        if not isinstance(response, HttpResponse):
            raise AltinnAnswerError("the driver gave no answer to a request")
        if response.status not in _REDIRECTS:
            return response
        target = urllib.parse.urljoin(request.url, response.headers.get("location", ""))
        if request.method != "GET" or _origin(target) != _origin(request.url):
            raise AltinnAnswerError(
                f"{request.method} was redirected to host {urllib.parse.urlsplit(target).netloc!r}: not followed; "
                "check the host in the connection"
            )
        request = HttpRequest("GET", target, request.headers, None, request.read_timeout, request.sink)
    raise AltinnAnswerError("GET was redirected more than three times")


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def _parse(call: Call[T], response: HttpResponse) -> T:
    try:
        return call.parse(response)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as exc:
        raise AltinnAnswerError(
            f"{call.name} answered {response.status} with a body that cannot be read "
            f"({response.headers.get('content-type', 'no content type')}, {len(response.body)} bytes)"
        ) from exc

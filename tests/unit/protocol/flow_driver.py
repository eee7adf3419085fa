"""Drives flows in memory: no sockets, no clock, every step written down."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

from altinn.exceptions import AltinnError
from altinn.protocol.session import RepeatRules, Session
from altinn.protocol.wire import Flow, HttpRequest, HttpResponse, NeedToken, Sleep, Step

T = TypeVar("T")
Remote = Callable[[HttpRequest], HttpResponse]
"""Answers a request, or raises the error that a driver would throw."""


def session(**rules: float) -> Session:
    """Return a session without chance and without a clock."""
    return Session(rules=RepeatRules(**rules), jitter=lambda: 1.0)  # type: ignore[arg-type]


def scripted(*answers: HttpResponse | AltinnError) -> Remote:
    """Return a remote side that gives these answers in their order, and none more."""
    left: Iterator[HttpResponse | AltinnError] = iter(answers)

    def answer(request: HttpRequest) -> HttpResponse:
        given = next(left, None)
        assert given is not None, f"one request too many: {request.method} {request.url}"
        if isinstance(given, AltinnError):
            raise given
        return given

    return answer


class Client:
    """One client: runs flows against a remote side, or takes one step at a time.

    :param on_sleep: is told how many seconds a flow wants to wait; waiting takes no time.
    """

    def __init__(self, remote: Remote, on_sleep: Callable[[float], None] = lambda _seconds: None) -> None:
        self._remote = remote
        self._on_sleep = on_sleep
        self.steps: list[Step] = []
        self.tokens = 1

    @property
    def requests(self) -> list[HttpRequest]:
        return [step for step in self.steps if isinstance(step, HttpRequest)]

    @property
    def sent(self) -> list[str]:
        """The requests as "METHOD path", without host and query."""
        return [f"{r.method} /{r.url.split('/', 3)[3].partition('?')[0]}" for r in self.requests]

    @property
    def sleeps(self) -> list[float]:
        return [step.seconds for step in self.steps if isinstance(step, Sleep)]

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        walk = self.walk(flow)
        while True:
            try:
                next(walk)
            except StopIteration as stop:
                result: T = stop.value
                return result

    def walk(self, flow: Flow[T]) -> Generator[None, None, T]:
        """Run a flow, pausing after each answered step, so that others can come in between; its value is the end's."""
        reply: HttpResponse | str | AltinnError | None = None
        while True:
            try:
                step = flow.throw(reply) if isinstance(reply, AltinnError) else flow.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            self.steps.append(step)
            try:
                reply = self._do(step)
            except AltinnError as exc:
                reply = exc
            yield

    def _do(self, step: Step) -> HttpResponse | str | None:
        if isinstance(step, HttpRequest):
            return self._remote(step)
        if isinstance(step, NeedToken):
            if step.rejected == f"token-{self.tokens}":
                self.tokens += 1
            return f"token-{self.tokens}"
        assert isinstance(step, Sleep), step
        self._on_sleep(step.seconds)
        return None

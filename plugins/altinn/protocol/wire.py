"""What passes between the pure protocol and the drivers that do the input and output.

A flow is a generator. It yields steps (`HttpRequest`, `Sleep`, `NeedToken`, `KeepRefreshToken`) and receives what
the driver answers to each. The blocking and the awaiting driver in `altinn.transport` run the same flows, so that
every rule about repeating, tokens and errors is written once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection; a longer wait helps nobody."""

READ_TIMEOUT = 60.0
"""Seconds to wait for an ordinary answer."""

SLOW_READ_TIMEOUT = 150.0
"""Seconds for creations and `process/next`: the server itself answers after up to 101.3 s (contract trap 43)."""


@dataclass(frozen=True, slots=True)
class StreamBody:
    """A request body that is read while it is sent, and can be opened again for a repeat.

    :param open: gives a new binary stream, positioned at the start.
    :param length: number of bytes; the server refuses uploads without a known length.
    :param sha256: hex digest that the bytes must have, or nothing: a file that has changed is not sent to its end.
    :param label: what it is, for the log.
    """

    open: Callable[[], BinaryIO]
    length: int
    sha256: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part of a multipart body.

    :param headers: as they are written, `Content-Disposition` among them.
    """

    name: str
    headers: Mapping[str, str]
    content: bytes | StreamBody = field(repr=False)


@dataclass(frozen=True, slots=True)
class MultipartBody:
    """A multipart/form-data body whose parts are read while it is sent."""

    parts: tuple[FormPart, ...]
    boundary: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, independent of any HTTP library.

    :param url: absolute address with its query string.
    :param body: bytes, a stream of known length, parts of known lengths, or nothing.
    :param read_timeout: seconds without a byte of the answer after which the driver gives up.
    :param sink: where to write the body of a 2xx answer instead of keeping it in memory; called once per attempt.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | StreamBody | MultipartBody | None = field(default=None, repr=False)
    read_timeout: float = READ_TIMEOUT
    sink: Callable[[], BinaryIO] | None = None

    def with_header(self, name: str, value: str) -> HttpRequest:
        """Return the same request with one header set."""
        return HttpRequest(
            self.method, self.url, {**self.headers, name: value}, self.body, self.read_timeout, self.sink
        )


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One HTTP answer. Header names are lower case; `body` is empty when it went to the request's sink."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes are replaced, since it is only shown or searched."""
        return self.body.decode("utf-8-sig", errors="replace")

    def json(self) -> object:
        """Decode the body as JSON.

        :raises ValueError: the body is not JSON.
        """
        return json.loads(self.body.decode("utf-8-sig"))


@dataclass(frozen=True, slots=True)
class Sleep:
    """Ask the driver to wait.

    :param seconds: how long.
    :param reason: why, for the log.
    """

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class NeedToken:
    """Ask the driver for a token; it answers with the bare token text.

    :param audience: "altinn" (exchanged) or "external" (the raw Maskinporten or ID-porten token).
    :param rejected: a token that the server has just refused; the answer is another one.
    :param min_validity: seconds for which the token must still be valid, so that it outlives a long upload.
    """

    audience: str = "altinn"
    rejected: str | None = field(default=None, repr=False)
    min_validity: float = 0.0


@dataclass(frozen=True, slots=True)
class KeepRefreshToken:
    """Ask the driver to store a rotated refresh token durably before the flow goes on.

    :param expires_in: seconds that it lives; 0 when the server does not say.
    """

    refresh_token: str = field(repr=False)
    expires_in: float = 0.0


Step = HttpRequest | Sleep | NeedToken | KeepRefreshToken
Flow = Generator[Step, "HttpResponse | str | None", T]
"""A conversation that ends with a `T`. A driver throws `TransportError` into it when no answer came."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One endpoint's request, how to read its answer, and whether repeating it is harmless.

    :param name: what is asked, for errors and logs: "PUT process/next of 50001/ab12…"; never a secret.
    :param parse: turns an accepted answer into a `T`.
    :param accept: statuses that count as success.
    :param harmless: a repeat has the effect of a single request (contract section 8).
    :param audience: which token goes along: "altinn", "external", or None for anonymous endpoints.
    :param min_validity: see `NeedToken`.
    :param ask_again: of a harmless call: one refusal of something that is known to be there is no proof, so these
        statuses are asked once more (Storage answers 404 to any failure inside).
    """

    name: str
    request: HttpRequest
    parse: Callable[[HttpResponse], T_co]
    accept: frozenset[int] = frozenset({200})
    harmless: bool = False
    audience: str | None = "altinn"
    min_validity: float = 0.0
    ask_again: frozenset[int] = frozenset()

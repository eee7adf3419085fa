"""The two drivers that do what a flow asks for: one blocks (requests), one awaits (aiohttp).

The only module that knows an HTTP library. Redirects are never followed here, and errors are translated into
"not sent" and "sent without an answer", because what may be repeated depends on that difference.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from altinn.exceptions import (
    AltinnConfigurationError,
    AltinnError,
    AltinnNoAnswerError,
    AltinnNotSentError,
)
from altinn.protocol.wire import (
    CONNECT_TIMEOUT,
    Flow,
    HttpRequest,
    HttpResponse,
    KeepRefreshToken,
    NeedToken,
    Step,
)
from altinn.request_bodies import CHUNK, Progress, SizedBody, opened_body

if TYPE_CHECKING:
    import aiohttp
    import requests

T = TypeVar("T")

TokenSource = Callable[[NeedToken], str]
RefreshTokenKeeper = Callable[[str], None]


def _no_tokens(_need: NeedToken) -> str:
    raise AltinnConfigurationError("this call needs a token, but no login is configured")


def _no_keeper(_refresh_token: str) -> None:
    raise AltinnConfigurationError("a refresh token was rotated, but there is no place to keep it")


def _silent(_line: str) -> None:
    return None


def _any_request(_request: HttpRequest) -> None:
    return None


@dataclass(frozen=True, slots=True)
class BlockingDriver:
    """Runs flows in the calling thread.

    :param session: a `requests.Session` that carries proxies, certificates and keep-alive.
    :param tokens: answers `NeedToken`.
    :param keep: stores a rotated refresh token before it returns.
    :param report: takes one line for each wait, for the log.
    :param check: is called with each request when all is ready and nothing else comes in between; raises to keep it
        from being sent.
    """

    session: requests.Session
    tokens: TokenSource = _no_tokens
    keep: RefreshTokenKeeper = _no_keeper
    sleep: Callable[[float], None] = time.sleep
    report: Callable[[str], None] = _silent
    connect_timeout: float = CONNECT_TIMEOUT
    check: Callable[[HttpRequest], None] = _any_request

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result; its errors come out as they are."""
        answer: HttpResponse | str | None = None
        error: AltinnError | None = None
        while True:
            try:
                step = flow.throw(error) if error is not None else flow.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            answer = error = None
            try:
                answer = self._do(step)
            except AltinnError as exc:
                error = exc

    def _do(self, step: Step) -> HttpResponse | str | None:
        if isinstance(step, HttpRequest):
            return self._send(step)
        if isinstance(step, NeedToken):
            return self.tokens(step)
        if isinstance(step, KeepRefreshToken):
            self.keep(step.refresh_token)
        else:
            self.report(f"waiting {step.seconds:.1f} s: {step.reason}")
            self.sleep(step.seconds)
        return None

    def _send(self, request: HttpRequest) -> HttpResponse:
        import requests

        body, close = opened_body(request.body, self.report)
        try:
            self.check(request)
            with self.session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=body,
                auth=_leave_headers_alone,
                timeout=(self.connect_timeout, request.read_timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                if _is_cut_off(response.status_code, headers, response.raw.version):
                    raise _no_whole_answer(request, "head cut off")
                content = _received(request, response.status_code, headers, response.iter_content(CHUNK), self.report)
                return HttpResponse(response.status_code, headers, content)
        except requests.exceptions.RequestException as exc:
            raise _translated_requests_error(request, exc) from exc
        finally:
            close()


def _leave_headers_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from replacing our Authorization header with an entry of ~/.netrc."""
    return request


def _received(
    request: HttpRequest,
    status: int,
    headers: Mapping[str, str],
    chunks: Iterator[bytes],
    report: Callable[[str], None],
) -> bytes:
    if request.sink is None or not 200 <= status < 300:
        return b"".join(chunks)
    progress = _download(headers, report)
    with request.sink() as sink:
        for chunk in chunks:
            sink.write(chunk)
            progress.add(len(chunk))
    return b""


def _download(headers: Mapping[str, str], report: Callable[[str], None]) -> Progress:
    told = headers.get("content-length", "")
    return Progress("receiving a file", int(told) if told.isdecimal() else 0, report)


def _is_cut_off(status: int, headers: Mapping[str, str], version: int) -> bool:
    """Recognise a head that broke off: http.client takes the end of the connection for the end of the head.

    An HTTP/1.1 answer says how long its body is, or that the connection closes after it (RFC 9112, section 6.3).
    """
    told = {"content-length", "transfer-encoding", "connection"} & set(headers)
    return version == 11 and status not in (204, 304) and not told


def _translated_requests_error(request: HttpRequest, exc: requests.exceptions.RequestException) -> AltinnError:
    import requests
    import urllib3.exceptions

    host = _host(request.url)
    reason = getattr(exc.args[0], "reason", None) if exc.args else None
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return AltinnNotSentError(f"host {host} cannot be resolved: check the host and the network")
    if isinstance(
        exc,
        requests.exceptions.InvalidURL
        | requests.exceptions.InvalidSchema
        | requests.exceptions.MissingSchema
        | requests.exceptions.InvalidHeader,
    ):
        return AltinnNotSentError(f"host {host}: the address or a header is malformed ({type(exc).__name__})")
    if isinstance(exc, requests.exceptions.ConnectTimeout):
        return AltinnNotSentError(f"host {host} did not accept a connection ({type(exc).__name__})")
    if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ProxyError):
        return AltinnNotSentError(f"host {host} is not reachable: check the host, the network and the proxy")
    if _certificate_refused(exc):
        return AltinnNotSentError(
            f"the certificate of {host} was not accepted: check 'verify' and the proxy's certificate"
        )
    return _no_whole_answer(request, type(exc).__name__)


def _no_whole_answer(request: HttpRequest, how: str) -> AltinnNoAnswerError:
    return AltinnNoAnswerError(f"{request.method} to {_host(request.url)} was sent and got no whole answer ({how})")


def _certificate_refused(exc: BaseException | None) -> bool:
    """Look through the wrapped errors for a refused certificate: it ends the handshake before anything is sent."""
    seen = 0
    while exc is not None and seen < 8:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        inner = getattr(exc, "reason", None) or (exc.args[0] if exc.args else None)
        exc = inner if isinstance(inner, BaseException) else exc.__cause__ or exc.__context__
        seen += 1
    return False


def _host(url: str) -> str:
    return url.split("/", 3)[2] if "//" in url else url[:60]


@dataclass(frozen=True, slots=True)
class AwaitingDriver:
    """Runs flows on an event loop. Tokens are fetched in a thread: their store blocks on a file lock.

    :param session: an `aiohttp.ClientSession`.
    :param async_tokens: answers `NeedToken` on the event loop, instead of `tokens` in a thread.
    :param options: further arguments for every request (`proxy`, `ssl`).
    """

    session: aiohttp.ClientSession
    tokens: TokenSource = _no_tokens
    async_tokens: Callable[[NeedToken], Awaitable[str]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    report: Callable[[str], None] = _silent
    connect_timeout: float = CONNECT_TIMEOUT

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result; its errors come out as they are."""
        answer: HttpResponse | str | None = None
        error: AltinnError | None = None
        while True:
            try:
                step = flow.throw(error) if error is not None else flow.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            answer = error = None
            try:
                answer = await self._do(step)
            except AltinnError as exc:
                error = exc

    async def _do(self, step: Step) -> HttpResponse | str | None:
        if isinstance(step, HttpRequest):
            return await self._send(step)
        if isinstance(step, NeedToken):
            if self.async_tokens is not None:
                return await self.async_tokens(step)
            return await asyncio.to_thread(self.tokens, step)
        if isinstance(step, KeepRefreshToken):
            _no_keeper(step.refresh_token)
            return None
        self.report(f"waiting {step.seconds:.1f} s: {step.reason}")
        await self.sleep(step.seconds)
        return None

    async def _send(self, request: HttpRequest) -> HttpResponse:
        import aiohttp

        body, close = opened_body(request.body, self.report)
        try:
            async with await self._begun(request, body) as response:
                answered = {name.lower(): value for name, value in response.headers.items()}
                content = await _awaited(request, response, _download(answered, self.report))
                return HttpResponse(response.status, answered, content)
        except (aiohttp.ClientError, TimeoutError) as exc:
            if isinstance(exc.__cause__, AltinnError):
                raise exc.__cause__ from exc
            raise _translated_aiohttp_error(request, exc) from exc
        finally:
            await asyncio.to_thread(close)

    async def _begun(self, request: HttpRequest, body: bytes | SizedBody | None) -> aiohttp.ClientResponse:
        import aiohttp
        import yarl

        headers = {name: value for name, value in request.headers.items() if name != "Authorization"}
        if isinstance(body, SizedBody):
            headers["Content-Length"] = str(len(body))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.connect_timeout, sock_read=request.read_timeout)
        try:
            return await self.session.request(
                request.method,
                yarl.URL(request.url, encoded=True),
                headers=headers,
                data=_chunks_of(body) if isinstance(body, SizedBody) else body,
                timeout=timeout,
                allow_redirects=False,
                middlewares=(_sent_once(request),),
                **self.options,
            )
        except ValueError as exc:
            if isinstance(exc, aiohttp.ClientError):
                raise
            host = _host(request.url)
            raise AltinnNotSentError(
                f"host {host}: the address or a header is malformed ({type(exc).__name__})"
            ) from exc


def _sent_once(request: HttpRequest) -> Callable[..., Awaitable[aiohttp.ClientResponse]]:
    """Keep aiohttp from repeating PUT and DELETE when the connection breaks, and from minding ~/.netrc.

    A repeated `process/next` acts on the next task. aiohttp repeats only what ends in its own errors.
    """
    import aiohttp

    authorization = request.headers.get("Authorization")

    async def send(
        outgoing: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
    ) -> aiohttp.ClientResponse:
        outgoing.headers.pop("Authorization", None)
        if authorization:
            outgoing.headers["Authorization"] = authorization
        try:
            return await handler(outgoing)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
            raise _translated_aiohttp_error(request, exc) from exc

    return send


async def _chunks_of(body: SizedBody) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(body.take, CHUNK):
        yield chunk


async def _awaited(request: HttpRequest, response: aiohttp.ClientResponse, progress: Progress) -> bytes:
    if request.sink is None or not 200 <= response.status < 300:
        return await response.read()
    with request.sink() as sink:
        async for chunk in response.content.iter_chunked(CHUNK):
            await asyncio.to_thread(sink.write, chunk)
            progress.add(len(chunk))
    return b""


def _translated_aiohttp_error(request: HttpRequest, exc: Exception) -> AltinnError:
    import aiohttp

    host = _host(request.url)
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return AltinnNotSentError(
            f"the certificate of {host} was not accepted: check 'verify' and the proxy's certificate"
        )
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return AltinnNotSentError(f"host {host} cannot be resolved: check the host and the network")
    not_sent = aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError
    if isinstance(exc, not_sent | aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return AltinnNotSentError(f"host {host} is not reachable ({type(exc).__name__})")
    return _no_whole_answer(request, type(exc).__name__)

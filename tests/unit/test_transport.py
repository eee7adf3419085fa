"""Both drivers against real sockets: the same request, the same verdict."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import socket
import socketserver
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import aiohttp
import pytest
import requests

from altinn.exceptions import (
    AltinnConfigurationError,
    AltinnError,
    AltinnInputError,
    AltinnNoAnswerError,
    AltinnNotSentError,
)
from altinn.protocol.wire import (
    Flow,
    FormPart,
    HttpRequest,
    HttpResponse,
    KeepRefreshToken,
    MultipartBody,
    NeedToken,
    Sleep,
    StreamBody,
)
from altinn.request_bodies import HASHED_ASIDE_FROM, LARGE, SizedBody, opened_body
from altinn.transport import AwaitingDriver, BlockingDriver

Run = Callable[[HttpRequest], HttpResponse]
MEGABYTE = 1 << 20


def one(request: HttpRequest) -> Flow[HttpResponse]:
    answer = yield request
    assert isinstance(answer, HttpResponse)
    return answer


def blocking(*wanted: HttpRequest, timeout: float = 10.0) -> list[HttpResponse]:
    with requests.Session() as session:
        driver = BlockingDriver(session, connect_timeout=timeout)
        return [driver.run(one(request)) for request in wanted]


def awaiting(*wanted: HttpRequest, timeout: float = 10.0) -> list[HttpResponse]:
    async def run() -> list[HttpResponse]:
        async with aiohttp.ClientSession(trust_env=True) as session:
            driver = AwaitingDriver(session, connect_timeout=timeout)
            return [await driver.run(one(request)) for request in wanted]

    return asyncio.run(run())


Drive = Callable[..., list[HttpResponse]]
both = pytest.mark.parametrize("drive", [blocking, awaiting])


# -- servers


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[str, str, dict[str, str], int]]]

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        received = 0
        while received < length:
            piece = self.rfile.read(min(length - received, MEGABYTE))
            if not piece:
                self.close_connection = True
                return
            received += len(piece)
        self.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, received))
        status, headers, body = self.answer()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        if self.path.startswith("/redirect"):
            return 302, {"Location": "/elsewhere"}, b""
        if self.path.startswith("/status/"):
            status = int(self.path[8:11])
            return status, {"X-Trace": "abc"}, b"" if status == 204 else b"the body"
        return 200, {"Content-Type": "text/plain"}, b"the answer"

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, *_: object) -> None:
        return None


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{cast('tuple[str, int]', server.server_address)[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Http:
    def __init__(self, base: str, seen: list[tuple[str, str, dict[str, str], int]]) -> None:
        self.base = base
        self.seen = seen


@pytest.fixture
def http() -> Iterator[Http]:
    handler = type("Handler", (_Handler,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    with serving(server) as base:
        yield Http(base, handler.seen)  # type: ignore[attr-defined]


class _Raw(socketserver.ThreadingTCPServer):
    """Reads a request's head, says the next of its lines, and closes the connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *says: bytes | None) -> None:
        self.says = list(says)
        self.heads: list[bytes] = []
        self.release = threading.Event()
        super().__init__(("127.0.0.1", 0), cast("Any", self._handle))

    def _handle(self, connection: socket.socket, *_: object) -> None:
        with contextlib.suppress(OSError):
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    got = connection.recv(65536)
                    if not got:
                        return
                    head += got
                self.heads.append(head)
                said = self.says.pop(0) if self.says else b""
                if said is None:
                    self.release.wait(10)
                    return
                connection.sendall(said)
                if not said.endswith(b"\n\nkeep"):
                    return


@contextlib.contextmanager
def raw(*says: bytes | None) -> Iterator[tuple[str, _Raw]]:
    server = _Raw(*says)
    with serving(server) as base:
        try:
            yield base, server
        finally:
            server.release.set()


# -- answers


@both
def test_an_answer_comes_back_whole(drive: Drive, http: Http) -> None:
    [answer] = drive(HttpRequest("GET", f"{http.base}/a%2Fb?c=%20d", {"X-One": "1", "Accept": "text/plain"}))
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"the answer", "text/plain")
    method, path, headers, _ = http.seen[0]
    assert (method, path, headers["x-one"], headers["accept"]) == ("GET", "/a%2Fb?c=%20d", "1", "text/plain")


@both
@pytest.mark.parametrize("status", [201, 204, 400, 401, 404, 409, 500, 503])
def test_a_status_is_an_answer_and_no_error(drive: Drive, http: Http, status: int) -> None:
    [answer] = drive(HttpRequest("GET", f"{http.base}/status/{status}"))
    assert (answer.status, answer.headers["x-trace"]) == (status, "abc")


@both
def test_redirects_are_not_followed(drive: Drive, http: Http) -> None:
    [answer] = drive(HttpRequest("GET", f"{http.base}/redirect"))
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
    assert len(http.seen) == 1


@both
def test_bytes_are_sent_with_their_length(drive: Drive, http: Http) -> None:
    drive(HttpRequest("POST", http.base, {"Content-Type": "application/json"}, b"{}"))
    _, _, headers, received = http.seen[0]
    assert (headers["content-length"], headers["content-type"], received) == ("2", "application/json", 2)
    assert "transfer-encoding" not in headers


@both
def test_a_push_without_a_body_is_no_chunked_one(drive: Drive, http: Http) -> None:
    drive(HttpRequest("PUT", http.base))
    assert "transfer-encoding" not in http.seen[0][2]


# -- streams


def stream_of(content: bytes, length: int | None = None) -> StreamBody:
    return StreamBody(lambda: io.BytesIO(content), len(content) if length is None else length)


@both
@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 1_000_000])
def test_a_stream_is_sent_with_its_length_and_never_chunked(drive: Drive, http: Http, size: int) -> None:
    drive(HttpRequest("PUT", http.base, {"Content-Type": "application/pdf"}, stream_of(b"x" * size)))
    _, _, headers, received = http.seen[0]
    assert (headers.get("content-length"), received) == (str(size), size)
    assert "transfer-encoding" not in headers


@both
def test_a_stream_is_opened_for_every_attempt_and_closed(drive: Drive, http: Http) -> None:
    opened: list[io.BytesIO] = []

    def again() -> BinaryIO:
        opened.append(io.BytesIO(b"again"))
        return opened[-1]

    request = HttpRequest("POST", http.base, {}, StreamBody(again, 5))
    drive(request, request)
    assert [seen[3] for seen in http.seen] == [5, 5]
    assert [stream.closed for stream in opened] == [True, True]


@both
@pytest.mark.parametrize("content", [b"short", b"longer than it was"], ids=["shorter", "longer"])
def test_a_file_that_changed_is_not_sent_as_if_it_had_not(drive: Drive, http: Http, content: bytes) -> None:
    with pytest.raises(AltinnInputError, match="changed while it was sent"):
        drive(HttpRequest("PUT", http.base, {}, stream_of(content, 10)))
    assert [seen for seen in http.seen if seen[3] == 10 and content.startswith(b"short")] == []


@both
@pytest.mark.parametrize("at", [0, HASHED_ASIDE_FROM // 2, -1])
def test_a_large_file_that_changed_is_not_sent_to_its_end(drive: Drive, http: Http, at: int) -> None:
    """Its hash is made in a thread of its own; the last piece waits for it, and the thread ends with the request."""
    content = bytes(HASHED_ASIDE_FROM + 1)
    meant = hashlib.sha256(content).hexdigest()
    drive(HttpRequest("PUT", http.base, {}, StreamBody(lambda: io.BytesIO(content), len(content), meant)))
    assert http.seen[-1][3] == len(content)
    other = bytearray(content)
    other[at] = 1
    seen = len(http.seen)
    with pytest.raises(AltinnInputError, match="changed while it was sent"):
        drive(HttpRequest("PUT", http.base, {}, StreamBody(lambda: io.BytesIO(other), len(content), meant)))
    assert [each for each in http.seen[seen:] if each[3] == len(content)] == []
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("altinn-hash")] == []


class _Zeros(io.RawIOBase):
    """A file of zeros that takes no room."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        given = self._left if size < 0 else min(size, self._left)
        self._left -= given
        return bytes(given)


@both
def test_a_large_body_takes_little_memory(drive: Drive, http: Http) -> None:
    size = 40 * MEGABYTE
    tracemalloc.start()
    try:
        drive(HttpRequest("PUT", http.base, {}, StreamBody(lambda: cast("BinaryIO", _Zeros(size)), size)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert http.seen[-1][3] == size
    assert peak < 12 * MEGABYTE


@both
def test_a_file_of_the_same_length_with_other_bytes_is_not_sent_to_its_end(drive: Drive, http: Http) -> None:
    meant = hashlib.sha256(b"meant").hexdigest()
    drive(HttpRequest("PUT", http.base, {}, StreamBody(lambda: io.BytesIO(b"meant"), 5, meant)))
    assert http.seen[-1][3] == 5
    with pytest.raises(AltinnInputError, match="changed while it was sent"):
        drive(HttpRequest("PUT", http.base, {}, StreamBody(lambda: io.BytesIO(b"other"), 5, meant)))
    assert [seen[3] for seen in http.seen].count(5) == 1


def parts_of(*contents: bytes | StreamBody) -> MultipartBody:
    return MultipartBody(
        tuple(FormPart(f"p{n}", {"Content-Disposition": f'form-data; name="p{n}"'}, c) for n, c in enumerate(contents)),
        "b0undary",
    )


@both
@pytest.mark.parametrize("size", [1, 262_144, 300_000])
def test_parts_are_sent_with_the_length_of_all_and_opened_for_every_attempt(
    drive: Drive, http: Http, size: int
) -> None:
    opened: list[io.BytesIO] = []

    def again() -> BinaryIO:
        opened.append(io.BytesIO(b"x" * size))
        return opened[-1]

    body = parts_of(b"{}", StreamBody(again, size, hashlib.sha256(b"x" * size).hexdigest()), b"last")
    request = HttpRequest("POST", http.base, {}, body)
    drive(request, request)
    frame = b'--b0undary\r\nContent-Disposition: form-data; name="p0"\r\n\r\n\r\n'
    expected = 3 * len(frame) + len(b"--b0undary--\r\n") + len(b"{}last") + size
    for _, _, headers, received in http.seen:
        assert (headers.get("content-length"), received) == (str(expected), expected)
        assert "transfer-encoding" not in headers
    assert [stream.closed for stream in opened] == [True, True]


@both
def test_large_parts_take_little_memory(drive: Drive, http: Http) -> None:
    size = 80 * MEGABYTE
    body = parts_of(b"{}", StreamBody(lambda: cast("BinaryIO", _Zeros(size)), size, label="attachment a.zip"))
    tracemalloc.start()
    try:
        drive(HttpRequest("POST", http.base, {}, body))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert http.seen[-1][3] > size
    assert peak < 12 * MEGABYTE


@pytest.mark.parametrize(("size", "lines"), [(LARGE - 1, 0), (LARGE, 10)])
def test_progress_is_told_ten_times_for_large_bodies_only(size: int, lines: int) -> None:
    told: list[str] = []
    body, close = opened_body(StreamBody(lambda: cast("BinaryIO", _Zeros(size)), size, label="a.zip"), told.append)
    assert isinstance(body, SizedBody)
    assert sum(len(chunk) for chunk in body) == len(body) == size
    close()
    assert len(told) == lines
    assert told[-1:] == ["sending a.zip: 67 of 67 MB"][:lines]


class _Sink(io.BytesIO):
    kept = b""

    def close(self) -> None:
        self.kept = self.getvalue()
        super().close()


@both
def test_a_success_goes_to_the_sink(drive: Drive, http: Http) -> None:
    sinks: list[_Sink] = []

    def sink() -> BinaryIO:
        sinks.append(_Sink())
        return sinks[-1]

    request = HttpRequest("GET", http.base, sink=sink)
    answers = drive(request, request)
    assert [answer.body for answer in answers] == [b"", b""]
    assert [(s.kept, s.closed) for s in sinks] == [(b"the answer", True)] * 2


@both
@pytest.mark.parametrize("status", [302, 404, 500])
def test_anything_else_does_not_touch_the_sink(drive: Drive, http: Http, status: int) -> None:
    def sink() -> BinaryIO:
        pytest.fail("the sink was opened")

    [answer] = drive(HttpRequest("GET", f"{http.base}/status/{status}", sink=sink))
    assert answer.body == b"the body"


# -- no answer


def refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@both
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_refused_connection_is_not_sent(drive: Drive, method: str) -> None:
    url = f"http://127.0.0.1:{refused_port()}/secret?pid=01039012345"
    with pytest.raises(AltinnNotSentError, match=r"host 127\.0\.0\.1:[0-9]+ is not reachable") as caught:
        drive(HttpRequest(method, url, {"Authorization": "Bearer abc"}, b"x"))
    assert not any(word in str(caught.value) for word in ("secret", "01039012345", "abc"))


@both
def test_a_host_that_cannot_be_resolved_is_not_sent(drive: Drive) -> None:
    with pytest.raises(AltinnNotSentError, match=r"host no-such-host\.invalid cannot be resolved"):
        drive(HttpRequest("POST", "http://no-such-host.invalid/", {}, b"x"))


@both
@pytest.mark.parametrize(
    "url", ["http://", "ftp://127.0.0.1/", "http://[::1", "127.0.0.1/x", "http://127.0.0.1:99999/"]
)
def test_an_address_that_is_none_is_not_sent(drive: Drive, url: str) -> None:
    with pytest.raises(AltinnNotSentError):
        drive(HttpRequest("GET", url))


@both
def test_a_header_that_is_none_is_not_sent(drive: Drive, http: Http) -> None:
    with pytest.raises(AltinnNotSentError):
        drive(HttpRequest("GET", http.base, {"X-A": "1\r\nX-B: 2"}))
    assert http.seen == []


@both
def test_a_connection_that_is_not_taken_is_not_sent(drive: Drive) -> None:
    """A listener with a full queue takes no further connection, as a host behind a silent firewall does."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(AltinnNotSentError):
            drive(HttpRequest("POST", url, {}, b"x"), timeout=0.05)


TYPED = b"HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


@both
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le", TYPED, HEAD, HEAD + b"half", CHUNKED, b"no http\r\n\r\n"],
    ids=["nothing", "status", "headers", "some headers", "no body", "half a body", "half the chunks", "something else"],
)
def test_a_connection_that_breaks_after_the_request_leaves_the_effect_unknown(
    drive: Drive, said: bytes, method: str
) -> None:
    with raw(said) as (base, server):
        with pytest.raises(AltinnNoAnswerError, match=rf"{method} to 127\.0\.0\.1:[0-9]+ was sent"):
            drive(HttpRequest(method, base))
        assert len(server.heads) == 1


@both
@pytest.mark.parametrize(
    "said", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf\n\nkeep"], ids=["no answer", "half an answer"]
)
def test_a_server_that_falls_silent_leaves_the_effect_unknown(drive: Drive, said: bytes | None) -> None:
    with raw(said) as (base, server):
        with pytest.raises(AltinnNoAnswerError):
            drive(HttpRequest("POST", base, {}, b"x", read_timeout=0.1))
        assert len(server.heads) == 1


FIRST = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\n\nkeep"


@both
@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "GET"])
def test_no_library_repeats_a_request_of_its_own_accord(drive: Drive, method: str) -> None:
    """The library aiohttp repeats PUT and DELETE on a kept connection that breaks: a repeated push may confirm."""
    with raw(FIRST, b"", FIRST) as (base, server):
        with pytest.raises(AltinnNoAnswerError):
            drive(HttpRequest("GET", base), HttpRequest(method, f"{base}/process/next", {}, b"{}"))
        assert [head.split(b" ")[0] for head in server.heads] == [b"GET", method.encode()]


# -- what the machine's own settings may not change


@both
def test_netrc_does_not_replace_the_token(
    drive: Drive, http: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", "utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    token = {"Authorization": "Bearer token-1"}
    assert drive(HttpRequest("GET", http.base, token))[0].status == 200
    assert http.seen[0][2]["authorization"] == "Bearer token-1"
    drive(HttpRequest("GET", http.base))
    assert "authorization" not in http.seen[1][2]


# -- the other steps of a flow


def stepping(*steps: Any) -> Flow[list[object]]:
    replies: list[object] = []
    for step in steps:
        try:
            replies.append((yield step))
        except AltinnError as exc:
            replies.append(type(exc).__name__)
    return replies


def test_the_blocking_driver_does_what_a_flow_asks_for() -> None:
    slept: list[float] = []
    kept: list[str] = []
    lines: list[str] = []
    with requests.Session() as session:
        driver = BlockingDriver(
            session,
            tokens=lambda need: f"for {need.audience}",
            keep=kept.append,
            sleep=slept.append,
            report=lines.append,
        )
        unreachable = HttpRequest("GET", f"http://127.0.0.1:{refused_port()}")
        flow = stepping(NeedToken("external"), Sleep(3.0, "because"), KeepRefreshToken("r"), unreachable)
        assert driver.run(flow) == ["for external", None, None, "AltinnNotSentError"]
    assert (slept, kept, lines) == ([3.0], ["r"], ["waiting 3.0 s: because"])


def test_the_awaiting_driver_does_what_a_flow_asks_for() -> None:
    slept: list[float] = []
    lines: list[str] = []
    threads: list[threading.Thread] = []

    def tokens(need: NeedToken) -> str:
        threads.append(threading.current_thread())
        return f"for {need.audience}"

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> list[object]:
        async with aiohttp.ClientSession() as session:
            driver = AwaitingDriver(session, tokens=tokens, sleep=sleep, report=lines.append)
            unreachable = HttpRequest("GET", f"http://127.0.0.1:{refused_port()}")
            return await driver.run(stepping(NeedToken(), Sleep(3.0, "because"), KeepRefreshToken("r"), unreachable))

    assert asyncio.run(run()) == ["for altinn", None, "AltinnConfigurationError", "AltinnNotSentError"]
    assert (slept, lines) == ([3.0], ["waiting 3.0 s: because"])
    assert threads[0] is not threading.main_thread()


def test_a_driver_without_a_login_says_so() -> None:
    def needing() -> Flow[None]:
        yield NeedToken()

    with requests.Session() as session, pytest.raises(AltinnConfigurationError, match="no login"):
        BlockingDriver(session).run(needing())

    async def run() -> None:
        async with aiohttp.ClientSession() as client:
            await AwaitingDriver(client).run(needing())

    with pytest.raises(AltinnConfigurationError, match="no login"):
        asyncio.run(run())

"""Bodies of requests while they are sent: read from the storage in pieces, with a known length and bounded memory.

Without a known length the real server answers 500. What is sent is hashed on the way: if the file is no longer what was
hashed before, the last piece is withheld, so that the server throws away what it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

from altinn.exceptions import AltinnInputError
from altinn.protocol.wire import MultipartBody, StreamBody

CHUNK = 1 << 20
"""Bytes that are read, hashed and sent at a time."""
LARGE = 64 * 1024 * 1024
"""Bytes from which on the progress is told."""
HASHED_ASIDE_FROM = 4 * 1024 * 1024
"""Bytes from which on a thread of its own pays for the hash."""
_STEPS = 10

Report = Callable[[str], None]


class Progress:
    """Tells how far a large body is, ten times on its way.

    :param total: bytes; 0 when it is not known, and nothing is told.
    """

    def __init__(self, what: str, total: int, report: Report) -> None:
        self._what = what
        self._total = total if total >= LARGE else 0
        self._report = report
        self._done = self._told = 0

    def add(self, size: int) -> None:
        """Count bytes, and tell when another tenth is done."""
        self._done += size
        step = self._done * _STEPS // self._total if self._total else 0
        if step > self._told:
            self._told = step
            self._report(f"{self._what}: {self._done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB")


class HashAside:
    """SHA-256 of a large body, made in a thread of its own while the socket takes the piece.

    At most one piece waits, so that memory stays bounded. Close it, which ends the thread.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="altinn-hash")
        self._running: Future[None] | None = None

    def update(self, piece: bytes) -> None:
        """Hash a piece, after the one before it."""
        self._finish()
        self._running = self._pool.submit(self._hash.update, piece)

    def hexdigest(self) -> str:
        """Return the hash of everything so far."""
        self._finish()
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown()

    def _finish(self) -> None:
        if self._running is not None:
            self._running.result()


class SentStream:
    """One file on its way; also a part of a multipart body, which asks for what is left of it."""

    def __init__(self, body: StreamBody, stream: BinaryIO, report: Report) -> None:
        self._body = body
        self._stream = stream
        self._left = body.length
        aside = HashAside() if body.sha256 and body.length >= HASHED_ASIDE_FROM else None
        self._aside = aside
        self._hash = aside or (hashlib.sha256() if body.sha256 else None)
        self._progress = Progress(f"sending {body.label or 'a file'}", body.length, report)

    @property
    def len(self) -> int:
        """Bytes left to send."""
        return self._left

    def read(self, size: int = -1) -> bytes:
        """Return the next piece.

        :raises AltinnInputError: the file is not what was hashed before; the last piece is not given out.
        """
        chunk = self._stream.read(self._left if size < 0 else min(size, self._left))
        if self._hash is not None:
            self._hash.update(chunk)
        self._left -= len(chunk)
        if (self._left and not chunk and size) or (not self._left and chunk and not self._is_whole()):
            raise AltinnInputError(
                f"a file of {self._body.length} bytes changed while it was sent: nothing was kept of it. Let no other "
                "job write it, and run the task again"
            )
        self._progress.add(len(chunk))
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        if self._aside is not None:
            self._aside.close()

    def _is_whole(self) -> bool:
        """Say whether the file ends here, with the bytes that were hashed."""
        return not self._stream.read(1) and (self._hash is None or self._hash.hexdigest() == self._body.sha256)


class SizedBody:
    """A body as the HTTP libraries take it: its length, and an iterator of pieces.

    It has no `read` on purpose: that would be called for 16 kB at a time.
    """

    def __init__(self, read: Callable[[int], bytes], length: int) -> None:
        self.take = read
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.take(CHUNK), b"")


def opened_body(
    body: bytes | StreamBody | MultipartBody | None, report: Report
) -> tuple[bytes | SizedBody | None, Callable[[], None]]:
    """Open what a body is made of, and return it with what closes it again."""
    if isinstance(body, MultipartBody):
        return _opened_parts(body, report)
    if not isinstance(body, StreamBody):
        return body, lambda: None
    if body.length == 0:
        return b"", lambda: None  # requests takes a stream of length 0 for one of unknown length.
    sent = SentStream(body, body.open(), report)
    return SizedBody(sent.read, body.length), sent.close


def _opened_parts(body: MultipartBody, report: Report) -> tuple[SizedBody, Callable[[], None]]:
    from requests_toolbelt import MultipartEncoder  # type: ignore[import-untyped]
    from urllib3.fields import RequestField

    with ExitStack() as opened:
        fields = []
        for part in body.parts:
            content: Any = part.content
            if isinstance(content, StreamBody):
                content = SentStream(content, content.open(), report)
                opened.callback(content.close)
            fields.append(RequestField(part.name, cast("Any", content), headers=dict(part.headers)))

        class Encoder(MultipartEncoder):  # type: ignore[misc]
            """Takes the parts' headers as they are: apps compare content types and read file names literally."""

            def _iter_fields(self) -> Iterator[RequestField]:
                return iter(self.fields)

        encoder = Encoder(fields, body.boundary)
        return SizedBody(encoder.read, int(encoder.len)), opened.pop_all().close

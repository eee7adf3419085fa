"""What was sent by whom, and what the server did with it: the judge's notes, taken outside the clients."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from altinn.protocol.wire import HttpRequest, HttpResponse

GUID = re.compile(r"/instances/\d+/(?P<guid>[0-9a-f-]{36})")


@dataclass
class Note:
    """One request.

    :param looked: when its process had last sent a question to Storage, before this.
    :param compared: when its process had last begun to compare contents, before this.
    :param began: when its process began.
    """

    client: str
    method: str
    url: str
    body: bytes
    at: float
    looked: float
    compared: float
    began: float
    status: int = 0

    @property
    def guid(self) -> str:
        """The instance that it names; empty for none."""
        found = GUID.search(self.url)
        return found["guid"] if found else ""

    @property
    def is_push(self) -> bool:
        """Whether it moves a process."""
        return self.method == "PUT" and self.url.endswith("/process/next")

    @property
    def is_creation(self) -> bool:
        """Whether it makes an instance."""
        return self.method == "POST" and self.url.endswith("/instances")


@dataclass
class Journal:
    """The notes of one run.

    :param clock: virtual seconds.
    """

    clock: Callable[[], float]
    notes: list[Note] = field(default_factory=list)
    replaced: dict[str, float] = field(default_factory=dict)
    """Since when each try is not the living one: another has taken its place, or a user has marked the task."""

    def sent(self, client: str, request: HttpRequest, looked: float, compared: float, began: float) -> Note:
        """Note a request."""
        body = request.body if isinstance(request.body, bytes) else b""
        note = Note(client, request.method, request.url, body, self.clock(), looked, compared, began)
        self.notes.append(note)
        return note

    def answered(self, note: Note, response: HttpResponse) -> None:
        """Note how a request was answered."""
        note.status = response.status

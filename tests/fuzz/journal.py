"""What was sent by whom, and what the server did with it: the judge's notes, taken outside the clients."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from altinn.protocol.wire import HttpRequest, HttpResponse

GUID = re.compile(r"/instances/\d+/(?P<guid>[0-9a-f-]{36})")


@dataclass
class Seen:
    """When a process has last seen what; virtual seconds.

    :param looked: at Storage.
    :param compared: the contents: what it had seen of Storage before it read them.
    :param read: the process.
    """

    began: float
    looked: float
    compared: float
    read: float

    @classmethod
    def nothing(cls, now: float) -> Seen:
        """Return what a process that begins has seen."""
        return cls(now, now, now, now)


@dataclass
class Note:
    """One request.

    :param looked: when its process had last sent a question to Storage, before this.
    :param compared: when its process had last begun to compare contents, before this.
    :param began: when its process began.
    :param read: when its process had last sent a question for the process, before this.
    :param meant: the version of the documents that its run meant then.
    :ivar made: the instance that the answer names; empty where it names none.
    :ivar answered: when the answer came.
    """

    client: str
    method: str
    url: str
    body: bytes
    at: float
    looked: float
    compared: float
    began: float
    read: float
    meant: int
    status: int = 0
    made: str = ""
    answered: float = 0.0

    @property
    def guid(self) -> str:
        """The instance that it names; empty for none."""
        found = GUID.search(self.url)
        return found["guid"] if found else ""

    @property
    def run(self) -> str:
        """The run that sent it."""
        return self.client.partition("/")[0]

    @property
    def key(self) -> tuple[str, str]:
        """Period and kind that a creation stamps."""
        values = json.loads(self.body).get("dataValues") or {} if self.body else {}
        return values.get("filingperiod", ""), values.get("filingkind", "")

    @property
    def is_push(self) -> bool:
        """Whether it moves a process, or makes a move go on."""
        return (self.method, self.url.rpartition("/process/")[2]) in (("PUT", "next"), ("POST", "resume"))

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

    def sent(self, client: str, request: HttpRequest, seen: Seen, meant: int) -> Note:
        """Note a request."""
        body = request.body if isinstance(request.body, bytes) else b""
        when = (seen.looked, seen.compared, seen.began, seen.read)
        note = Note(client, request.method, request.url, body, self.clock(), *when, meant)
        self.notes.append(note)
        return note

    def answered(self, note: Note, response: HttpResponse) -> None:
        """Note how a request was answered."""
        note.status, note.answered = response.status, self.clock()
        if note.is_creation and response.status == 201:
            note.made = _guid_in(response.body)


def _guid_in(body: bytes) -> str:
    """Return the guid of the instance that an answer describes; empty where it cannot be read."""
    try:
        return str(json.loads(body)["id"]).rpartition("/")[2]
    except (ValueError, LookupError, TypeError):
        return ""

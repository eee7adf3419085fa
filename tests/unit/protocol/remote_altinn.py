"""A small Altinn in memory: the remote side of the flow tests.

It knows instances, forms and files, a linear process with rights by task, Storage's query with pages, and it can
lose answers, so that a test sees what a client does about it. It says what the real server was seen to say.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from altinn.exceptions import AltinnNoAnswerError, AltinnNotSentError
from altinn.protocol.wire import HttpRequest, HttpResponse, StreamBody

APP_BASE = "https://ttd.apps.example/ttd/basic"
PLATFORM = "https://platform.example"
PARTY = "50001234"
OWNER = "974760673"
ACTIONS = {"pdf": "write", "data": "write", "confirmation": "confirm", "signing": "sign", "feedback": "owner"}
ANEW = b'<?xml version="1.0" encoding="utf-8"?>\n'
DATA_TYPES: list[dict[str, Any]] = [
    {"id": "model", "appLogic": {"classRef": "Models.Model", "autoCreate": True}, "maxCount": 1},
    {"id": "subform", "appLogic": {"classRef": "Models.Subform"}},
    {"id": "summary", "appLogic": {"classRef": "Models.Summary", "autoCreate": True}},
    {"id": "attachment"},
    {"id": "letter", "maxCount": 1},
    {"id": "owner-note", "allowedContributers": ["org:ttd"]},
]


@dataclass
class Kept:
    """An instance as the server keeps it."""

    guid: str
    created: str
    stamps: dict[str, str]
    party: str = PARTY
    app: str = "ttd/basic"
    task: int | None = 0
    flow: int = 2
    changed: str = ""
    status: dict[str, Any] = field(default_factory=dict)
    elements: list[dict[str, Any]] = field(default_factory=list)
    content: dict[str, bytes] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    hidden: int = 0
    """Queries that do not show it yet."""

    @property
    def id(self) -> str:
        return f"{self.party}/{self.guid}"


@dataclass
class Fault:
    """What goes wrong with the n-th request that fits.

    :param kind: "not sent", "lost before", "lost after", or an HTTP status that hides what was done ("401" …); a
        status with "before " in front of it refuses without doing anything.
    """

    method: str
    path: str
    kind: str
    at: int = 1
    times: int = 1
    seen: int = 0


class RemoteAltinn:
    """The server. `pushes` is its own record of every transition: (instance, task that was left, action)."""

    def __init__(
        self,
        tasks: tuple[tuple[str, str], ...] = (("Task_1", "data"), ("Task_2", "confirmation")),
        *,
        rights_by_task: bool = True,
        page_size: int = 100,
        keeps_stamps: bool = True,
        lag: int = 0,
        lists_tasks: bool = True,
    ) -> None:
        self.tasks = tasks
        self.rights_by_task = rights_by_task
        self.listed: tuple[str, ...] = ("write", "confirm", "sign")
        self.page_size = page_size
        self.keeps_stamps = keeps_stamps
        self.lag = lag
        self.lists_tasks = lists_tasks
        self.instances: dict[str, Kept] = {}
        self.pushes: list[tuple[str, str, str]] = []
        self.faults: list[Fault] = []
        self.locked: set[str] = set()
        self.issues: list[dict[str, Any]] = []
        self.before: list[tuple[str, str, Callable[[], object]]] = []
        self.scan_result = "NotApplicable"
        self.rewrite: Callable[[bytes], bytes] = lambda form: form
        self.calculated: dict[str, Any] = {}
        self._ticks = 0

    def fault(self, method: str, path: str, kind: str, at: int = 1, times: int = 1) -> None:
        """Let the `at`-th such request and those after it go wrong, `times` in all."""
        self.faults.append(Fault(method, path, kind, at, times))

    def meanwhile(self, method: str, path: str, what: Callable[[], object]) -> None:
        """Let somebody else do something right before the next such request."""
        self.before.append((method, path, what))

    def now(self) -> str:
        self._ticks += 1
        moment = datetime(2026, 1, 10, 8, tzinfo=UTC) + timedelta(seconds=self._ticks)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = urlsplit(request.url).path
        for entry in [e for e in self.before if e[0] == request.method and re.search(e[1], path)]:
            self.before.remove(entry)
            entry[2]()
        for fault in self.faults:
            if fault.method == request.method and re.search(fault.path, path):
                fault.seen += 1
                if fault.at <= fault.seen < fault.at + fault.times:
                    return self._gone_wrong(fault, request)
        return self._answered(request)

    def _gone_wrong(self, fault: Fault, request: HttpRequest) -> HttpResponse:
        if fault.kind == "not sent":
            raise AltinnNotSentError("refused")
        if fault.kind == "lost before":
            raise AltinnNoAnswerError("lost before it arrived")
        if fault.kind.startswith("before "):
            return HttpResponse(int(fault.kind.removeprefix("before ")))
        self._answered(request)
        if fault.kind == "lost after":
            raise AltinnNoAnswerError("lost on the way back")
        return HttpResponse(int(fault.kind))

    def _answered(self, request: HttpRequest) -> HttpResponse:
        """Give a 2xx body to the sink, as a driver does."""
        response = self._routed(request)
        if request.sink is None or response.status >= 300:
            return response
        with request.sink() as sink:
            sink.write(response.body)
        return HttpResponse(response.status, response.headers)

    def _routed(self, request: HttpRequest) -> HttpResponse:
        url = urlsplit(request.url)
        if request.headers.get("Authorization", "").startswith("Bearer "):
            if url.path == "/storage/api/v1/instances":
                return self._query(request, {k: v[0] for k, v in parse_qs(url.query).items()})
            if url.path == "/ttd/basic/instances":
                return self._create(json.loads(_bytes_of(request)))
            found = re.fullmatch(r"(/storage/api/v1|/ttd/basic)/instances/([0-9]+)/([0-9a-f-]{36})(/.*)?", url.path)
            if not found or found[3] not in self.instances:
                return HttpResponse(403)
            kept = self.instances[found[3]]
            if found[1] != "/ttd/basic":
                return _json(200, self._shown(kept, storage=True))
            return self._of_instance(request, kept, found[4] or "", parse_qs(url.query))
        if url.path == "/ttd/basic/api/v1/applicationmetadata":
            return _json(200, {"id": "ttd/basic", "dataTypes": DATA_TYPES})
        return HttpResponse(401)

    def _of_instance(self, request: HttpRequest, kept: Kept, below: str, query: dict[str, list[str]]) -> HttpResponse:
        verb = f"{request.method} {re.sub('[0-9a-f-]{36}', '{id}', below)}"
        if verb == "GET /process":
            return _json(200, self._process(kept, fresh=True))
        if verb == "GET /process/history":
            return _json(200, {"processHistory": kept.history})
        if verb == "GET /validate":
            return _json(200, self.issues)
        if verb == "PUT /process/next":
            return self._next(kept, json.loads(_bytes_of(request)))
        if verb == "DELETE ":
            kept.status["isSoftDeleted"] = True
            return _json(200, self._shown(kept, storage=True))
        if verb == "POST /data":
            return self._post_data(kept, query["dataType"][0], request)
        element = below.rpartition("/")[2]
        if verb == "GET /data/{id}" and element in kept.content:
            return HttpResponse(200, {}, kept.content[element])
        if verb == "PUT /data/{id}" and element in kept.content:
            return self._put_data(kept, element, request)
        return _json(404, {"title": "Data Element Not Found", "status": 404})

    # -- instances

    def make(self, stamps: dict[str, str] | None = None, **more: Any) -> Kept:
        """Make an instance; ids fall while times rise, so that a client that goes by the id is found out."""
        guid = str(uuid.UUID(int=(1 << 127) - 1 - len(self.instances)))
        kept = Kept(guid, self.now(), dict(stamps or {}), **more)
        kept.changed = kept.created
        self.instances[guid] = kept
        kept.history.append({"eventType": "process_StartEvent", "elementId": "StartEvent_1", "occured": self.now()})
        self._start_task(kept)
        self._add(kept, "model", "", b"<model/>")
        return kept

    def _create(self, template: dict[str, Any]) -> HttpResponse:
        if not template["instanceOwner"]:
            return _json(400, "no owner")
        stamps = template.get("dataValues") or {} if self.keeps_stamps else {}
        return _json(201, self._shown(self.make(stamps, hidden=self.lag), storage=False))

    def _query(self, request: HttpRequest, query: dict[str, str]) -> HttpResponse:
        party = query.get("instanceOwner.partyId")
        named = request.headers.get("X-Ai-InstanceOwnerIdentifier") == f"Organisation:{OWNER}"
        rows = [
            kept
            for kept in self.instances.values()
            if (kept.party == party or (named and kept.party == PARTY)) and kept.app == query["appId"]
        ]
        for row in rows:
            row.hidden -= 1
        rows = sorted((row for row in rows if row.hidden < 0), key=lambda kept: kept.changed)
        start = int(query.get("continuationToken", "0"))
        page = rows[start : start + self.page_size]
        body: dict[str, Any] = {"count": len(page), "instances": [self._shown(k, storage=True) for k in page]}
        if start + self.page_size < len(rows):
            kept_query = f"appId={query['appId']}&continuationToken={start + self.page_size}"
            body["next"] = f"{PLATFORM}/storage/api/v1/instances?{kept_query}" + (
                f"&instanceOwner.partyId={party}" if party else ""
            )
        return _json(200, body)

    def _shown(self, kept: Kept, *, storage: bool) -> dict[str, Any]:
        """Show an instance in one of the two dialects: Storage leaves out what is null, the app writes it."""
        status = {"isArchived": kept.task is None, "readStatus": "Read" if storage else 1, **kept.status}
        body: dict[str, Any] = {
            "id": kept.id,
            "instanceOwner": {"partyId": kept.party, "organisationNumber": OWNER if kept.party == PARTY else None},
            "appId": kept.app,
            "org": "ttd",
            "process": self._process(kept, fresh=False),
            "status": status,
            "data": kept.elements,
            "dataValues": kept.stamps or None,
            "created": kept.created,
            "lastChanged": kept.changed,
        }
        return {k: v for k, v in body.items() if v is not None} if storage else {**body, "presentationTexts": None}

    # -- process

    def _process(self, kept: Kept, *, fresh: bool) -> dict[str, Any]:
        if kept.task is None:
            return {"started": kept.created, "currentTask": None, "ended": kept.changed, "endEvent": "EndEvent_1"}
        task_id, task_type = self.tasks[kept.task]
        task: dict[str, Any] = {"flow": kept.flow, "elementId": task_id, "altinnTaskType": task_type, "name": "Steg"}
        if fresh:
            may = ACTIONS.values() if not self.rights_by_task else [ACTIONS[task_type]]
            task["actions"] = {"read": True, **{a: a in may for a in self.listed}}
        tasks = [{"elementId": one, "altinnTaskType": kind} for one, kind in self.tasks]
        listed = {"processTasks": tasks} if fresh and self.lists_tasks else {}
        return {"started": kept.created, "currentTask": task, "ended": None, "endEvent": None, **listed}

    def _next(self, kept: Kept, body: dict[str, Any]) -> HttpResponse:
        if kept.guid in self.locked:
            return _json(409, {"title": "Conflict", "status": 409, "traceId": "00-lock"})
        if kept.task is None:
            return _json(409, {"status": 409, "detail": "Process is ended.", "validationIssues": None})
        task_id, task_type = self.tasks[kept.task]
        action = body["action"]
        if self.rights_by_task and action != ACTIONS[task_type]:
            return _json(403, {"title": "Unauthorized", "status": 403, "detail": f"Task ID: {task_id}."})
        if [i for i in self.issues if i["severity"] == 1]:
            return _json(
                409,
                {
                    "title": "Validation failed for task",
                    "status": 409,
                    "detail": f"1 validation errors found for task {task_id}",
                    "validationIssues": self.issues,
                },
            )
        self.pushes.append((kept.id, task_id, action))
        self.move(kept)
        return _json(200, self._process(kept, fresh=True))

    def move(self, kept: Kept, to: int | None = -1) -> None:
        """Move an instance to the next task, or to a named one, as anybody may."""
        assert kept.task is not None
        kept.history[-1]["ended"] = self.now()
        if to == -1:
            to = kept.task + 1 if kept.task + 1 < len(self.tasks) else None
        kept.task, kept.flow, kept.changed = to, kept.flow + 1, self.now()
        if to is None:
            kept.history.append({"eventType": "process_EndEvent", "elementId": "EndEvent_1", "occured": self.now()})
        else:
            self._start_task(kept)

    def _start_task(self, kept: Kept) -> None:
        assert kept.task is not None
        line = {"eventType": "process_StartTask", "elementId": self.tasks[kept.task][0], "started": self.now()}
        kept.history.append(line)

    # -- data

    def _add(self, kept: Kept, data_type: str, file_name: str, content: bytes) -> str:
        element = str(uuid.UUID(int=(int(kept.guid.replace("-", ""), 16) + 1000 + len(kept.content)) % (1 << 128)))
        kept.content[element] = content
        kept.elements.append(
            {
                "id": element,
                "dataType": data_type,
                "filename": file_name or None,
                "contentType": "application/xml",
                "size": len(content),
                "created": self.now(),
                "fileScanResult": self.scan_result,
            }
        )
        return element

    def add(self, kept: Kept, data_type: str, file_name: str, content: bytes) -> str:
        """Let somebody else add a file."""
        return self._add(kept, data_type, file_name, content)

    def _post_data(self, kept: Kept, data_type: str, request: HttpRequest) -> HttpResponse:
        rules = next((t for t in DATA_TYPES if t["id"] == data_type), None)
        if rules is None:
            return _json(400, f'Could not find the specified data type: "{data_type}" in applicationmetadata.json')
        present = [e for e in kept.elements if e["dataType"] == data_type]
        if 0 < rules.get("maxCount", 0) <= len(present):
            return _json(409, {"title": "Max Count Exceeded", "status": 409, "detail": "Cannot create more than 1"})
        form = "appLogic" in rules
        # What the app reads as a form loses its file name and is written anew.
        content = self._written_anew(request) if form else _bytes_of(request)
        element = self._add(kept, data_type, "" if form else _file_name(request), content)
        return _json(201, kept.elements[-1] | {"id": element})

    def _written_anew(self, request: HttpRequest) -> bytes:
        """Keep a form as an app does: other bytes, and whatever `rewrite` makes of its content."""
        return ANEW + self.rewrite(_bytes_of(request))

    def _put_data(self, kept: Kept, element: str, request: HttpRequest) -> HttpResponse:
        shown = next(e for e in kept.elements if e["id"] == element)
        before = dict(shown)
        form = shown["dataType"] == "model"
        kept.content[element] = self._written_anew(request) if form else _bytes_of(request)
        shown["size"] = len(kept.content[element])
        if not form:
            shown["filename"] = _file_name(request, plain_only=True)
        kept.changed = self.now()
        if form and self.calculated:
            return _json(200, {**before, "changedFields": self.calculated})
        return _json(201, before)  # The real server, too, answers with the element as it was before.


def _bytes_of(request: HttpRequest) -> bytes:
    if request.body is None:
        return b""
    if isinstance(request.body, bytes):
        return request.body
    assert isinstance(request.body, StreamBody)
    with request.body.open() as stream:
        return stream.read()


def _file_name(request: HttpRequest, *, plain_only: bool = False) -> str:
    """Read the name as the app does (a PUT ignores `filename*`), and decode it twice as Storage does."""
    header = request.headers["Content-Disposition"]
    if plain_only:
        header = header.partition("; filename*")[0]
    message = Message()
    message["Content-Disposition"] = header
    return unquote(unquote(str(message.get_filename() or "").replace("+", " ")))


def _json(status: int, body: object) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json; charset=utf-8"}, json.dumps(body).encode())

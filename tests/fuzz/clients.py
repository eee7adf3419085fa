"""The two kinds of clients: this provider's operators, and a DAG of plain HTTP tasks."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from altinn.documents import combined_sha256
from altinn.exceptions import (
    AltinnActionDeniedError,
    AltinnAnswerError,
    AltinnError,
    AltinnNotYetError,
    AltinnTimeoutError,
)
from altinn.protocol.advance import Advance
from altinn.protocol.app_api import App
from altinn.protocol.changed_filing import ChangedFiling
from altinn.protocol.filed_document import Document
from altinn.protocol.filing import APPROVAL_STAMP, HASH_STAMP, Filing, FilingKey
from altinn.protocol.identifiers import AppId, InstanceId, InstanceOwner
from altinn.protocol.manifest import ExpectedElement, Manifest
from altinn.protocol.meant_documents import MeantDocuments
from altinn.protocol.model import Instance
from altinn.protocol.session import RepeatRules, Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.submission import Submission
from altinn.protocol.survivor import LockedLook, Survivor
from altinn.protocol.upload import Upload
from altinn.protocol.wire import Flow, HttpRequest, NeedToken
from tests.fuzz.airflow_run import Run
from tests.fuzz.process import Process, fence_of
from tests.fuzz.schedules import SETTLE
from tests.fuzz.wire_to_emulator import BASE

T = TypeVar("T")

COMPANY, PARTY, APP = "897069650", 500000, "ttd/basic"
PERIOD = "2026-T5"
FORMS = frozenset({"model"})
ENCODED = {"Content-Type": "application/xml"}
TO = {"data": "confirmation", "confirmation": "end"}
ANSWERED_AFTER = 20.0
"""Seconds until a person has approved."""


def form(version: int) -> bytes:
    """Return a version of the form."""
    return f"<model><property1>{12 + version}</property1><property2>{PERIOD}</property2></model>".encode()


def letter(version: int) -> bytes:
    """Return a version of the letter."""
    return b"%PDF what was meant" + b", mended" * version


def _document(data_type: str, name: str, content_type: str, content: bytes) -> Document:
    digest = hashlib.sha256(content).hexdigest()
    return Document(data_type, name, content_type, len(content), digest, lambda: io.BytesIO(content))


def documents(version: int) -> list[Document]:
    """Return what is to be filed."""
    return [
        _document("model", "form.xml", "application/xml", form(version)),
        _document("letter", "a.pdf", "application/pdf", letter(version)),
    ]


class FilingRun(Run):
    """A run of this provider's operators: the flows that they run, with the loop that they wait in."""

    tasks = ("instantiate", "upload", "approve", "data", "confirmation")
    settle = SETTLE

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._session = Session(RepeatRules(attempts=3), jitter=lambda: 1.0, now=self._now)
        self._app, self._storage = App(f"{BASE}/{APP}"), Storage(BASE)
        self._key = FilingKey.of(AppId.parse(APP), InstanceOwner(organisation_number=COMPANY), PERIOD, "main", 0)
        self._notes = (self._key, self._wire.earlier) if self.plan.misled else None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wire.loop.wall(), UTC)

    async def attempt(self, task: str, process: Process, number: int) -> Any:
        """Do a task's work; where Altinn needs time, wait and begin anew, as the operators do."""
        if task == "approve":
            return await self._approved()
        waited = 0.0
        fence = fence_of(lambda: self.is_living(task, number))
        while True:
            fence("anything")
            try:
                return await process.run(self._flow(task, fence, waited))
            except AltinnNotYetError as exc:
                if waited >= exc.limit:
                    raise exc.__cause__ if isinstance(exc.__cause__, AltinnError) else _given_up(exc) from exc
                pause = max(0.1, min(exc.seconds, exc.limit - waited))
                waited += pause
                await asyncio.sleep(pause)

    async def _approved(self) -> bool:
        """Ask a person, as the approval task does.

        :raises AltinnActionDeniedError: nobody answers.
        """
        if not self.plan.approval:
            return False
        await asyncio.sleep(ANSWERED_AFTER)
        if self.plan.approval == "asked":
            raise AltinnActionDeniedError("nobody has approved", [])
        return True

    def _flow(self, task: str, fence: Callable[[str], None], waited: float) -> Flow[Any]:
        if task == "instantiate":
            return self._instantiate(fence)
        instance_id = InstanceId.parse(self.xcoms["instantiate"])
        if task == "upload":
            upload = Upload(self._session, self._app, self._storage, instance_id, FORMS)
            return _as_json(upload.run(documents(self.meant)))
        return self._push(instance_id, task, fence, waited)

    def _instantiate(self, fence: Callable[[str], None]) -> Flow[str]:
        meant = _meant_documents(documents(self.meant))
        changed = ChangedFiling(
            session=self._session,
            app=self._app,
            filing_of=lambda key: self._rules(key, fence),
            meant=meant,
            forms=FORMS,
            on_changed=self.plan.on_changed,
        )
        approval = {APPROVAL_STAMP: "somebody"} if self.plan.approval else {}
        filed = yield from changed.find_or_create(self._key, {}, {HASH_STAMP: meant.sha256, **approval})
        return str(filed.instance.id)

    def _rules(self, key: FilingKey, fence: Callable[[str], None]) -> Filing:
        def record(event: str, more: Mapping[str, Any]) -> None:
            if event == "created":
                fence("the note of what was made")
                self._notes = key, str(more["instance_id"])

        return Filing(
            session=self._session,
            app=self._app,
            storage=self._storage,
            key=key,
            period_of=self._period_of,
            on_foreign=self.plan.on_foreign,
            settle=self.settle,
            known=(self._notes[1],) if self._notes and self._notes[0] == key else (),
            fence=fence,
            record=record,
        )

    def _period_of(self, instance: Instance) -> Flow[str | None]:
        for element in instance.of_type("model"):
            answer = yield from self._session.perform(self._app.read_data(instance.id, element.id))
            value = json.loads(answer.body).get("property2") if answer.body[:1] == b"{" else None
            return str(value) if value else None
        return None

    def _push(self, instance_id: InstanceId, task: str, fence: Callable[[str], None], waited: float) -> Flow[str]:
        expected = tuple(ExpectedElement.from_json(one) for one in self.xcoms["upload"])
        submission = Submission(
            advance=Advance(
                session=self._session,
                app=self._app,
                instance_id=instance_id,
                from_task=task,
                to_task=TO[task],
                fence=fence,
            ),
            manifest=Manifest(self._session, self._storage, self._app, instance_id, expected),
            survivor=Survivor(
                session=self._session,
                storage=self._storage,
                app=self._app,
                instance_id=instance_id,
                settle=self.settle,
                settled=waited >= self.settle > 0,
                period_of=self._period_of,
                on_foreign=self.plan.on_foreign,
            ),
            lock=LockedLook(self._session, self._storage, instance_id) if self.plan.lock else None,
            approved=self.xcoms["approve"],
        )
        done = yield from submission.run()
        return done.process.where


def _meant_documents(given: list[Document]) -> MeantDocuments:
    named = [{"data_type": d.data_type, "file_name": d.file_name, "sha256": d.sha256} for d in given]
    return MeantDocuments(combined_sha256(named), given)


def _given_up(exc: AltinnNotYetError) -> AltinnError:
    return AltinnTimeoutError(f"given up: {exc}")


def _as_json(flow: Flow[Any]) -> Flow[list[dict[str, Any]]]:
    placed = yield from flow
    return [one.as_json() for one in placed]


class PlainRun(Run):
    """A run of plain HTTP tasks, as HttpOperator does them: one request each, sent again in each retry."""

    tasks = ("instantiate", "form", "letter", "data", "confirmation")

    async def attempt(self, task: str, process: Process, number: int) -> Any:
        """Send a task's request, and fail on whatever is not a success."""
        return await process.run(self._flow(task))

    def _flow(self, task: str) -> Flow[Any]:
        token = yield NeedToken()
        method, path, headers, body = self._request(task)
        answer = yield HttpRequest(method, f"{BASE}/{APP}{path}", {**headers, "Authorization": f"Bearer {token}"}, body)
        if isinstance(answer, str) or answer is None or answer.status >= 400:
            raise AltinnAnswerError(f"{task}: no success")
        if task != "instantiate":
            return None
        try:
            made = json.loads(answer.body)
            return made["id"], next(e["id"] for e in made["data"] if e["dataType"] == "model")
        except (ValueError, KeyError, StopIteration) as exc:
            raise AltinnAnswerError(f"{task}: no instance in the answer") from exc

    def _request(self, task: str) -> tuple[str, str, dict[str, str], bytes]:
        if task == "instantiate":
            template = {"instanceOwner": {"organisationNumber": COMPANY}}
            return "POST", "/instances", {"Content-Type": "application/json"}, json.dumps(template).encode()
        instance_id, element = self.xcoms["instantiate"]
        base = f"/instances/{instance_id}"
        if task == "form":
            return "PUT", f"{base}/data/{element}", ENCODED, form(self.meant)
        if task == "letter":
            headers = {"Content-Type": "application/pdf", "Content-Disposition": "attachment; filename=a.pdf"}
            return "POST", f"{base}/data?dataType=letter", headers, letter(self.meant)
        return "PUT", f"{base}/process/next", {}, b""

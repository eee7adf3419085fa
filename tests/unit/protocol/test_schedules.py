"""Two clients, any order of their requests, any answers lost: one delivery, and nothing that nobody asked for.

Each client is an Airflow task chain with its retries. The judge is the server's own record, never a client's word.
The rights are split by task, as real apps have them: without that no client can keep two pushes at the very same
moment apart (Altinn offers no compare-and-set).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from altinn.exceptions import AltinnError
from altinn.protocol.advance import Advance, Advanced
from altinn.protocol.app_api import App
from altinn.protocol.filed_document import Document, Placed
from altinn.protocol.filing import Filed, Filing, FilingKey
from altinn.protocol.identifiers import AppId, InstanceId, InstanceOwner
from altinn.protocol.manifest import ExpectedElement, Manifest
from altinn.protocol.storage_api import Storage
from altinn.protocol.upload import Upload
from altinn.protocol.wire import Flow
from tests.unit.protocol.flow_driver import Client, session
from tests.unit.protocol.remote_altinn import APP_BASE, OWNER, PLATFORM, RemoteAltinn

T = TypeVar("T")

CONTENT = b"%PDF what was meant"
DOCUMENTS = [
    Document(
        "model", "form.xml", "application/xml", 4, hashlib.sha256(b"<a/>").hexdigest(), lambda: io.BytesIO(b"<a/>")
    ),
    Document(
        "letter",
        "a.pdf",
        "application/pdf",
        len(CONTENT),
        hashlib.sha256(CONTENT).hexdigest(),
        lambda: io.BytesIO(CONTENT),
    ),
]
KEY = FilingKey.of(AppId("ttd", "basic"), InstanceOwner(organisation_number=OWNER), "2026-T5", "main", 0)
TASKS = (("Task_1", "data"), ("Task_2", "confirmation"), ("Task_3", "feedback"))
TRIES = 6


class Chain:
    """Instantiate, upload, push, confirm: each is a task that is tried a few times, from scratch."""

    def __init__(self, remote: RemoteAltinn) -> None:
        self.client = Client(remote)
        self.done = False
        self.failures: list[AltinnError] = []

    def run(self) -> Generator[None, None, None]:
        filed = yield from self._task(self._file)
        if filed is None:
            return
        instance_id = filed.instance.id
        placed = yield from self._task(lambda: self._upload(instance_id))
        if placed is None:
            return
        for from_task in ("data", "confirmation"):
            moved = yield from self._task(partial(self._push, instance_id, from_task, placed))
            if moved is None:
                return
        self.done = True

    def _task(self, start: Callable[[], Flow[T]]) -> Generator[None, None, T | None]:
        for _ in range(TRIES):
            try:
                return (yield from self.client.walk(start()))
            except AltinnError as exc:
                self.failures.append(exc)
        return None

    def _file(self) -> Flow[Filed]:
        return Filing(session(attempts=2), App(APP_BASE), Storage(PLATFORM), KEY, settle=1.0).find_or_create({})

    def _upload(self, instance_id: InstanceId) -> Flow[list[Placed]]:
        forms = frozenset({"model"})
        return Upload(session(attempts=2), App(APP_BASE), Storage(PLATFORM), instance_id, forms).run(DOCUMENTS)

    def _push(self, instance_id: InstanceId, task: str, placed: list[Placed]) -> Flow[Advanced]:
        app, rules = App(APP_BASE), session(attempts=2)
        expected = tuple(ExpectedElement.from_json(one.as_json()) for one in placed)
        guard = Manifest(rules, Storage(PLATFORM), app, instance_id, expected).check
        return Advance(rules, app, instance_id, task, guard=guard, lock_wait=1.0).run()


FAULTS = st.tuples(
    st.sampled_from(
        [
            ("POST", "/instances$"),
            ("PUT", "/process/next$"),
            ("POST", "/data$"),
            ("PUT", "/data/[0-9a-f-]{36}$"),
            ("GET", "/process$"),
            ("GET", "/history$"),
            ("GET", "/storage/api/v1/instances"),
        ]
    ),
    st.sampled_from(
        ["lost before", "lost after", "not sent", "401", "500", "503", "504", "before 503", "before 500", "before 401"]
    ),
    st.integers(1, 4),
)


@settings(max_examples=120)
@given(st.lists(st.booleans(), max_size=120), st.lists(FAULTS, max_size=5))
@example([], [])
@example([False, True] * 60, [])
@example([False, True] * 60, [(("PUT", "/process/next$"), "lost after", n) for n in (1, 2, 3)])
@example([False, True] * 60, [(("POST", "/instances$"), "lost after", n) for n in (1, 2)])
def test_any_schedule_delivers_once(turns: list[bool], faults: list[tuple[tuple[str, str], str, int]]) -> None:
    remote = RemoteAltinn(TASKS)
    for (method, path), kind, at in faults:
        remote.fault(method, path, kind, at=at)
    chains = [Chain(remote), Chain(remote)]
    walks = [chain.run() for chain in chains]
    for turn in turns:
        next(walks[turn], None)
    for walk in walks:
        for _ in walk:
            pass

    delivered = [kept for kept in remote.instances.values() if kept.task == 2]
    pushes = sorted((task, action) for _, task, action in remote.pushes)
    event(f"{len(remote.instances)} instance(s), {len(faults)} fault(s)")
    assert len(delivered) <= 1, "delivered twice"
    assert all(action == {"Task_1": "write", "Task_2": "confirm"}[task] for task, action in pushes), "unasked"
    assert len(pushes) == len(set(pushes)), "pushed twice"
    for kept in delivered:
        files = [kept.content[e["id"]] for e in kept.elements if e["dataType"] == "letter"]
        assert files == [CONTENT], "not as meant"
    # Every fault strikes at most once, and each task is tried more often than that: the filing comes through.
    assert [chain.done for chain in chains] == [True, True], [str(e) for chain in chains for e in chain.failures]
    assert len(delivered) == 1


@given(st.sampled_from(["lost after", "401", "500", "503", "504"]), st.integers(1, 3), st.integers(1, 3))
def test_no_lost_answer_makes_one_client_confirm_unasked(kind: str, at: int, times: int) -> None:
    """Rights not split: the server would take a repeated push for a confirmation, and file."""
    remote = RemoteAltinn(TASKS, rights_by_task=False)
    kept = remote.make(KEY.stamps())
    remote.fault("PUT", "/process/next$", kind, at=at, times=times)
    client = Client(remote)
    for _ in range(8):
        flow = Advance(session(), App(APP_BASE), InstanceId.parse(kept.id), "data", lock_wait=1.0).run()
        try:
            client.run(flow)
        except AltinnError:
            continue
    assert remote.pushes == [(kept.id, "Task_1", "write")]

"""What was answered with 2xx is there after the emulator was killed; an app that dies in `next` leaves its lock."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from altinn.emulator.world import OWN_APPS
from tests.contract.test_workflows_as_recorded import as_recorded

ROOT = Path(__file__).parents[2]
READY_SECONDS = 20


class Server:
    """The emulator as a process of its own, with a folder for its state."""

    def __init__(self, state: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.state = state
        self.options = options
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "altinn.emulator.server", "--port", str(self.port), "--state", str(self.state)]
        command += self.options
        environment = os.environ | {"PYTHONPATH": str(ROOT / "plugins")}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.token = requests.get(f"{self.base}/Home/GetTestUserToken/1337", timeout=5).text
                return
            except requests.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "state")
    yield server
    server.kill()


def file_reports(server: Server, acknowledged: list[tuple[str, str]]) -> None:
    """File one report after the other and note what was acknowledged, until the server is gone."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {server.token}"
        try:
            while True:
                made = session.post(
                    f"{server.base}/ttd/basic/instances", json={"instanceOwner": {"partyId": "501337"}}, timeout=10
                ).json()
                acknowledged.append((made["id"], "Task_1"))
                for action, reached in (("write", "Task_2"), ("confirm", "EndEvent_1")):
                    url = f"{server.base}/ttd/basic/instances/{made['id']}/process/next"
                    assert session.put(url, json={"action": action}, timeout=10).status_code == 200
                    acknowledged.append((made["id"], reached))
        except requests.RequestException:
            return


def test_everything_acknowledged_survives_kill_9_under_load(server: Server) -> None:
    acknowledged: list[tuple[str, str]] = []
    writers = [threading.Thread(target=file_reports, args=(server, acknowledged)) for _ in range(3)]
    for writer in writers:
        writer.start()
    while len(acknowledged) < 100:
        time.sleep(0.01)
    server.kill()
    for writer in writers:
        writer.join()
    server.start()
    headers = {"Authorization": f"Bearer {server.token}"}
    order = ["Task_1", "Task_2", "EndEvent_1"]
    lost = []
    for identity, reached in acknowledged:
        answer = requests.get(f"{server.base}/storage/api/v1/instances/{identity}", headers=headers, timeout=5)
        process = answer.json()["process"]
        now = process["endEvent"] or process["currentTask"]["elementId"]
        if order.index(now) < order.index(reached):
            lost.append((identity, reached, now))
    filings = requests.get(f"{server.base}/_emulator/filings", timeout=5).json()
    assert lost == []
    assert {i for i, reached in acknowledged if reached == "EndEvent_1"} <= {f["instance"] for f in filings}


def test_a_seed_repeats_no_id_over_a_restart(tmp_path: Path) -> None:
    server = Server(tmp_path / "state", "--seed", "7")
    try:
        headers = {"Authorization": f"Bearer {server.token}"}
        template = {"instanceOwner": {"partyId": "501337"}}
        made = requests.post(f"{server.base}/ttd/basic/instances", json=template, headers=headers, timeout=5).json()
        at = f"{server.base}/ttd/basic/instances/{made['id']}/data"
        uploaded: dict[str, bytes] = {}
        for number in range(9):
            if number % 3 == 0:  # each run but the first makes nothing but data elements
                server.kill()
                server.start()
            file = headers | {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=a.txt"}
            content = f"file {number}".encode()
            answer = requests.post(f"{at}?dataType=attachment", data=content, headers=file, timeout=5)
            assert answer.status_code == 201
            uploaded[answer.json()["id"]] = content
        kept = {name: requests.get(f"{at}/{name}", headers=headers, timeout=5).content for name in uploaded}
    finally:
        server.kill()
    assert len(uploaded) == 9
    assert kept == uploaded


DIES = """
import os, pathlib, signal
from altinn.emulator.behaviour import AppBehaviour

class Behaviour(AppBehaviour):
    def on_task_end(self, case, task_id):
        if (pathlib.Path(__file__).parent / "die").exists():
            os.kill(os.getpid(), signal.SIGKILL)
"""
OBEYS = """

import json, pathlib
ORDERS = pathlib.Path(__file__).parent / "orders.json"
Behaviour.orders = property(lambda self: json.loads(ORDERS.read_text("utf-8")), lambda self, value: None)
"""


class Sender:
    """Somebody with one instance on a server that is killed and comes back."""

    def __init__(self, server: Server) -> None:
        self.server = server
        template = {"instanceOwner": {"partyId": "501337"}}
        self.instance = self.ask("POST", "", json=template).json()["id"]

    def ask(self, method: str, path: str, **more: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.server.token}"}
        url = f"{self.server.base}/ttd/basic/instances{path}"
        return requests.request(method, url, headers=headers, timeout=20, **more)  # type: ignore[arg-type]

    def process(self) -> requests.Response:
        return self.ask("GET", f"/{self.instance}/process")

    def next(self, action: str | None = None) -> requests.Response:
        body = {"json": {"action": action}} if action else {}
        return self.ask("PUT", f"/{self.instance}/process/next", **body)

    def later(self, seconds: float) -> None:
        answer = requests.post(f"{self.server.base}/_emulator/clock", json={"advance_seconds": seconds}, timeout=5)
        assert answer.status_code == 200


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_app_that_dies_in_next_leaves_its_lock_for_five_minutes(tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(OWN_APPS / "ttd" / "basic", app, ignore=shutil.ignore_patterns("__pycache__"))
    (app / "behaviour.py").write_text(DIES, "utf-8")
    server = Server(tmp_path / "state", "--apps", str(app))
    try:
        sender = Sender(server)
        (app / "die").touch()
        with pytest.raises(requests.ConnectionError):
            sender.next("write")
        assert server.process.wait(READY_SECONDS) == -signal.SIGKILL
        (app / "die").unlink()
        server.start()
        assert sender.process().json()["currentTask"]["elementId"] == "Task_1"
        refused = sender.next("write")
        assert (refused.status_code, refused.json()["title"]) == (409, "Conflict")
        sender.later(240)
        assert sender.next("write").status_code == 409
        sender.later(60)
        assert sender.next("write").status_code == 200
    finally:
        server.kill()


def test_version_9_goes_on_after_its_app_was_killed_and_keeps_the_lock(tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(ROOT / "tests" / "contract" / "apps" / "lab", app, ignore=shutil.ignore_patterns("__pycache__"))
    with (app / "behaviour.py").open("a", encoding="utf-8") as code:
        code.write(OBEYS)
    orders = app / "orders.json"
    orders.write_text("{}", "utf-8")
    server = Server(tmp_path / "state", "--apps", str(app), "--app-library", "9", "--workflow-wait", "10")
    try:
        sender = Sender(server)
        orders.write_text(json.dumps({"service": "retry"}), "utf-8")
        broken: list[Exception] = []

        def push() -> None:
            try:
                sender.next()
            except requests.ConnectionError as exc:
                broken.append(exc)

        first = threading.Thread(target=push)
        first.start()
        eventually(lambda: sender.process().json()["workflow"].get("retrying") is True)
        server.kill()
        first.join()
        assert len(broken) == 1
        server.start()
        as_recorded("E1 process, app up again", sender.process())
        as_recorded("E1 next, app up again", sender.next())
        orders.write_text("{}", "utf-8")
        eventually(lambda: sender.process().json()["workflow"]["status"] == "idle")
        as_recorded("E1 process later", sender.process())
        as_recorded("E1 confirm later", sender.next("confirm"))
        sender.later(300)
        server.kill()  # by then the recorded app had been started anew with its plain process, without the service task
        shutil.copy(OWN_APPS / "ttd" / "basic" / "config" / "process" / "process.bpmn", app / "config" / "process")
        server.start()
        as_recorded("E1 confirm five minutes after the kill", sender.next("confirm"))
    finally:
        server.kill()

"""Version 9's workflow engine, held to the exchanges that were recorded one by one (`recorded/v9/special.jsonl`)."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from altinn.emulator.world import OWN_APPS
from tests.contract.recorded_exchange import HOST, REPLACED, leaves, numbered

HERE = Path(__file__).parent
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
EXCHANGES = [json.loads(line) for line in (HERE / "recorded/v9/special.jsonl").read_text("utf-8").splitlines()]
RECORDED = {e["name"]: e for e in reversed(EXCHANGES)}
LISTS = ("userActions", "processTasks")
WAIT = 1.0


class Lab:
    """One emulator with the recorded app, and one user's session."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        behaviour = emulator.world.apps["ttd/basic"].behaviour
        self.orders: dict[str, str] = getattr(behaviour, "orders", {})
        self.session = requests.Session()
        token = self.session.get(f"{emulator.base_url}/Home/GetTestUserToken/1337", timeout=5).text
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.instance = ""
        self.form = ""

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        url = f"{self.emulator.base_url}/ttd/basic/instances{path.replace('~', '/' + self.instance)}"
        return self.session.request(method, url, timeout=30, **more)

    def create(self) -> requests.Response:
        answer = self.call("POST", "", json={"instanceOwner": {"partyId": "501337"}, "dataValues": {"k": "c1"}})
        body = answer.json()
        self.instance = body.get("id") or body["instanceId"]
        self.form = next((e["id"] for e in body.get("data", ()) if e["dataType"] == "model"), "")
        return answer

    def next(self, action: str | None = None) -> requests.Response:
        return self.call("PUT", "~/process/next", **({"json": {"action": action}} if action else {}))

    def process(self) -> requests.Response:
        return self.call("GET", "~/process")

    def resume(self) -> requests.Response:
        return self.call("POST", "~/process/resume")

    def settled(self) -> requests.Response:
        """Read the process, once the engine has come to rest."""
        return until(self.process, lambda answer: answer.json()["workflow"]["status"] == "idle")


def until(ask: Callable[[], requests.Response], holds: Callable[[requests.Response], bool]) -> requests.Response:
    deadline = time.monotonic() + 10
    while not holds(answer := ask()):
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.01)
    return answer


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Emulator(apps=[HERE / "apps" / "lab"], app_library=9, think_time=0.0, workflow_wait=WAIT) as emulator:
        lab = Lab(emulator)
        lab.create()
        yield lab


def comparable(body: Any) -> dict[str, Any]:
    text = json.dumps(body)
    for pattern, name in REPLACED:
        text = pattern.sub(name, text)
    value = json.loads(HOST.sub("<host>", GUID.sub(numbered({}), text)))
    process = (value.get("process") or value) if isinstance(value, dict) else {}
    holders = [process, process.get("currentTask") or {}]
    for holder in holders:
        for name in set(LISTS) & holder.keys():
            holder[name] = sorted(holder[name], key=lambda entry: json.dumps(entry, sort_keys=True))
    return {where: found for where, found in leaves(value) if "/dataValues" not in where}


def as_recorded(name: str, answer: requests.Response) -> None:
    recorded = RECORDED[name]
    assert (answer.status_code, answer.headers["content-type"]) == (recorded["status"], recorded["contentType"]), name
    assert comparable(answer.json()) == comparable(recorded["body"]), name


def test_a_service_task_that_succeeds_is_passed(lab: Lab) -> None:
    as_recorded("A0 all ok: next from data passes the service task", lab.next())
    assert lab.process().json()["currentTask"]["actions"]["confirm"] is True


def test_a_push_may_be_answered_with_the_instance(lab: Lab) -> None:
    as_recorded("A4 next with returnInstance", lab.call("PUT", "~/process/next?returnInstance=true"))
    as_recorded("A4 process", lab.process())


def test_the_enriched_instance_tells_what_its_reader_may_do_and_marks_nothing_as_read() -> None:
    with Emulator(app_library=9, think_time=0.0) as emulator:
        plain = Lab(emulator)
        plain.instance = plain.call("POST", "", json={"instanceOwner": {"partyId": "501337"}}).json()["id"]
        as_recorded("H enriched", plain.call("GET", "~/enriched"))
        as_recorded("H enriched", plain.call("GET", "~/enriched"))


def test_a_draft_with_a_failed_workflow_can_be_deleted(lab: Lab) -> None:
    lab.orders["service"] = "fail"
    lab.next()
    as_recorded("B13 hard delete with a failed workflow", lab.call("DELETE", "~?hard=true"))


def test_what_is_under_way_is_seen_in_the_process_alone(lab: Lab) -> None:
    lab.orders["start Task_1"] = "fail"
    lab.create()
    as_recorded("C1 read instance", lab.call("GET", "~"))


def test_content_can_change_and_a_draft_can_be_deleted_under_a_transition(lab: Lab) -> None:
    lab.orders["end Task_1"] = "retry"
    first = threading.Thread(target=lab.next)
    first.start()
    until(lab.process, lambda a: a.json()["workflow"].get("retrying") is True)
    as_recorded("B1 resume meanwhile", lab.resume())
    as_recorded("B1 validate meanwhile", lab.call("GET", "~/validate"))
    xml, file = {"Content-Type": "application/xml"}, {"Content-Type": "text/plain"}
    form = "<model><property1>late</property1></model>"
    as_recorded("B2 put form meanwhile", lab.call("PUT", f"~/data/{lab.form}", data=form, headers=xml))
    file["Content-Disposition"] = 'attachment; filename="a.txt"'
    as_recorded("B2 attachment meanwhile", lab.call("POST", "~/data/attachment", data=b"abc", headers=file))
    first.join()
    as_recorded("B2 soft delete after the 504", lab.call("DELETE", "~?hard=false"))
    as_recorded("B2 process after soft delete", lab.process())


def test_a_failed_service_task_must_be_resumed(lab: Lab) -> None:
    lab.orders["service"] = "fail"
    as_recorded("A1 service task fails permanently: next", lab.next())
    as_recorded("A1 process", lab.process())
    as_recorded("A1 process without status", lab.call("GET", "~/process?includeWorkflowStatus=false"))
    as_recorded("A1 next again", lab.next())
    as_recorded("A1 next with action write", lab.next("write"))
    as_recorded("A1 validate", lab.call("GET", "~/validate"))
    as_recorded("A1 resume, still failing", lab.resume())
    lab.orders.clear()
    as_recorded("A1 resume, mended", lab.resume())
    as_recorded("A1 resume when nothing to resume", lab.resume())


def test_a_failed_hook_leaves_the_process_where_it_was(lab: Lab) -> None:
    lab.orders["end Task_1"] = "fail"
    as_recorded("A2 end hook of Task_1 fails permanently: next", lab.next())
    as_recorded("A2 process", lab.process())
    as_recorded("A2 next again", lab.next())
    as_recorded("A2 resume, still failing", lab.resume())
    lab.orders.clear()
    as_recorded("A2 resume, mended", lab.resume())
    as_recorded("A2 process after", lab.process())


def test_a_failed_end_hook_keeps_the_process_from_ending(lab: Lab) -> None:
    lab.next()
    lab.orders["end process"] = "fail"
    as_recorded("A3 confirm, process end hook fails permanently", lab.next("confirm"))
    as_recorded("A3 process", lab.process())
    as_recorded("A3 resume", lab.resume())
    lab.orders.clear()
    as_recorded("A3 confirm again, mended", lab.next("confirm"))
    as_recorded("A3 resume, mended", lab.resume())
    as_recorded("A3 resume after the end", lab.resume())


def test_a_service_task_may_be_done_without_moving_on(lab: Lab) -> None:
    lab.orders["service"] = "stay"
    as_recorded("B10 service done without auto advance: next", lab.next())
    as_recorded("B10 process", lab.process())
    as_recorded("B10 next from the service task", lab.next())


def test_complete_process_stops_at_a_failed_service_task(lab: Lab) -> None:
    lab.orders["service"] = "fail"
    as_recorded("B11 completeProcess with failing service", lab.call("PUT", "~/process/completeProcess"))
    as_recorded("B12 reject on failed service", lab.next("reject"))


def test_a_waiting_service_task_goes_on_by_itself(lab: Lab) -> None:
    lab.orders["service"] = "wait"
    as_recorded("B5 service task defers (waits for a delivery): next", lab.next())
    as_recorded("B5 process while parked", lab.process())
    as_recorded("B5 next while parked", lab.next())
    as_recorded("B5 resume while parked", lab.resume())
    lab.orders.clear()
    as_recorded("B5 process after the wait", lab.settled())


@pytest.mark.parametrize(
    ("order", "letter", "action"),
    [("service", "B1", None), ("end Task_1", "B2", None), ("end process", "B4", "confirm")],
)
def test_what_is_retried_times_out_and_goes_on_by_itself(lab: Lab, order: str, letter: str, action: str | None) -> None:
    if action:
        lab.next()
    lab.orders[order] = "retry"
    answers: list[requests.Response] = []
    first = threading.Thread(target=lambda: answers.append(lab.next(action)))
    first.start()
    if action is None:
        until(lab.process, lambda a: a.json()["workflow"].get("retrying") is True)
        as_recorded(f"{letter} process meanwhile", lab.process())
        as_recorded(f"{letter} second next meanwhile", lab.next())
    first.join()
    began = next(e for e in EXCHANGES if e["name"].startswith(f"{letter} ") and e["status"] == 504)
    as_recorded(began["name"], answers[0])
    as_recorded(f"{letter} process after the 504", lab.process())
    as_recorded(f"{letter} {action or 'next'} after the 504", lab.next(action))
    lab.orders.clear()
    settled = lab.settled()
    if letter in ("B1", "B4"):
        as_recorded(f"{letter} process after mending", settled)


@pytest.mark.parametrize("order", ["retry", "throw"])
def test_a_service_task_that_is_mended_in_time_is_passed(lab: Lab, order: str) -> None:
    lab.orders["service"] = order
    answers: list[requests.Response] = []
    first = threading.Thread(target=lambda: answers.append(lab.next()))
    first.start()
    until(lab.process, lambda a: a.json()["workflow"].get("retrying") is True)
    as_recorded("B14 process meanwhile", lab.process())
    lab.orders.clear()
    first.join()
    as_recorded("B9 service task fails for 5 s, then ok: next", answers[0])
    as_recorded("B14 service task throws: next", answers[0])


def test_a_service_task_that_hangs_times_the_push_out_and_is_done_later(lab: Lab) -> None:
    lab.orders["service"] = "hang"
    as_recorded("B3 service task hangs 115 s: next", lab.next())
    as_recorded("B3 process after the 504", lab.process())
    as_recorded("B3 next after the 504", lab.next())
    lab.orders.clear()
    as_recorded("B3 process, when it is done", lab.settled())
    as_recorded("B3 confirm, when it is done", lab.next("confirm"))


def test_a_client_that_leaves_does_not_stop_the_work(lab: Lab) -> None:
    lab.orders["service"] = "hang"
    with pytest.raises(requests.ReadTimeout):
        lab.session.put(f"{lab.emulator.base_url}/ttd/basic/instances/{lab.instance}/process/next", timeout=0.1)
    until(lab.process, lambda a: a.json()["currentTask"]["elementId"] == "Service_1")
    as_recorded("B8 process just after the client left", lab.process())
    until(lab.next, lambda a: "processNextState" in a.json())
    as_recorded("B8 next just after the client left", lab.next())
    lab.orders.clear()
    as_recorded("B8 process later", lab.settled())


@pytest.mark.parametrize(("name", "action"), [("B7 two next at once", None), ("B7 two confirms at once", "confirm")])
def test_of_two_pushes_at_once_one_is_refused_by_the_lock(lab: Lab, name: str, action: str | None) -> None:
    if action:
        lab.next()
    lab.orders["service" if action is None else "end process"] = "retry"
    answers: list[requests.Response] = []
    first = threading.Thread(target=lambda: answers.append(lab.next(action)))
    first.start()
    until(lab.process, lambda a: a.json()["workflow"].get("retrying") is True)
    refused = lab.next(action)
    lab.orders.clear()
    first.join()
    as_recorded(name, refused)
    assert answers[0].status_code == 200


def test_a_policy_without_the_owners_right_keeps_the_engine_trying(tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(OWN_APPS / "ttd" / "basic", app, ignore=shutil.ignore_patterns("__pycache__"))
    policy = app / "config" / "authorization" / "policy.xml"
    before, _, after = policy.read_text("utf-8").rpartition(">confirm<")
    policy.write_text(f"{before}>nothing<{after}", "utf-8")
    with Emulator(apps=[app], app_library=9, think_time=0.0, workflow_wait=WAIT) as emulator:
        lab = Lab(emulator)
        lab.create()
        as_recorded("G next", lab.next())
        as_recorded("G confirm, policy gives the service owner no confirm", lab.next("confirm"))
        as_recorded("G process after the 504", lab.process())


def test_a_failed_start_hook_leaves_an_instance_to_resume(lab: Lab) -> None:
    lab.orders["start Task_1"] = "fail"
    as_recorded("C1 create, start hook fails permanently", lab.create())
    as_recorded("C1 process", lab.process())
    as_recorded("C1 next", lab.next())
    assert lab.call("GET", "~").json()["data"] == []
    lab.orders.clear()
    as_recorded("C1 resume", lab.resume())
    as_recorded("C1 process after resume", lab.process())


def test_a_retried_start_hook_times_the_creation_out(lab: Lab) -> None:
    lab.orders["start Task_1"] = "retry"
    as_recorded("D3 create, start hook fails retryable", lab.create())
    as_recorded("D3 process after the answer", lab.process())
    as_recorded("D3 next after the answer", lab.next())
    lab.orders.clear()
    lab.settled()
    as_recorded("D3 next at the end", lab.next())


def engine(lab: Lab, condition: str) -> None:
    url = f"{lab.emulator.base_url}/_emulator/workflow-engine"
    answer = requests.post(url, json={"condition": condition}, timeout=5)
    assert answer.status_code == 200


def test_without_its_engine_an_app_reads_and_writes_but_does_not_move(lab: Lab) -> None:
    engine(lab, "down")
    as_recorded("C3 next from data, engine down", lab.next())
    as_recorded("C3 confirm, engine down", lab.next("confirm"))
    as_recorded("C3 process, engine down", lab.process())
    as_recorded("C3 process without status", lab.call("GET", "~/process?includeWorkflowStatus=false"))
    as_recorded("C3 resume, engine down", lab.resume())
    as_recorded("C3 completeProcess, engine down", lab.call("PUT", "~/process/completeProcess"))
    assert lab.call("GET", "~/validate").json() == []
    engine(lab, "up")
    as_recorded("C4 next, engine up again", lab.next())


def test_a_creation_without_the_engine_leaves_an_instance_that_can_be_mended(lab: Lab) -> None:
    engine(lab, "down")
    as_recorded("C2 create, engine down", lab.create())
    engine(lab, "up")
    as_recorded("D1 orphan: process", lab.process())
    as_recorded("D1 orphan: validate", lab.call("GET", "~/validate"))
    as_recorded("D1 orphan: resume", lab.resume())
    as_recorded("D1 orphan: next", lab.next())
    xml = {"Content-Type": "application/xml"}
    posted = lab.call("POST", "~/data/model", data="<model><property1>a</property1></model>", headers=xml)
    as_recorded("F1 orphan: post the form", posted)
    as_recorded("F1 orphan: validate", lab.call("GET", "~/validate"))
    as_recorded("F1 orphan: next", lab.next())
    as_recorded("F1 orphan: confirm", lab.next("confirm"))


def test_a_frozen_engine_answers_late(lab: Lab) -> None:
    engine(lab, "frozen")
    as_recorded("E2d process, engine frozen", lab.process())
    as_recorded("E2b next, engine frozen", lab.next())
    as_recorded("E2c create, engine frozen", lab.create())


def test_a_push_under_way_when_the_engine_freezes_fails_and_is_done_after_the_thaw(lab: Lab) -> None:
    lab.orders["service"] = "retry"
    answers: list[requests.Response] = []
    first = threading.Thread(target=lambda: answers.append(lab.next()))
    first.start()
    until(lab.process, lambda a: a.json()["workflow"].get("retrying") is True)
    engine(lab, "frozen")
    first.join()
    as_recorded("E2a next under way when the engine freezes", answers[0])
    lab.orders.clear()
    engine(lab, "up")
    as_recorded("E2a process after the thaw", lab.settled())

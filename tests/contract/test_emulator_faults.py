"""Each fault over real HTTP: what the client sees, and what the server has done."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from altinn.emulator.faults.fault_catalogue import KINDS
from tests.contract.test_emulator_rules import OWNER_SCOPES, SYSTEM_USER, Caller, token

PARTY = "501337"
MINE = {"appId": "ttd/basic", "instanceOwner.partyId": PARTY, "order": "asc:lastChanged"}
QUERY = "/storage/api/v1/instances"
CREATE = "/ttd/basic/instances$"
NEXT = "/process/next$"
XML = {"Content-Type": "application/xml"}
FORM = "<model><property1>a</property1><property2>b</property2></model>"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(think_time=0.0, workflow_wait=1.0) as emulator:
        yield emulator


class Desk:
    """A user at an emulator whose faults are cleared."""

    def __init__(self, emulator: Emulator) -> None:
        self.base = emulator.base_url
        requests.post(f"{self.base}/_emulator/reset", timeout=5)
        self.faults = emulator.faults
        self.user = Caller(self.base, token(self.base, "GetTestUserToken/1337"))

    def instance(self, app: str = "ttd/basic") -> str:
        """Make an instance with a valid form, and return its path below the app."""
        made = self.user.create(app)
        form = next(e["id"] for e in made["data"] if e["dataType"] == "model")
        path = f"/{app}/instances/{made['id']}"
        assert self.user("PUT", f"{path}/data/{form}", data=FORM, headers=XML).status_code == 201
        return path

    def push(self, path: str, action: str | None = "write", caller: Caller | None = None) -> requests.Response:
        return (caller or self.user)("PUT", f"{path}/process/next", **({"json": {"action": action}} if action else {}))

    def task(self, path: str) -> str | None:
        task = self.user("GET", f"{path}/process").json()["currentTask"]
        return task and str(task["elementId"])

    def filings(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.base}/_emulator/filings", timeout=5).json())

    def clock(self, seconds: float) -> None:
        requests.post(f"{self.base}/_emulator/clock", json={"advance_seconds": seconds}, timeout=5)

    def rows(self, **more: str) -> list[str]:
        """Read every page of the query and return the ids in their order."""
        answer = self.user("GET", QUERY, params=MINE | more)
        found = []
        for _ in range(20):
            body = answer.json()
            found += [i["id"] for i in body["instances"]]
            if not body["next"]:
                return found
            answer = self.user("GET", body["next"].removeprefix(self.base))
        raise AssertionError("the pages do not end")

    def journal(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.base}/_emulator/journal", timeout=5).json())


@pytest.fixture
def desk(emulator: Emulator) -> Desk:
    return Desk(emulator)


TESTED: set[str] = set()


def covers(*names: str) -> Callable[[Any], Any]:
    """Note that a test is about these faults."""
    TESTED.update(names)
    return lambda test: test


# -- nothing is done

REFUSED = {
    "500": (500, "An error occurred"),
    "502": (502, "Bad Gateway"),
    "503": (503, "Unavailable"),
    "504": (504, "Time-out"),
    "429": (429, "Rate limit"),
    "html_before": (200, "<!DOCTYPE html>"),
    "token_expired": (401, ""),
    "token_revoked": (401, ""),
    "403": (403, ""),
    "404": (404, "Unable to find instance"),
    "409_validation": (409, '"validationIssues":[{'),
    "409_lock": (409, '"title":"Conflict"'),
    "409_ended": (409, "Process is ended."),
    "409_empty": (409, ""),
    "409_string": (409, '"Ugyldig innsending'),
    "409_xml": (409, "<valideringsresultat>"),
    "409_retrying": (409, '"processNextState":"retrying"'),
    "409_resume_required": (409, '"processNextState":"resumeRequired"'),
    "service_task_failed": (500, "Service task failed!"),
    "lock_unavailable": (403, ""),
}


@covers(*REFUSED)
@pytest.mark.parametrize("fault", REFUSED)
def test_a_refused_push_does_nothing(desk: Desk, fault: str) -> None:
    path = desk.instance()
    desk.faults.add(fault, method="PUT", path=NEXT)
    answer = desk.push(path)
    status, words = REFUSED[fault]
    assert answer.status_code == status
    assert words in answer.text
    assert bool(words) == bool(answer.content)
    assert [e["fault"] for e in desk.journal()][-1] == fault
    desk.faults.clear()
    assert desk.task(path) == "Task_1"


@pytest.mark.parametrize("fault", ["503", "429"])
def test_a_refusal_says_when_to_come_again(desk: Desk, fault: str) -> None:
    desk.faults.add(fault, seconds=7)
    assert desk.user("GET", QUERY, params=MINE).headers["retry-after"] == "7"


@covers("reset_before_body", "reset_in_request_body", "timeout_before")
@pytest.mark.parametrize("fault", ["reset_before_body", "reset_in_request_body", "timeout_before"])
def test_a_push_that_is_not_taken_gets_no_answer(desk: Desk, fault: str) -> None:
    path = desk.instance()
    desk.faults.add(fault, method="PUT", path=NEXT, seconds=0.05)
    with pytest.raises(requests.ConnectionError):
        desk.push(path)
    assert desk.task(path) == "Task_1"
    assert desk.journal()[-2] | {"n": 0, "time": ""} == {
        "n": 0,
        "time": "",
        "method": "PUT",
        "path": f"{path}{NEXT[:-1]}",
        "status": 0,
        "instance": path.removeprefix("/ttd/basic/instances/"),
        "fault": fault,
    }


@pytest.mark.parametrize("fault", ["token_expired", "token_revoked"])
def test_a_refused_token_stays_refused_and_a_new_one_is_taken(desk: Desk, fault: str) -> None:
    desk.faults.add(fault, path=QUERY)
    first = desk.user("GET", QUERY, params=MINE)
    assert (first.status_code, "invalid_token" in first.headers["www-authenticate"]) == (401, True)
    assert desk.user("GET", QUERY, params=MINE).status_code == 401
    time.sleep(1.01)  # a test token is a function of the second in which it is made
    other = Caller(desk.base, token(desk.base, "GetTestUserToken/1337"))
    assert other("GET", QUERY, params=MINE).status_code == 200
    desk.faults.clear()
    assert desk.user("GET", QUERY, params=MINE).status_code == 200


@covers("stuck_in_proxy")
def test_a_stuck_push_arrives_late(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("stuck_in_proxy", method="PUT", path=NEXT, seconds=60)
    with pytest.raises(requests.ConnectionError):
        desk.push(path)
    assert desk.task(path) == "Task_1"
    desk.clock(61)
    assert desk.task(path) == "Task_2"
    assert [e["status"] for e in desk.journal() if e["fault"] == "stuck_in_proxy"] == [0, 200]


# -- the work is done


@covers("answer_lost", "timeout")
@pytest.mark.parametrize("fault", ["answer_lost", "timeout"])
@pytest.mark.parametrize("what", ["push", "creation"])
def test_a_lost_answer_has_its_effect(desk: Desk, fault: str, what: str) -> None:
    path = desk.instance()
    desk.faults.add(
        fault, method="PUT" if what == "push" else "POST", path=NEXT if what == "push" else CREATE, seconds=0
    )
    with pytest.raises(requests.ConnectionError):
        desk.push(path) if what == "push" else desk.user.create()
    assert desk.task(path) == ("Task_2" if what == "push" else "Task_1")
    assert len(desk.rows()) == (1 if what == "push" else 2)


@covers("timeout")
def test_a_client_that_does_not_wait_sees_a_time_out(desk: Desk) -> None:
    desk.faults.add("timeout", path=QUERY)
    with pytest.raises(requests.ReadTimeout):
        desk.user.session.get(desk.base + QUERY, params=MINE, timeout=0.2)


@covers("reset_in_body")
def test_an_answer_breaks_off_in_its_body(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("reset_in_body", method="PUT", path=NEXT)
    head = f"PUT {path}/process/next HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {desk.user.token}\r\n\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", int(desk.base.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(16):
                received += part
    told, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in told.splitlines() if line.lower().startswith(b"content-length"))
    assert told.startswith(b"HTTP/1.1 200")
    assert len(body) == length // 2 > 0
    assert desk.task(path) == "Task_2"


AFTER = {"401_after_commit": 401, "500_after_commit": 500, "502_after_commit": 502, "503_after_commit": 503}
AFTER["504_after_commit"] = 504


@covers(*AFTER)
@pytest.mark.parametrize("fault", AFTER)
def test_an_error_hides_what_was_done(desk: Desk, fault: str) -> None:
    path = desk.instance()
    desk.faults.add(fault, method="PUT", path=NEXT)
    assert desk.push(path).status_code == AFTER[fault]
    assert desk.task(path) == "Task_2"
    assert [(e["status"], e["fault"]) for e in desk.journal() if e["method"] == "PUT"][-1] == (200, fault)


@covers("slow_answer")
def test_a_slow_answer_is_right(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("slow_answer", method="PUT", path=NEXT, seconds=0.2)
    begin = time.monotonic()
    assert desk.push(path).json()["currentTask"]["elementId"] == "Task_2"
    assert time.monotonic() - begin >= 0.2


@covers("truncated_json", "html")
@pytest.mark.parametrize("fault", ["truncated_json", "html"])
def test_an_answer_is_no_json(desk: Desk, fault: str) -> None:
    path = desk.instance()
    desk.faults.add(fault, method="PUT", path=NEXT)
    answer = desk.push(path)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert answer.headers["content-type"].startswith("text/html" if fault == "html" else "application/json")
    assert desk.task(path) == "Task_2"


def test_whoever_moves_the_clock_sees_what_has_arrived_meanwhile() -> None:
    """A judge who counts right after it must not count too early, though each request takes a moment."""
    with Emulator(think_time=0.02) as slower:
        desk = Desk(slower)
        path = desk.instance()
        assert desk.push(path).status_code == 200
        before = len(desk.filings())
        desk.faults.add("stuck_in_proxy", method="PUT", path=NEXT, seconds=60)
        with contextlib.suppress(requests.ConnectionError):
            desk.push(path, "confirm")
        requests.post(f"{desk.base}/_emulator/clock", json={"advance_seconds": 600}, timeout=5).raise_for_status()
        assert len(desk.filings()) == before + 1


@covers("late_duplicate")
@pytest.mark.parametrize("action", [None, "write"])
def test_a_duplicate_of_a_push_arrives_late(desk: Desk, action: str | None) -> None:
    """Without an action it confirms what nobody asked for; with one, the app's split rights refuse it."""
    path = desk.instance()
    desk.faults.add("late_duplicate", method="PUT", path=NEXT, seconds=60)
    assert desk.push(path, action).status_code == 200
    assert desk.filings() == []
    desk.clock(61)
    assert len(desk.filings()) == (1 if action is None else 0)


def test_a_duplicate_of_a_creation_makes_another_instance(desk: Desk) -> None:
    desk.faults.add("late_duplicate", method="POST", path=CREATE, seconds=0.05)
    desk.user.create(dataValues={"period": "x"})
    patience = time.monotonic() + 5
    while len(desk.rows()) < 2 and time.monotonic() < patience:
        time.sleep(0.01)
    found = desk.user("GET", QUERY, params=MINE).json()["instances"]
    assert [i["dataValues"] for i in found] == [{"period": "x"}] * 2


# -- the work goes another way


@covers("lock_held")
def test_a_held_lock_refuses_pushes_until_it_runs_out(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("lock_held", method="PUT", path=NEXT, seconds=60)
    assert [desk.push(path).status_code for _ in range(2)] == [409, 409]
    desk.clock(61)
    assert desk.push(path).status_code == 200


@covers("lock_race")
@pytest.mark.parametrize(("action", "statuses", "filed"), [(None, [200, 200], 1), ("write", [200, 403], 0)])
def test_two_pushes_at_once_are_both_let_through(
    desk: Desk, action: str | None, statuses: list[int], filed: int
) -> None:
    path = desk.instance()
    desk.faults.add("lock_race", method="PUT", path=NEXT, seconds=30)
    answers: list[int] = []
    held = threading.Thread(target=lambda: answers.append(desk.push(path, action).status_code))
    held.start()
    while not desk.faults.shown()[0]["struck"]:
        time.sleep(0.002)
    other = Caller(desk.base, desk.user.token)
    answers.append(desk.push(path, action, other).status_code)
    held.join(10)
    assert sorted(answers) == statuses
    assert len(desk.filings()) == filed


@covers("creation_slow")
def test_a_creation_shows_before_it_is_made(desk: Desk) -> None:
    desk.faults.add("creation_slow", method="POST", path=CREATE, seconds=60)
    made: list[dict[str, Any]] = []
    creation = threading.Thread(target=lambda: made.append(Caller(desk.base, desk.user.token).create()))
    creation.start()
    while not (found := desk.user("GET", QUERY, params=MINE).json()["instances"]):
        time.sleep(0.002)
    path = f"/ttd/basic/instances/{found[0]['id']}"
    assert (found[0]["data"], desk.user("GET", f"{path}/process/history").json()["processHistory"]) == ([], [])
    desk.clock(61)
    creation.join(10)
    assert made[0]["id"] == found[0]["id"]
    assert desk.user("GET", f"{path}/process/history").json()["processHistory"]


@covers("creation_cleanup")
def test_a_creation_cleans_up_what_was_delivered_meanwhile(desk: Desk) -> None:
    desk.faults.add("creation_cleanup", method="POST", path=CREATE, seconds=60)
    answers: list[requests.Response] = []
    template = {"instanceOwner": {"partyId": PARTY}}
    creation = threading.Thread(
        target=lambda: answers.append(Caller(desk.base, desk.user.token)("POST", CREATE[:-1], json=template))
    )
    creation.start()
    while not (found := desk.user("GET", QUERY, params=MINE).json()["instances"]):
        time.sleep(0.002)
    path = f"/ttd/basic/instances/{found[0]['id']}"
    form = desk.user("POST", f"{path}/data", data=FORM, headers=XML, params={"dataType": "model"})
    assert form.status_code == 201
    assert [desk.push(path, a).status_code for a in ("write", "confirm")] == [200, 200]
    assert [f["deleted"] for f in desk.filings()] == [False]
    desk.clock(61)
    creation.join(10)
    assert (answers[0].status_code, found[0]["id"] in answers[0].text) == (500, True)
    assert desk.rows() == []
    assert [f["deleted"] for f in desk.filings()] == [True]


@covers("created_earlier")
def test_commit_order_is_not_the_order_of_created(desk: Desk) -> None:
    desk.faults.add("created_earlier", method="POST", path=CREATE, seconds=60)
    made: list[dict[str, Any]] = []
    creation = threading.Thread(target=lambda: made.append(Caller(desk.base, desk.user.token).create()))
    creation.start()
    while not desk.faults.shown()[0]["struck"]:
        time.sleep(0.002)
    time.sleep(0.05)
    second = desk.user.create()
    assert desk.rows() == [second["id"]]
    desk.clock(61)
    creation.join(10)
    assert made[0]["created"] < second["created"]
    assert set(desk.rows()) == {made[0]["id"], second["id"]}


@covers("query_lag")
def test_a_new_instance_does_not_show_at_first(desk: Desk) -> None:
    desk.faults.add("query_lag", method="POST", path=CREATE, seconds=60)
    made = desk.user.create()
    active = f"/ttd/basic/instances/{PARTY}/active"
    assert (desk.rows(), desk.user("GET", active).json()) == ([], [])
    assert desk.user("GET", f"{QUERY}/{made['id']}").status_code == 200
    desk.clock(61)
    assert desk.rows() == [made["id"]]


@covers("small_pages", "empty_page")
def test_pages_are_small_and_some_are_empty(desk: Desk) -> None:
    made = [desk.user.create()["id"] for _ in range(3)]
    desk.faults.add("small_pages", path=QUERY, occurrence="every")
    desk.faults.add("empty_page", path=QUERY, occurrence=1)
    desk.faults.add("empty_page", path=QUERY, occurrence=3)
    assert desk.rows() == made
    assert desk.faults.shown()[0]["struck"] == 5


@covers("rows_move")
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_row_moves_while_the_pages_are_read(desk: Desk, order: str) -> None:
    """Read from the oldest change on, it is seen all the same; from the newest on, it is missed."""
    made = [desk.user.create()["id"] for _ in range(3)]
    desk.faults.add("small_pages", path=QUERY, occurrence="every")
    desk.faults.add("rows_move", path=QUERY, occurrence=1)
    found = desk.rows(order=f"{order}:lastChanged")
    assert set(made) - set(found) == (set() if order == "asc" else {made[1]})


# -- what holds for the whole app


@covers("no_read_after_end")
def test_what_has_ended_vanishes(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("no_read_after_end", path="/basic/")
    for action in ("write", "confirm"):
        desk.push(path, action)
    one = path.removeprefix("/ttd/basic/instances/")
    assert desk.rows() == []
    assert desk.user("GET", f"{QUERY}/{one}").status_code == 403
    assert desk.user("GET", path).status_code == 403
    assert len(desk.filings()) == 1
    desk.faults.clear()
    assert desk.rows() == [one]


@covers("rights_not_split")
def test_without_split_rights_a_wrong_action_passes(desk: Desk) -> None:
    path = desk.instance()
    assert desk.push(path).status_code == 200
    assert desk.push(path).status_code == 403
    desk.faults.add("rights_not_split", path="/basic/")
    actions = desk.user("GET", f"{path}/process").json()["currentTask"]["actions"]
    assert (actions["write"], actions["confirm"]) == (True, True)
    assert desk.push(path).status_code == 200
    assert len(desk.filings()) == 1


@covers("rights_by_task")
def test_rights_by_task_hold_for_system_users_too(desk: Desk) -> None:
    scope = "altinn:instances.read altinn:instances.write"
    system = Caller(desk.base, token(desk.base, "GetTestSystemUserToken", systemUserId=SYSTEM_USER, scope=scope))
    made = system("POST", "/ttd/basic/instances", json={"instanceOwner": {"organisationNumber": "950474084"}}).json()
    path, form = f"/ttd/basic/instances/{made['id']}", made["data"][0]["id"]
    assert system("PUT", f"{path}/data/{form}", data=FORM, headers=XML).status_code == 201
    desk.faults.add("rights_by_task", path="/basic/")
    assert [desk.push(path, a, system).status_code for a in ("confirm", "write", "write", "confirm")] == [
        403,
        200,
        403,
        200,
    ]


@covers("task_removed")
def test_an_app_without_its_confirmation_files_with_the_first_push(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("task_removed", method="PUT", path=NEXT)
    assert desk.push(path).json()["ended"]
    assert len(desk.filings()) == 1


@covers("task_renamed")
def test_an_app_with_other_task_names_cannot_move_until_they_are_back(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("task_renamed", method="PUT", path=NEXT)
    assert desk.push(path).status_code == 500
    desk.faults.clear()
    assert desk.push(path).status_code == 200


@covers("version_9")
def test_an_app_moves_to_version_9_for_a_while(desk: Desk) -> None:
    desk.faults.add("version_9", path="/basic/", seconds=60)
    metadata = desk.user("GET", "/ttd/basic/api/v1/applicationmetadata").json()
    path = desk.instance()
    assert metadata["altinnNugetVersion"].startswith("9.")
    assert desk.user("GET", f"{path}/process").json()["workflow"] == {"status": "idle"}
    assert desk.push(path).json()["currentTask"]["elementId"] == "Task_2"
    desk.clock(61)
    assert desk.user("GET", "/ttd/basic/api/v1/applicationmetadata").json()["altinnNugetVersion"].startswith("8.")


@covers("library_8_10")
def test_an_old_library_takes_no_lock(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("lock_held", method="PUT", path=NEXT, occurrence="every", seconds=60)
    assert desk.push(path).status_code == 409
    desk.faults.add("library_8_10", path="/basic/")
    assert desk.push(path).status_code == 200
    metadata = desk.user("GET", "/ttd/basic/api/v1/applicationmetadata").json()
    assert metadata["altinnNugetVersion"].startswith("8.10.")


# -- a person


def content(desk: Desk, path: str) -> list[tuple[str, bytes]]:
    elements = desk.user("GET", path).json()["data"]
    return [
        (e["dataType"], desk.user("GET", f"{path}/data/{e['id']}", headers={"Accept": "application/xml"}).content)
        for e in elements
    ]


@covers("person_edits", "person_adds_file", "person_removes_file")
def test_a_person_changes_what_the_instance_holds(desk: Desk) -> None:
    path = desk.instance()
    before = content(desk, path)
    desk.faults.add("person_edits", method="GET", path="/process$", occurrence=1)
    desk.faults.add("person_adds_file", method="GET", path="/process$", occurrence=2)
    desk.faults.add("person_removes_file", method="GET", path="/process$", occurrence=3)
    desk.task(path)
    edited = content(desk, path)
    desk.task(path)
    added = content(desk, path)
    desk.task(path)
    assert [len(c) for c in (before, edited, added, content(desk, path))] == [1, 1, 2, 1]
    assert edited != before
    assert added[1][1] == b"written by hand"


@covers("person_deletes", "person_deletes_for_good")
@pytest.mark.parametrize(("fault", "hard"), [("person_deletes", False), ("person_deletes_for_good", True)])
def test_a_person_deletes(desk: Desk, fault: str, hard: bool) -> None:
    path = desk.instance()
    desk.faults.add(fault, method="PUT", path=NEXT)
    assert desk.push(path).status_code == 200, "the real server moves what is deleted"
    status = desk.user("GET", f"{QUERY}/{path.removeprefix('/ttd/basic/instances/')}").json()["status"]
    assert (status["isSoftDeleted"], status["isHardDeleted"]) == (True, hard)


@covers("person_pushes", "person_confirms")
def test_a_person_pushes_and_confirms(desk: Desk) -> None:
    path = desk.instance()
    desk.faults.add("person_confirms", method="GET", path="/process$", occurrence=1)
    desk.faults.add("person_pushes", method="GET", path="/process$", occurrence=2)
    desk.faults.add("person_confirms", method="GET", path="/process$", occurrence=3)
    assert [desk.task(path) for _ in range(3)] == ["Task_1", "Task_2", None]
    assert len(desk.filings()) == 1


@covers("person_files")
@pytest.mark.parametrize("at", ["GET process", "POST instances", "GET query"])
def test_a_person_files_by_hand(desk: Desk, at: str) -> None:
    path = desk.instance()
    method, where = {"GET process": ("GET", "/process$"), "POST instances": ("POST", CREATE)}.get(at, ("GET", QUERY))
    desk.faults.add("person_files", method=method, path=where)
    desk.task(path)
    desk.user.create()
    desk.rows()
    filed = desk.filings()
    own = path.removeprefix("/ttd/basic/instances/")
    assert [(f["instance"] != own, f["dataValues"]) for f in filed] == [(True, {})]


# -- the script


def test_every_fault_has_a_test() -> None:
    assert set(KINDS) == TESTED


def test_faults_are_ordered_shown_and_cleared_over_http(desk: Desk) -> None:
    url = f"{desk.base}/_emulator/faults"
    order: list[dict[str, object]] = [
        {"method": "PUT", "path": NEXT, "fault": "503", "occurrence": 2, "seconds": 3},
        {"path": "/basic/", "fault": "slow_answer", "probability": 0.0, "seed": 4},
        {"fault": "html", "occurrence": "every", "path": "^/nowhere"},
    ]
    assert requests.post(url, json=order, timeout=5).status_code == 201
    path = desk.instance()
    assert [desk.push(path).status_code for _ in range(2)] == [200, 503]
    shown = requests.get(url, timeout=5).json()
    assert shown[0] == {**order[0], "probability": None, "seed": 0, "seen": 2, "struck": 1}
    assert [(f["seen"], f["struck"]) for f in shown[1:]] == [(4, 0), (0, 0)]
    assert requests.delete(url, timeout=5).json() == []
    assert requests.get(url, timeout=5).json() == []


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("{", "not JSON"),
        ("{}", "expected a list"),
        ("[1]", "fault 0: expected a JSON object"),
        ('[{"fault": "404"}, {"fault": "gremlin"}]', "fault 1: there is no fault 'gremlin'; there are"),
        ('[{"fault": "404", "path": "("}]', "no regular expression"),
        ('[{"fault": "404", "occurence": 1}]', "unknown member occurence"),
        ('[{"fault": "404", "occurrence": 0}]', "occurrence must be 1, 2"),
        ('[{"fault": "404", "probability": 2}]', "probability must be from 0 to 1"),
        ('[{"fault": "404", "seconds": "1"}]', "seconds must be a number"),
        ('[{"fault": "404", "seed": "x"}]', "seed must be a whole number"),
    ],
)
def test_an_order_that_cannot_be_used_changes_nothing(desk: Desk, order: str, words: str) -> None:
    answer = requests.post(f"{desk.base}/_emulator/faults", data=order, timeout=5)
    assert (answer.status_code, words in answer.text) == (400, True), answer.text
    assert desk.faults.shown() == []


def test_chance_is_repeatable_by_its_seed(desk: Desk) -> None:
    def struck(seed: int) -> list[int]:
        desk.faults.clear()
        desk.faults.add("404", path=QUERY, probability=0.5, seed=seed)
        return [desk.user("GET", QUERY, params=MINE).status_code for _ in range(40)]

    first = struck(1)
    assert first == struck(1)
    assert first != struck(2)
    assert set(first) == {200, 404}


def test_logins_can_be_struck_too(desk: Desk) -> None:
    desk.faults.add("502", path="^/authentication/api/v1/exchange/")
    answer = requests.get(f"{desk.base}/authentication/api/v1/exchange/maskinporten", timeout=5)
    assert answer.status_code == 502


def test_a_reset_of_the_emulator_clears_the_script(desk: Desk, emulator: Emulator) -> None:
    desk.faults.add("rights_not_split", path="/basic/")
    path = desk.instance()
    assert desk.push(path).status_code == 200
    Desk(emulator)
    assert desk.faults.shown() == []
    owner = Caller(desk.base, token(desk.base, "GetTestOrgToken/ttd", orgNumber="405003309", scopes=OWNER_SCOPES))
    assert json.loads(owner("GET", "/ttd/basic/api/v1/applicationmetadata").text)["id"] == "ttd/basic"
    assert emulator.world.apps["ttd/basic"].regimes == frozenset()

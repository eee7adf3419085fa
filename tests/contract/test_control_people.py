"""Authorities, people and the virus scanner of the emulator, steered over its control surface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator

SOPHIE, SOMEBODY_ELSE = 1337, 1001
FORM = b"<model><property1>a</property1><property2>b</property2></model>"


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(authority_delay=1e9) as emulator:
        yield emulator


class Desk:
    """What a sender does, and what the control surface lets others do."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        requests.post(f"{base_url}/_emulator/reset", timeout=10).raise_for_status()
        token = requests.get(f"{base_url}/Home/GetTestUserToken/{SOPHIE}", timeout=10).text
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        answer = requests.request(method, self.base_url + path, headers=headers, timeout=10, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer

    def draft(self, app: str) -> str:
        """Make and fill an instance; return its path below the app."""
        made = self.call("POST", f"/{app}/instances", json={"instanceOwner": {"partyId": "501337"}}).json()
        path = f"/{app}/instances/{made['id']}"
        form = next(e["id"] for e in made["data"] if e["dataType"] == "model")
        self.call("PUT", f"{path}/data/{form}", data=FORM, headers={"Content-Type": "application/xml"})
        return path

    def push(self, path: str, *actions: str) -> None:
        for action in actions:
            self.call("PUT", f"{path}/process/next", json={"action": action})

    def ask(self, path: str, what: str, **document: Any) -> requests.Response:
        """Use the control surface on the instance at an app's path."""
        instance = "/".join(path.split("/")[-2:])
        return requests.post(f"{self.base_url}/_emulator/instances/{instance}/{what}", json=document, timeout=10)

    def instance(self, path: str) -> dict[str, Any]:
        return self.call("GET", path).json()  # type: ignore[no-any-return]


@pytest.fixture
def desk(running: Emulator) -> Desk:
    return Desk(running.base_url)


@pytest.mark.parametrize(
    ("outcome", "codes", "label", "confirmed"),
    [("accepted", [], "Mottatt", ["ttd"]), ("rejected", ["R061: no", "R079"], "Avvist", [])],
)
def test_the_authority_answers_as_it_is_told(
    desk: Desk, outcome: str, codes: list[str], label: str, confirmed: list[str]
) -> None:
    path = desk.draft("ttd/basic-feedback")
    desk.push(path, "write", "confirm")
    assert desk.instance(path)["process"]["currentTask"]["altinnTaskType"] == "feedback"
    assert desk.ask(path, "decide", outcome=outcome, codes=codes).status_code == 200
    found = desk.instance(path)
    assert found["process"]["ended"]
    assert found["status"]["substatus"] == {"label": label, "description": "; ".join(codes)}
    assert [c["stakeholderId"] for c in found["completeConfirmations"] or []] == confirmed
    (filing,) = requests.get(f"{desk.base_url}/_emulator/filings", timeout=10).json()
    assert filing["outcome"] == outcome


def test_a_silent_authority_stays_silent(desk: Desk) -> None:
    path = desk.draft("ttd/basic-feedback")
    desk.push(path, "write", "confirm")
    assert desk.ask(path, "decide", outcome="silent").status_code == 200
    requests.post(f"{desk.base_url}/_emulator/clock", json={"advance_seconds": 2e9}, timeout=10).raise_for_status()
    assert desk.instance(path)["process"]["currentTask"]["altinnTaskType"] == "feedback"


def test_an_authority_may_take_hours(desk: Desk) -> None:
    path = desk.draft("ttd/basic-feedback")
    desk.push(path, "write", "confirm")
    assert desk.ask(path, "decide", outcome="rejected", codes=["R1: x"], after_seconds=3600).status_code == 200
    for seconds, ended in ((3000, False), (700, True)):
        clock = {"advance_seconds": seconds}
        requests.post(f"{desk.base_url}/_emulator/clock", json=clock, timeout=10).raise_for_status()
        assert bool(desk.instance(path)["process"]["ended"]) is ended
    assert desk.instance(path)["status"]["substatus"]["description"] == "R1: x"


def test_nobody_decides_about_what_was_not_received(desk: Desk) -> None:
    path = desk.draft("ttd/basic-feedback")
    assert desk.ask(path, "decide", outcome="accepted").status_code == 409


@pytest.mark.parametrize(
    "document",
    [{}, {"outcome": "perhaps"}, {"outcome": "rejected", "codes": "R1"}, {"outcome": "rejected", "codes": [1]}],
)
def test_a_malformed_decision_is_refused(desk: Desk, document: dict[str, Any]) -> None:
    assert desk.ask(desk.draft("ttd/basic-feedback"), "decide", **document).status_code == 400


@pytest.mark.parametrize("after", ["NaN", "Infinity", "1e308", "-1", "true", '"1"', "null"])
def test_a_time_that_is_none_is_refused(desk: Desk, after: str) -> None:
    path = desk.draft("ttd/basic-feedback")
    desk.push(path, "write", "confirm")
    instance = "/".join(path.split("/")[-2:])
    answer = requests.post(
        f"{desk.base_url}/_emulator/instances/{instance}/decide",
        data=f'{{"outcome": "accepted", "after_seconds": {after}}}',
        timeout=10,
    )
    assert (answer.status_code, "after_seconds" in answer.text) == (400, True)
    assert desk.instance(path)["process"]["ended"] is None


@pytest.mark.parametrize("other", ["rejected", "silent"])
def test_what_is_decided_stays_decided(desk: Desk, other: str) -> None:
    path = desk.draft("ttd/basic-feedback")
    desk.push(path, "write", "confirm")
    assert desk.ask(path, "decide", outcome="accepted").status_code == 200
    refused = desk.ask(path, "decide", outcome=other, codes=["R1: x"])
    assert (refused.status_code, "accepted" in refused.text) == (409, True)
    assert desk.instance(path)["status"]["substatus"]["label"] == "Mottatt"
    assert desk.ask(path, "decide", outcome="accepted").status_code == 200


def test_a_person_signs(desk: Desk) -> None:
    path = desk.draft("ttd/basic-signing")
    desk.push(path, "write")
    answer = desk.ask(path, "act", action="sign", person=SOPHIE)
    assert (answer.status_code, answer.json()["task"]) == (200, None)
    assert [e["dataType"] for e in desk.instance(path)["data"]] == ["model", "signature"]


def test_a_person_refuses(desk: Desk) -> None:
    path = desk.draft("ttd/basic-signing")
    desk.push(path, "write")
    assert desk.ask(path, "act", action="reject", person=SOPHIE).json()["task"] == "Task_1"


def test_a_person_has_only_own_rights(desk: Desk) -> None:
    path = desk.draft("ttd/basic-signing")
    desk.push(path, "write")
    assert desk.ask(path, "act", action="sign", person=SOMEBODY_ELSE).status_code == 403
    assert desk.ask(path, "act", action="sign", person=4711).status_code == 404
    assert desk.ask(path, "act", action="sign").status_code == 400
    assert desk.ask("/x/y/instances/501337/00000000-0000-0000-0000-000000000000", "act").status_code == 404
    assert desk.instance(path)["process"]["currentTask"]["elementId"] == "Task_2"


def test_the_newest_requests_can_be_asked_for_alone(desk: Desk) -> None:
    desk.draft("ttd/basic")
    journal = f"{desk.base_url}/_emulator/journal"
    everything = requests.get(journal, timeout=10).json()
    assert len(everything) > 2
    assert requests.get(f"{journal}?last=2", timeout=10).json() == everything[-2:]
    for last in ("0", "-1", "all"):
        assert requests.get(f"{journal}?last={last}", timeout=10).status_code == 400


def scanned_draft(desk: Desk) -> tuple[str, str]:
    """Make a draft with a file that is scanned for viruses; return its path below the app, and the file's id."""
    owner = {"instanceOwner": {"organisationNumber": "897069650"}}
    made = desk.call("POST", "/brg/aarsregnskap-vanlig-202406/instances", json=owner).json()
    path = f"/brg/aarsregnskap-vanlig-202406/instances/{made['id']}"
    headers = {"Content-Type": "application/pdf", "Content-Disposition": "attachment; filename=a.pdf"}
    file = desk.call("POST", f"{path}/data?dataType=Vedlegg", data=b"%PDF-1.4 a report", headers=headers).json()
    return path, str(file["id"])


@pytest.mark.parametrize("result", ["Clean", "Infected", "Pending"])
@pytest.mark.parametrize("named", [True, False])
def test_the_virus_scanner_finds_what_it_is_told(desk: Desk, result: str, named: bool) -> None:
    path, file = scanned_draft(desk)
    told = {"result": result, "element": file} if named else {"result": result}
    assert desk.ask(path, "scan", **told).json()["elements"] == [file]
    assert desk.call("GET", f"{path}/filescanresult").json()["fileScanResult"] == result
    issues = {issue["code"] for issue in desk.call("GET", f"{path}/validate").json()}
    assert ("DataElementFileInfected" in issues) is (result == "Infected")
    assert ("DataElementFileScanPending" in issues) is (result == "Pending")


def test_a_broken_body_is_refused(desk: Desk) -> None:
    instance = "/".join(desk.draft("ttd/basic").split("/")[-2:])
    for body in ("[", json.dumps([1])):
        answer = requests.post(f"{desk.base_url}/_emulator/instances/{instance}/act", data=body, timeout=10)
        assert answer.status_code == 400


def test_only_what_is_scanned_has_a_verdict(desk: Desk) -> None:
    path = desk.draft("ttd/basic")
    assert desk.ask(path, "scan", result="Maybe").status_code == 400
    assert desk.ask(path, "scan", result="Clean").status_code == 404

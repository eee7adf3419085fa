"""What the emulator does where no recording says it: production's rules, the control surface, its own promises."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from altinn.emulator.world import OWN_APPS as SHIPPED

SYSTEM_USER = "d111dbab-d619-4f15-bf29-58fe570a9ae6"
XML = {"Content-Type": "application/xml"}
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
OWNER_SCOPES = "altinn:serviceowner/instances.read altinn:serviceowner/instances.write"


@dataclass
class Caller:
    """Somebody who calls one emulator."""

    base: str
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return self.session.request(method, self.base + path, headers=headers, timeout=10, **more)

    def create(self, app: str = "ttd/basic", **template: Any) -> dict[str, Any]:
        template = {"instanceOwner": {"partyId": "501337"}} | template
        answer = self("POST", f"/{app}/instances", json=template)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(think_time=0.0) as emulator:
        yield emulator


@pytest.fixture
def base(emulator: Emulator) -> str:
    requests.post(f"{emulator.base_url}/_emulator/reset", timeout=5)
    return emulator.base_url


def token(base: str, path: str, **query: str) -> str:
    return requests.get(f"{base}/Home/{path}", params=query, timeout=5).text


@pytest.fixture
def user(base: str) -> Caller:
    return Caller(base, token(base, "GetTestUserToken/1337"))


@pytest.fixture
def owner(base: str) -> Caller:
    return Caller(base, token(base, "GetTestOrgToken/ttd", orgNumber="405003309", scopes=OWNER_SCOPES))


def submit(caller: Caller, instance: dict[str, Any]) -> None:
    for action in ("write", "confirm"):
        path = f"/{instance['appId']}/instances/{instance['id']}/process/next"
        assert caller("PUT", path, json={"action": action}).status_code == 200


def test_a_system_user_is_bound_to_its_organisation(base: str) -> None:
    scope = "altinn:instances.read altinn:instances.write"
    caller = Caller(base, token(base, "GetTestSystemUserToken", systemUserId=SYSTEM_USER, scope=scope))
    own = {"instanceOwner": {"organisationNumber": "950474084"}}
    other = {"instanceOwner": {"organisationNumber": "897069650"}}
    assert caller("POST", "/ttd/basic/instances", json=own).status_code == 201
    assert caller("POST", "/ttd/basic/instances", json=other).status_code == 403


def test_a_token_without_the_scope_is_refused(base: str) -> None:
    reader = Caller(
        base, token(base, "GetTestSystemUserToken", systemUserId=SYSTEM_USER, scope="altinn:instances.read")
    )
    answer = reader("POST", "/ttd/basic/instances", json={"instanceOwner": {"organisationNumber": "950474084"}})
    assert answer.status_code == 403
    assert answer.json() == {
        "title": "Forbidden",
        "status": 403,
        "detail": "Insufficient scope",
        "instance": "/ttd/basic/instances",
    }


def test_a_low_login_is_told_the_level_that_it_lacks(base: str) -> None:
    caller = Caller(base, token(base, "GetTestUserToken/1337", authenticationLevel="1"))
    answer = caller("POST", "/ttd/basic/instances", json={"instanceOwner": {"partyId": "501337"}})
    assert (answer.status_code, answer.json()) == (403, {"urn:altinn:minimum-authenticationlevel": "2"})


def test_the_history_keeps_both_ends_of_each_task_in_order(user: Caller) -> None:
    instance = user.create()
    submit(user, instance)
    history = user("GET", f"/ttd/basic/instances/{instance['id']}/process/history").json()["processHistory"]
    assert [(entry["eventType"], entry["elementId"]) for entry in history] == [
        ("process_StartEvent", "StartEvent_1"),
        ("process_StartTask", "Task_1"),
        ("process_EndTask", "Task_1"),
        ("process_StartTask", "Task_2"),
        ("process_EndTask", "Task_2"),
        ("process_EndEvent", "EndEvent_1"),
    ]


QUERY = "/storage/api/v1/instances"
MINE = {"appId": "ttd/basic", "instanceOwner.partyId": "501337"}


def ids(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [instance["id"] for instance in answer.json()["instances"]]


def test_the_query_filters_by_state_and_time(user: Caller) -> None:
    draft, sent, deleted = (user.create()["id"] for _ in range(3))
    submit(user, {"appId": "ttd/basic", "id": sent})
    user("DELETE", f"/ttd/basic/instances/{deleted}")
    created = user("GET", f"{QUERY}/{sent}").json()["created"]

    def found(**filters: str) -> set[str]:
        return set(ids(user("GET", QUERY, params=MINE | {k.replace("__", "."): v for k, v in filters.items()})))

    assert found() == {draft, sent, deleted}
    assert found(process__isComplete="true") == {sent}
    assert found(process__isComplete="false") == {draft, deleted}
    assert found(process__currentTask="Task_1") == {draft, deleted}
    assert found(status__isArchived="true") == {sent}
    assert found(status__isSoftDeleted="false") == {draft, sent}
    assert found(created=f"gt:{created}") == {deleted}
    assert found(created=f"lte:{created}") == {draft, sent}
    assert found(status__isHardDeleted="true") == set()


def test_the_query_pages_until_next_is_gone(user: Caller) -> None:
    made = {user.create()["id"] for _ in range(7)}
    answer = user("GET", QUERY, params=MINE | {"size": "3"})
    pages = [ids(answer)]
    while answer.json()["next"]:
        answer = user("GET", answer.json()["next"].removeprefix(user.base))
        pages.append(ids(answer))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert {identity for page in pages for identity in page} == made


def test_a_page_can_be_empty_and_have_a_next(user: Caller, owner: Caller, base: str) -> None:
    """The page is cut before the rights are looked at."""
    mine = user.create()["id"]
    stranger = Caller(base, token(base, "GetTestUserToken/1001"))
    answer = stranger("GET", QUERY, params=MINE | {"size": "1"})
    user.create()
    answer = stranger("GET", QUERY, params=MINE | {"size": "1"})
    assert ids(answer) == []
    assert answer.json()["next"] is not None
    assert mine in ids(owner("GET", QUERY, params={"appId": "ttd/basic"}))


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"appId": "ttd/basic"}, 400),
        (MINE | {"created": "gt:yesterday"}, 400),
        (MINE | {"size": "none"}, 400),
        (MINE | {"A3Ref": "short"}, 400),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(user: Caller, query: dict[str, str], status: int) -> None:
    assert user("GET", QUERY, params=query).status_code == status


def test_the_owner_of_a_query_can_be_named_in_a_header(user: Caller) -> None:
    identity = user.create(instanceOwner={"organisationNumber": "897069650"})["id"]
    header = {"X-Ai-InstanceOwnerIdentifier": "Organisation:897069650"}
    unknown = {"X-Ai-InstanceOwnerIdentifier": "Organisation:000000000"}
    assert ids(user("GET", QUERY, params={"appId": "ttd/basic"}, headers=header)) == [identity]
    assert ids(user("GET", QUERY, params={"appId": "ttd/basic"}, headers=unknown)) == []
    assert user("GET", QUERY, params=MINE, headers=header).status_code == 400


@pytest.mark.parametrize("path", ["/correspondence/api/v1/correspondence", "/ttd/basic/api/v1/texts/nb"])
def test_a_path_that_altinn_has_and_the_emulator_has_not_says_so(user: Caller, path: str) -> None:
    answer = user("GET", path)
    assert answer.status_code == 501
    assert "the emulator does not" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/nothing/here", "/ttd/unknown-app/api/v1/applicationmetadata", "/storage/api/v9/x"])
def test_a_path_that_altinn_has_not_is_not_found(user: Caller, path: str) -> None:
    assert user("GET", path).status_code == 404


def test_a_method_that_a_path_has_not_is_named(user: Caller) -> None:
    answer = user("PUT", "/ttd/basic/instances")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_filings_tell_what_the_authority_received_also_when_it_was_deleted(user: Caller) -> None:
    instance = user.create(dataValues={"period": "2026-T4"})
    user.create()
    submit(user, instance)
    user("DELETE", f"/ttd/basic/instances/{instance['id']}?hard=true")
    filings = user("GET", "/_emulator/filings").json()
    assert [(f["instance"], f["deleted"], f["dataValues"]) for f in filings] == [
        (instance["id"], True, {"period": "2026-T4"})
    ]
    assert [element["dataType"] for element in filings[0]["elements"]] == ["model"]


def test_the_journal_names_the_instance_and_never_a_token(user: Caller) -> None:
    instance = user.create()
    user("GET", f"/ttd/basic/instances/{instance['id']}")
    journal = user("GET", "/_emulator/journal").json()
    assert [entry["status"] for entry in journal][-2:] == [201, 200]
    assert journal[-1]["instance"] == instance["id"]
    assert [entry["n"] for entry in journal] == sorted(entry["n"] for entry in journal)
    assert user.token not in json.dumps(journal)


def test_the_clock_moves_time_stamps_and_locks_but_not_tokens(user: Caller) -> None:
    instance = user.create()
    path = f"/storage/api/v1/instances/{instance['id']}/lock"
    assert user("POST", path, json={"ttlSeconds": 300}).status_code == 200
    assert user("POST", path, json={"ttlSeconds": 300}).status_code == 409
    assert user("POST", "/_emulator/clock", json={"advance_seconds": 40 * 86_400}).status_code == 200
    assert user("POST", path, json={"ttlSeconds": 300}).status_code == 200
    assert user.create()["created"] > instance["created"]
    assert user("POST", "/_emulator/clock", json={"advance_seconds": -1}).status_code == 400


def test_the_owner_makes_and_prefills_an_instance_that_the_company_finds_and_sends(user: Caller) -> None:
    order = {
        "app": "ssb/ra0000-01",
        "organisation_number": "897069650",
        "data_values": {"periode": "2026-11"},
        "prefill": {"InternInfo.raNummer": "RA-0000", "InternInfo.periodeAAr": "2026"},
    }
    assert user("POST", "/_emulator/instances", json=order).status_code == 201
    found = user("GET", QUERY, params={"appId": "ssb/ra0000-01", "instanceOwner.partyId": "500000"}).json()
    instance = found["instances"][0]
    assert (instance["createdBy"], instance["dataValues"]) == ("971526920", {"periode": "2026-11"})
    element = f"/ssb/ra0000-01/instances/{instance['id']}/data/{instance['data'][0]['id']}"
    assert user("GET", element).json()["InternInfo"]["periodeAAr"] == 2026
    assert user("PUT", f"/ssb/ra0000-01/instances/{instance['id']}/process/next").status_code == 200
    refused = user("POST", "/ssb/ra0000-01/instances", json={"instanceOwner": {"organisationNumber": "897069650"}})
    assert (refused.status_code, refused.json()) == (
        403,
        "User instantiation is disabled for this application ssb/ra0000-01",
    )


def test_a_chunked_upload_of_a_file_is_a_server_error_and_of_a_form_is_not(user: Caller) -> None:
    instance = user.create()
    data = f"/ttd/basic/instances/{instance['id']}/data"
    file = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=a.txt"}
    assert user("POST", f"{data}/attachment", data=iter([b"hello"]), headers=file).status_code == 500
    form = f"{data}/{instance['data'][0]['id']}"
    assert user("PUT", form, data=iter([b"<model/>"]), headers=XML).status_code == 201


def scanned_app(folder: Path) -> Path:
    """Lay out an app of which attachments are scanned for viruses, and block until they are."""
    app = folder / "scanned"
    shutil.copytree(SHIPPED / "ttd" / "basic", app, ignore=shutil.ignore_patterns("__pycache__"))
    path = app / "config" / "applicationmetadata.json"
    document = json.loads(path.read_text("utf-8")) | {"id": "ttd/scanned"}
    for data_type in document["dataTypes"]:
        data_type |= {"enableFileScan": True, "validationErrorOnPendingFileScan": True}
    path.write_text(json.dumps(document), "utf-8")
    (app / "config" / "authorization" / "policy.xml").unlink()
    return app


@pytest.mark.parametrize(("content", "result"), [(b"hello", "Clean"), (EICAR, "Infected")])
def test_a_virus_scan_is_pending_then_done(tmp_path: Path, content: bytes, result: str) -> None:
    with Emulator(apps=[scanned_app(tmp_path)], think_time=0.0, scan_delay=60.0) as emulator:
        user = Caller(emulator.base_url, token(emulator.base_url, "GetTestUserToken/1337"))
        instance = user.create("ttd/scanned")
        at = f"/ttd/scanned/instances/{instance['id']}"
        file = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=a.txt"}
        made = user("POST", f"{at}/data", params={"dataType": "attachment"}, data=content, headers=file)
        assert made.json()["fileScanResult"] == "Pending"
        assert user("GET", f"{at}/filescanresult").json()["fileScanResult"] == "Pending"
        assert [i["code"] for i in user("GET", f"{at}/validate").json()] == ["DataElementFileScanPending"]
        assert user("PUT", f"{at}/process/next", json={"action": "write"}).status_code == 409
        user("POST", "/_emulator/clock", json={"advance_seconds": 61})
        shown = {e["dataType"]: e["fileScanResult"] for e in user("GET", at).json()["data"]}
        assert shown == {"model": "NotApplicable", "attachment": result}
        moved = user("PUT", f"{at}/process/next", json={"action": "write"})
        assert moved.status_code == (200 if result == "Clean" else 409)


def test_an_unknown_prefill_makes_no_instance(user: Caller) -> None:
    body = {"instanceOwner": {"partyId": "501337"}, "prefill": {"nothing": "x"}}
    answer = user("POST", "/ttd/basic/instances/create", json=body)
    assert (answer.status_code, answer.json()) == (500, "Instantiation of appId ttd/basic failed for party 501337")
    assert ids(user("GET", QUERY, params=MINE)) == []


def test_the_page_shows_instances_and_requests(user: Caller, base: str) -> None:
    instance = user.create()
    page = requests.get(base, timeout=5)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert instance["id"] in page.text
    assert "POST /ttd/basic/instances" in page.text
    assert "01039012345" not in page.text


def test_a_reset_gives_the_ids_of_the_first_start_again() -> None:
    with Emulator(seed=7, think_time=0.0) as emulator:
        made = []
        for _ in range(2):
            user = Caller(emulator.base_url, token(emulator.base_url, "GetTestUserToken/1337"))
            made.append([user.create()["id"] for _ in range(2)])
            assert user("POST", "/_emulator/reset").status_code == 200
            assert user("GET", "/_emulator/journal").json() == []
    assert made[0] == made[1]
    assert len(set(made[0])) == 2


@pytest.mark.parametrize("seconds", ["-1", "NaN", "Infinity", "1e30", '"soon"', "null"])
def test_a_clock_that_cannot_be_moved_so_stays(user: Caller, seconds: str) -> None:
    before = requests.post(f"{user.base}/_emulator/clock", json={"advance_seconds": 0}, timeout=5).json()
    answer = requests.post(f"{user.base}/_emulator/clock", data=f'{{"advance_seconds": {seconds}}}', timeout=5)
    after = requests.post(f"{user.base}/_emulator/clock", json={"advance_seconds": 0}, timeout=5).json()
    assert (answer.status_code, after["advanced_seconds"]) == (400, before["advanced_seconds"])


def app_with_fields(folder: Path) -> Path:
    app = folder / "app"
    shutil.copytree(SHIPPED / "ttd" / "basic", app, ignore=shutil.ignore_patterns("__pycache__"))
    path = app / "config" / "applicationmetadata.json"
    document = json.loads(path.read_text("utf-8"))
    document["dataFields"] = [{"id": "amount", "path": "property1", "dataTypeId": "model"}]
    document["presentationFields"] = [{"id": "unit", "path": "property2", "dataTypeId": "model"}]
    path.write_text(json.dumps(document), "utf-8")
    return app


def test_fields_that_the_metadata_names_are_copied_to_the_instance(tmp_path: Path) -> None:
    with Emulator(apps=[app_with_fields(tmp_path)], think_time=0.0) as emulator:
        user = Caller(emulator.base_url, token(emulator.base_url, "GetTestUserToken/1337"))
        template = {"instanceOwner": {"partyId": "501337"}}
        prefilled = user("POST", "/ttd/basic/instances/create", json=template | {"prefill": {"property1": "1"}}).json()
        assert prefilled["dataValues"] == {"amount": "1"}
        made = user.create(dataValues={"own": "x"})
        at, form = f"/ttd/basic/instances/{made['id']}", made["data"][0]["id"]
        content = "<model><property1>12</property1><property2>kroner</property2></model>"
        user("PUT", f"{at}/data/{form}", data=content, headers=XML)
        user("PUT", f"{at}/data/{form}", data="<model><property2>øre</property2></model>", headers=XML)
        shown = user("GET", at).json()
        assert (shown["dataValues"], shown["presentationTexts"]) == ({"own": "x", "amount": "12"}, {"unit": "øre"})
        found = user("GET", QUERY, params={"instanceOwner.partyId": "501337", "searchString": "ØRE"}).json()
        assert [i["id"] for i in found["instances"]] == [made["id"]]


@pytest.mark.parametrize(
    ("name", "content_type", "status", "says"),
    [
        ("owner-note", "text/plain", 403, "User is not a valid contributor to the data type"),
        ("ref-data-as-pdf", "application/pdf", 403, "Data element of type ref-data-as-pdf cannot be modified"),
        ("notes", "application/x-anything", 201, ""),
        ("instance", "text/plain", 400, "Cannot create an instance without an instanceOwner.partyId"),
    ],
)
def test_a_part_keeps_the_rules_of_its_data_type(
    user: Caller, name: str, content_type: str, status: int, says: str
) -> None:
    template = ("instance", (None, json.dumps({"instanceOwner": {"partyId": "501337"}}), "application/json"))
    files = [*([template] if name != "instance" else []), (name, ("f.txt", b"x", content_type))]
    before = len(ids(user("GET", QUERY, params={"instanceOwner.partyId": "501337"})))
    answer = user("POST", "/ttd/basic/instances", files=files)
    assert (answer.status_code, says in answer.text) == (status, True)
    after = len(ids(user("GET", QUERY, params={"instanceOwner.partyId": "501337"})))
    assert after == before + (status == 201)


def test_the_events_of_a_process_name_the_person_those_of_storage_do_not(user: Caller) -> None:
    instance = user.create()
    submit(user, instance)
    events = user("GET", f"{QUERY}/{instance['id']}/events").json()["instanceEvents"]
    named = {e["eventType"] for e in events if e["user"]["nationalIdentityNumber"] == "01039012345"}
    unnamed = {e["eventType"] for e in events if e["user"]["nationalIdentityNumber"] is None}
    assert (unnamed, "Submited" in named) == ({"Created"}, True)

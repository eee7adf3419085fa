"""Rules that an app's own files set: its metadata's limits and its policy's rights, on the app and in Storage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from altinn.emulator import Emulator
from altinn.emulator.world import OWN_APPS
from tests.contract.emulator_caller import Caller, owner_of_ttd, user

QUERY = "/storage/api/v1/instances"
MINE = {"appId": "ttd/basic", "instanceOwner.partyId": "501337"}
FILE = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=a.txt"}
TOO_EARLY = "Instance cannot be deleted yet due to application restrictions."
DAY = 86_400


def app(folder: Path, edit: Callable[[dict[str, Any]], object], *, confirm: str = "confirm") -> Path:
    """Lay out the plain app with other metadata, and with another right in place of people's `confirm`."""
    root = folder / "app"
    shutil.copytree(OWN_APPS / "ttd" / "basic", root, ignore=shutil.ignore_patterns("__pycache__"))
    metadata, policy = root / "config" / "applicationmetadata.json", root / "config" / "authorization" / "policy.xml"
    document = json.loads(metadata.read_text("utf-8"))
    edit(document)
    metadata.write_text(json.dumps(document), "utf-8")
    text = policy.read_text("utf-8")
    assert text.count(">confirm<") == 2
    policy.write_text(text.replace(">confirm<", f">{confirm}<", 1), "utf-8")
    return root


def edit_type(name: str, **members: object) -> Callable[[dict[str, Any]], object]:
    """Return an edit of one data type."""

    def edit(document: dict[str, Any]) -> None:
        next(t for t in document["dataTypes"] if t["id"] == name).update(members)

    return edit


@contextmanager
def emulated(root: Path) -> Iterator[Caller]:
    with Emulator(apps=[root], think_time=0.0) as emulator:
        yield user(emulator.base_url, 1337)


def at(instance: dict[str, Any]) -> str:
    return f"/ttd/basic/instances/{instance['id']}"


def push(caller: Caller, instance: dict[str, Any], action: str) -> int:
    return caller("PUT", f"{at(instance)}/process/next", json={"action": action}).status_code


def submitted(caller: Caller) -> dict[str, Any]:
    instance = caller.create()
    assert [push(caller, instance, action) for action in ("write", "confirm")] == [200, 200]
    return instance


def ids(caller: Caller, **query: str) -> set[str]:
    return {i["id"] for i in caller("GET", QUERY, params=query).json()["instances"]}


@pytest.fixture
def plain() -> Iterator[Caller]:
    with Emulator(think_time=0.0) as emulator:
        yield user(emulator.base_url, 1337)


def test_the_active_instances_are_neither_archived_nor_deleted(plain: Caller) -> None:
    draft, deleted = plain.create(), plain.create()
    submitted(plain)
    plain("DELETE", at(deleted))
    active = plain("GET", "/ttd/basic/instances/501337/active").json()
    assert [entry["id"] for entry in active] == [draft["id"]]


def test_the_query_leaves_out_what_an_owner_has_confirmed(plain: Caller) -> None:
    confirmed, other = submitted(plain), submitted(plain)
    owner = owner_of_ttd(plain.base)
    assert owner("POST", f"{at(confirmed)}/complete").status_code == 200
    assert ids(plain, **MINE) == {confirmed["id"], other["id"]}
    assert ids(plain, **MINE, excludeConfirmedBy="ttd") == {other["id"]}
    assert ids(plain, **MINE, excludeConfirmedBy="skd") == {confirmed["id"], other["id"]}
    assert ids(owner, appId="ttd/basic", confirmed="true") == {confirmed["id"]}
    assert ids(owner, appId="ttd/basic", confirmed="false") == {other["id"]}


def test_what_was_archived_cannot_be_deleted_for_some_days(tmp_path: Path) -> None:
    with emulated(app(tmp_path, lambda d: d.update(preventInstanceDeletionForDays=10))) as sophie:
        assert sophie("DELETE", at(sophie.create())).status_code == 200
        instance = submitted(sophie)
        stored = f"{QUERY}/{instance['id']}"
        sophie("POST", "/_emulator/clock", json={"advance_seconds": 9 * DAY})
        for hard in ("true", "false"):
            refused = sophie("DELETE", at(instance), params={"hard": hard})
            assert (refused.status_code, refused.text) == (403, "")
            refused = sophie("DELETE", stored, params={"hard": hard})
            assert (refused.status_code, refused.json()) == (403, TOO_EARLY)
        assert sophie("GET", stored).json()["status"].get("softDeleted") is None
        sophie("POST", "/_emulator/clock", json={"advance_seconds": DAY})
        assert sophie("DELETE", stored).status_code == 200


def test_an_instance_is_deleted_at_its_end_where_the_app_says_so(tmp_path: Path) -> None:
    with emulated(app(tmp_path, lambda d: d.update(autoDeleteOnProcessEnd=True))) as sophie:
        instance = submitted(sophie)
        status = sophie("GET", f"{QUERY}/{instance['id']}").json()["status"]
        assert (status["isHardDeleted"], status["isArchived"]) == (True, True)
        assert ids(sophie, **MINE) == set()
        assert [f["deleted"] for f in sophie("GET", "/_emulator/filings").json()] == [True]


def test_a_party_of_another_type_gets_no_instance(tmp_path: Path) -> None:
    allowed = {"bankruptcyEstate": False, "organisation": True, "person": False, "subUnit": False}
    with emulated(app(tmp_path, lambda d: d.update(partyTypesAllowed=allowed))) as sophie:
        refused = sophie("POST", "/ttd/basic/instances", json={"instanceOwner": {"partyId": "501337"}})
        text = "Party 501337 is not allowed to instantiate this application ttd/basic"
        assert (refused.status_code, refused.json()) == (403, text)
        sophie.create(instanceOwner={"organisationNumber": "897069650"})


def test_an_element_is_written_by_who_holds_the_action_that_its_type_asks_for(tmp_path: Path) -> None:
    with emulated(app(tmp_path, edit_type("attachment", actionRequiredToWrite="confirm", taskId=None))) as sophie:
        instance = sophie.create()
        refused = sophie("POST", f"{at(instance)}/data?dataType=attachment", data=b"x", headers=FILE)
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            "Access denied for data element of type attachment",
        )
        assert sophie("POST", f"{at(instance)}/data?dataType=notes", data=b"x", headers=FILE).status_code == 201


def test_an_element_that_the_app_makes_itself_is_not_made_by_senders(tmp_path: Path) -> None:
    with emulated(app(tmp_path, edit_type("attachment", appLogic={"disallowUserCreate": True}))) as sophie:
        instance, owner = sophie.create(), owner_of_ttd(sophie.base)
        refused = sophie("POST", f"{at(instance)}/data?dataType=attachment", data=b"x", headers=FILE)
        assert (refused.status_code, "disallowed by app logic" in refused.text) == (400, True)
        made = owner("POST", f"{at(instance)}/data?dataType=attachment", data=b"x", headers=FILE)
        assert made.status_code == 201


@pytest.mark.parametrize(("right", "status"), [("reject", 200), ("confirm", 200), ("nothing", 403)])
def test_who_may_reject_or_leave_a_task_may_set_data_values(tmp_path: Path, right: str, status: int) -> None:
    with emulated(app(tmp_path, lambda _: None, confirm=right)) as sophie:
        instance = sophie.create()
        assert push(sophie, instance, "write") == 200
        answer = sophie("PUT", f"{QUERY}/{instance['id']}/datavalues", json={"values": {"a": "b"}})
        assert answer.status_code == status


@pytest.mark.parametrize(("right", "status"), [("reject", 200), ("nothing", 403)])
def test_storage_looks_at_the_rights_again_when_a_push_names_another_action(
    tmp_path: Path, right: str, status: int
) -> None:
    """The app lets `read` pass, which the policy gives everywhere; Storage wants `confirm` or `reject` there."""
    with emulated(app(tmp_path, lambda _: None, confirm=right)) as sophie:
        instance = sophie.create()
        assert push(sophie, instance, "write") == 200
        answer = sophie("PUT", f"{at(instance)}/process/next", json={"action": "read"})
        assert answer.status_code == status
        if status == 403:
            assert answer.content == b""


def test_version_9_reads_its_booleans_strictly_before_it_moves() -> None:
    with Emulator(app_library=9, think_time=0.0) as emulator:
        sophie = user(emulator.base_url, 1337)
        instance = sophie.create()
        assert sophie("PUT", f"{at(instance)}/process/next", params={"returnInstance": "1"}).status_code == 400
        assert sophie("GET", f"{at(instance)}/process", params={"includeWorkflowStatus": "no"}).status_code == 400
        unmoved = sophie("GET", f"{at(instance)}/process", params={"includeWorkflowStatus": "false"}).json()
        assert (unmoved["currentTask"]["elementId"], unmoved["workflow"]) == ("Task_1", None)


def test_a_reset_starts_the_workflow_engine_again() -> None:
    with Emulator(app_library=9, think_time=0.0) as emulator:
        for condition in ("down", "frozen"):
            sophie = user(emulator.base_url, 1337)
            assert sophie("POST", "/_emulator/workflow-engine", json={"condition": condition}).status_code == 200
            assert sophie("POST", "/_emulator/reset").status_code == 200
            assert push(sophie, sophie.create(), "write") == 200

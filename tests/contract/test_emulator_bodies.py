"""Bodies, media types and odd values: what no recording holds, by the code of app library and Storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from altinn.emulator import Emulator
from tests.contract.emulator_caller import Caller, owner_of_ttd, user

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json; charset=utf-8"
FILE = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=a.txt"}
FORM = "<model><property1>a</property1></model>"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(think_time=0.0) as emulator:
        yield emulator


@pytest.fixture
def sophie(emulator: Emulator) -> Caller:
    return user(emulator.base_url, 1337)


@pytest.fixture
def owner(emulator: Emulator) -> Caller:
    return owner_of_ttd(emulator.base_url)


@pytest.fixture
def draft(sophie: Caller) -> str:
    return f"/ttd/basic/instances/{sophie.create()['id']}"


def in_storage(draft: str) -> str:
    return draft.replace("/ttd/basic", "/storage/api/v1")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("[]", "application/json", 400),
        ('"write"', "application/json", 400),
        ("7", "application/json", 400),
        ('{"action": 1}', "application/json", 400),
        ("{", "application/json", 400),
        ('{"action": "write"}', "text/plain", 415),
        ('{"action": "write"}', None, 415),
        ("null", "application/json", 200),
        ("", "application/json", 200),
        ("{}", "text/json", 200),
        ('{"Action": "write"}', "application/vnd.api+json; charset=utf-8", 200),
        ('{"action": null, "more": 1}', "application/json", 200),
    ],
)
def test_a_push_moves_only_with_a_body_that_the_app_can_read(
    sophie: Caller, draft: str, body: str, content_type: str | None, status: int
) -> None:
    answer = sophie("PUT", f"{draft}/process/next", data=body, headers={"Content-Type": content_type})
    task = sophie("GET", f"{draft}/process").json()["currentTask"]["elementId"]
    assert (answer.status_code, task) == (status, "Task_2" if status == 200 else "Task_1")
    if status != 200:
        assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    ("body", "content_type", "status", "says"),
    [
        (FORM, None, 201, ""),
        (FORM, "application/xml; charset=utf-8", 201, ""),
        (FORM, "APPLICATION/XML", 415, "APPLICATION/XML is not supported for deserialization"),
        (" \r\n", "application/xml", 400, "No XML content read from stream"),
        ("[]", "application/json", 400, "Failed to deserialize JSON"),
        ("null", "application/json", 400, "Failed to deserialize JSON"),
        ('{"property1": 1}', "application/json", 400, "$.property1"),
        ('{"PROPERTY1": "a", "unknown": 1}', "application/json", 201, ""),
    ],
)
def test_a_form_is_read_by_its_content_type(
    sophie: Caller, draft: str, body: str, content_type: str | None, status: int, says: str
) -> None:
    form = sophie("GET", draft).json()["data"][0]["id"]
    answer = sophie("PUT", f"{draft}/data/{form}", data=body, headers={"Content-Type": content_type})
    assert (answer.status_code, says in answer.text) == (status, True)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/xml", "text/xml; charset=utf-8"),
        ("application/xml", "application/xml; charset=utf-8"),
        ("application/xml, */*;q=0.1", JSON),
        ("text/plain", JSON),
    ],
)
def test_a_form_is_answered_in_the_type_that_is_accepted(
    sophie: Caller, draft: str, accept: str, content_type: str
) -> None:
    form = sophie("GET", draft).json()["data"][0]["id"]
    answer = sophie("GET", f"{draft}/data/{form}", headers={"Accept": accept})
    assert answer.headers["content-type"] == content_type


def test_a_file_is_replaced_by_its_plain_name_and_not_by_nothing(sophie: Caller, draft: str) -> None:
    path = (
        f"{draft}/data/{sophie('POST', f'{draft}/data/attachment', data=b'x', headers=FILE).json()['newDataElementId']}"
    )
    starred = FILE | {"Content-Disposition": "attachment; filename*=UTF-8''%C3%A6.txt"}
    assert sophie("PUT", path, data=b"y", headers=starred).json()["filename"] is None
    plain = FILE | {"Content-Disposition": 'attachment; filename="b+c.txt"'}
    assert sophie("PUT", path, data=b"y", headers=plain).json()["filename"] == "b c.txt"
    empty = sophie("PUT", path, data=b"", headers=FILE)
    assert (empty.status_code, "Could not process attached file" in empty.text) == (422, True)
    assert sophie("PUT", path, data=iter([b"z"]), headers=FILE).status_code == 500
    assert sophie("GET", path).content == b"y"


@pytest.mark.parametrize("content_type", ["application/octet-stream", "TEXT/PLAIN", None])
def test_a_refusal_of_a_file_names_the_type_of_its_extension(
    sophie: Caller, draft: str, content_type: str | None
) -> None:
    answer = sophie("POST", f"{draft}/data/attachment", data=b"x", headers=FILE | {"Content-Type": content_type})
    issue = answer.json()["uploadValidationIssues"][0]
    wanted = "text/plain" if content_type else "Content-Type header must be included"
    assert (answer.status_code, issue["severity"], wanted in issue["description"]) == (400, 1, True)


@pytest.mark.parametrize(
    ("template", "status", "says"),
    [
        ({"instanceOwner": {"partyId": 501337}}, 201, ""),
        ({"instanceOwner": {"username": "SophieDDG"}}, 201, ""),
        ({"instanceOwner": {"partyId": "no"}}, 404, "Failed to lookup party by partyId: no"),
        ({"instanceOwner": {"partyId": "-1"}}, 404, "Object reference not set to an instance of an object."),
        ({"instanceOwner": {"partyId": "9999999999"}}, 404, "too large or too small for an Int32"),
        ({"instanceOwner": {"username": "nobody"}}, 404, "Failed to lookup party by username: nobody"),
        ({"instanceOwner": {}}, 400, "You must populate instanceOwnerPartyId or InstanceOwner"),
        ({"instanceOwner": {"partyId": "501337"}, "dueBefore": "soon"}, 500, ""),
        ({"instanceOwner": {"partyId": "501337"}, "status": {"isArchived": "yes"}}, 500, ""),
        ([], 500, ""),
    ],
)
def test_templates_are_taken_or_refused(sophie: Caller, template: Any, status: int, says: str) -> None:
    answer = sophie("POST", "/ttd/basic/instances", json=template)
    assert (answer.status_code, says in answer.text) == (status, True)


def test_what_a_template_says_of_status_and_dates_is_kept(sophie: Caller) -> None:
    made = sophie.create(
        dueBefore="2026-12-31",
        visibleAfter="2026-01-01T01:00:00.50+01:00",
        status={"substatus": {"label": "mine"}, "readStatus": 2},
        presentationTexts={"t": "x"},
        dataValues={"a": 1, "b": True, "c": None},
    )
    assert (made["dueBefore"], made["visibleAfter"]) == ("2026-12-31T00:00:00Z", "2026-01-01T00:00:00.5Z")
    assert (made["status"]["substatus"], made["status"]["readStatus"]) == ({"label": "mine", "description": None}, 1)
    assert (made["presentationTexts"], made["dataValues"]) == (None, {"a": "1", "b": "true"})


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ('{"instanceOwner": {"partyId": "501337"}}', "application/json", 201),
        ('{"InstanceOwner": {"PartyId": "501337"}, "prefill": {"property1": null}}', "application/json", 201),
        ('{"instanceOwner": {"partyId": 501337}}', "application/json", 400),
        ('{"instanceOwner": {"partyId": "501337"}, "prefill": {"property1": 5}}', "application/json", 400),
        ('{"instanceOwner": {"partyId": "501337"}, "dueBefore": "soon"}', "application/json", 400),
        ('{"instanceOwner": {"partyId": "501337"}, "prefill": {"nothing": "x"}}', "application/json", 500),
        ("[]", "application/json", 400),
        ("{", "application/json", 400),
        ("", "application/json", 400),
        ("{}", "text/plain", 415),
        ("", None, 415),
    ],
)
def test_the_simplified_creation_binds_its_body(
    sophie: Caller, body: str, content_type: str | None, status: int
) -> None:
    headers = {"Content-Type": content_type}
    answer = sophie("POST", "/ttd/basic/instances/create", data=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, JSON)


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "says"),
    [
        ("PUT", "/presentationtexts", {"json": {}}, 400, "presentationTexts is misformed or empty"),
        ("PUT", "/datavalues", {"json": {"dataValues": {"a": "b"}}}, 400, "dataValues is misformed or empty"),
        ("PUT", "/datavalues", {"data": "{}", "headers": {"Content-Type": "text/plain"}}, 415, "Unsupported"),
        ("PUT", "/datavalues", {"json": []}, 400, "A non-empty request body is required."),
        ("PUT", "/readstatus?status=new", {}, 400, "Accepted types include: Unread, Read, UpdatedSinceLastReview"),
        ("PUT", "/substatus", {"json": {"description": "x"}}, 400, '{\\"label\\":null,\\"description\\":\\"x\\"}'),
        ("PUT", "/substatus", {"json": {"label": "x"}}, 403, ""),
        ("GET", f"/data/{'0' * 8}-0000-0000-0000-{'0' * 12}", {}, 404, "Unable to find any data element with id: 0"),
        ("GET", "/events?from=x&to=y", {}, 400, "Invalid format for time span"),
        ("POST", "/lock", {"json": {"ttlSeconds": -1}}, 400, "TtlSeconds cannot be negative."),
        ("POST", "/lock", {"json": {"ttlSeconds": "x"}}, 400, "ttlSeconds"),
        ("POST", "/lock", {"data": "", "headers": {"Content-Type": "text/plain"}}, 415, ""),
        ("PATCH", "/lock", {"json": {"ttlSeconds": 0}}, 401, "Altinn-Storage-Lock-Token header is missing."),
    ],
)
def test_storage_refuses_by_name(
    sophie: Caller, draft: str, method: str, path: str, more: dict[str, Any], status: int, says: str
) -> None:
    answer = sophie(method, in_storage(draft) + path, **more)
    assert (answer.status_code, says in answer.text) == (status, True)


def test_a_lock_is_given_back_runs_out_and_is_not_everybodys(sophie: Caller, draft: str) -> None:
    lock = f"{in_storage(draft)}/lock"
    token = sophie("POST", lock, json={"ttlSeconds": 60}).json()["lockToken"]

    def patch(value: str, seconds: int) -> tuple[int, str]:
        answer = sophie("PATCH", lock, json={"ttlSeconds": seconds}, headers={"Altinn-Storage-Lock-Token": value})
        return answer.status_code, answer.json()["detail"] if answer.content else ""

    assert patch("%%%", 60) == (401, "Could not parse lock token.")
    assert patch("AAAA", 60) == (404, "Lock not found.")
    assert patch(token, -1) == (400, "TtlSeconds cannot be negative.")
    assert patch(token, 30) == (204, "")
    assert patch(token, 0) == (204, "")
    assert patch(token, 30) == (422, "Lock has expired.")
    assert sophie("PUT", f"{draft}/process/next").status_code == 200
    unknown = "/storage/api/v1/instances/501337/00000000-0000-0000-0000-000000000001/lock"
    assert sophie("POST", unknown, json={"ttlSeconds": 1}).json()["detail"] == "Instance not found."
    other = user(sophie.base, 1001)("POST", lock, json={"ttlSeconds": 1})
    assert (other.status_code, other.json()["detail"]) == (403, "Not authorized to acquire instance lock.")


def test_texts_and_values_do_not_count_as_a_change_by_their_writer(sophie: Caller, owner: Caller, draft: str) -> None:
    before = sophie("GET", draft).json()
    assert owner("PUT", f"{in_storage(draft)}/datavalues", json={"values": {"k": "v"}}).status_code == 200
    after = sophie("GET", draft).json()
    assert after["dataValues"] == {"k": "v"}
    assert (after["lastChanged"], after["lastChangedBy"]) == (before["lastChanged"], before["lastChangedBy"])


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("instanceOwner.partyId=x", "instanceOwner.partyId"),
        ("instanceOwner.partyId=501337&size=x", "size"),
        ("instanceOwner.partyId=501337&size=0", "size"),
        ("instanceOwner.partyId=501337&status.isArchived=maybe", "status.isArchived"),
        ("instanceOwner.partyId=501337&process.isComplete=1", "process.isComplete"),
    ],
)
def test_a_query_that_cannot_be_bound_names_the_parameter(sophie: Caller, query: str, name: str) -> None:
    answer = sophie("GET", f"/storage/api/v1/instances?{query}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])


def test_an_empty_parameter_is_none(sophie: Caller) -> None:
    empty = "size=&order=&created=&status.isArchived=&A3Ref=&continuationToken="
    assert sophie("GET", f"/storage/api/v1/instances?instanceOwner.partyId=501337&{empty}").status_code == 200
    assert sophie("GET", "/storage/api/v1/instances?instanceOwner.partyId=").status_code == 400


@pytest.mark.parametrize("party", ["2147483648", "-2147483649", "9999999999"])
def test_a_party_that_is_no_int_is_no_path(sophie: Caller, party: str) -> None:
    answer = sophie("GET", f"/ttd/basic/instances/{party}/00000000-0000-0000-0000-000000000001")
    assert (answer.status_code, answer.content) == (404, b"")


def test_completing_a_signing_task_signs(sophie: Caller) -> None:
    draft = f"/ttd/basic-signing/instances/{sophie.create('ttd/basic-signing')['id']}"
    assert sophie("PUT", f"{draft}/process/completeProcess").json()["ended"] is not None
    assert "signature" in {e["dataType"] for e in sophie("GET", draft).json()["data"]}


def test_the_obsolete_question_for_what_is_next(sophie: Caller, draft: str) -> None:
    assert sophie("GET", f"{draft}/process/next").json() == []
    assert sophie("PUT", f"{draft}/process/completeProcess").status_code == 200
    answer = sophie("GET", f"{draft}/process/next", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()) == (409, "Instance does not have valid info about currentTask")


def test_only_version_9_has_the_enriched_instance(sophie: Caller, draft: str) -> None:
    assert sophie("GET", f"{draft}/enriched").status_code == 404


def test_multipart_that_breaks_off_is_told(sophie: Caller) -> None:
    answer = requests.post(
        f"{sophie.base}/ttd/basic/instances",
        data=b'--b\r\nContent-Disposition: form-data; name="instance"\r\n',
        headers={"Authorization": f"Bearer {sophie.token}", "Content-Type": "multipart/form-data; boundary=b"},
        timeout=10,
    )
    assert (answer.status_code, answer.json()["title"]) == (400, "Error reading request")
    assert answer.json()["detail"].startswith("IOException while reading a section of the request: ")


def test_what_is_longer_than_a_server_takes_is_refused_unread(sophie: Caller, draft: str) -> None:
    long = b'{"action": "write", "more": "' + b"x" * 30_000_000 + b'"}'
    refused = sophie("PUT", f"{draft}/process/next", data=long, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.content) == (413, b"")
    assert sophie("GET", f"{draft}/process").json()["currentTask"]["elementId"] == "Task_1"


def test_a_file_can_be_longer_when_it_is_new_than_when_it_replaces_one(sophie: Caller, draft: str) -> None:
    content = b"x" * 30_000_001
    made = sophie("POST", f"{draft}/data/attachment", data=content, headers=FILE)
    assert made.status_code == 200
    path = f"{draft}/data/{made.json()['newDataElementId']}"
    assert sophie("PUT", path, data=content, headers=FILE).status_code == 413
    assert sophie("PUT", path, data=content[1:], headers=FILE).status_code == 201

"""What is asked of Storage, and which addresses of its answers are followed."""

from __future__ import annotations

import json

import pytest

from altinn.exceptions import AltinnAnswerError, AltinnInputError
from altinn.protocol.identifiers import AppId, InstanceId, InstanceOwner
from altinn.protocol.model import Page
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import HttpRequest, HttpResponse
from tests.unit.protocol import recorded_answers as recorded

STORAGE = Storage("https://platform.example")
BASE = "https://platform.example/storage/api/v1/instances"
APP = AppId("ttd", "basic")
ID = InstanceId("501337", recorded.GUID)
COMPANY = InstanceOwner(organisation_number="974760673")
ACCEPT = {"Accept": "application/json"}


def test_an_instance_is_read_where_nothing_is_marked() -> None:
    call = STORAGE.get_instance(ID)
    assert call.request == HttpRequest("GET", f"{BASE}/501337/{recorded.GUID}", ACCEPT)
    assert call.harmless
    assert call.parse(HttpResponse(200, {}, json.dumps(recorded.STORAGE).encode())).id == ID


def test_events_are_read() -> None:
    call = STORAGE.events(ID)
    assert call.request == HttpRequest("GET", f"{BASE}/501337/{recorded.GUID}/events", ACCEPT)
    assert len(call.parse(HttpResponse(200, {}, json.dumps(recorded.EVENTS).encode()))) == 3


@pytest.mark.parametrize(
    ("owner", "query", "header"),
    [
        (InstanceOwner(party_id="50001234"), "&instanceOwner.partyId=50001234", {}),
        (COMPANY, "", {"X-Ai-InstanceOwnerIdentifier": "Organisation:974760673"}),
        (InstanceOwner(person_number="01039012345"), "", {"X-Ai-InstanceOwnerIdentifier": "Person:01039012345"}),
    ],
)
def test_the_owner_is_named_once_and_a_person_number_stays_out_of_the_address(
    owner: InstanceOwner, query: str, header: dict[str, str]
) -> None:
    call = STORAGE.query(APP, owner)
    assert call.request.url == f"{BASE}?appId=ttd%2Fbasic&order=asc%3AlastChanged{query}"
    assert call.request.headers == {**ACCEPT, **header}
    assert "01039012345" not in call.request.url + call.name + repr(call.request)


def test_the_query_filters_neither_by_time_nor_by_state() -> None:
    url = STORAGE.query(APP, COMPANY).request.url
    assert not any(word in url for word in ("status.", "process.", "created", "lastChanged=", "visibleAfter"))


def test_a_user_name_cannot_be_looked_for() -> None:
    with pytest.raises(AltinnInputError, match="party id instead"):
        STORAGE.query(APP, InstanceOwner(username="kari"))


def test_the_next_page_is_asked_for_by_the_servers_own_address() -> None:
    following = f"{BASE}?appId=ttd%2Fbasic&continuationToken=a%2Bb%3D%3D&size=100"
    call = STORAGE.following(Page((), following), COMPANY)
    assert call.request.url == following
    assert call.request.headers["X-Ai-InstanceOwnerIdentifier"] == "Organisation:974760673"
    assert call.harmless


@pytest.mark.parametrize(
    "foreign",
    [
        "https://elsewhere.example/storage/api/v1/instances?a=1",
        "http://platform.example/storage/api/v1/instances?a=1",
        "https://platform.example:444/storage/api/v1/instances",
        "https://platform.example@elsewhere.example/",
        "https://platform.example.elsewhere.example/",
        "//elsewhere.example/",
        "/storage/api/v1/instances?a=1",
        "file:///etc/passwd",
        "\\\\elsewhere.example",
    ],
)
def test_a_next_page_on_another_host_is_refused(foreign: str) -> None:
    with pytest.raises(AltinnAnswerError, match="not followed"):
        STORAGE.following(Page((), foreign), COMPANY)


@pytest.mark.parametrize(("status", "released"), [(204, True), (200, True), (404, False), (422, False)])
def test_a_lock_that_is_no_longer_held_is_not_released(status: int, released: bool) -> None:
    """Storage says 422 of a lock that has run out, 404 of one that it does not know (InstanceLockController)."""
    call = STORAGE.unlock(ID, "token")
    assert status in call.accept
    assert call.parse(HttpResponse(status, {}, b"")) is released

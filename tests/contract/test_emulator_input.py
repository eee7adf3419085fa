"""What Altinn's JSON readers and model binding take, and what they refuse, in templates, queries and data values."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from altinn.emulator import Emulator
from tests.contract.emulator_caller import Caller, user

if TYPE_CHECKING:
    import requests

TEMPLATE = {"Content-Type": "application/json"}
QUERY = "/storage/api/v1/instances"


@pytest.fixture(scope="module")
def sophie() -> Iterator[Caller]:
    with Emulator(think_time=0.0) as emulator:
        yield user(emulator.base_url, 1337)


def create(caller: Caller, text: str) -> requests.Response:
    return caller("POST", "/ttd/basic/instances", data=text.encode(), headers=TEMPLATE)


@pytest.mark.parametrize(
    "text",
    [
        '{"INSTANCEOWNER": {"PartyID": "501337"}, "DATAVALUES": {"Key": "it\'s"}, "DueBefore": "2027-01-01"}',
        """{'instanceOwner': {'partyId': '501337'}, 'dataValues': {'Key': 'it\\'s'}, 'dueBefore': '2027-01-01'}""",
        '{"instanceOwner": {"partyId": "501337",}, "dataValues": {"Key": "it\'s"}, dueBefore: "2027-01-01", /**/}',
    ],
)
def test_a_template_is_read_as_newtonsoft_reads_it(sophie: Caller, text: str) -> None:
    answer = create(sophie, text)
    assert answer.status_code == 201, answer.text
    assert answer.json()["dataValues"] == {"Key": "it's"}
    assert answer.json()["dueBefore"] == "2027-01-01T00:00:00Z"


@pytest.mark.parametrize("owner", ['["x"]', '{"a": 1}'])
@pytest.mark.parametrize("member", ["partyId", "organisationNumber", "username"])
def test_an_owner_that_is_no_text_is_a_server_error_that_says_so(sophie: Caller, member: str, owner: str) -> None:
    answer = create(sophie, f'{{"instanceOwner": {{"{member}": {owner}}}}}')
    assert answer.status_code == 500
    assert answer.text.startswith("Unhandled exception: JsonReaderException: Error reading string.")


def test_a_boolean_is_the_text_that_dotnet_writes(sophie: Caller) -> None:
    answer = create(sophie, '{"instanceOwner": {"partyId": true}}')
    assert (answer.status_code, "'true' was not in a correct format" in answer.text) == (404, True)


@pytest.mark.parametrize("values", ["[1]", '"x"', "5", '{"a": {"b": 1}}', '{"a": [1]}'])
def test_data_values_that_are_no_texts_make_no_instance(sophie: Caller, values: str) -> None:
    answer = create(sophie, f'{{"instanceOwner": {{"partyId": "501337"}}, "dataValues": {values}}}')
    assert answer.status_code == 500
    assert answer.text.startswith("Unhandled exception: JsonReaderException: ")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"a": \'}', "{'a': b}", "nothing"])
def test_a_template_that_is_no_json_is_a_server_error(sophie: Caller, text: str) -> None:
    answer = create(sophie, text)
    assert (answer.status_code, answer.text.startswith("Unhandled exception: Json")) == (500, True)


def test_data_values_are_stored_as_dotnet_writes_them(sophie: Caller) -> None:
    instance = sophie.create(dataValues={"kept": "1"})
    body = {"VALUES": {"yes": True, "no": False, "number": 0, "text": "x", "empty": "", "null": None}}
    answer = sophie("PUT", f"{QUERY}/{instance['id']}/datavalues", json=body)
    assert answer.status_code == 200
    assert answer.json()["dataValues"] == {"kept": "1", "yes": "true", "no": "false", "number": "0", "text": "x"}


@pytest.mark.parametrize("values", [{"a": {"b": 1}}, {"a": [1]}, [1], "x"])
def test_data_values_of_another_shape_are_refused_and_change_nothing(sophie: Caller, values: Any) -> None:
    at = f"{QUERY}/{sophie.create(dataValues={'kept': '1'})['id']}"
    answer = sophie("PUT", f"{at}/datavalues", json={"values": values})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["values"])
    assert sophie("GET", at).json()["dataValues"] == {"kept": "1"}


@pytest.mark.parametrize("value", ["maybe", "1", "", "yes"])
@pytest.mark.parametrize("at", ["/ttd/basic/instances", QUERY])
def test_what_is_no_boolean_deletes_nothing(sophie: Caller, at: str, value: str) -> None:
    identity = sophie.create()["id"]
    answer = sophie("DELETE", f"{at}/{identity}", params={"hard": value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["hard"])
    assert sophie("GET", f"{QUERY}/{identity}").json()["status"].get("softDeleted") is None
    assert sophie("DELETE", f"{at}/{identity}", params={"Hard": "TRUE"}).status_code == 200
    assert sophie("GET", f"{QUERY}/{identity}").json()["status"]["isHardDeleted"] is True


def test_other_booleans_of_a_query_are_read_as_strictly(sophie: Caller) -> None:
    at = f"/ttd/basic/instances/{sophie.create()['id']}"
    assert sophie("GET", f"{at}/validate?onlyIncrementalValidators=2").status_code == 400
    assert sophie("GET", f"{at}/validate?onlyIncrementalValidators=False").status_code == 200
    mine = {"appId": "ttd/basic", "instanceOwner.partyId": "501337"}
    assert sophie("GET", QUERY, params=mine | {"includeDataElements": "none"}).status_code == 400
    without = sophie("GET", QUERY, params=mine | {"includeDataElements": "false"}).json()["instances"]
    assert [entry["data"] for entry in without] == [[]] * len(without)


@pytest.mark.parametrize("made_up", ["a;b", "x", ";", "2026-01-01;1"])
def test_a_token_that_no_page_gave_is_refused(sophie: Caller, made_up: str) -> None:
    query = {"appId": "ttd/basic", "instanceOwner.partyId": "501337", "continuationToken": made_up}
    assert sophie("GET", QUERY, params=query).status_code == 400


def test_ids_may_be_sent_without_dashes(sophie: Caller) -> None:
    instance = sophie.create()
    party, _, guid = instance["id"].partition("/")
    bare, form = uuid.UUID(guid).hex.upper(), instance["data"][0]["id"].replace("-", "")
    assert sophie("GET", f"/ttd/basic/instances/{party}/{bare}").json()["id"] == instance["id"]
    assert sophie("GET", f"/ttd/basic/instances/{party}/{bare}/data/{form}").status_code == 200
    assert sophie("GET", f"{QUERY}/{party}/{bare}/data/{form}").status_code == 200
    assert sophie("GET", f"/ttd/basic/instances/{party}/{guid.replace('-', '', 1)}").status_code == 404


@pytest.mark.parametrize("seconds", ["true", '"5"', "[]", "1" + "0" * 400])
def test_the_clock_takes_numbers_alone(sophie: Caller, seconds: str) -> None:
    answer = sophie("POST", "/_emulator/clock", data=f'{{"advance_seconds": {seconds}}}')
    assert (answer.status_code, answer.text.startswith("Cannot move the clock")) == (400, True)


def test_the_journal_names_the_instance_that_a_creation_made(sophie: Caller) -> None:
    instance = sophie.create()
    entry = json.loads(sophie("GET", "/_emulator/journal").text)[-1]
    assert (entry["path"], entry["instance"]) == ("/ttd/basic/instances", instance["id"])

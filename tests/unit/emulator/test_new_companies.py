"""Companies that the test data does not have."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from altinn.emulator import Emulator

COMPANY = {"organisation_number": "313000001", "name": "Example AS"}


def make(emulator: Emulator, document: object) -> requests.Response:
    return requests.post(f"{emulator.base_url}/_emulator/companies", json=document, timeout=10)


def create(emulator: Emulator) -> int:
    token = requests.get(f"{emulator.base_url}/Home/GetTestUserToken/1337", timeout=10).text
    owner = {"instanceOwner": {"organisationNumber": COMPANY["organisation_number"]}}
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(
        f"{emulator.base_url}/ttd/basic/instances", json=owner, headers=headers, timeout=10
    ).status_code


def test_a_person_can_file_for_a_new_company() -> None:
    with Emulator() as emulator:
        assert create(emulator) >= 400
        answer = make(emulator, {"user_id": 1337, "companies": [COMPANY]})
        assert [party["orgNumber"] for party in answer.json()] == [COMPANY["organisation_number"]]
        assert create(emulator) == 201


def test_a_company_is_made_once_and_its_roles_can_change() -> None:
    with Emulator() as emulator:
        first = make(emulator, {"user_id": 1337, "companies": [{**COMPANY, "roles": ["NONE"]}]}).json()
        assert create(emulator) == 403
        assert make(emulator, {"user_id": 1337, "companies": [COMPANY]}).json() == first
        assert create(emulator) == 201


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"user_id": 1337}, {"user_id": 1, "companies": [COMPANY]},
     {"user_id": 1337, "companies": [{"organisation_number": "12"}]}, {"user_id": 1337, "companies": [{}]}],
)  # fmt: skip
def test_a_wrong_order_is_refused_with_an_example(document: Any) -> None:
    with Emulator() as emulator:
        answer = make(emulator, document)
        assert answer.status_code == 400
        assert '"companies": [{"organisation_number"' in answer.text

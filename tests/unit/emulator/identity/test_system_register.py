"""A vendor registers a system, asks a customer for a system user, the customer answers, and the token follows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from altinn.emulator.identity import Identity
from altinn.emulator.identity.oauth_refusal import OAuthRefusal
from tests.unit.emulator.identity.conftest import AskMachine, Caller, claims_of
from tests.unit.emulator.identity.test_identity_routes import Answer, Web

PREFIX = "/authentication/api/v1"
SCOPES = [
    "altinn:authentication/systemregister.write",
    "altinn:authentication/systemuser.request.write",
    "altinn:authentication/systemuser.request.read",
]
SYSTEM = "999999999_ledger"
RIGHT = {"resource": [{"id": "urn:altinn:resource", "value": "app_ttd_basic"}]}
TEXTS = {"nb": "Regnskap", "nn": "Rekneskap", "en": "Ledger"}
DOCUMENT = {
    "id": SYSTEM,
    "vendor": {"authority": "iso6523-actorid-upis", "ID": "0192:999999999"},
    "name": TEXTS,
    "description": TEXTS,
    "rights": [RIGHT],
    "clientId": ["machine"],
    "allowedredirecturls": ["https://vendor.example.com/done"],
    "isVisible": False,
}
REQUEST = {"systemId": SYSTEM, "partyOrgNo": "950474084", "externalRef": "ledger-1", "rights": [RIGHT]}


@pytest.fixture
def registrations(registrations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    machine, *others = registrations
    return [{**machine, "scopes": [*machine["scopes"], *SCOPES], "system_users": []}, *others]


@pytest.fixture
def web(identity: Identity) -> Web:
    return Web(identity)


@pytest.fixture
def vendor(web: Web, machine: Caller, ask_maskinporten: AskMachine) -> Vendor:
    token = ask_maskinporten(machine.assertion(scope=" ".join(SCOPES)))["access_token"]
    return Vendor(web, token)


class Vendor:
    def __init__(self, web: Web, token: str) -> None:
        self.web, self.token = web, token

    def __call__(self, method: str, path: str, document: object = None) -> Answer:
        body = b"" if document is None else json.dumps(document).encode()
        return self.web(method, f"{PREFIX}/{path}", body, authorization=f"Bearer {self.token}")


def asked(machine: Caller, reference: str | None) -> str:
    entry = {
        "type": "urn:altinn:systemuser",
        "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": "0192:950474084"},
        **({"externalRef": reference} if reference else {}),
    }
    return machine.assertion(scope="altinn:instances.read", authorization_details=[entry])


def test_from_the_system_to_the_system_user_s_token(
    web: Web, vendor: Vendor, machine: Caller, ask_maskinporten: AskMachine
) -> None:
    assert vendor("POST", "systemregister/vendor", DOCUMENT).status == 200
    first = vendor("POST", "systemuser/request/vendor", REQUEST)
    again = vendor("POST", "systemuser/request/vendor", REQUEST)
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert first.json["status"] == "New"
    with pytest.raises(OAuthRefusal, match="System user not found"):
        ask_maskinporten(asked(machine, "ledger-1"))

    path, _, query = first.json["confirmUrl"].removeprefix("http://altinn.test").partition("?")
    page = web("GET", path, query=query)
    assert "950474084" in page.body.decode()
    assert web("POST", path, b"answer=approve", query=query).status == 200

    shown = vendor("GET", f"systemuser/request/vendor/byexternalref/{SYSTEM}/950474084/ledger-1").json
    assert (shown["id"], shown["status"]) == (first.json["id"], "Accepted")
    users = vendor("GET", f"systemuser/vendor/bysystem/{SYSTEM}").json["data"]
    claims = claims_of(ask_maskinporten(asked(machine, "ledger-1"))["access_token"])
    assert claims["authorization_details"][0]["systemuser_id"] == [users[0]["id"]]
    with pytest.raises(OAuthRefusal, match="System user not found"):
        ask_maskinporten(asked(machine, None))
    assert vendor("POST", "systemuser/request/vendor", REQUEST).json["code"] == "AUTH-00008"


def test_a_request_without_a_reference_is_found_by_the_organisation(
    web: Web, vendor: Vendor, machine: Caller, ask_maskinporten: AskMachine
) -> None:
    vendor("POST", "systemregister/vendor", DOCUMENT)
    made = vendor("POST", "systemuser/request/vendor", {**REQUEST, "externalRef": None}).json
    assert made["externalRef"] == "950474084"
    assert web("POST", f"/_emulator/system-users/{made['id']}/approve").status == 200
    assert ask_maskinporten(asked(machine, None))["access_token"]


def test_a_rejected_request_gives_nothing_and_may_be_made_anew(web: Web, vendor: Vendor) -> None:
    vendor("POST", "systemregister/vendor", DOCUMENT)
    made = vendor("POST", "systemuser/request/vendor", REQUEST).json
    assert web("POST", f"/_emulator/system-users/{made['id']}/reject").json["status"] == "Rejected"
    assert web("POST", f"/_emulator/system-users/{made['id']}/approve").status == 409
    assert vendor("POST", "systemuser/request/vendor", REQUEST).json["id"] != made["id"]
    assert [one["status"] for one in vendor("GET", f"systemuser/request/vendor/bysystem/{SYSTEM}").json["data"]] != []


REFUSED_SYSTEMS = [
    ({"id": "ledger"}, "AUTH.VLD-00001"),
    ({"vendor": {"ID": "999999999"}}, "AUTH.VLD-00000"),
    ({"vendor": {"authority": "iso6523-actorid-upis", "ID": "0192:950474084"}}, "AUTH-00001"),
    ({"id": "950474084_ledger"}, "AUTH-00001"),
    ({"name": {"nb": "x"}}, "STD-00000"),
]


@pytest.mark.parametrize(("changes", "code"), REFUSED_SYSTEMS)
def test_a_wrong_system_is_refused_by_name(vendor: Vendor, changes: dict[str, Any], code: str) -> None:
    assert vendor("POST", "systemregister/vendor", {**DOCUMENT, **changes}).json["code"] == code


def test_a_system_id_is_taken_once_and_can_be_changed_by_its_vendor(vendor: Vendor) -> None:
    vendor("POST", "systemregister/vendor", DOCUMENT)
    assert vendor("POST", "systemregister/vendor", DOCUMENT).json["code"] == "AUTH.VLD-00002"
    changed = vendor("PUT", f"systemregister/vendor/{SYSTEM}", {**DOCUMENT, "clientId": ["other"]})
    assert changed.json["clientId"] == ["other"]
    assert vendor("GET", f"systemregister/vendor/{SYSTEM}").json["clientId"] == ["other"]


REFUSED_REQUESTS = [
    ({"systemId": "999999999_other"}, 404, "AUTH-00011"),
    ({"partyOrgNo": "12"}, 400, "AUTH-00007"),
    ({"rights": [{"resource": [{"id": "urn:altinn:resource", "value": "app_ttd_other"}]}]}, 400, "AUTH-00004"),
    ({"rights": []}, 400, "AUTH-00004"),
    ({"accessPackages": [{"urn": "urn:altinn:accesspackage:skatt"}]}, 400, "AUTH-00005"),
    ({"redirectUrl": "https://elsewhere.example.com"}, 400, "AUTH-00006"),
]


@pytest.mark.parametrize(("changes", "status", "code"), REFUSED_REQUESTS)
def test_a_wrong_request_is_refused_by_name(vendor: Vendor, changes: dict[str, Any], status: int, code: str) -> None:
    vendor("POST", "systemregister/vendor", DOCUMENT)
    refused = vendor("POST", "systemuser/request/vendor", {**REQUEST, **changes})
    assert (refused.status, refused.json["code"]) == (status, code)


def test_who_has_no_scope_is_let_in_nowhere(web: Web, machine: Caller, ask_maskinporten: AskMachine) -> None:
    token = ask_maskinporten(machine.assertion(scope="altinn:instances.read"))["access_token"]
    assert Vendor(web, token)("POST", "systemregister/vendor", DOCUMENT).status == 403
    assert Vendor(web, "nonsense")("POST", "systemregister/vendor", DOCUMENT).status == 401

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette

from altinn.emulator.identity import Identity, identity_routes
from tests.unit.emulator.identity.conftest import IDPORTEN, MASKINPORTEN, NOW, Caller, claims_of

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = "/authentication/api/v1/exchange"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Web:
    """Speaks ASGI to the routes: a whole request in, a whole answer out."""

    def __init__(self, identity: Identity) -> None:
        self.app = Starlette(routes=identity_routes(identity))

    def __call__(self, method: str, path: str, body: bytes = b"", *, query: str = "", **headers: str) -> Answer:
        sent = {"host": "altinn.test", **{name.replace("_", "-").lower(): value for name, value in headers.items()}}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "server": ("altinn.test", 80),
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        answer = Answer(0, {}, b"")

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        asyncio.run(self.app(scope, receive, send))
        return answer

    def form(self, path: str, **fields: str) -> Answer:
        kind = "application/x-www-form-urlencoded"
        return self("POST", path, urlencode(fields).encode(), content_type=kind)


@pytest.fixture
def web(identity: Identity) -> Web:
    return Web(identity)


def test_maskinporten_is_found_by_its_discovery_document(web: Web, machine: Caller) -> None:
    document = web("GET", "/maskinporten/.well-known/oauth-authorization-server").json
    assert document["issuer"] == MASKINPORTEN
    path = document["token_endpoint"].removeprefix("http://altinn.test")
    answer = web.form(path, grant_type=JWT_BEARER, assertion=machine.assertion(scope="altinn:instances.read"))
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    jwks = web("GET", document["jwks_uri"].removeprefix("http://altinn.test")).json
    assert jwks["keys"][0]["kty"] == "RSA"
    assert "d" not in jwks["keys"][0]


def test_a_refusal_is_json_with_a_trace_id(web: Web, machine: Caller) -> None:
    answer = web.form("/maskinporten/token", grant_type=JWT_BEARER, assertion=machine.assertion(aud="x"))
    assert answer.status == 400
    assert answer.json["error"] == "invalid_grant"
    assert answer.json["error_uri"] == "http://altinn.test/maskinporten/errors/MP-110"
    assert "(trace_id: " in answer.json["error_description"]
    assert web("POST", "/maskinporten/token").json["error"] == "unsupported_grant_type"


def exchanged(web: Web, machine: Caller, **headers: str) -> Answer:
    assertion = machine.assertion(scope="altinn:instances.read")
    raw = web.form("/maskinporten/token", grant_type=JWT_BEARER, assertion=assertion).json["access_token"]
    return web("GET", f"{EXCHANGE}/Maskinporten", b"", authorization=f"Bearer {raw}", **headers)


def test_the_exchange_answers_bare_or_quoted(web: Web, identity: Identity, machine: Caller) -> None:
    bare = exchanged(web, machine)
    assert bare.headers["content-type"] == "text/plain; charset=utf-8"
    assert identity.authenticate(bare.body.decode()) is not None
    quoted = exchanged(web, machine, accept="application/json")
    assert quoted.headers["content-type"] == "application/json; charset=utf-8"
    assert quoted.body[:1] == b'"'
    renewed = web("GET", "/authentication/api/v1/refresh", authorization=f"Bearer {quoted.json}")
    assert identity.authenticate(renewed.body.decode()) is not None


def test_the_exchange_s_refusals(web: Web, machine: Caller) -> None:
    assert web("GET", f"{EXCHANGE}/maskinporten").status == 401
    assert web("GET", f"{EXCHANGE}/maskinporten", authorization="Basic abc").status == 401
    nonsense = web("GET", f"{EXCHANGE}/id-porten", authorization="Bearer nonsense")
    assert (nonsense.status, nonsense.body) == (401, b"")
    assert web("GET", f"{EXCHANGE}/altinnstudio", authorization="Bearer nonsense").status == 401
    assert web("GET", f"{EXCHANGE}/feide", authorization="Bearer nonsense").status == 400
    gone = exchanged(web, machine, x_altinn_enterpriseuser_authentication="eA==")
    assert gone.status == 410
    assert gone.json["title"] == "Virksomhetsbruker is no longer available"
    assert web("GET", "/authentication/api/v1/refresh").status == 401


def test_localtest_s_paths(web: Web, identity: Identity) -> None:
    for path, query, kind in [
        ("/Home/GetTestUserToken/1337", "authenticationLevel=3", "user"),
        ("/Home/GetTestOrgToken/ttd", "orgNumber=405003309&scopes=a%20b&authenticationLevel=3", "service_owner"),
        (
            "/Home/GetTestSystemUserToken",
            "systemUserId=d111dbab-d619-4f15-bf29-58fe570a9ae6&scope=altinn:instances.read",
            "system_user",
        ),
    ]:
        answer = web("GET", path, query=query)
        assert answer.status == 200
        found = identity.authenticate(answer.body.decode())
        assert found is not None
        assert (found.kind, found.auth_level) == (kind, 3)
    assert web("GET", "/Home/GetTestUserToken/4").status == 404
    assert web("GET", "/Home/GetTestSystemUserToken", query="systemUserId=x").status == 400


def test_a_person_logs_in_without_a_browser(web: Web, person: Caller, identity: Identity) -> None:
    asked = {"client_id": "person", "user_id": 1337, "scope": "openid altinn:instances.read"}
    login = web("POST", "/_emulator/idporten/login", json.dumps(asked).encode())
    assert login.status == 200
    document = web("GET", "/idporten/.well-known/openid-configuration").json
    assert document["issuer"] == IDPORTEN
    answer = web.form(
        "/idporten/token",
        grant_type="refresh_token",
        refresh_token=login.json["refresh_token"],
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion=person.assertion(sub="person"),
    )
    assert answer.status == 200
    token = web("GET", f"{EXCHANGE}/id-porten", authorization=f"Bearer {answer.json['access_token']}")
    assert claims_of(token.body.decode())["iss"] == "http://altinn.test/authentication/api/v1/openid/"
    found = identity.authenticate(token.body.decode())
    assert found is not None
    assert found.user_id == 1337
    assert web("GET", "/idporten/jwks").json["keys"]
    unknown = web("POST", "/_emulator/idporten/login", json.dumps({**asked, "user_id": 5}).encode())
    assert (unknown.status, unknown.json["error"]) == (400, "access_denied")
    for wrong in (b"", b"[]", b"{}", b'{"client_id": "person", "user_id": "x", "scope": "openid"}'):
        assert web("POST", "/_emulator/idporten/login", wrong).status == 400


def test_clients_are_registered_over_http(web: Web, identity: Identity, registrations: list[dict[str, Any]]) -> None:
    new = [{**registrations[0], "client_id": "late"}]
    answer = web("POST", "/_emulator/clients", json.dumps(new).encode())
    assert (answer.status, answer.json) == (200, {"registered": ["late"]})
    assert identity.clients.find("late") is not None
    for wrong in (b"{", b"[]x", b"[1]", b"{}"):
        refused = web("POST", "/_emulator/clients", wrong)
        assert refused.status == 400
        assert refused.body.startswith(b"Cannot register the clients: ")


def test_altinn_publishes_its_keys(web: Web) -> None:
    base = "/authentication/api/v1/openid/"
    document = web("GET", f"{base}.well-known/openid-configuration").json
    assert document["issuer"] == f"http://altinn.test{base}"
    assert web("GET", document["jwks_uri"].removeprefix("http://altinn.test")).json["keys"][0]["alg"] == "RS256"


def test_the_clock_is_the_identity_s_own(identity: Identity) -> None:
    assert identity.clock() == NOW

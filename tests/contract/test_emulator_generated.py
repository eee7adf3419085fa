"""Requests that nobody wrote: generated from Altinn's OpenAPI documents, and the answers held to their schemas.

GENERATED_REQUESTS says how many requests are made of each operation (default 6; `make test-generated` makes more).
The same requests are made in every run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import response_schema_conformance

from altinn.emulator import Emulator
from tests.contract.emulator_caller import Caller, owner_of_ttd, user

HERE = Path(__file__).parent / "openapi"
REQUESTS = int(os.environ.get("GENERATED_REQUESTS", "6"))
REFUSALS = {400, 401, 403, 404, 405, 409, 413, 415, 422}
INSTANCE = "/{org}/{app}/instances/{instanceOwnerPartyId}/{instanceGuid}"

# Answers that the documents do not have and the contract names, seen running or read in the server's code.
OTHERWISE = {
    ("POST", "/{org}/{app}/instances"): {500: "a template that is no JSON is an exception that nobody catches"},
    ("POST", "/{org}/{app}/instances/create"): {500: "a prefill of a field that the model lacks"},
    ("GET", "/{org}/{app}/api/jsonschema/{id}"): {500: "the JSON schema of an unknown type"},
    ("POST", f"{INSTANCE}/data/type/{{dataType}}"): {200: "declared 201"},
    ("GET", "/{org}/{app}/instances/{instanceOwnerId}/{instanceId}/data/{dataGuid}/validate"): {
        500: "an unknown element is an exception that nobody catches"
    },
}


def written_with_nulls(node: Any) -> Any:
    """Let every member of every schema be null: the documents do not say so, but both services were seen to."""
    if isinstance(node, list):
        return [written_with_nulls(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: written_with_nulls(value) for key, value in node.items()}
    if isinstance(found.get("properties"), dict):
        found["properties"] = {
            name: {"nullable": True, "anyOf": [member]} if "$ref" in member else {**member, "nullable": True}
            for name, member in found["properties"].items()
        }
    return found


def open_to_more(node: Any) -> Any:
    """Let objects have members beside the declared ones: the published document is older than the recorded answers."""
    if isinstance(node, list):
        return [open_to_more(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = node.get("additionalProperties") is False
    return {k: open_to_more(v) for k, v in node.items() if not (closed and k == "additionalProperties")}


def as_recorded(schemas: dict[str, Any]) -> None:
    """Mend what the documents say otherwise than every recording: an instance's id, and the kinds of user actions."""
    if "ActionType" in schemas:
        schemas["ActionType"] = {"type": "string", "enum": ["ProcessAction", "ServerAction"]}
    schemas["Instance"]["properties"]["id"].pop("format", None)


@dataclass(frozen=True)
class Document:
    """One OpenAPI document, and where its paths lie on a server."""

    name: str
    prefix: str
    older: bool = False

    def operations(self) -> Iterator[Any]:
        raw = json.loads((HERE / self.name).read_text("utf-8-sig"))
        raw.pop("servers", None)
        as_recorded(raw["components"]["schemas"])
        raw = written_with_nulls(open_to_more(raw) if self.older else raw)
        for found in schemathesis.openapi.from_dict(raw).get_all_operations():
            if isinstance(found, Err):
                raise found.err()
            yield found.ok()


DOCUMENTS = (Document("app.json", ""), Document("storage.json", "/storage/api/v1", older=True))
OPERATIONS = [(document, operation) for document in DOCUMENTS for operation in document.operations()]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(think_time=0.0) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def callers(emulator: Emulator) -> list[Caller]:
    return [user(emulator.base_url, 1337), owner_of_ttd(emulator.base_url)]


def bring_to(sophie: Caller, stage: int) -> dict[str, Any]:
    """Make an instance and push it `stage` times."""
    instance = sophie.create()
    for _ in range(stage):
        sophie("PUT", f"/ttd/basic/instances/{instance['id']}/process/next")
    return instance


def aim(case: Any, instance: dict[str, Any]) -> None:
    """Let a generated request mean an instance that there is."""
    party, guid = instance["id"].split("/")
    real = {
        "org": "ttd",
        "app": "basic",
        "instanceOwnerPartyId": party,
        "instanceOwnerId": party,
        "instanceGuid": guid,
        "instanceId": guid,
        "dataGuid": instance["data"][0]["id"],
        "dataType": "attachment",
    }
    for name in case.path_parameters or {}:
        if name in real:
            case.path_parameters[name] = real[name]


def judge(document: Document, case: Any, response: Any) -> None:
    """Hold one answer to the document, and to what the contract says beside it."""
    status, text = response.status_code, response.text
    otherwise = OTHERWISE.get((case.method, case.operation.path), {})
    assert text != "Internal Server Error", f"an exception in the emulator: {case.method} {case.operation.path}"
    documented = {int(code) for code in case.operation.responses.status_codes if code.isdigit()}
    if status == 501:
        assert "the emulator does not" in text or "is missing" in text
        return
    known = documented | set(otherwise) | REFUSALS
    assert status in known, f"{case.method} {document.prefix}{case.operation.path}: {status} {text[:300]}"
    if status < 300 and status in documented:
        case.validate_response(response, checks=[response_schema_conformance])


@pytest.mark.parametrize(
    ("document", "operation"), OPERATIONS, ids=[f"{d.name} {o.method.upper()} {o.path}" for d, o in OPERATIONS]
)
def test_generated_requests_are_answered_within_the_document(
    callers: list[Caller], document: Document, operation: Any
) -> None:
    @settings(max_examples=REQUESTS, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), stage=st.integers(0, 2), aimed=st.integers(0, 4), who=st.integers(0, 1))
    def ask(case: Any, stage: int, aimed: int, who: int) -> None:
        if aimed:
            aim(case, bring_to(callers[0], stage))
        headers = {"Authorization": f"Bearer {callers[who].token}"}
        response = case.call(base_url=callers[0].base + document.prefix, headers=headers, timeout=10)
        judge(document, case, response)

    ask()

"""The people and authorities of the emulated Altinn, steered from outside: who signs, who answers, what a scan finds.

Under `/_emulator/instances/{party}/{guid}/`, which no real server has:

    POST decide {"outcome": "accepted" | "rejected" | "silent", "codes": ["R061: …"]}   the authority; at once, or after
                so many simulated seconds ("after_seconds")
    POST act    {"action": "confirm" | "sign" | "reject" | …, "person": 1337}            a person at the keyboard
    POST scan   {"result": "Clean" | "Infected" | "Pending", "element": id or nothing}   the virus scanner
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from altinn.emulator.appprocess import put_next
from altinn.emulator.guards import Refused
from altinn.emulator.routing import Ask
from altinn.emulator.store import Record
from altinn.emulator.world import DECIDE, SCAN, World

if TYPE_CHECKING:
    from starlette.requests import Request

BASE = "/_emulator/instances/{party:int}/{guid}"
ACCEPTED, REJECTED, SILENT = "accepted", "rejected", "silent"
OUTCOMES = (ACCEPTED, REJECTED, SILENT)
LONGEST_WAIT = 1e10
"""Simulated seconds after which an authority answers at the latest; some three hundred years."""
SCAN_RESULTS = ("Clean", "Infected", "Pending")


class CannotDoError(ValueError):
    """What was asked for cannot be done; the text says why.

    :param status: HTTP status of the answer.
    """

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


Handler = Callable[[World, "Request", Record, dict[str, Any]], Awaitable[Response]]


def people_routes(world: World) -> list[Route]:
    """Return the routes that let authorities, people and the virus scanner act."""
    return [_route(world, "decide", _decide), _route(world, "act", _act), _route(world, "scan", _scan)]


def _route(world: World, name: str, handler: Handler) -> Route:
    async def answer(request: Request) -> Response:
        try:
            world.run_due()
            record = _record(world, request)
            document = json.loads(await request.body() or b"{}")
            if not isinstance(document, dict):
                raise CannotDoError("expected a JSON object")
            response = await handler(world, request, record, document)
        except CannotDoError as exc:
            return PlainTextResponse(f"Cannot {name}: {exc}", status_code=exc.status)
        except ValueError as exc:
            return PlainTextResponse(f"Cannot {name}: {exc}", status_code=400)
        except Refused as refusal:
            return refusal.answer
        world.store.commit()
        return response

    return Route(f"{BASE}/{name}", answer, methods=["POST"])


def _record(world: World, request: Request) -> Record:
    record = world.instances.get(str(request.path_params["guid"]).lower())
    if record is None or record["party"] != request.path_params["party"]:
        raise CannotDoError("there is no such instance", 404)
    return record


async def _decide(world: World, _request: Request, record: Record, wanted: dict[str, Any]) -> Response:
    """Let the authority answer now, or never."""
    outcome, codes = wanted.get("outcome"), wanted.get("codes") or []
    if outcome not in OUTCOMES:
        raise CannotDoError(f'expected {{"outcome": one of {", ".join(OUTCOMES)}, "codes": ["R061: words"]}}')
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise CannotDoError("codes must be a list of texts")
    filing = world.store.filing(record["guid"])
    if filing is None:
        raise CannotDoError("the authority has not received this instance: it must be in feedback or ended", 409)
    if record["process"]["ended"] and filing["outcome"] and filing["outcome"] != outcome:
        raise CannotDoError(f"the process has ended, and the authority has answered: {filing['outcome']}", 409)
    after = wanted.get("after_seconds", 0)
    if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= LONGEST_WAIT:
        raise CannotDoError(f"after_seconds must be a number from 0 to {LONGEST_WAIT:.0f}")
    world.store.drop_due(record["guid"], keep=SCAN)
    if outcome != SILENT:
        what = f"{DECIDE}{json.dumps([outcome == ACCEPTED, codes])}"
        world.store.add_due(record["guid"], what, world.clock.seconds() + after)
        world.run_due()
    return JSONResponse({"instance": record["id"], "outcome": outcome})


async def _act(world: World, request: Request, record: Record, wanted: dict[str, Any]) -> Response:
    """Let a person take a step, with that person's rights, as the app's own page would."""
    action, person = wanted.get("action"), wanted.get("person")
    if not isinstance(action, str) or not action or not isinstance(person, int):
        raise CannotDoError('expected {"action": "confirm" | "sign" | "reject", "person": user id}')
    identity = world.identity
    token = identity.tokens.test_user(
        person, level=4, scope=None, issuer=str(request.base_url).rstrip("/"), now=identity.clock()
    )
    who = identity.authenticate(f"Bearer {token}") if token else None
    if who is None:
        raise CannotDoError(f"there is no person with the user id {person}", 404)
    org, name = record["appId"].split("/")
    values = {"org": org, "app": name, "party": str(record["party"]), "guid": record["guid"]}
    body = json.dumps({"action": action}).encode()
    response = await put_next(_AsJson(world, request, values, body, who, world.app(org, name)))
    if response.status_code >= 300:
        return response
    process = world.instances.get(record["guid"]) or record
    task = process["process"]["currentTask"]
    return JSONResponse({"instance": record["id"], "person": person, "task": task["elementId"] if task else None})


class _AsJson(Ask):
    """A step that comes from the control surface: its body is JSON, whatever the caller's own was."""

    def header(self, name: str) -> str | None:
        """Return a header of the step itself."""
        return "application/json" if name == "content-type" else super().header(name)


async def _scan(world: World, _request: Request, record: Record, wanted: dict[str, Any]) -> Response:
    """Give a virus scan's verdict on one element, or on all that are scanned."""
    result, only = wanted.get("result"), wanted.get("element")
    if result not in SCAN_RESULTS:
        raise CannotDoError(f'expected {{"result": one of {", ".join(SCAN_RESULTS)}, "element": id}}')
    types = world.apps[record["appId"].lower()].types
    scanned = [
        element
        for element in world.instances.elements(record["guid"])
        if only in (None, element["id"]) and element["dataType"] in types and types[element["dataType"]].file_scan
    ]
    if not scanned:
        raise CannotDoError("the instance has no such element whose data type is scanned for viruses", 404)
    for element in scanned:
        world.store.drop_due(record["guid"], only=f"{SCAN}{element['id']}")
        world.store.put_element(element | {"fileScanResult": result})
    return JSONResponse({"instance": record["id"], "elements": [element["id"] for element in scanned]})

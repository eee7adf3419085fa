"""The control surface under `/_emulator/`, which no real server has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from altinn.emulator.faults.fault_routes import fault_routes
from altinn.emulator.newcompanies import company_routes
from altinn.emulator.ownerwork import make_instance, read_commission
from altinn.emulator.world import World

if TYPE_CHECKING:
    from starlette.requests import Request

CONDITIONS = ("up", "down", "frozen")


def control_routes(world: World) -> list[Route]:
    """Return the routes that show and change the emulator itself."""
    return [*_views(world), *_changes(world), *_orders(world), *company_routes(world), *fault_routes(world.faults)]


def _views(world: World) -> list[Route]:

    async def journal(request: Request) -> Response:
        last = request.query_params.get("last", "")
        if last and not (last.isascii() and last.isdigit() and int(last)):
            return PlainTextResponse("Cannot show the journal: last must be a whole number from 1 on", status_code=400)
        return JSONResponse(world.store.journal(int(last) if last else None))

    async def filings(_request: Request) -> Response:
        world.run_due()
        return JSONResponse(world.store.filings())

    return [Route("/_emulator/journal", journal), Route("/_emulator/filings", filings)]


def _changes(world: World) -> list[Route]:
    async def reset(_request: Request) -> Response:
        world.reset()
        return JSONResponse({"reset": True})

    async def clock(request: Request) -> Response:
        try:
            document = json.loads(await request.body())
            seconds = document["advance_seconds"]
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
                raise TypeError("advance_seconds is no number")
            world.advance(float(seconds))
        except (ValueError, TypeError, KeyError, OverflowError) as exc:
            text = f'Cannot move the clock: expected {{"advance_seconds": 60}}, seconds from 0 on ({exc})'
            return PlainTextResponse(text, status_code=400)
        world.store.commit()
        return JSONResponse({"now": world.clock.stamp(), "advanced_seconds": world.clock.advanced})

    return [
        Route("/_emulator/reset", reset, methods=["POST"]),
        Route("/_emulator/clock", clock, methods=["POST"]),
    ]


def _orders(world: World) -> list[Route]:
    async def instances(request: Request) -> Response:
        try:
            record = make_instance(world, read_commission(world, json.loads(await request.body())))
        except ValueError as exc:
            return PlainTextResponse(f"Cannot make the instance: {exc}", status_code=400)
        world.store.commit()
        return JSONResponse({"instance": record["id"], "app": record["appId"]}, status_code=201)

    async def engine(request: Request) -> Response:
        try:
            condition = json.loads(await request.body())["condition"]
        except (ValueError, TypeError, KeyError):
            condition = None
        if condition not in CONDITIONS:
            text = f'Cannot set the workflow engine: expected {{"condition": one of {", ".join(CONDITIONS)}}}'
            return PlainTextResponse(text, status_code=400)
        world.workflows.condition = condition
        return JSONResponse({"condition": condition})

    return [
        Route("/_emulator/instances", instances, methods=["POST"]),
        Route("/_emulator/workflow-engine", engine, methods=["POST"]),
    ]

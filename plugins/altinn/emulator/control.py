"""The control surface under `/_emulator/`, which no real server has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from altinn.emulator.world import World

if TYPE_CHECKING:
    from starlette.requests import Request

CONDITIONS = ("up", "down", "frozen")


def control_routes(world: World) -> list[Route]:
    """Return the routes that show and change the emulator itself."""

    async def journal(_request: Request) -> Response:
        return JSONResponse(world.store.journal())

    async def filings(_request: Request) -> Response:
        world.run_due()
        return JSONResponse(world.store.filings())

    async def reset(_request: Request) -> Response:
        world.reset()
        return JSONResponse({"reset": True})

    async def clock(request: Request) -> Response:
        try:
            document = json.loads(await request.body())
            world.advance(float(document["advance_seconds"]))
        except (ValueError, TypeError, KeyError) as exc:
            text = f'Cannot move the clock: expected {{"advance_seconds": 60}}, seconds from 0 on ({exc})'
            return PlainTextResponse(text, status_code=400)
        world.store.commit()
        return JSONResponse({"now": world.clock.stamp(), "advanced_seconds": world.clock.advanced})

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
        Route("/_emulator/journal", journal),
        Route("/_emulator/filings", filings),
        Route("/_emulator/reset", reset, methods=["POST"]),
        Route("/_emulator/clock", clock, methods=["POST"]),
        Route("/_emulator/workflow-engine", engine, methods=["POST"]),
    ]

"""The script of faults under `/_emulator/faults`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from altinn.emulator.faults.fault_script import FaultError, FaultScript

if TYPE_CHECKING:
    from starlette.requests import Request


def fault_routes(script: FaultScript) -> list[Route]:
    """Return the routes that order, show and clear faults."""

    async def order(request: Request) -> Response:
        try:
            entries = json.loads(await request.body())
            return JSONResponse(script.order(entries), status_code=201)
        except ValueError as exc:
            kind = "" if isinstance(exc, FaultError) else "the body is not JSON: "
            return PlainTextResponse(f"Cannot order faults: {kind}{exc}", status_code=400)

    async def show(_request: Request) -> Response:
        return JSONResponse(script.shown())

    async def clear(_request: Request) -> Response:
        script.clear()
        return JSONResponse([])

    return [
        Route("/_emulator/faults", order, methods=["POST"]),
        Route("/_emulator/faults", show, methods=["GET"]),
        Route("/_emulator/faults", clear, methods=["DELETE"]),
    ]

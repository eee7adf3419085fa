"""An app's own paths below an instance, as its code names them."""

from __future__ import annotations

import asyncio
import re
import time

from starlette.responses import Response

from altinn.emulator.answers import empty, json_answer
from altinn.emulator.appfolder import AppFolder
from altinn.emulator.appinstances import get_instance
from altinn.emulator.behaviour import ExtraRoute, TheInstance
from altinn.emulator.casefile import CaseFile
from altinn.emulator.guards import with_right
from altinn.emulator.routing import PARTS, Ask, Endpoint
from altinn.emulator.world import World

WAIT_SECONDS, PAUSE_SECONDS = 60.0, 0.05
INSTANCE = re.compile(
    f"/(?P<org>[^/]+)/(?P<app>[^/]+)/instances/(?P<party>{PARTS['int']})/(?P<guid>{PARTS['guid']})/(?P<rest>.+?)/?"
)


def app_route(world: World, method: str, path: str) -> tuple[Endpoint, dict[str, str], AppFolder] | None:
    """Return the endpoint of an app's own path, None when its code names no such path."""
    match = INSTANCE.fullmatch(path)
    app = world.app(match["org"], match["app"]) if match else None
    if match is None or app is None:
        return None
    for route in app.behaviour.routes():
        if route.method == method and route.path.strip("/").lower() == match["rest"].lower():
            return _endpoint(route), match.groupdict(), app
    return None


def _endpoint(route: ExtraRoute) -> Endpoint:
    async def handler(ask: Ask) -> Response:
        record = with_right(ask, route.action)
        case, patience = CaseFile(ask.world, ask.application, record["guid"]), time.monotonic() + WAIT_SECONDS
        while (reply := route.handler(case)) is None:
            if time.monotonic() > patience:
                return empty(504)
            await asyncio.sleep(PAUSE_SECONDS)
            ask.world.run_due()
        if isinstance(reply.body, TheInstance):
            return await get_instance(ask)
        if isinstance(reply.body, bytes):
            return Response(reply.body, reply.status, {"content-type": reply.content_type})
        return json_answer(reply.body, reply.status, reply.content_type)

    return Endpoint(route.method, INSTANCE, handler, anonymous=False)

"""The emulator as an ASGI app: who asks, which handler answers, what is written down."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route

from altinn.emulator.answers import empty, json_answer, unhandled
from altinn.emulator.appdata import add_data_routes
from altinn.emulator.appdescription import add_description_routes
from altinn.emulator.appinstances import add_instance_routes
from altinn.emulator.appparties import add_party_routes
from altinn.emulator.appprocess import add_process_routes
from altinn.emulator.approutes import app_route
from altinn.emulator.appuploads import add_upload_routes
from altinn.emulator.appvalidation import add_validation_routes
from altinn.emulator.bodylimits import body_limit
from altinn.emulator.control import control_routes
from altinn.emulator.control_people import people_routes
from altinn.emulator.faults.fault_layer import FaultLayer
from altinn.emulator.filescans import add_scan_routes
from altinn.emulator.guards import Refused, check_scope
from altinn.emulator.identity import identity_routes
from altinn.emulator.knownpaths import known_method, known_path
from altinn.emulator.lockapi import add_lock_routes
from altinn.emulator.overview import overview_routes
from altinn.emulator.routing import Ask, Endpoint, RouteTable, lower_query
from altinn.emulator.skatteetaten.vat_validation_service import validation_routes
from altinn.emulator.storageapi import add_storage_routes
from altinn.emulator.storagesearch import add_search_routes
from altinn.emulator.world import World

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
ACCESS = logging.getLogger("altinn.emulator.access")


def build_table() -> RouteTable:
    """Return the endpoints of apps and Storage."""
    table = RouteTable()
    add_storage_routes(table)
    add_lock_routes(table)
    add_search_routes(table)
    add_description_routes(table)
    add_party_routes(table)
    add_instance_routes(table)
    add_data_routes(table)
    add_upload_routes(table)
    add_process_routes(table)
    add_validation_routes(table)
    add_scan_routes(table)
    return table


class Dispatcher:
    """Answers what is asked of apps and Storage."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._table = build_table()

    async def respond(self, request: Request) -> Response:
        """Answer one request; its body is read first, so that a connection can go on after a refusal."""
        path = request.url.path
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > body_limit(request.method, path):
            return empty(413, {"connection": "close"})
        await request.body()
        endpoint, values, methods = self._table.find(request.method, path)
        app = self._world.app(values["org"], values["app"]) if endpoint and "app" in values else None
        extra = None if endpoint else app_route(self._world, request.method, path)
        if extra is not None:
            endpoint, values, app = extra
        if endpoint is None:
            return _no_endpoint(request.method, path, methods)
        if "app" in values and app is None:
            return empty(404)
        return await self._answer(request, endpoint, values, app)

    async def _answer(self, request: Request, endpoint: Endpoint, values: dict[str, str], app: Any) -> Response:
        who = self._world.identity.authenticate(request.headers.get("authorization"))
        if who is None and not endpoint.anonymous:
            return empty(401)
        if who is not None and who.kind == "external" and not endpoint.anonymous:
            return unhandled("AuthenticationContextException: the token is not Altinn's") if app else empty(401)
        ask = Ask(self._world, request, values, b"", who, app, lower_query(request.query_params))
        try:
            if not endpoint.anonymous:
                check_scope(ask)
            ask.body = await request.body()
            self._world.run_due()
            return await endpoint.handler(ask)
        except Refused as refusal:
            return refusal.answer


def _no_endpoint(method: str, path: str, methods: list[str]) -> Response:
    name = known_method(method, path) if methods else known_path(path)
    if name is not None:
        detail = f"{name}: Altinn has this path, the emulator does not."
        return json_answer(
            {"title": "Not Implemented", "status": 501, "detail": detail},
            501,
            "application/problem+json; charset=utf-8",
        )
    if methods:
        return empty(405, {"allow": ", ".join(methods)})
    return empty(404)


class Journal:
    """Writes each request to the journal and the access log, after everything it changed was made to last."""

    def __init__(self, app: Starlette, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and note it."""
        if scope["type"] != "http" or scope["path"].startswith("/_emulator/") or scope["path"] == "/":
            await self._app(scope, receive, send)
            return
        noted = False

        async def note_first(message: Message) -> None:
            nonlocal noted
            if message["type"] == "http.response.start" and not noted:
                noted = True
                self._note(scope, message)
            await send(message)

        try:
            await self._app(scope, receive, note_first)
        except ClientDisconnect:
            ACCESS.info("%s %s: the client left", scope["method"], scope["path"])

    def _note(self, scope: Scope, start: Message) -> None:
        path, status = scope["path"], int(start["status"])
        location = next((v.decode("latin-1") for k, v in start.get("headers", ()) if k.lower() == b"location"), None)
        self._world.note_request(scope["method"], path, status, scope.get("altinn.fault") or None, location)
        ACCESS.info("%s %s %s", scope["method"], path, status)


def build_service(world: World) -> FaultLayer:
    """Return the whole emulator as an ASGI app."""
    routes = [
        *identity_routes(world.identity),
        *control_routes(world),
        *people_routes(world),
        *validation_routes(world),
        *overview_routes(world),
        Route("/{path:path}", Dispatcher(world).respond, methods=METHODS),
    ]
    return FaultLayer(Journal(Starlette(routes=routes), world), world)

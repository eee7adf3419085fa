"""Skatteetaten's validation service for VAT returns, which stands beside Altinn and takes other tokens.

`POST /api/mva/grensesnittstoette/mva-melding/valider` with the return as XML and the raw ID-porten or Maskinporten
token; Altinn's own token is refused. Always 200: the judgement is in the body, in the form of Skatteetaten's
documentation of the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from starlette.responses import Response
from starlette.routing import Route

from altinn.emulator.skatteetaten.vat_app import VatApp, judgement
from altinn.emulator.skatteetaten.vat_consistency import schema_errors
from altinn.emulator.skatteetaten.vat_paperwork import read_return
from altinn.emulator.skatteetaten.vat_replies import judged_return, refused_return

if TYPE_CHECKING:
    from starlette.requests import Request

    from altinn.emulator.world import World

PATH = "/api/mva/grensesnittstoette/mva-melding/valider"
XML = "application/xml; charset=utf-8"


def validation_routes(world: World) -> list[Route]:
    """Return the service's route."""

    async def validate(request: Request) -> Response:
        who = world.identity.authenticate(request.headers.get("authorization"))
        if who is None or who.kind != "external":
            return Response("Unauthorized: this service takes the ID-porten or Maskinporten token itself", 401)
        if "xml" not in (request.headers.get("content-type") or ""):
            return Response("Unsupported Media Type", 415)
        return Response(_judged(world, await request.body()), 200, media_type=XML)

    return [Route(PATH, validate, methods=["POST"])]


def _judged(world: World, content: bytes) -> str:
    folder = next((a.behaviour.folder for a in world.apps.values() if isinstance(a.behaviour, VatApp)), None)
    try:
        errors = schema_errors(content, folder / "schemas") if folder else []
        return refused_return(errors) if errors else judged_return(*judgement(read_return(content)))
    except (ParseError, ValueError) as exc:
        return refused_return([f"//: {type(exc).__name__}"])

"""More companies than the test data has: `POST /_emulator/companies`, for those who try out a whole fleet."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from altinn.emulator.parties import ORGANISATION, Party, Register, User

if TYPE_CHECKING:
    from starlette.requests import Request

    from altinn.emulator.world import World

FIRST_PARTY = 60_000_000
ROLES = ("DAGL", "REGNA", "A0239", "SISKD", "KNUF")
"""Roles that let a person file, confirm and sign in the apps that come with the emulator."""
_EXPECTED = '{"user_id": 1337, "companies": [{"organisation_number": "310000000", "name": "Example AS"}]}'


def company_routes(world: World) -> list[Route]:
    """Return the route that makes companies; they last until the emulator stops."""

    async def companies(request: Request) -> Response:
        try:
            document = json.loads(await request.body())
            made = [add_company(world.register, int(document["user_id"]), one) for one in document["companies"]]
        except (ValueError, TypeError, KeyError) as exc:
            return PlainTextResponse(f"Cannot make the companies: expected {_EXPECTED} ({exc})", status_code=400)
        return JSONResponse([party.as_json() for party in made])

    return [Route("/_emulator/companies", companies, methods=["POST"])]


def add_company(register: Register, user_id: int, wanted: dict[str, Any]) -> Party:
    """Make a company that a person may file for; one with this number is returned as it is.

    :raises KeyError: there is no such person.
    :raises ValueError: the organisation number has not nine digits.
    """
    number = str(wanted["organisation_number"])
    if not (len(number) == 9 and number.isascii() and number.isdigit()):
        raise ValueError(f"{number[:20]!r} has not nine digits")
    user = register.users[user_id]
    party = register.organisation(number)
    if party is None:
        party_id = max(FIRST_PARTY, *register.parties) + 1
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:organisation:{number}"))
        party = Party(party_id, identity, ORGANISATION, str(wanted.get("name") or number), number, "AS")
        register.parties[party_id] = party
    roles = frozenset(code.lower() for code in wanted.get("roles") or ROLES)
    register.users[user_id] = User(user.user_id, user.username, user.party_id, {**user.roles, party.party_id: roles})
    return party

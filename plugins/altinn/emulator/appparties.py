"""Whom a person may represent, as an app's PartiesController lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altinn.emulator.answers import json_answer, unhandled
from altinn.emulator.routing import Ask, RouteTable

if TYPE_CHECKING:
    from starlette.responses import Response


def add_party_routes(table: RouteTable) -> None:
    """Register the list of parties."""
    table.add("GET", "/{org}/{app}/api/v1/parties", get_parties)


async def get_parties(ask: Ask) -> Response:
    """Return the parties for which a person holds a role; only persons have a profile to ask for."""
    who, register = ask.principal, ask.world.register
    user = register.users.get(who.user_id) if who.user_id is not None else None
    if user is None:
        return unhandled("the token has no user, so there is no profile")
    parties = (register.party(party_id) for party_id in sorted(user.roles))
    return json_answer([party.as_json() for party in parties if party is not None])

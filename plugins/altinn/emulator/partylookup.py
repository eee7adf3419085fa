"""The party that is to own an instance, looked up as the app does (InstancesController.LookupParty)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from altinn.emulator.answers import json_answer
from altinn.emulator.guards import Refused
from altinn.emulator.parties import Party, Register
from altinn.emulator.routing import MAX_INT, Ask

INTEGER = re.compile(r"\s*[+-]?[0-9]{1,4000}\s*")


def bad(text: str, status: int = 400) -> Refused:
    """Return a refusal with a JSON string as its body."""
    return Refused(json_answer(text, status))


def as_int(value: str) -> int | None:
    """Return a text as .NET's Int32, None when it is none."""
    number = int(value) if INTEGER.fullmatch(value) else None
    return number if number is not None and -MAX_INT <= number <= MAX_INT else None


def find_party(ask: Ask, owner: Mapping[str, Any]) -> Party:
    """Look up the party that is to own the instance.

    :raises Refused: 404 with the text of a failed lookup.
    """
    register = ask.world.register
    if owner.get("partyId") is not None:
        value, key = str(owner["partyId"]), "partyId"
        number = as_int(value)
        party = register.party(number) if number is not None else None
        reason = "Object reference not set to an instance of an object."
        if number is None:
            reason = f"The input string '{value}' was not in a correct format."
            if INTEGER.fullmatch(value):
                reason = "Value was either too large or too small for an Int32."
    else:
        key, value, party = _numbered_party(register, owner)
        reason = "404 - Not Found - "
    if party is None:
        raise bad(f"Cannot lookup party: Failed to lookup party by {key}: {value}. The exception was: {reason}", 404)
    return party


def _numbered_party(register: Register, owner: Mapping[str, Any]) -> tuple[str, str, Party | None]:
    """Return by what the owner is named, its value and the party, None when nobody has it."""
    key = next((k for k in ("personNumber", "organisationNumber", "username") if owner.get(k)), "organisationNumber")
    value = str(owner.get(key) or "")
    if key == "username":
        user = register.user_named(value)
        return key, value, register.party(user.party_id) if user else None
    return key, value, register.person(value) if key == "personNumber" else register.organisation(value)

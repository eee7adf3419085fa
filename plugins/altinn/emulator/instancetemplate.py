"""An instance's record out of the template that a creation sends: Storage keeps only a few of its members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altinn.emulator.answers import unhandled
from altinn.emulator.dialects import READ, UNREAD
from altinn.emulator.guards import Refused
from altinn.emulator.parties import Party
from altinn.emulator.routing import Ask
from altinn.emulator.storagequery import utc_stamp
from altinn.emulator.store import Record


def new_record(ask: Ask, party: Party, template: Mapping[str, Any]) -> Record:
    """Return an instance's record out of a template: Storage keeps only a few of its members."""
    app = ask.application
    values = {str(k): _as_text(v) for k, v in (template.get("dataValues") or {}).items() if v is not None}
    values_of_status = _status(ask, template.get("status"))
    return {
        "party": party.party_id,
        "instanceOwner": {
            "partyId": str(party.party_id),
            "personNumber": party.person_number,
            "organisationNumber": party.organisation_number,
            "username": None,
            "externalIdentifier": None,
        },
        "appId": app.id,
        "org": app.org,
        "dueBefore": _date(template, "dueBefore"),
        "visibleAfter": _date(template, "visibleAfter") or ask.world.clock.stamp(),
        "process": None,
        "dataValues": values or None,
        "status": values_of_status,
    }


def _status(ask: Ask, given: Any) -> Record:
    """Return the status of a new instance: what the template says of it, but for who has read it.

    :raises Refused: a member is of another type.
    """
    if given is not None and not isinstance(given, dict):
        raise Refused(unhandled("JsonSerializationException: status is no object"))
    given = given or {}
    status: Record = {}
    for flag, since in (("isArchived", "archived"), ("isSoftDeleted", "softDeleted"), ("isHardDeleted", "hardDeleted")):
        if not isinstance(given.get(flag, False), bool):
            raise Refused(unhandled(f"JsonReaderException: status.{flag} is no boolean"))
        status |= {flag: given.get(flag, False), since: _date(given, since)}
    substatus = given.get("substatus")
    if substatus is not None and not isinstance(substatus, dict):
        raise Refused(unhandled("JsonSerializationException: status.substatus is no object"))
    shown = {"label": substatus.get("label"), "description": substatus.get("description")} if substatus else None
    return status | {"readStatus": UNREAD if ask.principal.kind == "service_owner" else READ, "substatus": shown}


def _date(template: Mapping[str, Any], name: str) -> str | None:
    """Return a date of a template.

    :raises Refused: it is no date.
    """
    value = template.get(name)
    if value is None:
        return None
    try:
        return utc_stamp(str(value))
    except ValueError as exc:
        raise Refused(unhandled(f"JsonReaderException: {name} is no date")) from exc


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        raise Refused(unhandled("JsonReaderException: dataValues holds something that is no text"))
    return str(value)

"""An instance's record out of the template that a creation sends: Storage keeps only a few of its members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altinn.emulator.answers import unhandled
from altinn.emulator.dialects import READ, UNREAD
from altinn.emulator.guards import Refused
from altinn.emulator.lenientjson import as_text, canonical, text_map
from altinn.emulator.parties import Party
from altinn.emulator.routing import Ask
from altinn.emulator.storagequery import utc_stamp
from altinn.emulator.store import Record

STATUS_KEYS = ("isArchived", "archived", "isSoftDeleted", "softDeleted", "isHardDeleted", "hardDeleted", "substatus")
SUBSTATUS_KEYS = ("label", "description")


def new_record(ask: Ask, party: Party, template: Mapping[str, Any]) -> Record:
    """Return an instance's record out of a template: Storage keeps only a few of its members."""
    app = ask.application
    try:
        values = text_map(template.get("dataValues"), "dataValues")
    except TypeError as exc:
        raise Refused(unhandled(f"JsonReaderException: {exc}")) from exc
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
    given = canonical(given or {}, STATUS_KEYS)
    status: Record = {}
    for flag, since in (("isArchived", "archived"), ("isSoftDeleted", "softDeleted"), ("isHardDeleted", "hardDeleted")):
        if not isinstance(given.get(flag, False), bool):
            raise Refused(unhandled(f"JsonReaderException: status.{flag} is no boolean"))
        status |= {flag: given.get(flag, False), since: _date(given, since)}
    substatus = given.get("substatus")
    if substatus is not None and not isinstance(substatus, dict):
        raise Refused(unhandled("JsonSerializationException: status.substatus is no object"))
    shown = _substatus(substatus) if substatus else None
    return status | {"readStatus": UNREAD if ask.principal.kind == "service_owner" else READ, "substatus": shown}


def _substatus(given: Mapping[str, Any]) -> Record:
    members = canonical(given, SUBSTATUS_KEYS)
    try:
        return {key: as_text(members.get(key), f"status.substatus.{key}") for key in SUBSTATUS_KEYS}
    except TypeError as exc:
        raise Refused(unhandled(f"JsonReaderException: {exc}")) from exc


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

"""Who files: from a task's arguments and a connection to one instance owner."""

from __future__ import annotations

import re

from altinn.exceptions import AltinnInputError
from altinn.protocol.identifiers import InstanceOwner
from altinn.protocol.masking import mask
from altinn.protocol.settings import Settings

SELF = "self"


def choose_owner(
    settings: Settings,
    *,
    organisation_number: str | None = None,
    party_id: str | None = None,
    username: str | None = None,
    owner: str | None = None,
) -> InstanceOwner:
    """Choose the instance owner; without any argument it is the connection's own.

    :param owner: "self", or nothing.
    :raises AltinnInputError: more than one identifier, a malformed one, or none although none is in the connection.
    """
    given = {
        "organisation_number": str(organisation_number or "").strip(),
        "party_id": str(party_id or "").strip(),
        "username": str(username or "").strip(),
        "owner": str(owner or "").strip(),
    }
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise AltinnInputError(f"the instance owner is given more than once ({', '.join(named)}): keep one of them")
    if given["owner"] not in ("", SELF):
        raise AltinnInputError(
            "owner only knows 'self'; a company goes into organisation_number, a party into party_id"
        )
    if any(mask(value) != value for value in given.values()):
        raise AltinnInputError(
            "eleven digits look like a person number: it must not be an argument of a task. Put it into a file or a "
            "secrets backend, name it in the connection, and use owner='self'"
        )
    if given["party_id"] and not re.fullmatch(r"[0-9]{1,12}", given["party_id"]):
        raise AltinnInputError("party_id must be Altinn's number for the party: digits only, for example '50001234'")
    if given["organisation_number"] or given["party_id"] or given["username"]:
        return InstanceOwner(
            party_id=given["party_id"], organisation_number=given["organisation_number"], username=given["username"]
        )
    return _own(settings)


def _own(settings: Settings) -> InstanceOwner:
    if settings.organisation_number:
        return InstanceOwner(organisation_number=settings.organisation_number)
    if settings.test_party_id:
        return InstanceOwner(party_id=settings.test_party_id)
    if settings.person_number:
        return InstanceOwner(person_number=settings.person_number)
    raise AltinnInputError(
        f"no instance owner: give organisation_number or party_id, or write organisation_number (for a person: "
        f"person_number_file) into connection '{settings.conn_id}'"
    )

"""What an app's owner does of its own accord: make an instance for a company, and fill in what it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altinn.emulator.behaviour import HookFailure
from altinn.emulator.casefile import owner_principal
from altinn.emulator.dialects import UNREAD
from altinn.emulator.events import record_event
from altinn.emulator.formcodec import stored_xml
from altinn.emulator.identity import Principal
from altinn.emulator.parties import Party
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

NOT_YET = {
    "isArchived": False,
    "archived": None,
    "isSoftDeleted": False,
    "softDeleted": None,
    "isHardDeleted": False,
    "hardDeleted": None,
    "readStatus": UNREAD,
    "substatus": None,
}


class OwnerWorkError(ValueError):
    """The owner was told something that cannot be done; the text says what."""


@dataclass(frozen=True, slots=True)
class Commission:
    """An instance that an owner is to make.

    :param prefill: values by their path in the form.
    """

    app: AppFolder
    party: Party
    data_values: Mapping[str, str]
    prefill: Mapping[str, str]
    due_before: str | None


def read_commission(world: World, document: Any) -> Commission:
    """Read what was asked for.

    :raises OwnerWorkError: the app or the party is not known, or a member is of another type.
    """
    if not isinstance(document, dict):
        raise OwnerWorkError("expected a JSON object with app and organisation_number")
    app = world.apps.get(str(document.get("app", "")).lower())
    if app is None:
        raise OwnerWorkError(f"app {document.get('app')!r} is not here; there are {', '.join(sorted(world.apps))}")
    number = str(document.get("organisation_number", ""))
    party = world.register.organisation(number)
    if party is None:
        raise OwnerWorkError(f"organisation_number {number!r} is not in the emulator's test data")
    values, prefill = document.get("data_values") or {}, document.get("prefill") or {}
    if not isinstance(values, dict) or not isinstance(prefill, dict):
        raise OwnerWorkError("data_values and prefill must be JSON objects of texts")
    texts = [{str(k): str(v) for k, v in given.items()} for given in (values, prefill)]
    return Commission(app, party, texts[0], texts[1], document.get("due_before"))


def make_instance(world: World, wanted: Commission, who: Principal | None = None) -> Record:
    """Create an instance, with a filled-in form for each form type of the first task.

    :param who: makes it; the app's owner when left out.
    :raises OwnerWorkError: the form has no field at a path.
    """
    app, party = wanted.app, wanted.party
    who = who or owner_principal(world, app)
    record: Record = {
        "party": party.party_id,
        "instanceOwner": {
            "partyId": str(party.party_id),
            "personNumber": None,
            "organisationNumber": party.organisation_number,
            "username": None,
            "externalIdentifier": None,
        },
        "appId": app.id,
        "org": app.org,
        "dueBefore": wanted.due_before,
        "visibleAfter": world.clock.stamp(),
        "process": None,
        "dataValues": dict(wanted.data_values) or None,
        "status": dict(NOT_YET),
    }
    task_id = world.engine.start(app, record, who)
    forms = {}
    for data_type in app.types.values():
        if data_type.task_id == task_id and data_type.id in app.models and data_type.min_count:
            try:
                forms[data_type.id] = world.prefilled(app.models[data_type.id], wanted.prefill)
            except HookFailure as exc:
                raise OwnerWorkError(str(exc)) from exc
    record = world.instances.create(record, who)
    record_event(world.instances, record, "Created", who)
    for type_id, form in forms.items():
        content = stored_xml(app.models[type_id], form)
        world.instances.add_element(record, type_id, content, who, content_type="application/xml")
    world.engine.started_events(record, who)
    return record

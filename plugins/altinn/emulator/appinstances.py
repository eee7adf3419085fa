"""An app's instances: create, read, list the active ones, delete, complete, sub-status."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from altinn.emulator.answers import JSON, default_problem, empty, json_answer
from altinn.emulator.behaviour import HookFailure
from altinn.emulator.dialects import APP_LINKS, APPS, instance_json
from altinn.emulator.events import record_event
from altinn.emulator.guards import Refused, find_instance, forbidden, form_model, mark_instance_read, with_right
from altinn.emulator.instancetemplate import new_record
from altinn.emulator.instantiation import (
    NO_OWNER,
    OWNER_KEYS,
    check_instantiation,
    check_open,
    check_parts,
    created,
    read_request,
    store_part,
    template_owner,
)
from altinn.emulator.multipartbody import Part
from altinn.emulator.parties import Party
from altinn.emulator.partylookup import bad, find_party
from altinn.emulator.requestbody import flag, json_object, not_valid, sent_as_json, text_member
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.storageapi import deleted_too_early, no_label
from altinn.emulator.storagequery import utc_stamp
from altinn.emulator.store import Record
from altinn.emulator.workflowanswers import creation_failed, creation_unknown

if TYPE_CHECKING:
    from starlette.responses import Response


def add_instance_routes(table: RouteTable) -> None:
    """Register the paths of an app's instances."""
    table.add("POST", "/{org}/{app}/instances", post_instance)
    table.add("POST", "/{org}/{app}/instances/create", post_simplified)
    table.add("GET", "/{org}/{app}/instances/{party:int}/active", get_active)
    table.add("GET", "/{org}/{app}/instances/{party:int}/{guid:guid}", get_instance)
    table.add("DELETE", "/{org}/{app}/instances/{party:int}/{guid:guid}", delete_instance)
    table.add("POST", "/{org}/{app}/instances/{party:int}/{guid:guid}/complete", complete)
    table.add("PUT", "/{org}/{app}/instances/{party:int}/{guid:guid}/substatus", put_substatus)


async def post_instance(ask: Ask) -> Response:
    """Create an instance from a template, with data elements as further parts."""
    check_open(ask)
    template, parts = read_request(ask)
    owner = template_owner(ask, template)
    check_parts(ask.application, parts)
    for data_type in {part.name: ask.application.types[part.name] for part in parts}.values():
        if data_type.is_form:
            form_model(ask, data_type)
    return await _create(ask, find_party(ask, owner), template or {}, parts, {})


async def post_simplified(ask: Ask) -> Response:
    """Create an instance with values for its form; data values are silently dropped."""
    if not sent_as_json(ask):
        raise Refused(default_problem(415, JSON))
    wanted = json_object(ask, JSON)
    if wanted is None:
        raise not_valid({"": ["A non-empty request body is required."]})
    owner, prefill = _texts(wanted, "instanceOwner"), _texts(wanted, "prefill")
    source = text_member(wanted, "sourceInstanceId", JSON)
    check_open(ask)
    if source:
        raise bad("Creating instance based on a copy from an archived instance is not enabled for this app.")
    named = {key: owner.get(key.lower()) for key in OWNER_KEYS} if owner is not None else {}
    if all(value is None for value in named.values()):
        raise bad(NO_OWNER)
    kept = {name: _date(wanted, name) for name in ("dueBefore", "visibleAfter")}
    return await _create(ask, find_party(ask, named), kept, [], prefill or {})


def _texts(wanted: dict[str, Any], name: str) -> dict[str, str] | None:
    """Return a member that must be an object of texts or null; nulls in it are left out.

    :raises Refused: 400.
    """
    given = wanted.get(name.lower())
    if given is None:
        return None
    if not isinstance(given, dict):
        raise not_valid({f"$.{name}": [f"The JSON value could not be converted. Path: $.{name}"]})
    kept = {}
    for key, value in given.items():
        if value is not None and not isinstance(value, str):
            path = f"$.{name}.{key}"
            raise not_valid({path: [f"The JSON value could not be converted to System.String. Path: {path}"]})
        if value is not None:
            kept[key if name == "prefill" else key.lower()] = value
    return kept


def _date(wanted: dict[str, Any], name: str) -> str | None:
    """Return a member that must be a date or null, as it is.

    :raises Refused: 400.
    """
    value = text_member(wanted, name, JSON)
    try:
        return utc_stamp(value) if value is not None else None
    except ValueError as exc:
        path = f"$.{name}"
        raise not_valid({path: [f"The JSON value could not be converted to System.DateTime. Path: {path}"]}) from exc


async def _create(ask: Ask, party: Party, template: Any, parts: list[Part], prefill: dict[str, str]) -> Response:
    world, app, who = ask.world, ask.application, ask.principal
    record = new_record(ask, party, template)
    check_instantiation(ask, party, record["dataValues"] or {})
    task_id = world.engine.start(app, record, who)
    begun = record["process"]
    await asyncio.sleep(world.options.think_time)
    record = await _inserted(ask, record)
    await asyncio.sleep(world.options.think_time)
    if (fault := ask.fault("creation_slow")) is not None:
        await world.pause(fault.seconds)
    if (fault := ask.fault("creation_cleanup")) is not None:
        await world.pause(fault.seconds)
        return _cleaned_up(ask, record, f"data elements failed for instance {record['id']}")
    for part in parts:
        refusal = store_part(ask, record, part)
        if refusal is not None:
            _cleaned_up(ask, record, "")
            return refusal
    refusal = await _first_task(ask, record, task_id, prefill)
    if refusal is not None:
        return refusal
    # Somebody else may have moved the instance by now: what was begun here is written all the same.
    world.engine.started_events(record | {"process": begun}, who)
    return created(ask, record, party)


async def _inserted(ask: Ask, record: Record) -> Record:
    """Insert a new instance; others see it from now on, unless a fault keeps it from the query."""
    world, created = ask.world, None
    if (fault := ask.fault("created_earlier")) is not None:
        created = world.clock.stamp()
        await world.pause(fault.seconds)
    record = world.instances.create(record, ask.principal, created)
    if (fault := ask.fault("query_lag")) is not None:
        world.hidden[record["guid"]] = world.clock.seconds() + fault.seconds
    record_event(world.instances, record, "Created", ask.principal)
    world.store.commit()
    return record


def _cleaned_up(ask: Ask, record: Record, what: str) -> Response:
    """Delete for good what could not be created, whatever has become of it meanwhile (TryDeleteInstance)."""
    now = ask.world.instances.get(record["guid"]) or record
    ask.world.instances.delete(now, ask.principal, hard=True)
    ask.world.note_deletion(record["guid"])
    return json_answer(f"Instantiation of {what} for party {record['party']}", 500)


async def _first_task(ask: Ask, record: Record, task_id: str, prefill: dict[str, str]) -> Response | None:
    """Make the first task's forms, in version 9 through the workflow engine; return the refusal when that fails."""
    world, app, who, guid = ask.world, ask.application, ask.principal, record["guid"]
    if app.library == 9:
        if world.workflows.condition != "up":
            await asyncio.sleep(world.workflows.scaled(60) if world.workflows.condition == "frozen" else 0)
            return creation_unknown(record)
        world.locks.take(guid)
        try:
            world.workflows.submit(record, who, app.process.start, task_id, None, prefill)
            outcome = await world.workflows.wait(guid)
        finally:
            world.locks.release(guid)
        if outcome == "unreachable":
            return creation_unknown(record)
        return creation_failed(record, world.workflows.current(guid)) if outcome in ("failed", "timeout") else None
    try:
        world.engine.enter(app, record, who, task_id, prefill)
    except HookFailure:
        what = f"data elements failed for instance {record['id']}"
        if ask.request.url.path.lower().endswith("/create"):
            what = f"appId {app.id} failed"
        return _cleaned_up(ask, record, what)
    return None


async def get_instance(ask: Ask) -> Response:
    """Return an instance and note that it was read."""
    record, world = find_instance(ask), ask.world
    decision = world.rights.decide(ask.principal, ask.application, record["party"], "read", world.place(record))
    if decision.obligations:
        return json_answer(decision.obligations, 403)
    if not decision.permitted:
        return forbidden()
    elements = [e for e in world.instances.elements(record["guid"]) if _readable(ask, record, e)]
    body = instance_json(
        record, elements, ask.base, links=APP_LINKS, numbers=True, party=world.register.party(record["party"])
    )
    mark_instance_read(ask, record)
    return json_answer(body)


def _readable(ask: Ask, record: Record, element: Record) -> bool:
    data_type = ask.application.types.get(element["dataType"])
    action = data_type.action_to_read if data_type else None
    return action is None or ask.world.rights.may(ask.principal, ask.application, record, action)


async def get_active(ask: Ask) -> Response:
    """Return the instances of a party that are neither archived nor deleted."""
    found = []
    for known in ask.world.instances.store.instances():
        status = known["status"]
        if known["party"] != ask.party or known["appId"] != ask.application.id or status["isArchived"]:
            continue
        if status["isSoftDeleted"] or status["isHardDeleted"] or not ask.world.shows(known["guid"]):
            continue
        record = ask.world.instances.get(known["guid"])
        if record and ask.world.rights.may(ask.principal, ask.application, record, "read"):
            found.append(
                {key: record[key] for key in ("id", "presentationTexts", "dueBefore", "lastChanged")}
                | {"lastChangedBy": _name_of(ask, record["lastChangedBy"])}
            )
    return json_answer(found)


def _name_of(ask: Ask, changed_by: str) -> str:
    register = ask.world.register
    if len(changed_by) == 9:
        organisation = register.organisation(changed_by)
        return organisation.name if organisation else ""
    user = register.users.get(int(changed_by)) if changed_by.isdigit() else None
    party = register.party(user.party_id) if user else None
    return party.name if party else ""


async def delete_instance(ask: Ask) -> Response:
    """Delete an instance softly, or for good with `hard=true`."""
    record = with_right(ask, "delete")
    hard = flag(ask, "hard")
    if deleted_too_early(ask, record):
        return empty(403)
    ask.world.instances.delete(record, ask.principal, hard)
    ask.world.note_deletion(record["guid"])
    record_event(ask.world.instances, record, "Deleted", ask.principal)
    return _instance(ask, (APPS,))


def _instance(ask: Ask, links: tuple[str, ...]) -> Response:
    record = find_instance(ask)
    elements = ask.world.instances.elements(record["guid"])
    return json_answer(instance_json(record, elements, ask.base, links=links, numbers=True))


async def complete(ask: Ask) -> Response:
    """Note that the service owner has fetched what it needs."""
    record = with_right(ask, "complete")
    ask.world.confirm_complete(record, ask.principal)
    return _instance(ask, APP_LINKS)


async def put_substatus(ask: Ask) -> Response:
    """Set the sub-status; the service owner only."""
    if not sent_as_json(ask):
        raise Refused(default_problem(415, JSON))
    wanted = json_object(ask, JSON)
    if wanted is None:
        raise not_valid({"": ["A non-empty request body is required."]})
    if not wanted.get("label"):
        raise bad(no_label(wanted))
    record = with_right(ask, "read")
    if ask.principal.org_code != record["org"]:
        return empty(403)
    ask.world.set_substatus(record, ask.principal, wanted)
    return _instance(ask, APP_LINKS)

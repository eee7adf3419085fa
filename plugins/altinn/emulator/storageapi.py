"""Storage's own API for instances, as far as senders and owners call it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from altinn.emulator.answers import JSON, default_problem, empty, json_answer, problem
from altinn.emulator.dialects import PLATFORM, READ_STATUS, element_json, instance_json
from altinn.emulator.events import process_history, record_event
from altinn.emulator.guards import Refused
from altinn.emulator.lenientjson import canonical, text_map
from altinn.emulator.negotiation import file_answer
from altinn.emulator.requestbody import flag, json_body, not_valid, sent_as_json
from altinn.emulator.rights import actions_to_leave
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.storagequery import when
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from starlette.responses import Response

BASE = "/storage/api/v1/instances"
ONE = f"{BASE}/{{party:int}}/{{guid:guid}}"
TOO_EARLY = "Instance cannot be deleted yet due to application restrictions."
NO_TIME_SPAN = "Unable to perform query. Invalid format for time span. Use string format of UTC."


def add_storage_routes(table: RouteTable) -> None:
    """Register Storage's paths."""
    table.add("GET", ONE, get_instance)
    table.add("GET", f"{BASE}/{{guid:guid}}", get_instance)
    table.add("DELETE", ONE, delete_instance)
    table.add("GET", f"{ONE}/events", get_events)
    table.add("GET", f"{ONE}/process/history", get_history)
    table.add("PUT", f"{ONE}/process", put_process)
    table.add("GET", f"{ONE}/dataelements", get_elements)
    table.add("GET", f"{ONE}/data/{{element:guid}}", get_content)
    table.add("PUT", f"{ONE}/presentationtexts", put_texts)
    table.add("PUT", f"{ONE}/datavalues", put_values)
    table.add("PUT", f"{ONE}/substatus", put_substatus)
    table.add("PUT", f"{ONE}/readstatus", put_read_status)
    table.add("POST", f"{ONE}/complete", complete)


def find_stored(ask: Ask) -> Record:
    """Return the instance of the path with its app.

    :raises Refused: 403, as for an instance that the decision point does not know.
    """
    record = ask.world.instances.get(ask.guid)
    if record is None or ("party" in ask.values and record["party"] != ask.party):
        raise Refused(empty(403))
    ask.app = ask.world.apps.get(record["appId"].lower())
    if ask.app is None:
        raise Refused(empty(403))
    return record


def _permitted(ask: Ask, *actions: str) -> Record:
    record = find_stored(ask)
    if not any(ask.world.rights.may(ask.principal, ask.application, record, a) for a in actions):
        raise Refused(empty(403))
    return record


def shown(ask: Ask, record: Record, links: tuple[str, ...] = (PLATFORM,)) -> dict[str, Any]:
    """Return an instance with its data elements, in Storage\'s dialect."""
    elements = ask.world.instances.elements(record["guid"])
    return instance_json(record, elements, ask.base, links=links, numbers=False)


def _again(ask: Ask, links: tuple[str, ...] = (PLATFORM,)) -> Response:
    return json_answer(shown(ask, find_stored(ask), links))


async def get_instance(ask: Ask) -> Response:
    """Return an instance, a deleted one too."""
    return json_answer(shown(ask, _permitted(ask, "read")))


def deleted_too_early(ask: Ask, record: Record) -> bool:
    """Say whether an app keeps an instance from being deleted for some days after it was archived."""
    days, archived = ask.application.metadata.get("preventInstanceDeletionForDays"), record["status"]["archived"]
    return bool(days and archived) and ask.world.clock.days_since(archived) < float(days or 0)


async def delete_instance(ask: Ask) -> Response:
    """Delete an instance."""
    record = _permitted(ask, "delete")
    hard = flag(ask, "hard")
    if deleted_too_early(ask, record):
        return json_answer(TOO_EARLY, 403)
    ask.world.instances.delete(record, ask.principal, hard)
    ask.world.note_deletion(record["guid"])
    record_event(ask.world.instances, record, "Deleted", ask.principal)
    return _again(ask)


async def get_events(ask: Ask) -> Response:
    """Return the instance's events, filtered by type and time; the time counts when both its ends are given."""
    record = _permitted(ask, "read")
    kinds = {k.lower() for k in ask.request.query_params.getlist("eventTypes") for k in k.split(",") if k}
    begin, end = ask.query.get("from"), ask.query.get("to")
    try:
        span = (when(begin), when(end)) if begin and end else None
    except ValueError:
        return json_answer(NO_TIME_SPAN, 400)
    events = [
        e
        for e in ask.world.store.events(record["guid"])
        if (not kinds or e["eventType"].lower() in kinds) and (span is None or span[0] <= when(e["created"]) <= span[1])
    ]
    return json_answer({"instanceEvents": events})


async def get_history(ask: Ask) -> Response:
    """Return what happened to the process."""
    record = _permitted(ask, "read")
    return json_answer({"processHistory": process_history(ask.world.store.events(record["guid"]))})


async def put_process(ask: Ask) -> Response:
    """Say that the emulator's apps write their processes without this call, which is made for apps."""
    detail = "Storage: process: Altinn has this path for apps, the emulator does not."
    return problem(501, "Not Implemented", detail)


async def get_elements(ask: Ask) -> Response:
    """Return the data elements."""
    record = _permitted(ask, "read")
    elements = ask.world.instances.elements(record["guid"])
    return json_answer({"dataElements": [element_json(e, record, ask.base, ()) for e in elements]})


async def get_content(ask: Ask) -> Response:
    """Return a data element's bytes as they are stored."""
    record = _permitted(ask, "read")
    element = ask.world.instances.element(record["guid"], ask.element)
    if element is None:
        return json_answer(f"Unable to find any data element with id: {ask.element}.", 404)
    ask.world.instances.mark_read(element, ask.principal, record["org"])
    return file_answer(element, ask.world.store.content(element["id"]))


def body_object(ask: Ask) -> dict[str, Any]:
    """Return the body, which must be a JSON object.

    :raises Refused: 415 for another media type, 400 for anything else.
    """
    if not sent_as_json(ask):
        raise Refused(default_problem(415, JSON))
    document = json_body(ask, JSON)
    if not isinstance(document, dict):
        raise not_valid({"": ["A non-empty request body is required."]})
    return document


def allowed_to_move(ask: Ask) -> Record:
    """Return the instance of the path to who may end its task or reject it.

    :raises Refused: 403.
    """
    record = find_stored(ask)
    task = (record["process"] or {}).get("currentTask")
    actions = actions_to_leave(task["altinnTaskType"]) if task else ("write",)
    return _permitted(ask, *actions, "reject")


async def _put_map(ask: Ask, member: str, target: str) -> Response:
    record = allowed_to_move(ask)
    given = canonical(body_object(ask), (member,)).get(member)
    if given is None:
        return json_answer(f"Missing parameter value: {target} is misformed or empty", 400)
    try:
        texts = text_map(given, member)
    except TypeError as exc:
        raise not_valid({member: [str(exc)]}) from exc
    record[target] = {**(record[target] or {}), **{k: v for k, v in texts.items() if v}} or None
    ask.world.instances.save(record)
    return _again(ask, ())


async def put_texts(ask: Ask) -> Response:
    """Merge presentation texts into the instance's."""
    return await _put_map(ask, "texts", "presentationTexts")


async def put_values(ask: Ask) -> Response:
    """Merge data values into the instance's."""
    return await _put_map(ask, "values", "dataValues")


def no_label(wanted: Any) -> str:
    """Return the refusal of a sub-status without a label; it shows what was read."""
    shown = {"label": wanted.get("label"), "description": wanted.get("description")} if wanted is not None else None
    return (
        f"Invalid sub status: {json.dumps(shown, separators=(',', ':'))}."
        " Substatus must be defined and include a label."
    )


async def put_substatus(ask: Ask) -> Response:
    """Set the sub-status; the service owner only."""
    wanted = body_object(ask)
    if not wanted.get("label"):
        return json_answer(no_label(wanted), 400)
    record = find_stored(ask)
    if ask.principal.org_code != record["org"]:
        return empty(403)
    ask.world.set_substatus(record, ask.principal, wanted)
    return _again(ask)


async def put_read_status(ask: Ask) -> Response:
    """Set the read status."""
    record = _permitted(ask, "read")
    wanted = ask.query.get("status", "")
    known = [name.lower() for name in READ_STATUS] + [str(number) for number in range(len(READ_STATUS))]
    if wanted.lower() not in known:
        return json_answer(f"Invalid read status: {wanted}. Accepted types include: {', '.join(READ_STATUS)}", 400)
    record["status"] = record["status"] | {"readStatus": known.index(wanted.lower()) % len(READ_STATUS)}
    ask.world.instances.save(record)
    return _again(ask)


async def complete(ask: Ask) -> Response:
    """Note that the service owner has fetched what it needs."""
    record = _permitted(ask, "complete")
    ask.world.confirm_complete(record, ask.principal)
    return _again(ask)

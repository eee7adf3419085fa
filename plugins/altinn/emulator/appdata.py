"""An app's data elements: read, write anew, replace, delete (DataController)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from altinn.emulator.answers import default_problem, json_answer, problem, text, unhandled
from altinn.emulator.appuploads import check_length, read_form
from altinn.emulator.bodylimits import KESTRELS_OWN
from altinn.emulator.casefile import CaseFile
from altinn.emulator.datafields import copy_fields
from altinn.emulator.dialects import APP_LINKS, PLATFORM, element_json, instance_json
from altinn.emulator.events import record_event
from altinn.emulator.formcodec import read_xml, stored_xml, to_json, write_xml
from altinn.emulator.guards import (
    Refused,
    check_readable,
    check_writable,
    find_element,
    find_instance,
    form_model,
    mark_instance_read,
    with_right,
)
from altinn.emulator.instantiation import scan_state
from altinn.emulator.metadata import DataType
from altinn.emulator.negotiation import file_answer, form_media_type, said
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.store import Record
from altinn.emulator.uploads import check_headers, replaced_name

if TYPE_CHECKING:
    from starlette.responses import Response

BASE = "/{org}/{app}/instances/{party:int}/{guid:guid}/data"
TOO_LONG_FOR_STORAGE = "413 - Payload Too Large - "
EMPTY_IN_STORAGE = '422 - Unprocessable Entity - "Could not process attached file"'


def add_data_routes(table: RouteTable) -> None:
    """Register the paths of an app's data elements."""
    table.add("GET", f"{BASE}/{{element:guid}}", get_data)
    table.add("PUT", f"{BASE}/{{element:guid}}", put_data)
    table.add("DELETE", f"{BASE}/{{element:guid}}", delete_data)
    table.add("GET", f"{BASE}/{{element:guid}}/type/{{type}}", get_data)
    table.add("PUT", f"{BASE}/{{element:guid}}/type/{{type}}", put_data)


def _check_type(ask: Ask, element: Record, data_type: DataType) -> None:
    """Refuse a path that names another type than the element's.

    :raises Refused: 400.
    """
    wanted = ask.values.get("type")
    if wanted and wanted != data_type.id:
        words = f"Data type {wanted} does not match data element {element['id']}, which is of type {data_type.id}"
        raise Refused(said(ask, words, 400))


async def get_data(ask: Ask) -> Response:
    """Return a data element: a form by what is accepted, a file as it is."""
    record = with_right(ask, "read")
    element, data_type = find_element(ask, record)
    _check_type(ask, element, data_type)
    check_readable(ask, record, data_type)
    content = ask.world.store.content(element["id"])
    ask.world.instances.mark_read(element, ask.principal, record["org"])
    mark_instance_read(ask, record)
    model = ask.application.models.get(data_type.id)
    if not data_type.is_form or model is None:
        return file_answer(element, content)
    form = read_xml(model, content)
    kind = form_media_type(ask.header("accept") or "")
    if "xml" in kind:
        return text(200, write_xml(model, form), f"{kind}; charset=utf-8")
    return json_answer(to_json(model, form), 200, f"{kind}; charset=utf-8")


async def put_data(ask: Ask) -> Response:
    """Replace a data element's content; the answer to a form shows the element as it was before."""
    record = with_right(ask, "write")
    element, data_type = find_element(ask, record)
    _check_type(ask, element, data_type)
    check_writable(ask, record, data_type)
    if not data_type.is_form:
        return await _put_file(ask, record, element, data_type)
    if not record["process"]["currentTask"]:
        return problem(409, "No current task", "Cannot update data element without a current task")
    model, form = form_model(ask, data_type), read_form(ask, data_type)
    sent = to_json(model, form)
    ask.application.behaviour.calculate(CaseFile(ask.world, ask.application, record["guid"]), data_type.id, form)
    changed = _differences(sent, to_json(model, form))
    await asyncio.sleep(ask.world.options.think_time)
    _refuse_locked(ask, record, element)
    # Storage writes the instance back as it was read, its derived read status with it, and then notes the reading.
    ask.world.instances.save(find_instance(ask))
    ask.world.instances.replace_content(
        element, stored_xml(model, form), ask.principal, isRead=not _by_owner(ask, record)
    )
    copy_fields(ask.world, ask.application, record, data_type.id, form)
    record_event(ask.world.instances, record, "Saved", ask.principal, data_id=element["id"])
    body = element_json(element, record, ask.base, APP_LINKS)
    headers = {"location": body["selfLinks"]["apps"]}
    if changed:
        return json_answer(body | {"changedFields": changed}, 200, headers=headers)
    return json_answer(body, 201, headers=headers)


def _by_owner(ask: Ask, record: Record) -> bool:
    return bool(ask.principal.org_code == record["org"])


def _refuse_locked(ask: Ask, record: Record, element: Record) -> None:
    now = ask.world.instances.element(record["guid"], element["id"])
    if now is not None and now["locked"]:
        raise Refused(default_problem(409))


def _differences(before: Any, after: Any, path: str = "") -> dict[str, Any]:
    """Return what changed, by path, with the new value."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, Any] = {}
        for key in after:
            found |= _differences(before.get(key), after[key], f"{path}.{key}" if path else key)
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        found = {}
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            found |= _differences(old, new, f"{path}[{index}]")
        return found
    return {} if before == after else {path: after}


async def _put_file(ask: Ask, record: Record, element: Record, data_type: DataType) -> Response:
    disposition = ask.header("content-disposition")
    fault = check_headers(data_type, disposition, ask.header("content-type"), len(ask.body))
    if fault is not None:
        return said(ask, fault.description, 400)
    check_length(ask)
    await asyncio.sleep(ask.world.options.think_time)
    _refuse_locked(ask, record, element)
    if not ask.body:
        return said(ask, EMPTY_IN_STORAGE, 422)
    if len(ask.body) > KESTRELS_OWN:
        return said(ask, TOO_LONG_FOR_STORAGE, 413)
    changed = ask.world.instances.replace_content(
        element,
        ask.body,
        ask.principal,
        filename=replaced_name(disposition),
        contentType=ask.header("content-type") or element["contentType"],
        isRead=element["isRead"] and not _by_owner(ask, record),
        **scan_state(data_type),
    )
    ask.world.schedule_scan(record["guid"], element["id"], data_type)
    record_event(ask.world.instances, record, "Saved", ask.principal, data_id=element["id"])
    body = element_json(changed, record, ask.base, APP_LINKS)
    return json_answer(body, 201, headers={"location": body["selfLinks"]["apps"]})


async def delete_data(ask: Ask) -> Response:
    """Remove a data element."""
    record = with_right(ask, "write")
    element, data_type = find_element(ask, record)
    check_writable(ask, record, data_type)
    if data_type.is_form and data_type.max_count == 1 and data_type.min_count == 1:
        detail = "Cannot delete the only data element of a class with app logic"
        return problem(400, "Cannot Delete main data element", detail)
    if not data_type.user_may_delete and ask.principal.kind != "service_owner":
        detail = f"Cannot delete data element of type {data_type.id} as it is disallowed by app logic"
        return problem(400, "User Delete Disallowed", detail)
    if not record["process"]["currentTask"]:
        return unhandled("InvalidOperationException: the process has no current task")
    await asyncio.sleep(ask.world.options.think_time)
    ask.world.store.delete_element(record["guid"], element["id"])
    record_event(ask.world.instances, record, "Deleted", ask.principal, data_id=element["id"])
    fresh = find_instance(ask)
    shown = instance_json(
        fresh, ask.world.instances.elements(record["guid"]), ask.base, links=(PLATFORM,), numbers=True
    )
    return json_answer({"instance": shown, "validationIssues": [], "newDataModels": []})

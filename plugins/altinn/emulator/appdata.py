"""An app's data elements: read, write anew, replace, delete (DataController)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from altinn.emulator.answers import default_problem, json_answer, problem, text, unhandled
from altinn.emulator.behaviour import ERROR, Form
from altinn.emulator.casefile import CaseFile
from altinn.emulator.dialects import APP_LINKS, PLATFORM, element_json, instance_json
from altinn.emulator.events import record_event
from altinn.emulator.formcodec import FormError, read_json, read_xml, stored_xml, to_json, write_xml
from altinn.emulator.guards import (
    Refused,
    check_creatable,
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
from altinn.emulator.negotiation import JSON_TYPE, XML, file_answer, prefers_xml, said
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.store import Record
from altinn.emulator.uploads import check_headers, disposition_name, stored_name

if TYPE_CHECKING:
    from starlette.responses import Response

BASE = "/{org}/{app}/instances/{party:int}/{guid:guid}/data"
UPLOAD_SOURCE = "DataRestrictionValidation"


def add_data_routes(table: RouteTable) -> None:
    """Register the paths of an app's data elements."""
    table.add("POST", BASE, post_by_query)
    table.add("GET", f"{BASE}/{{element:guid}}", get_data)
    table.add("PUT", f"{BASE}/{{element:guid}}", put_data)
    table.add("DELETE", f"{BASE}/{{element:guid}}", delete_data)
    table.add("POST", f"{BASE}/type/{{type}}", post_by_path)
    table.add("POST", f"{BASE}/{{type}}", post_by_path)
    table.add("GET", f"{BASE}/{{element:guid}}/type/{{type}}", get_data)
    table.add("PUT", f"{BASE}/{{element:guid}}/type/{{type}}", put_data)


async def post_by_path(ask: Ask) -> Response:
    """Create a data element; the type is in the path."""
    record, before, element, _ = await _create(ask, ask.values["type"])
    elements = [*before, element]
    body = {
        "newDataElementId": element["id"],
        "instance": instance_json(record, elements, ask.base, links=APP_LINKS, numbers=True),
        "validationIssues": [],
        "newDataModels": [],
    }
    return json_answer(body)


async def post_by_query(ask: Ask) -> Response:
    """Create a data element; the type is in the query, and refusals of the body are texts."""
    data_type = ask.query.get("datatype")
    if not data_type:
        errors = {"dataType": ["The dataType field is required."]}
        return default_problem(400, title="One or more validation errors occurred.", errors=errors)
    try:
        record, _, element, _ = await _create(ask, data_type)
    except UploadRefused as refusal:
        return said(ask, ";".join(refusal.descriptions), 400) if refusal.descriptions else refusal.answer
    body = element_json(element, record, ask.base, APP_LINKS)
    return json_answer(body, 201, headers={"location": body["selfLinks"]["apps"]})


class UploadRefused(Refused):
    """An upload was refused; version one of the call tells the descriptions alone."""

    def __init__(self, answer: Response, descriptions: list[str]) -> None:
        super().__init__(answer)
        self.descriptions = descriptions


async def _create(ask: Ask, type_id: str) -> tuple[Record, list[Record], Record, Form | None]:
    record = with_right(ask, "write")
    before = ask.world.instances.elements(record["guid"])
    data_type = ask.application.types.get(type_id)
    if data_type is None:
        detail = f'Could not find the specified data type: "{type_id}" in applicationmetadata.json'
        raise UploadRefused(problem(400, "Data Type Not Found", detail), [detail])
    check_creatable(ask, record, data_type)
    form: Form | None = None
    if data_type.is_form:
        form = _new_form(ask, data_type)
        content = stored_xml(form_model(ask, data_type), form)
        content_type, filename = XML, None
    else:
        content, content_type, filename = _file(ask, record, data_type)
    await asyncio.sleep(ask.world.options.think_time)
    element = ask.world.instances.add_element(
        record,
        data_type.id,
        content,
        ask.principal,
        content_type=content_type,
        filename=filename,
        **scan_state(data_type),
    )
    ask.world.schedule_scan(record["guid"], element["id"], data_type)
    record_event(ask.world.instances, record, "Created", ask.principal, data_id=element["id"])
    return record, before, element, form


def _new_form(ask: Ask, data_type: DataType) -> Form:
    if ask.header("content-type") is None:
        return {}
    return _read_form(ask, data_type)


def _read_form(ask: Ask, data_type: DataType) -> Form:
    """Return the form in the request's body.

    :raises Refused: 400 when it cannot be read, 415 for another content type.
    """
    content_type = ask.header("content-type") or ""
    model = form_model(ask, data_type)
    try:
        if XML in content_type:
            return read_xml(model, ask.body)
        if JSON_TYPE in content_type:
            return read_json(model, ask.body)
    except FormError as exc:
        title = f"Failed to deserialize {'XML' if XML in content_type else 'JSON'}"
        raise UploadRefused(problem(400, title, str(exc)), [str(exc)]) from exc
    detail = f"Content type {content_type} is not supported for deserialization"
    raise Refused(problem(415, "Unsupported content type", detail))


def _file(ask: Ask, record: Record, data_type: DataType) -> tuple[bytes, str, str]:
    """Return the file in the request's body: bytes, content type and name.

    :raises Refused: a rule of the upload is broken.
    """
    disposition, content_type = ask.header("content-disposition"), ask.header("content-type")
    fault = check_headers(data_type, disposition, content_type, len(ask.body))
    if fault is not None:
        raise _upload_refused("Common checks failed", fault.code, fault.description, UPLOAD_SOURCE)
    if not content_type:
        raise UploadRefused(
            problem(400, "Missing content type", "The request is missing a content type header."),
            ["The request is missing a content type header."],
        )
    if ask.header("content-length") is None:
        raise Refused(unhandled("InvalidOperationException: Content-Length header is missing"))
    if not ask.body:
        detail = "Invalid data provided. Error: The file is zero bytes."
        raise UploadRefused(problem(400, "Invalid data", detail), [detail])
    name = stored_name(disposition_name(disposition) or "")
    case = CaseFile(ask.world, ask.application, record["guid"])
    for finding in ask.application.behaviour.validate_file(case, data_type.id, name, ask.body):
        if finding.severity == ERROR:
            source = ask.application.behaviour.validator_name
            raise _upload_refused("File validation failed", finding.code, finding.description, source)
    return ask.body, content_type, name


def _upload_refused(detail: str, code: str, description: str, source: str) -> UploadRefused:
    issue = {
        "severity": ERROR,
        "dataElementId": None,
        "field": None,
        "code": code,
        "description": description,
        "source": source,
    }
    answer = problem(400, "File validation failed", detail, uploadValidationIssues=[issue])
    return UploadRefused(answer, [description])


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
    if prefers_xml(ask.header("accept") or ""):
        return text(200, write_xml(model, form), "application/xml; charset=utf-8")
    return json_answer(to_json(model, form))


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
    model, form = form_model(ask, data_type), _read_form(ask, data_type)
    sent = to_json(model, form)
    ask.application.behaviour.calculate(CaseFile(ask.world, ask.application, record["guid"]), data_type.id, form)
    changed = _differences(sent, to_json(model, form))
    await asyncio.sleep(ask.world.options.think_time)
    _refuse_locked(ask, record, element)
    # Storage writes the instance back as it was read, its derived read status with it, and then notes the reading.
    ask.world.instances.save(find_instance(ask))
    ask.world.instances.replace_content(element, stored_xml(model, form), ask.principal, isRead=True)
    record_event(ask.world.instances, record, "Saved", ask.principal, data_id=element["id"])
    body = element_json(element, record, ask.base, APP_LINKS)
    headers = {"location": body["selfLinks"]["apps"]}
    if changed:
        return json_answer(body | {"changedFields": changed}, 200, headers=headers)
    return json_answer(body, 201, headers=headers)


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
    if not ask.body:
        return said(ask, "Invalid data provided. Error: The file is zero bytes.", 400)
    await asyncio.sleep(ask.world.options.think_time)
    _refuse_locked(ask, record, element)
    name = stored_name(disposition_name(disposition) or "")
    changed = ask.world.instances.replace_content(
        element,
        ask.body,
        ask.principal,
        filename=name,
        contentType=ask.header("content-type") or element["contentType"],
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
    owner = ask.principal.kind == "service_owner"
    if data_type.is_form and not data_type.user_may_delete and not owner:
        detail = f"Cannot delete data element of type {data_type.id} as it is disallowed by app logic"
        return problem(400, "User Delete Disallowed", detail)
    same = sum(e["dataType"] == data_type.id for e in ask.world.instances.elements(record["guid"]))
    if data_type.is_form and data_type.auto_create and same == 1 and data_type.max_count == 1:
        detail = "Cannot delete the only data element of a class with app logic"
        return problem(400, "Cannot Delete main data element", detail)
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

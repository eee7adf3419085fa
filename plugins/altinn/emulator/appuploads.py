"""New data elements of an app: forms and files, by path or by query (DataController's POST)."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from altinn.emulator.answers import default_problem, json_answer, problem, unhandled
from altinn.emulator.behaviour import ERROR, Form
from altinn.emulator.casefile import CaseFile
from altinn.emulator.datafields import copy_fields
from altinn.emulator.dialects import APP_LINKS, element_json, instance_json
from altinn.emulator.events import record_event
from altinn.emulator.formcodec import FormError, read_json, read_xml, stored_xml, to_json
from altinn.emulator.guards import Refused, check_creatable, form_model, with_right
from altinn.emulator.instantiation import scan_state
from altinn.emulator.metadata import DataType
from altinn.emulator.negotiation import JSON_TYPE, XML, said
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.store import Record
from altinn.emulator.uploads import check_headers, disposition_name, stored_name

if TYPE_CHECKING:
    from starlette.responses import Response

UPLOAD_SOURCE = "DataRestrictionValidation"


def add_upload_routes(table: RouteTable) -> None:
    """Register the paths under which data elements are made."""
    base = "/{org}/{app}/instances/{party:int}/{guid:guid}/data"
    table.add("POST", base, post_by_query)
    table.add("POST", f"{base}/type/{{type}}", post_by_path)
    table.add("POST", f"{base}/{{type}}", post_by_path)


async def post_by_path(ask: Ask) -> Response:
    """Create a data element; the type is in the path."""
    record, before, element, model = await _create(ask, ask.values["type"])
    elements = [*before, element]
    body = {
        "newDataElementId": element["id"],
        "instance": instance_json(record, elements, ask.base, links=APP_LINKS, numbers=True),
        "validationIssues": [],
        "newDataModels": [] if model is None else [{"dataElementId": element["id"], "data": model}],
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
        return said(ask, ";".join(refusal.descriptions), 400)
    except Refused as refusal:
        return _as_text(ask, refusal.answer)
    body = element_json(element, record, ask.base, APP_LINKS)
    return json_answer(body, 201, headers={"location": body["selfLinks"]["apps"]})


def _as_text(ask: Ask, answer: Response) -> Response:
    """Return a refusal as version one of the call tells it: of a 400 the detail alone."""
    if answer.status_code != 400:
        return answer
    return said(ask, str(json.loads(bytes(answer.body))["detail"]), 400)


class UploadRefused(Refused):
    """An upload was refused; version one of the call tells the descriptions alone."""

    def __init__(self, answer: Response, descriptions: list[str]) -> None:
        super().__init__(answer)
        self.descriptions = descriptions


async def _create(ask: Ask, type_id: str) -> tuple[Record, list[Record], Record, Any]:
    """Store a new element; return the instance, the elements there were, the new one and, of a form, its JSON."""
    record = with_right(ask, "write")
    before = ask.world.instances.elements(record["guid"])
    data_type = ask.application.types.get(type_id)
    if data_type is None:
        detail = f'Could not find the specified data type: "{type_id}" in applicationmetadata.json'
        raise UploadRefused(problem(400, "Data Type Not Found", detail), [detail])
    check_creatable(ask, record, data_type)
    shown: Any = None
    form: Form = {}
    if data_type.is_form:
        model, form = form_model(ask, data_type), _new_form(ask, data_type)
        ask.application.behaviour.calculate(CaseFile(ask.world, ask.application, record["guid"]), data_type.id, form)
        content, shown = stored_xml(model, form), to_json(model, form)
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
    if data_type.is_form:
        copy_fields(ask.world, ask.application, record, data_type.id, form)
    ask.world.schedule_scan(record["guid"], element["id"], data_type)
    record_event(ask.world.instances, record, "Created", ask.principal, data_id=element["id"])
    return record, before, element, shown


def _new_form(ask: Ask, data_type: DataType) -> Form:
    if ask.header("content-type") is None:
        return {}
    return read_form(ask, data_type)


def read_form(ask: Ask, data_type: DataType) -> Form:
    """Return the form in the request's body; without a content type it is XML.

    :raises Refused: 400 when it cannot be read, 415 for another content type.
    """
    content_type = ask.header("content-type") or XML
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
    check_length(ask)
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


def check_length(ask: Ask) -> None:
    """Fail on a file of unknown length, as the app does.

    :raises Refused: 500.
    """
    if ask.header("content-length") is None:
        raise Refused(unhandled("InvalidOperationException: Content-Length header is missing"))


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

"""Creating instances: templates, the owner's lookup, rights, parts (InstancesController.Post and PostSimplified)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from altinn.emulator.answers import JSON, default_problem, json_answer, problem, unhandled
from altinn.emulator.appfolder import AppFolder
from altinn.emulator.behaviour import Form
from altinn.emulator.casefile import CaseFile, owner_of
from altinn.emulator.datafields import copy_fields
from altinn.emulator.dialects import APP_LINKS, instance_json
from altinn.emulator.events import record_event
from altinn.emulator.formcodec import FormError, read_json, read_xml, stored_xml
from altinn.emulator.guards import NOBODY, Refused, acts_as_nobody, check_creatable, forbidden
from altinn.emulator.lenientjson import as_text, canonical, newtonsoft
from altinn.emulator.metadata import DataType
from altinn.emulator.multipartbody import MultipartError, Part, split_parts
from altinn.emulator.parties import ORGANISATION, PERSON, Party
from altinn.emulator.partylookup import as_int, bad
from altinn.emulator.routing import Ask
from altinn.emulator.store import Record
from altinn.emulator.uploads import stored_name

NO_OWNER = (
    "Error: instanceOwnerPartyId query parameter is empty and InstanceOwner is missing from instance template."
    " You must populate instanceOwnerPartyId or InstanceOwner"
)
NO_PARTY = (
    "Cannot create an instance without an instanceOwner.partyId. Either provide instanceOwner party Id as a"
    " query parameter or an instanceTemplate object in the body."
)
TWO_OWNERS = (
    "You cannot provide an instanceOwnerPartyId as a query param as well as an instance template in the body."
    " Choose one or the other."
)
OWNER_KEYS = ("personNumber", "organisationNumber", "partyId", "externalIdentifier", "username")
TEMPLATE_KEYS = ("instanceOwner", "dueBefore", "visibleAfter", "status", "dataValues")
SUB_UNITS = ("BEDR", "AAFY")


def check_open(ask: Ask) -> None:
    """Refuse people and systems where only the app's owner may create; this comes before anything is read.

    :raises Refused: 403.
    """
    app = ask.application
    if app.metadata.get("disallowUserInstantiation") and ask.principal.kind != "service_owner":
        raise bad(f"User instantiation is disabled for this application {app.id}", 403)


def read_request(ask: Ask) -> tuple[Mapping[str, Any] | None, list[Part]]:
    """Return the template and the other parts of a creation's body; any other single body is ignored.

    :raises Refused: unreadable multipart, or a template that is no JSON.
    """
    content_type = ask.header("content-type") or ""
    if content_type.lower().startswith("multipart/"):
        try:
            parts = split_parts(ask.body, content_type)
        except MultipartError as exc:
            body = {"title": "Error reading request", "status": 400, "detail": str(exc)}
            raise Refused(json_answer(body, 400)) from exc
        templates = [p for p in parts if p.name == "instance" and p.content_type.startswith("application/json")]
        rest = [p for p in parts if p.name not in ("instance", "notification")]
        return (_template(templates[0].content) if templates else None), rest
    if content_type.lower().startswith("application/json") and ask.body:
        return _template(ask.body), []
    return None, []


def _template(content: bytes) -> Mapping[str, Any] | None:
    try:
        document = newtonsoft(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as exc:
        raise Refused(unhandled(f"JsonReaderException: {exc}")) from exc
    if document is not None and not isinstance(document, dict):
        raise Refused(unhandled("JsonSerializationException: the template is no object"))
    return canonical(document, TEMPLATE_KEYS) if document is not None else None


def template_owner(ask: Ask, template: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return how the owner is named.

    :raises Refused: nobody is named, or twice.
    """
    query = ask.query.get("instanceownerpartyid")
    if query is not None and as_int(query) is None:
        errors = {"instanceOwnerPartyId": [f"The value '{query}' is not valid."]}
        title = "One or more validation errors occurred."
        raise Refused(default_problem(400, JSON, title=title, errors=errors))
    if template is None:
        if query is None:
            raise bad(NO_PARTY)
        return {"partyId": query}
    owner = template.get("instanceOwner")
    if owner is not None and not isinstance(owner, dict):
        raise Refused(unhandled("JsonSerializationException: instanceOwner is no object"))
    try:
        texts = canonical({k: as_text(v, f"instanceOwner.{k}") for k, v in (owner or {}).items()}, OWNER_KEYS)
    except TypeError as exc:
        raise Refused(unhandled(f"JsonReaderException: {exc}")) from exc
    owner = {key: texts.get(key) for key in OWNER_KEYS}
    if query is not None and owner["partyId"] is not None:
        raise bad(TWO_OWNERS)
    if all(value is None for value in owner.values()):
        raise bad(NO_OWNER)
    return owner


def check_instantiation(ask: Ask, party: Party, data_values: Mapping[str, str]) -> None:
    """Refuse a creation that rights, the party's type or the app's own rule forbid.

    :raises Refused: 403.
    """
    app = ask.application
    if acts_as_nobody(ask.principal, party.organisation_number):
        raise bad(f"400 - Bad Request - {NOBODY}")
    decision = ask.world.rights.decide(ask.principal, app, party.party_id, "instantiate", None)
    if decision.obligations:
        raise Refused(json_answer(decision.obligations, 403))
    if not decision.permitted:
        raise Refused(forbidden())
    if not _party_allowed(party, app.metadata.get("partyTypesAllowed") or {}):
        raise bad(f"Party {party.party_id} is not allowed to instantiate this application {app.id}", 403)
    reason = app.behaviour.validate_instantiation(owner_of(ask.world, party.party_id), data_values)
    if reason is not None:
        body = {
            "valid": False,
            "message": reason,
            "customTextKey": None,
            "customTextParameters": None,
            "validParties": [],
        }
        raise Refused(json_answer(body, 403))


def _party_allowed(party: Party, allowed: Mapping[str, Any]) -> bool:
    if not any(allowed.values()):
        return True
    if party.kind == PERSON:
        return bool(allowed.get("person"))
    if party.kind == ORGANISATION and party.unit_type == "KBO":
        return bool(allowed.get("bankruptcyEstate"))
    if party.kind == ORGANISATION and party.unit_type in SUB_UNITS:
        return bool(allowed.get("subUnit"))
    return party.kind == ORGANISATION and bool(allowed.get("organisation"))


def check_parts(app: AppFolder, parts: list[Part]) -> None:
    """Compare the parts of a creation with the data types (RequestPartValidator).

    :raises Refused: 400.
    """
    fault = next((f for f in (_part_fault(app, p) for p in parts) if f), None)
    for data_type in app.types.values():
        count = sum(p.name == data_type.id for p in parts)
        if fault is None and data_type.max_count and count > data_type.max_count:
            fault = f"The list of parts contains more elements of type '{data_type.id}' than the element type allows."
    if fault:
        raise bad(f"Error when comparing content to application metadata: {fault}")


def _part_fault(app: AppFolder, part: Part) -> str | None:
    data_type = app.types.get(part.name)
    if data_type is None:
        return f"Multipart section named, '{part.name}' does not correspond to an element type in application metadata"
    kind = part.content_type.partition(";")[0]
    if data_type.content_types and kind not in data_type.content_types:
        return (
            f"The multipart section named {part.name} has a Content-Type '{part.content_type}' which is invalid for"
            f" element type '{data_type.id}'"
        )
    if not part.content:
        return f"The multipart section named {part.name} has no data. Cannot process empty part."
    if data_type.max_bytes and len(part.content) > data_type.max_bytes:
        return f"The multipart section named {part.name} exceeds the size limit of element type '{data_type.id}'"
    return None


def store_part(ask: Ask, record: Record, part: Part) -> Response | None:
    """Store one part of a creation; return the refusal when it cannot be stored."""
    app, data_type = ask.application, ask.application.types[part.name]
    try:
        check_creatable(ask, record, data_type)
    except Refused as refusal:
        return Response(refusal.answer.body, refusal.answer.status_code, {"content-type": JSON})
    content, content_type, filename = part.content, part.content_type, part.filename
    form: Form = {}
    if data_type.is_form:
        try:
            form = _part_form(ask, record, part, data_type)
        except FormError as exc:
            kind = "JSON" if "json" in part.content_type else "XML"
            return problem(400, f"Failed to deserialize {kind}", str(exc), JSON)
        content, content_type, filename = stored_xml(app.models[data_type.id], form), "application/xml", None
    element = ask.world.instances.add_element(
        record,
        data_type.id,
        content,
        ask.principal,
        content_type=content_type,
        filename=stored_name(filename) if filename else None,
        **scan_state(data_type),
    )
    if data_type.is_form:
        copy_fields(ask.world, app, record, data_type.id, form)
    ask.world.schedule_scan(record["guid"], element["id"], data_type)
    record_event(ask.world.instances, record, "Created", ask.principal, data_id=element["id"])
    return None


def scan_state(data_type: DataType) -> dict[str, str]:
    """Return what a new element says about its virus scan."""
    return {"fileScanResult": "Pending"} if data_type.file_scan else {}


def _part_form(ask: Ask, record: Record, part: Part, data_type: DataType) -> Form:
    """Return the form in a part, calculated as every written form is.

    :raises FormError: it cannot be read.
    """
    model = ask.application.models[data_type.id]
    form = read_json(model, part.content) if "json" in part.content_type else read_xml(model, part.content)
    ask.application.behaviour.calculate(CaseFile(ask.world, ask.application, record["guid"]), data_type.id, form)
    return form


def created(ask: Ask, record: Record, party: Party) -> Response:
    """Answer a creation with the instance as it is now."""
    instance = ask.world.instances.get(record["guid"]) or record
    elements = ask.world.instances.elements(record["guid"])
    body = instance_json(instance, elements, ask.base, links=APP_LINKS, numbers=True, party=party)
    return json_answer(body, 201, headers={"location": body["selfLinks"]["apps"]})

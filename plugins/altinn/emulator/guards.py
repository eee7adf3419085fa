"""What stands between a caller and an instance: lookup, rights, scopes, the rules of data elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altinn.emulator.answers import JSON, default_problem, empty, json_answer, problem
from altinn.emulator.dialects import READ
from altinn.emulator.formschema import FormModel
from altinn.emulator.identity import Principal
from altinn.emulator.metadata import DataType
from altinn.emulator.routing import Ask
from altinn.emulator.store import Record
from altinn.emulator.uploads import may_contribute

if TYPE_CHECKING:
    from starlette.responses import Response

RECEIPT = "ref-data-as-pdf"
OPEN_SCOPES = ("altinn:portal/enduser",)
NOBODY = "Invalid user object in User"
SAFE = ("GET", "HEAD", "OPTIONS")


class Refused(Exception):
    """Carries the answer that ends a request."""

    def __init__(self, answer: Response) -> None:
        super().__init__(f"refused with {answer.status_code}")
        self.answer = answer


def check_scope(ask: Ask) -> None:
    """Refuse a token whose scopes do not reach (ScopeAuthorizationMiddleware).

    :raises Refused: 403 "Insufficient scope".
    """
    who = ask.who
    if who is None or ask.app is None or who.kind not in ("user", "system_user", "service_owner"):
        return
    demanded = _demanded(ask, who)
    if not demanded or who.scopes & demanded:
        return
    if ask.app.metadata.get("apiScopes") is None and any(s.startswith("skatteetaten:") for s in who.scopes):
        return
    body = {"title": "Forbidden", "status": 403, "detail": "Insufficient scope", "instance": ask.request.url.path}
    raise Refused(json_answer(body, 403))


def _demanded(ask: Ask, who: Principal) -> set[str]:
    side = "read" if ask.request.method in SAFE else "write"
    group = "serviceOwners" if who.kind == "service_owner" else "users"
    own = ((ask.application.metadata.get("apiScopes") or {}).get(group) or {}).get(side)
    if own:
        return {str(own)}
    if who.kind == "service_owner":
        return {f"altinn:serviceowner/instances.{side}", "altinn:serviceowner"}
    return {f"altinn:instances.{side}", *OPEN_SCOPES}


def acts_as_nobody(who: Principal, organisation_number: str | None) -> bool:
    """Say whether an organisation acts for itself without a system user.

    The app then writes a process event without a user, which Storage refuses.
    """
    return who.kind == "org" and who.org_number is not None and who.org_number == organisation_number


def find_instance(ask: Ask) -> Record:
    """Return the instance of the path.

    :raises Refused: 403 without a body: the decision point does not know the instance.
    """
    record = ask.world.instances.get(ask.guid)
    if record is None or record["party"] != ask.party or record["appId"].lower() != ask.application.id.lower():
        raise Refused(empty(403))
    return record


def with_right(ask: Ask, action: str) -> Record:
    """Return the instance of the path when the caller may do `action` with it where it is.

    :raises Refused: 403 without a body.
    """
    record = find_instance(ask)
    if not ask.world.rights.may(ask.principal, ask.application, record, action):
        raise Refused(empty(403))
    return record


def mark_instance_read(ask: Ask, record: Record) -> None:
    """Note that somebody other than the app's owner has read an instance."""
    if ask.principal.org_code != record["org"] and record["status"]["readStatus"] != READ:
        record["status"] = record["status"] | {"readStatus": READ}
        ask.world.instances.save(record)


def forbidden() -> Response:
    """Answer 403 as an instance controller does whose own question to the decision point was answered with no."""
    return default_problem(403, JSON)


def form_model(ask: Ask, data_type: DataType) -> FormModel:
    """Return the model of a form's data type.

    :raises Refused: 501, naming the file that the app's folder lacks.
    """
    model = ask.application.models.get(data_type.id)
    if model is None:
        detail = (
            f"The emulator cannot read forms of data type {data_type.id}:"
            f" {ask.application.folder.name}/models/{data_type.id}.xsd is missing."
        )
        raise Refused(problem(501, "Not Implemented", detail))
    return model


def find_element(ask: Ask, record: Record) -> tuple[Record, DataType]:
    """Return the data element of the path with its type.

    :raises Refused: 404.
    """
    identity = ask.element
    element = ask.world.instances.element(record["guid"], identity)
    data_type = ask.application.types.get(element["dataType"]) if element else None
    if element is None or data_type is None:
        detail = f"Did not find data element {identity} on instance {record['id']}"
        raise Refused(problem(404, "Data Element Not Found", detail))
    return element, data_type


def check_readable(ask: Ask, record: Record, data_type: DataType) -> None:
    """Refuse to show an element whose type asks for an action that the caller does not hold.

    :raises Refused: 403.
    """
    action = data_type.action_to_read
    if action and not ask.world.rights.may(ask.principal, ask.application, record, action):
        raise Refused(_denied(data_type))


def _denied(data_type: DataType) -> Response:
    return problem(403, "Unauthorized", f"Access denied for data element of type {data_type.id}")


def check_writable(ask: Ask, record: Record, data_type: DataType) -> None:
    """Refuse a write that the rules common to all writes forbid (DataElementAccessChecker).

    :raises Refused: 403 or 409.
    """
    who = ask.principal
    if data_type.id == RECEIPT:
        raise Refused(problem(403, "Forbidden", f"Data element of type {RECEIPT} cannot be modified"))
    action = data_type.action_to_write
    if action and not ask.world.rights.may(who, ask.application, record, action):
        raise Refused(_denied(data_type))
    status = record["status"]
    if status["isArchived"] or status["isSoftDeleted"] or status["isHardDeleted"]:
        detail = f"Cannot update data element of archived or deleted instance {record['id']}"
        raise Refused(problem(409, "Instance Not Active", detail))
    if not may_contribute(data_type, who.org_code, who.system_user_org or who.org_number):
        raise Refused(problem(403, "Forbidden", "User is not a valid contributor to the data type"))


def check_creatable(ask: Ask, record: Record, data_type: DataType) -> None:
    """Refuse a new element of a type.

    :raises Refused: 400, 403 or 409.
    """
    check_writable(ask, record, data_type)
    present = sum(e["dataType"] == data_type.id for e in ask.world.instances.elements(record["guid"]))
    if data_type.max_count and present >= data_type.max_count:
        detail = f"Cannot create more than {data_type.max_count} data elements of type {data_type.id}"
        raise Refused(problem(409, "Max Count Exceeded", detail))
    if not data_type.user_may_create and ask.principal.kind != "service_owner":
        detail = f"Cannot create data element of type {data_type.id} as it is disallowed by app logic"
        raise Refused(problem(400, "User Create Disallowed", detail))

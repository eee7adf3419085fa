"""Validation of an instance or of one data element, on request (ValidateController)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altinn.emulator.answers import default_problem, json_answer, unhandled
from altinn.emulator.formvalidation import Validation
from altinn.emulator.guards import Refused, find_element, with_right
from altinn.emulator.requestbody import flag
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from starlette.responses import Response

BASE = "/{org}/{app}/instances/{party:int}/{guid:guid}"


def add_validation_routes(table: RouteTable) -> None:
    """Register the paths of an app's validation."""
    table.add("GET", f"{BASE}/validate", validate_instance)
    table.add("GET", f"{BASE}/data/{{element:guid}}/validate", validate_element)


async def validate_instance(ask: Ask) -> Response:
    """Validate the instance in its current task."""
    record = with_right(ask, "read")
    if not record["process"]["currentTask"]:
        detail = "Unable to validate instance without a started process."
        return default_problem(409, title="Validation error", detail=detail)
    return json_answer(_validation(ask, record).of_task(record["process"]["currentTask"]["elementId"]))


def _validation(ask: Ask, record: Record) -> Validation:
    ignored = frozenset(s.strip() for s in ask.query.get("ignoredvalidators", "").split(",") if s.strip())
    incremental = flag(ask, "onlyIncrementalValidators")
    return Validation(ask.world, ask.application, record, ask.principal, ignored, incremental)


async def validate_element(ask: Ask) -> Response:
    """Validate one data element."""
    record = with_right(ask, "read")
    try:
        element, data_type = find_element(ask, record)
    except Refused:
        return unhandled("ValidationException: Unable to validate data element.")
    task = record["process"]["currentTask"]
    if not task:
        return unhandled("ValidationException: Unable to validate instance without a started process.")
    issues = _validation(ask, record).of_element(element, data_type)
    if data_type.task_id not in (None, task["elementId"]):
        code = "DataElementValidatedAtWrongTask"
        issues.append(
            {
                "severity": 2,
                "dataElementId": element["id"],
                "field": None,
                "code": code,
                "description": code,
                "source": code,
            }
        )
    return json_answer(issues)

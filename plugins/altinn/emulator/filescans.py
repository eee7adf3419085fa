"""What a virus scan has found so far, for an instance as a whole (FileScanController)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altinn.emulator.answers import json_answer
from altinn.emulator.guards import with_right
from altinn.emulator.routing import Ask, RouteTable

if TYPE_CHECKING:
    from starlette.responses import Response

WORST_FIRST = ("Infected", "Pending", "Clean")
NOT_SCANNED = "NotApplicable"


def add_scan_routes(table: RouteTable) -> None:
    """Register the path of an instance's scan results."""
    table.add("GET", "/{org}/{app}/instances/{party:int}/{guid:guid}/filescanresult", get_result)


async def get_result(ask: Ask) -> Response:
    """Return the results of an instance's elements, and the worst of them as the instance's own."""
    record = with_right(ask, "read")
    results = {e["id"]: e["fileScanResult"] for e in ask.world.instances.elements(record["guid"])}
    worst = next((result for result in WORST_FIRST if result in results.values()), NOT_SCANNED)
    data = [{"id": identity, "fileScanResult": result} for identity, result in results.items()]
    return json_answer({"id": record["id"], "fileScanResult": worst, "data": data})

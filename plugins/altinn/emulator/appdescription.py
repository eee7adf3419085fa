"""What an app says about itself: its metadata, its process, the JSON schemas of its forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altinn.emulator.answers import json_answer, text, unhandled
from altinn.emulator.metadata import app_document, storage_document
from altinn.emulator.routing import Ask, RouteTable

if TYPE_CHECKING:
    from starlette.responses import Response


def add_description_routes(table: RouteTable) -> None:
    """Register the paths under which app and Storage describe an app."""
    table.add("GET", "/{org}/{app}/api/v1/applicationmetadata", get_metadata, anonymous=True)
    table.add("GET", "/{org}/{app}/api/v1/meta/process", get_process_definition, anonymous=True)
    table.add("GET", "/{org}/{app}/api/jsonschema/{type}", get_json_schema, anonymous=True)
    table.add("GET", "/storage/api/v1/applications/{org}/{app}", get_storage_metadata, anonymous=True)


async def get_metadata(ask: Ask) -> Response:
    """Return the app's metadata."""
    app = ask.application
    return json_answer(app_document(app.metadata, app.library, app.version))


async def get_storage_metadata(ask: Ask) -> Response:
    """Return Storage's copy of the app's metadata."""
    return json_answer(storage_document(ask.application.metadata, ask.application.library))


async def get_process_definition(ask: Ask) -> Response:
    """Return the process as BPMN."""
    return text(200, ask.application.process_text, "text/xml; charset=utf-8")


async def get_json_schema(ask: Ask) -> Response:
    """Return the JSON schema of a form, as a JSON string."""
    schema = ask.application.schemas.get(ask.values["type"])
    if schema is None:
        return unhandled("FileNotFoundException: there is no schema of this name")
    return json_answer(schema)

"""JSON bodies as ASP.NET's model binding reads them: media type first, then the JSON, then its shape."""

from __future__ import annotations

import json
import re
from typing import Any

from altinn.emulator.answers import JSON, PROBLEM, default_problem
from altinn.emulator.guards import Refused
from altinn.emulator.routing import Ask

INVALID = "One or more validation errors occurred."
JSON_TYPES = re.compile(r"\s*(?:(?:application|text)/json|application/[\w.-]+\+json)\s*(?:;.*)?", re.IGNORECASE)


def sent_as_json(ask: Ask) -> bool:
    """Say whether the request's Content-Type is one that the JSON formatter takes."""
    return JSON_TYPES.fullmatch(ask.header("content-type") or "") is not None


def not_valid(errors: dict[str, list[str]], content_type: str = JSON) -> Refused:
    """Return the refusal of a request that model binding could not read, by the name of what was wrong."""
    return Refused(default_problem(400, content_type, title=INVALID, errors=errors))


def json_body(ask: Ask, content_type: str = PROBLEM) -> Any:
    """Return the body as JSON, None when there is none.

    :param content_type: of the refusals.
    :raises Refused: 415 for another media type, 400 for what is no JSON.
    """
    if not ask.body.strip():
        return None
    if not sent_as_json(ask):
        raise Refused(default_problem(415, content_type))
    try:
        return json.loads(ask.body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as exc:
        raise not_valid({"$": [f"The JSON value could not be read: {exc}"]}, content_type) from exc


def json_object(ask: Ask, content_type: str = PROBLEM) -> dict[str, Any] | None:
    """Return the body as a JSON object with its members' names in lower case, for .NET does not tell cases apart.

    :raises Refused: 415 for another media type, 400 for what is no JSON object.
    """
    document = json_body(ask, content_type)
    if document is None:
        return None
    if not isinstance(document, dict):
        raise not_valid({"$": ["The JSON value could not be converted to an object. Path: $"]}, content_type)
    return {key.lower(): value for key, value in document.items()}


def flag(ask: Ask, name: str, default: bool = False) -> bool:
    """Return a boolean of the query.

    :raises Refused: 400 for what is none.
    """
    value = ask.query.get(name.lower())
    if value is None:
        return default
    if value.strip().lower() not in ("true", "false"):
        raise not_valid({name: [f"The value '{value}' is not valid."]})
    return value.strip().lower() == "true"


def text_member(document: dict[str, Any], name: str, content_type: str = PROBLEM) -> str | None:
    """Return a member that must be a text or null.

    :raises Refused: 400.
    """
    value = document.get(name.lower())
    if value is not None and not isinstance(value, str):
        raise not_valid(
            {f"$.{name}": [f"The JSON value could not be converted to System.String. Path: $.{name}"]}, content_type
        )
    return value

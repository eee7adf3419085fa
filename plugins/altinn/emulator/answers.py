"""Answers as ASP.NET writes them: JSON, problem details, bare texts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
SECTIONS = {
    400: "15.5.1",
    401: "15.5.2",
    403: "15.5.4",
    404: "15.5.5",
    405: "15.5.6",
    409: "15.5.10",
    413: "15.5.14",
    415: "15.5.16",
    422: "15.5.21",
    500: "15.6.1",
    504: "15.6.5",
}
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    500: "An error occurred while processing your request.",
    504: "Gateway Timeout",
}


def trace_id() -> str:
    """Return a new W3C trace id."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def json_answer(
    value: Any, status: int = 200, content_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a JSON document."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Response(body, status, {**(headers or {}), "content-type": content_type})


def empty(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Answer without a body."""
    return Response(b"", status, dict(headers or {}))


def text(status: int, content: str, content_type: str = TEXT) -> Response:
    """Answer with a text that is not JSON."""
    return Response(content.encode("utf-8"), status, {"content-type": content_type})


def problem(status: int, title: str | None, detail: str | None, content_type: str = PROBLEM, **more: Any) -> Response:
    """Answer with problem details that an app's code has filled in; members that are None are left out."""
    members = {"title": title, "status": status, "detail": detail}
    return json_answer({k: v for k, v in members.items() if v is not None} | more, status, content_type)


def default_problem(
    status: int, content_type: str = PROBLEM, detail: str | None = None, title: str | None = None, **more: Any
) -> Response:
    """Answer with the problem details that ASP.NET itself fills in, trace id and all."""
    body = {
        "type": f"https://tools.ietf.org/html/rfc9110#section-{SECTIONS[status]}",
        "title": title or TITLES[status],
        "status": status,
    }
    if detail is not None:
        body["detail"] = detail
    return json_answer(body | more | {"traceId": trace_id()}, status, content_type)


def unhandled(what: str) -> Response:
    """Answer as an app that did not catch an exception; the text is the emulator's own."""
    return text(500, f"Unhandled exception: {what}")

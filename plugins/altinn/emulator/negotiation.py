"""How a data element's content is answered: as a file, or as the kind of form that is accepted."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from altinn.emulator.answers import json_answer, text
from altinn.emulator.routing import Ask
from altinn.emulator.store import Record

XML, JSON_TYPE = "application/xml", "application/json"
ANSWERED = {
    XML: XML,
    "text/xml": "text/xml",
    JSON_TYPE: JSON_TYPE,
    "text/json": "text/json",
    "application/*": JSON_TYPE,
    "text/*": "text/json",
}


def file_answer(element: Record, content: bytes) -> Response:
    """Answer with a file's bytes, its type and its name."""
    headers = {"content-type": element["contentType"] or "application/octet-stream"}
    name = element["filename"]
    if name:
        plain = "".join(c if " " <= c <= "~" and c not in '"\\' else "_" for c in name)
        quoted = plain if plain.replace("-", "").replace(".", "").replace("_", "").isalnum() else f'"{plain}"'
        headers["content-disposition"] = f"attachment; filename={quoted}; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, 200, headers)


def said(ask: Ask, words: str, status: int) -> Response:
    """Answer with a bare string as ASP.NET does: JSON where JSON is accepted, plain text elsewhere."""
    if "json" in (ask.header("accept") or ""):
        return json_answer(words, status)
    return text(status, words)


def form_media_type(accept: str) -> str:
    """Return the media type in which a form is answered: JSON, unless XML is asked for and `*/*` is not."""
    ranked: list[tuple[float, int, str]] = []
    answers: list[str] = []
    for position, item in enumerate(accept.split(",")):
        kind, *options = (part.strip() for part in item.split(";"))
        quality = next((o[2:] for o in options if o.startswith("q=")), "1")
        try:
            ranked.append((-float(quality), position, kind.lower()))
        except ValueError:
            ranked.append((0.0, position, kind.lower()))
    for _, _, kind in sorted(ranked):
        if kind == "*/*":
            return JSON_TYPE
        if kind in ANSWERED:
            answers.append(ANSWERED[kind])
    return answers[0] if answers else JSON_TYPE

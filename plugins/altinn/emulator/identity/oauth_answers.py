"""How the token endpoints read a form and answer, shared by Maskinporten and ID-porten."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from altinn.emulator.identity.oauth_refusal import OAuthRefusal

if TYPE_CHECKING:
    from starlette.requests import Request

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def base_url(request: Request) -> str:
    """Give the address under which the client sees the emulator, without a slash at the end."""
    return str(request.base_url).rstrip("/")


async def form_of(request: Request) -> dict[str, str]:
    """Read a form's fields; of a repeated field the first counts."""
    text = (await request.body()).decode("utf-8", "replace")
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def granted(issuer: str, grant: Callable[[str], dict[str, object]]) -> Response:
    """Answer with what a grant gives, or with its refusal."""
    try:
        return JSONResponse(grant(issuer), headers=NO_STORE)
    except OAuthRefusal as refusal:
        return JSONResponse(refusal.body(issuer, uuid.uuid4().hex), status_code=refusal.status, headers=NO_STORE)

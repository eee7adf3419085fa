"""The HTTP side of ID-porten: discovery, the page, and the endpoints for tokens and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from altinn.emulator.identity import idporten_grant
from altinn.emulator.identity.client_secrets import basic_credentials
from altinn.emulator.identity.identity_service import Identity
from altinn.emulator.identity.idporten_login import RedirectedRefusal
from altinn.emulator.identity.idporten_page import choice_page, refusal_page
from altinn.emulator.identity.oauth_answers import NO_STORE, base_url, form_of, granted
from altinn.emulator.identity.oauth_refusal import OAuthRefusal

if TYPE_CHECKING:
    from starlette.requests import Request


def idporten_routes(identity: Identity) -> list[Route]:
    """Give ID-porten's routes."""

    async def discovery(request: Request) -> Response:
        return JSONResponse(idporten_grant.discovery(_issuer(request)))

    async def jwks(_request: Request) -> Response:
        return JSONResponse(identity.keys.public_set("idporten"))

    async def token(request: Request) -> Response:
        form = await form_of(request)
        basic = basic_credentials(request.headers.get("authorization"))
        return granted(
            _issuer(request), lambda at: identity.idporten.token(form, issuer=at, now=identity.clock(), basic=basic)
        )

    async def revoke(request: Request) -> Response:
        form = await form_of(request)
        basic = basic_credentials(request.headers.get("authorization"))

        def end(issuer: str) -> dict[str, object]:
            identity.idporten.revoke(form, issuer=issuer, now=identity.clock(), basic=basic)
            return {}

        return granted(_issuer(request), end)

    async def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        form = await form_of(request) if request.method == "POST" else {}
        user_id = form.pop("user_id", None)
        return _authorized(identity, form or query, user_id, _issuer(request))

    return [
        Route("/idporten/.well-known/openid-configuration", discovery),
        Route("/idporten/jwks", jwks),
        Route("/idporten/authorize", authorize, methods=["GET", "POST"]),
        Route("/idporten/token", token, methods=["POST"]),
        Route("/idporten/revoke", revoke, methods=["POST"]),
    ]


def _issuer(request: Request) -> str:
    return f"{base_url(request)}/idporten"


def _authorized(identity: Identity, query: dict[str, str], user_id: str | None, issuer: str) -> Response:
    """Show the page, or send the browser back with the answer that was chosen there."""
    try:
        asked = identity.logins.check(query, issuer=issuer)
    except OAuthRefusal as refusal:
        return HTMLResponse(refusal_page(refusal), status_code=400)
    except RedirectedRefusal as refusal:
        return RedirectResponse(refusal.location, status_code=302, headers=NO_STORE)
    people = identity.directory.people()
    if user_id is None:
        return HTMLResponse(choice_page(asked, people, query), headers=NO_STORE)
    chosen = next((person for person in people if str(person.user_id) == user_id), None)
    if chosen is None:
        location = asked.back(issuer, error="access_denied", error_description="The login was cancelled.")
    else:
        location = identity.logins.approved(asked, chosen.user_id, issuer=issuer, now=identity.clock())
    return RedirectResponse(location, status_code=303, headers=NO_STORE)

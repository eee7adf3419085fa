"""The HTTP side of the system register, and the page where a customer approves."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from altinn.emulator.identity.identity_service import Identity
from altinn.emulator.identity.idporten_page import page
from altinn.emulator.identity.oauth_answers import base_url, form_of
from altinn.emulator.identity.principal import org_number_in
from altinn.emulator.identity.system_register import RegisterRefusal

if TYPE_CHECKING:
    from starlette.requests import Request

PREFIX = "/authentication/api/v1"
PAGE = "/accessmanagement/ui/systemuser/request"
REGISTER_WRITE = "altinn:authentication/systemregister.write"
REQUEST_WRITE = "altinn:authentication/systemuser.request.write"
REQUEST_READ = "altinn:authentication/systemuser.request.read"

Work = Callable[[str, Any, "Request"], Response]


def system_user_routes(identity: Identity) -> list[Route]:
    """Give the vendor's endpoints, the customer's page, and the control that approves without a page."""
    return [*_vendor(identity), *_customer(identity)]


def _vendor(identity: Identity) -> list[Route]:
    register = identity.systems

    def shown(made: dict[str, Any], request: Request, status: int = 200) -> Response:
        url = f"{base_url(request)}{PAGE}?id={made['id']}&DONTCHOOSEREPORTEE=true"
        return JSONResponse({**made, "confirmUrl": url}, status_code=status)

    def asked(vendor: str, body: Any, request: Request) -> Response:
        made, new = register.request(body, vendor)
        return shown(made, request, 201 if new else 200)

    def by_reference(vendor: str, _body: Any, request: Request) -> Response:
        path = request.path_params
        key = (path["system"], path["customer"], path["reference"])
        return shown(register.find_request(vendor, key=key), request)

    def listed(what: Callable[[str, str], list[dict[str, Any]]]) -> Work:
        return lambda vendor, _body, request: JSONResponse(
            {"links": {}, "data": what(request.path_params["system"], vendor)}
        )

    def route(path: str, method: str, scope: str, work: Work) -> Route:
        return Route(f"{PREFIX}/{path}", _guarded(identity, scope, work), methods=[method])

    systems, requests = "systemregister/vendor", "systemuser/request/vendor"
    return [
        route(systems, "POST", REGISTER_WRITE, lambda v, body, _: JSONResponse(register.add_system(body, v))),
        route(
            f"{systems}/{{system}}",
            "GET",
            REGISTER_WRITE,
            lambda v, _, request: JSONResponse(register.system(request.path_params["system"], v)),
        ),
        route(
            f"{systems}/{{system}}",
            "PUT",
            REGISTER_WRITE,
            lambda v, body, request: JSONResponse(register.replace_system(request.path_params["system"], body, v)),
        ),
        route(requests, "POST", REQUEST_WRITE, asked),
        route(f"{requests}/byexternalref/{{system}}/{{customer}}/{{reference}}", "GET", REQUEST_READ, by_reference),
        route(f"{requests}/bysystem/{{system}}", "GET", REQUEST_READ, listed(register.requests)),
        route(
            f"{requests}/{{id}}",
            "GET",
            REQUEST_READ,
            lambda v, _, request: shown(register.find_request(v, request_id=request.path_params["id"]), request),
        ),
        route("systemuser/vendor/bysystem/{system}", "GET", REGISTER_WRITE, listed(register.system_users)),
    ]


def _guarded(identity: Identity, scope: str, work: Work) -> Callable[[Request], Any]:
    """Let in who holds a Maskinporten token, raw or exchanged, with the scope; the token says which vendor it is."""

    async def handle(request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        now = identity.clock()
        claims = identity.keys.read("maskinporten", token, now=now) or identity.keys.read("altinn", token, now=now)
        vendor = org_number_in(claims.get("consumer")) if claims else None
        if claims is None or vendor is None:
            return Response(status_code=401)
        if scope not in str(claims.get("scope", "")).split():
            return Response(status_code=403)
        try:
            body = json.loads(await request.body() or b"null")
            return work(vendor, body, request)
        except json.JSONDecodeError:
            return _problem(RegisterRefusal(400, "STD-00000", "The body is not JSON"))
        except RegisterRefusal as refusal:
            return _problem(refusal)

    return handle


def _problem(refusal: RegisterRefusal) -> Response:
    body = {"title": refusal.title, "status": refusal.status, "detail": refusal.title, "code": refusal.code}
    return JSONResponse(body, status_code=refusal.status, media_type="application/problem+json")


def _customer(identity: Identity) -> list[Route]:
    async def show(request: Request) -> Response:
        wanted = request.query_params.get("id", "")
        made = next((one for one in identity.systems.waiting() if one["id"] == wanted), None)
        if made is None:
            return HTMLResponse(page("System user", "<p>No request waits under this address.</p>"), status_code=404)
        rights = "".join(f"<li><code>{escape(json.dumps(one))}</code></li>" for one in _asked_for(made))
        body = (
            f"<p>System <b>{escape(made['systemId'])}</b> asks organisation {escape(made['partyOrgNo'])} for</p>"
            f'<ul>{rights}</ul><form method="post">'
            '<button name="answer" value="approve">Approve</button></form>'
            '<form method="post"><button name="answer" value="reject">Reject</button></form>'
        )
        return HTMLResponse(page("Approve a system user", body))

    async def answer(request: Request) -> Response:
        given = (await form_of(request)).get("answer", "")
        try:
            made = identity.systems.answer(request.query_params.get("id", ""), given)
        except RegisterRefusal as refusal:
            return HTMLResponse(page("System user", f"<p>{escape(refusal.title)}</p>"), status_code=refusal.status)
        if made["redirectUrl"]:
            return RedirectResponse(made["redirectUrl"], status_code=303)
        return HTMLResponse(page("System user", f"<p>The request is now {escape(made['status'])}.</p>"))

    async def control(request: Request) -> Response:
        try:
            made = identity.systems.answer(request.path_params["id"], request.path_params["answer"])
        except RegisterRefusal as refusal:
            return _problem(refusal)
        return JSONResponse(made)

    return [
        Route(PAGE, show, methods=["GET"]),
        Route(PAGE, answer, methods=["POST"]),
        Route("/_emulator/system-users/{id}/{answer}", control, methods=["POST"]),
    ]


def _asked_for(made: dict[str, Any]) -> list[Any]:
    return [*made["rights"], *made["accessPackages"]]

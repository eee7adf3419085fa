"""The HTTP side of the token endpoints."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from altinn.emulator.identity import maskinporten_grant
from altinn.emulator.identity.altinn_tokens import ExchangeRefusal
from altinn.emulator.identity.identity_service import Identity
from altinn.emulator.identity.idporten_routes import idporten_routes
from altinn.emulator.identity.oauth_answers import base_url, form_of, granted
from altinn.emulator.identity.system_user_routes import system_user_routes

Handler = Callable[[Request], Awaitable[Response]]

ENTERPRISE_HEADER = "X-Altinn-EnterpriseUser-Authentication"


def identity_routes(identity: Identity) -> list[Route]:
    """Give all routes of Maskinporten, ID-porten, Altinn's authentication and LocalTest's token helpers."""
    return [
        *_maskinporten(identity),
        *idporten_routes(identity),
        *system_user_routes(identity),
        *_altinn(identity),
        *_localtest(identity),
        *_control(identity),
    ]


def _maskinporten(identity: Identity) -> list[Route]:
    def issuer(request: Request) -> str:
        return f"{base_url(request)}/maskinporten/"

    async def discovery(request: Request) -> Response:
        return JSONResponse(maskinporten_grant.discovery(issuer(request)))

    async def jwks(_request: Request) -> Response:
        return JSONResponse(identity.keys.public_set("maskinporten"))

    async def token(request: Request) -> Response:
        form = await form_of(request)
        return granted(issuer(request), lambda at: identity.maskinporten.token(form, issuer=at, now=identity.clock()))

    return [
        Route("/maskinporten/.well-known/oauth-authorization-server", discovery),
        Route("/maskinporten/jwks", jwks),
        Route("/maskinporten/token", token, methods=["POST"]),
    ]


def _altinn(identity: Identity) -> list[Route]:
    prefix = "/authentication/api/v1"

    def issuer(request: Request) -> str:
        return f"{base_url(request)}{prefix}/openid/"

    async def exchange(request: Request) -> Response:
        bearer = _bearer(request)
        if bearer is None:
            return Response(status_code=401)
        return _exchanged(identity, request, bearer, issuer(request))

    async def refresh(request: Request) -> Response:
        try:
            return _plain_token(request, identity.tokens.renew(_bearer(request) or "", now=identity.clock()))
        except ExchangeRefusal as refusal:
            return Response(status_code=refusal.status)

    async def discovery(request: Request) -> Response:
        own = issuer(request)
        document = {
            "issuer": own,
            "jwks_uri": f"{own}.well-known/openid-configuration/jwks",
            "response_types_supported": ["token"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return JSONResponse(document)

    async def jwks(_request: Request) -> Response:
        return JSONResponse(identity.keys.public_set("altinn"))

    return [
        Route(f"{prefix}/exchange/{{provider}}", exchange),
        Route(f"{prefix}/refresh", refresh),
        Route(f"{prefix}/openid/.well-known/openid-configuration", discovery),
        Route(f"{prefix}/openid/.well-known/openid-configuration/jwks", jwks),
    ]


def _exchanged(identity: Identity, request: Request, bearer: str, issuer: str) -> Response:
    provider = request.path_params["provider"].lower()
    tokens, now = identity.tokens, identity.clock()
    try:
        if provider == "maskinporten":
            if ENTERPRISE_HEADER in request.headers:
                return _problem(410, "Virksomhetsbruker is no longer available")
            test = request.query_params.get("test", "").lower() == "true"
            token = tokens.exchange_maskinporten(bearer, issuer=issuer, test=test, now=now)
        elif provider == "id-porten":
            token = tokens.exchange_idporten(bearer, issuer=issuer, now=now)
        elif provider == "altinnstudio":
            # Altinn Studio's designer tokens are not emulated: none can be genuine.
            return Response(status_code=401)
        else:
            text = f"Invalid token provider: {provider}. Trusted token providers are 'Maskinporten', 'Id-porten' and "
            return PlainTextResponse(f"{text}'AltinnStudio'.", status_code=400)
    except ExchangeRefusal as refusal:
        return Response(status_code=refusal.status)
    return _plain_token(request, token)


def _localtest(identity: Identity) -> list[Route]:
    async def user(request: Request) -> Response:
        user_id = request.path_params["user_id"]
        level = _number(request.query_params.get("authenticationLevel"), 2)
        scope = request.query_params.get("scope")
        token = identity.tokens.test_user(
            user_id, level=level, scope=scope, issuer=base_url(request), now=identity.clock()
        )
        return _plain_token(request, token) if token else Response(status_code=404)

    async def system_user(request: Request) -> Response:
        query = request.query_params
        token = identity.tokens.test_system_user(
            query.get("systemUserId", ""), scope=query.get("scope", ""), issuer=base_url(request), now=identity.clock()
        )
        return _plain_token(request, token) if token else Response(status_code=400)

    async def org(request: Request) -> Response:
        query = request.query_params
        token = identity.tokens.test_org(
            request.path_params["org"],
            org_number=query.get("orgNumber"),
            scopes=query.get("scopes"),
            level=_number(query.get("authenticationLevel"), 3),
            issuer=base_url(request),
            now=identity.clock(),
        )
        return _plain_token(request, token)

    return [
        Route("/Home/GetTestUserToken/{user_id:int}", user),
        Route("/Home/GetTestSystemUserToken", system_user),
        Route("/Home/GetTestOrgToken/{org}", org),
    ]


def _control(identity: Identity) -> list[Route]:
    async def clients(request: Request) -> Response:
        try:
            document = json.loads(await request.body())
            registered = identity.clients.register(document if isinstance(document, list) else [document])
        except ValueError as exc:
            return PlainTextResponse(f"Cannot register the clients: {exc}", status_code=400)
        return JSONResponse({"registered": registered})

    async def login(request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
            arguments = str(asked["client_id"]), int(asked["user_id"]), str(asked["scope"])
        except (ValueError, TypeError, KeyError) as exc:
            text = 'expected {"client_id": "…", "user_id": 1337, "scope": "openid …"}'
            return PlainTextResponse(f"Cannot log in: {text} ({type(exc).__name__})", status_code=400)
        issuer = f"{base_url(request)}/idporten"
        return granted(issuer, lambda _: identity.idporten.login(*arguments, now=identity.clock()))

    return [
        Route("/_emulator/clients", clients, methods=["POST"]),
        Route("/_emulator/idporten/login", login, methods=["POST"]),
    ]


def _plain_token(request: Request, token: str) -> Response:
    """Answer a bare string, or a JSON string where the client asks for JSON, as ASP.NET's `Ok(string)` does."""
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(token, media_type="application/json; charset=utf-8")
    return PlainTextResponse(token)


def _problem(status: int, title: str) -> Response:
    body = json.dumps({"title": title, "status": status})
    return Response(body, status_code=status, media_type="application/problem+json")


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default

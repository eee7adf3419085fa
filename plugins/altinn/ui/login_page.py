"""The page where people log in with ID-porten, behind Airflow's own login and its rights to connections.

What binds a login together: the begun login (state, nonce, verifier, connection, Airflow user) lies sealed in a cookie
of the browser that began it; the answer is taken from that browser and that user alone, and only while the user may
edit the connection. Every redirect target is fixed by Airflow's configuration or by ID-porten's own discovery
document. Tokens stay in this process; the browser sees none.

This is the one place where the api-server reads a client's key. `[altinn] login_page = False` switches it off.
"""

from __future__ import annotations

import logging
import time
from typing import Annotated
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads it at run time
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import select

from altinn.exceptions import AltinnError, AltinnLoginRefusedError
from altinn.hooks.altinn_hook import AltinnHook
from altinn.installation import LOGIN_PREFIX, airflow_address
from altinn.person_login.login_state import BROKEN, NO_PERSON
from altinn.person_login.oidc_login import PENDING_LIFETIME
from altinn.ui.login_cookie import COOKIE, BegunLogin, LoginSeal
from altinn.ui.login_html import Row, list_page, refusal_page

log = logging.getLogger(__name__)
router = APIRouter()

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def build_app() -> FastAPI:
    """Return the page's application."""
    app = FastAPI(title="Altinn logins", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router)
    return app


@router.get("/")
def show(user: GetUserDep, done: str = "") -> Response:
    """List the connections that the user may see, with the state of their logins."""
    rows = [_row(conn_id, user) for conn_id in _visible(user)]
    told = done if done in {row.conn_id for row in rows} else ""
    return HTMLResponse(
        list_page(
            rows, begin=_own_path("/begin"), done=told, redirect_uri=f"{airflow_address()}{LOGIN_PREFIX}/callback"
        ),
        headers=HEADERS,
    )


@router.post("/begin")
def begin(request: Request, user: GetUserDep, conn_id: Annotated[str, Form()] = "") -> Response:
    """Begin a login and send the browser to ID-porten."""
    try:
        _check_origin(request)
        _check_right(conn_id, user)
        login, place = AltinnHook(conn_id).person_login()
        place.check()
        url, pending = login.begin(f"{_address()}{LOGIN_PREFIX}/callback")
        sealed = _seal().seal(BegunLogin(str(user.get_id()), pending))
    except AltinnError as exc:
        return _refused(exc)
    answer = RedirectResponse(url, status_code=303, headers=HEADERS)
    answer.set_cookie(
        COOKIE,
        sealed,
        max_age=int(PENDING_LIFETIME),
        path=_own_path("/"),
        secure=_address().startswith("https:"),
        httponly=True,
        # Lax, since the browser comes back from another site.
        samesite="lax",
    )
    return answer


@router.get("/callback")
def callback(request: Request, user: GetUserDep) -> Response:
    """Finish the login that this browser and this user began, and go back to the list."""
    try:
        begun = _seal().open(request.cookies.get(COOKIE, ""))
        if begun.user != str(user.get_id()):
            raise AltinnLoginRefusedError("another Airflow user began this login: nothing was kept")
        conn_id = begun.pending.conn_id
        _check_right(conn_id, user)
        hook = AltinnHook(conn_id)
        login, place = hook.person_login()
        person = login.finish(begun.pending, f"{begun.pending.redirect_uri}?{request.url.query}")
        kept = place.keep(person, hook.run)
    except AltinnError as exc:
        return _forgotten(_refused(exc))
    log.info("Airflow user %s had %s log in for connection %s", user.get_name(), kept.person, conn_id)
    target = f"{_address()}{LOGIN_PREFIX}/?done={quote(conn_id, safe='')}"
    return _forgotten(RedirectResponse(target, status_code=303, headers=HEADERS))


def _visible(user: GetUserDep) -> list[str]:
    with create_session() as session:
        query = select(Connection.conn_id).where(Connection.conn_type == AltinnHook.conn_type)
        known = [str(conn_id) for conn_id in session.scalars(query.order_by(Connection.conn_id))]
    return [conn_id for conn_id in known if _may(conn_id, user, "GET")]


def _may(conn_id: str, user: GetUserDep, method: str) -> bool:
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return bool(get_auth_manager().is_authorized_connection(method=method, details=details, user=user))  # type: ignore[arg-type]


def _check_right(conn_id: str, user: GetUserDep) -> None:
    """Refuse the same way for a connection that is not there: who may not edit it learns nothing of it."""
    if not conn_id or not _may(conn_id, user, "PUT") or conn_id not in _visible(user):
        raise AltinnLoginRefusedError("you may not edit this connection, so you cannot log in for it")


def _check_origin(request: Request) -> None:
    """Take a begin from this page alone: another site could make a person log in for it."""
    own = urlsplit(_address())
    given = urlsplit(request.headers.get("origin", ""))
    if (given.scheme, given.netloc) != (own.scheme, own.netloc):
        raise AltinnLoginRefusedError(
            "the login was not begun on this page. If it was, [api] base_url is not the address in the browser"
        )


def _row(conn_id: str, user: GetUserDep) -> Row:
    try:
        hook = AltinnHook(conn_id)
        environment, state = hook.settings.environment.name, hook.login_state
    except AltinnError as exc:
        return Row(conn_id, "", BROKEN, f"{BROKEN}: {exc}", may_log_in=False)
    may_log_in = state.state != NO_PERSON and _may(conn_id, user, "PUT")
    return Row(conn_id, environment, state.state, state.text(time.time()), may_log_in)


def _refused(exc: AltinnError) -> Response:
    log.warning("A login was refused: %s", exc)
    return HTMLResponse(refusal_page(str(exc), _own_path("/")), status_code=400, headers=HEADERS)


def _forgotten(answer: Response) -> Response:
    answer.delete_cookie(COOKIE, path=_own_path("/"))
    return answer


def _seal() -> LoginSeal:
    from airflow.sdk.configuration import conf

    return LoginSeal(str(conf.get("api", "secret_key", fallback="") or ""))


def _address() -> str:
    """Return Airflow's own address, from its configuration: a request's Host header decides nothing here."""
    found = airflow_address()
    if not found:
        raise AltinnLoginRefusedError("Airflow does not know its own address: set [api] base_url")
    return found


def _own_path(below: str) -> str:
    return urlsplit(airflow_address()).path.rstrip("/") + LOGIN_PREFIX + below

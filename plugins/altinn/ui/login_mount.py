"""Where the login page hangs in Airflow's web server, without loading it in all the processes that read plugins."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from altinn.installation import LOGIN_PREFIX, airflow_address, login_page_is_on

Scope = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


class LoginMount:
    """Builds the page's application at its first request; answers 404 while the page is switched off."""

    def __init__(self) -> None:
        self._app: AsgiApp | None = None
        self._lock = threading.Lock()

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not login_page_is_on():
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"The page is switched off: [altinn] login_page"})
            return
        await self._built()(scope, receive, send)

    def _built(self) -> AsgiApp:
        with self._lock:
            if self._app is None:
                from altinn.ui.login_page import build_app

                self._app = build_app()
        return self._app


def login_apps() -> list[dict[str, Any]]:
    """Return the plugin's web application."""
    return [{"app": LoginMount(), "url_prefix": LOGIN_PREFIX, "name": "Altinn logins"}]


def login_views() -> list[dict[str, Any]]:
    """Return the menu entry; none while the page is switched off.

    It opens a page of its own: inside Airflow's frame, which is sandboxed, nobody could be sent to ID-porten.
    """
    if not login_page_is_on():
        return []
    return [
        {
            "name": "Altinn logins",
            "href": f"{_base_path()}{LOGIN_PREFIX}/",
            "destination": "nav",
            "category": "admin",
        }
    ]


def _base_path() -> str:
    return urlsplit(airflow_address()).path.rstrip("/")

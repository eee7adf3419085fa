"""Where the pages about filings hang in Airflow's web server; loaded where they are asked for, and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from altinn.installation import airflow_address

PREFIX = "/altinn-filings"
PAGES = ("altinn.ui.calendar_page", "altinn.ui.filing_page")
"""Modules with a `router`, a FastAPI router."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class LazyWebApp:
    """An ASGI application that is built when the first request comes.

    Every Airflow process loads the plugin, tasks included; only the API server needs FastAPI and the pages.
    """

    def __init__(self) -> None:
        self._app: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._app is None:
            self._app = build()
        await self._app(scope, receive, send)


def build() -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the FastAPI application with every page."""
    from fastapi import FastAPI

    app = FastAPI(title="Altinn filings", docs_url=None, redoc_url=None, openapi_url=None)
    for name in PAGES:
        app.include_router(import_module(name).router)
    return app


def filing_apps() -> list[dict[str, Any]]:
    """Return the plugin's web application."""
    return [{"app": LazyWebApp(), "url_prefix": PREFIX, "name": "Altinn filings"}]


def filing_views() -> list[dict[str, Any]]:
    """Return where Airflow shows the pages: in its menu, and as a tab of a run."""
    base = f"{urlsplit(airflow_address()).path.rstrip('/')}{PREFIX}"
    return [
        {
            "name": "Filing calendar",
            "href": f"{base}/calendar",
            "destination": "nav",
            "category": "browse",
            "url_route": "altinn-calendar",
        },
        {
            "name": "Filing",
            "href": f"{base}/filing?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "altinn-filing",
        },
    ]

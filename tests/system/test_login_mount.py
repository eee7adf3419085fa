"""The login page's place in Airflow's web server: nothing of it is loaded early, and it can be switched off."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from altinn.installation import login_page_address
from altinn.ui.login_mount import LoginMount, login_apps, login_views


def asked(path: str = "/") -> tuple[int, bytes]:
    got: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        got.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "root_path": ""}
    asyncio.run(LoginMount()(scope, receive, send))
    return got[0]["status"], b"".join(message.get("body", b"") for message in got[1:])


@pytest.mark.parametrize("off", ["False", "no", "0"])
def test_switched_off_there_is_no_page_and_no_menu(monkeypatch: pytest.MonkeyPatch, off: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team")
    assert [view["href"] for view in login_views()] == ["/team/altinn-login/"]
    assert login_page_address() == "https://airflow.example.com/team/altinn-login/"
    monkeypatch.setenv("AIRFLOW__ALTINN__LOGIN_PAGE", off)
    assert login_views() == []
    assert login_page_address() == ""
    for path in ("/", "/begin", "/callback"):
        status, body = asked(path)
        assert (status, b"switched off" in body) == (404, True)


def test_reading_the_plugin_loads_no_web_framework() -> None:
    """Every Airflow process reads plugins; tasks and parsers must not pay for a page."""
    script = (
        "import sys; from altinn.ui.login_mount import login_apps; login_apps();"
        "sys.exit(any(name in sys.modules for name in ('fastapi', 'authlib', 'altinn.ui.login_page')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_it_hangs_below_no_reserved_address() -> None:
    assert [app["url_prefix"] for app in login_apps()] == ["/altinn-login"]

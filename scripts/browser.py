"""A headless Chromium, steered over its DevTools protocol: enough to open a page, wait for a text and photograph it.

Source: https://chromedevtools.github.io/devtools-protocol/. No browser is downloaded; Debian's is used.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from scripts.components import start, stop
from scripts.failure import CommandError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
START_LIMIT = 30.0
_POLL = 0.1


def chromium() -> str:
    """Return the browser's path.

    :raises CommandError: there is none.
    """
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            return found
    raise CommandError("no Chromium found: apt-get install chromium (Debian, Ubuntu)")


class Page:
    """One tab of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send one DevTools command and return its result; events in between are left unread.

        :raises CommandError: the browser refused.
        """
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                if "error" in message:
                    raise CommandError(f"the browser refused {method}: {message['error'].get('message')}")
                found: dict[str, Any] = message["result"]
                return found

    async def set_cookie(self, url: str, name: str, value: str) -> None:
        """Set a cookie for an address, as its server would."""
        await self.command("Network.setCookie", url=url, name=name, value=value)

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self.command("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        answer = await self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def text(self) -> str:
        """Return the text that the page shows."""
        return str(await self.evaluate("document.body ? document.body.innerText : ''") or "")

    async def wait_for(self, text: str, limit: float = 30.0) -> None:
        """Wait until the page shows a text.

        :raises CommandError: it does not within `limit` seconds; says what it shows instead.
        """
        end = asyncio.get_running_loop().time() + limit
        while text not in (shown := await self.text()):
            if asyncio.get_running_loop().time() > end:
                raise CommandError(f"the page does not show {text!r} after {limit:.0f} s, but: {shown[:500]!r}")
            await asyncio.sleep(_POLL)

    async def click(self, selector: str) -> None:
        """Click the first element that matches a CSS selector.

        :raises CommandError: none does.
        """
        found = await self.evaluate(f"(e => e && (e.click(), true))(document.querySelector({json.dumps(selector)}))")
        if not found:
            raise CommandError(f"the page has no element {selector}")

    async def photograph(self, path: Path) -> None:
        """Write what the window shows to a PNG file."""
        answer = await self.command("Page.captureScreenshot", format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(answer["data"]))


@asynccontextmanager
async def browser_page(width: int = 1440, height: int = 900) -> AsyncIterator[Page]:
    """Start a browser with a profile of its own and give its page; both are gone at the end.

    :raises CommandError: there is no browser, or it did not start.
    """
    program = chromium()
    with tempfile.TemporaryDirectory(prefix="altinn-browser-", ignore_cleanup_errors=True) as profile:
        command = [
            program,
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium has no sandbox for root
            "about:blank",
        ]
        process = start("browser", command, os.environ, Path(profile), Path(profile) / "output.log")
        try:
            port = await _devtools_port(Path(profile) / "DevToolsActivePort")
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/json") as answer:
                target = next(one for one in await answer.json() if one["type"] == "page")
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    await page.command(
                        "Emulation.setDeviceMetricsOverride",
                        width=width,
                        height=height,
                        deviceScaleFactor=1,
                        mobile=False,
                    )
                    yield page
        finally:
            stop([process], grace=1)


async def _devtools_port(announced: Path) -> int:
    """Wait until the browser has written down its port."""
    end = asyncio.get_running_loop().time() + START_LIMIT
    while asyncio.get_running_loop().time() < end:
        if announced.exists() and (lines := announced.read_text().splitlines()):
            return int(lines[0])
        await asyncio.sleep(_POLL)
    raise CommandError(f"the browser did not start within {START_LIMIT:.0f} s")

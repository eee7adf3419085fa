"""A headless Chromium for screenshots and browser tests: the system's own, since none is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scripts.failure import CommandError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1440, 900
LOGIN_COOKIE = "_token"
"""Airflow's pages read their token from it (`COOKIE_NAME_JWT_TOKEN` in Airflow's auth managers)."""


def chromium() -> str:
    """Return the browser's path.

    :raises CommandError: there is none.
    """
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            return found
    raise CommandError("no Chromium found: apt-get install chromium (Debian, Ubuntu)")


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser; it is gone at the end.

    :raises CommandError: there is none.
    """
    from playwright.sync_api import sync_playwright

    program = chromium()
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    # Chromium has no sandbox for root, as which containers often run.
    options = [*quiet, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def airflow_page(url: str, token: str) -> Iterator[Page]:
    """Open a tab that is logged in to Airflow.

    :param url: Airflow's base address.
    :param token: from `AirflowApi.log_in`.
    """
    with browser() as started:
        context = started.new_context(viewport={"width": WIDTH, "height": HEIGHT})
        context.add_cookies([{"name": LOGIN_COOKIE, "value": token, "url": url}])
        yield context.new_page()

"""A small client for the two services on this machine; answers that are not a success become `CommandError`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import requests

from scripts.failure import CommandError

TIMEOUT = (3.05, 60.0)
_EXCERPT = 500


class Service:
    """JSON over HTTP with one service.

    :param name: for messages: "Airflow".
    :param base_url: without a slash at the end.
    """

    def __init__(self, name: str, base_url: str) -> None:
        self.name, self.base_url = name, base_url
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the machine must not get these requests

    def authorize(self, token: str) -> None:
        """Send a bearer token from now on."""
        self._session.headers["Authorization"] = f"Bearer {token}"

    def answers(self, path: str) -> bool:
        """Tell whether a GET succeeds now."""
        try:
            return bool(self._session.get(self.base_url + path, timeout=TIMEOUT).ok)
        except requests.RequestException:
            return False

    def call(self, method: str, path: str, body: object = None, *, missing: tuple[int, ...] = ()) -> Any:
        """Make one request and return the decoded answer, or None if there was no content.

        :param missing: statuses that mean "not there" here and are answered with None.
        :raises CommandError: no answer, or an answer that is not a success.
        """
        try:
            response = self._session.request(
                method,
                self.base_url + path,
                json=body,
                timeout=TIMEOUT,
                headers={"Accept": "application/json"},
                allow_redirects=False,
            )
        except requests.RequestException as exc:
            raise CommandError(f"{self.name} does not answer at {self.base_url}: {type(exc).__name__}") from exc
        if response.status_code in missing:
            return None
        if not response.ok:
            excerpt = response.text[:_EXCERPT]
            raise CommandError(f"{self.name} answered {response.status_code} to {method} {path}: {excerpt}")
        return json.loads(response.content) if response.content else None


def wait_until(
    ready: Callable[[], bool],
    limit: float,
    *,
    tick: Callable[[], None] = lambda: None,
    pause: float = 0.2,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Ask until something is ready.

    :param limit: seconds to go on asking.
    :param tick: called between two questions; may raise to give up.
    :return: whether it became ready.
    """
    end = clock() + limit
    while not ready():
        tick()
        if clock() >= end:
            return False
        sleep(pause)
    return True

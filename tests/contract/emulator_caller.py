"""Somebody who calls an emulator over HTTP, with one of LocalTest's tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

OWNER_SCOPES = "altinn:serviceowner/instances.read altinn:serviceowner/instances.write"


@dataclass
class Caller:
    """Somebody who calls one emulator."""

    base: str
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return self.session.request(method, self.base + path, headers=headers, timeout=10, **more)

    def create(self, app: str = "ttd/basic", **template: Any) -> dict[str, Any]:
        template = {"instanceOwner": {"partyId": "501337"}} | template
        answer = self("POST", f"/{app}/instances", json=template)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def token(base: str, path: str, **query: str) -> str:
    return requests.get(f"{base}/Home/{path}", params=query, timeout=5).text


def user(base: str, user_id: int) -> Caller:
    return Caller(base, token(base, f"GetTestUserToken/{user_id}"))


def owner_of_ttd(base: str) -> Caller:
    return Caller(base, token(base, "GetTestOrgToken/ttd", orgNumber="405003309", scopes=OWNER_SCOPES))

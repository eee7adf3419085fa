"""Which handler answers a path: templates as ASP.NET has them, with its 404 and 405."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from starlette.responses import Response

from altinn.emulator.identity import Principal

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.faults.fault_script import Fault
    from altinn.emulator.world import World

MAX_INT = 2**31 - 1
PARTS = {
    "": "[^/]+",
    "int": r"-?\d{1,10}",
    "guid": r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "rest": ".+",
}


@dataclass(slots=True)
class Ask:
    """One request on its way to a handler."""

    world: World
    request: Request
    values: dict[str, str]
    body: bytes
    who: Principal | None
    app: AppFolder | None = None
    query: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """The address under which the client sees the emulator, without a slash at the end."""
        return str(self.request.base_url).rstrip("/")

    @property
    def principal(self) -> Principal:
        """Who asks; only for handlers that demand a login."""
        if self.who is None:
            raise LookupError("the route let an unknown caller through")
        return self.who

    @property
    def application(self) -> AppFolder:
        """The app that the path names."""
        if self.app is None:
            raise LookupError("the route let an unknown app through")
        return self.app

    @property
    def party(self) -> int:
        """The party of the path."""
        return int(self.values["party"])

    @property
    def guid(self) -> str:
        """The instance's guid of the path, as Storage writes it: it may be sent without dashes."""
        return str(UUID(self.values["guid"]))

    @property
    def element(self) -> str:
        """The data element's id of the path, as Storage writes it."""
        return str(UUID(self.values["element"]))

    def header(self, name: str) -> str | None:
        """Return a header, decoded as UTF-8 where it was sent so."""
        value = self.request.headers.get(name)
        if value is None:
            return None
        try:
            return value.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            return value

    def fault(self, name: str) -> Fault | None:
        """Return the fault of this name that strikes the request."""
        struck: dict[str, Fault] = self.request.scope.get("altinn.faults") or {}
        return struck.get(name)


def lower_query(params: QueryParams) -> dict[str, str]:
    """Return the query with names in lower case: ASP.NET does not tell cases apart."""
    return {name.lower(): value for name, value in params.multi_items()}


Handler = Callable[[Ask], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler for one method on one template."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    anonymous: bool


@dataclass(slots=True)
class RouteTable:
    """Endpoints, looked up by method and path."""

    endpoints: list[Endpoint] = field(default_factory=list)

    def add(self, method: str, template: str, handler: Handler, *, anonymous: bool = False) -> None:
        """Register a handler; `{name}`, `{name:int}`, `{name:guid}` and `{name:rest}` stand for parts of the path."""
        pattern = re.sub(r"\{(\w+):?(\w*)\}", lambda m: f"(?P<{m[1]}>{PARTS[m[2]]})", template)
        self.endpoints.append(Endpoint(method, re.compile(f"{pattern}/?", re.IGNORECASE), handler, anonymous))

    def find(self, method: str, path: str) -> tuple[Endpoint | None, dict[str, str], list[str]]:
        """Return the endpoint with the path's values, or None with the methods that the path does have."""
        methods: list[str] = []
        for endpoint in self.endpoints:
            match = endpoint.pattern.fullmatch(path)
            if match is None or not -MAX_INT <= int(match.groupdict().get("party") or 0) <= MAX_INT:
                continue
            if endpoint.method == method:
                return endpoint, match.groupdict(), []
            if endpoint.method not in methods:
                methods.append(endpoint.method)
        return None, {}, methods

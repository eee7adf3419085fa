"""The vendor's endpoints for systems and system users. Base address: `https://platform.altinn.no/authentication/api/v1`.

Source: SystemRegisterController, RequestSystemUserController and SystemUserController of Altinn's public
authentication service; "System user" on docs.altinn.studio. All take a Maskinporten token with one of `VENDOR_SCOPES`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from altinn.exceptions import AltinnAnswerError, AltinnInputError
from altinn.protocol.identifiers import check_organisation_number
from altinn.protocol.settings import MASKINPORTEN, Settings
from altinn.protocol.wire import Call, HttpRequest, HttpResponse

REGISTER_SCOPE = "altinn:authentication/systemregister.write"
VENDOR_SCOPES = (
    REGISTER_SCOPE,
    "altinn:authentication/systemuser.request.write",
    "altinn:authentication/systemuser.request.read",
)
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_TEXTS = ("nb", "nn", "en")


@dataclass(frozen=True, slots=True)
class UserRequest:
    """A request for a system user, as the server keeps it.

    :param status: "New", "Accepted", "Rejected", "Denied", "Timedout".
    :param confirm_url: where the customer approves.
    """

    request_id: str
    system_id: str
    organisation_number: str
    external_ref: str
    status: str
    confirm_url: str

    @classmethod
    def from_json(cls, value: object) -> UserRequest:
        """Read an answer."""
        if not isinstance(value, Mapping) or not value.get("id"):
            raise AltinnAnswerError("the answer is no request for a system user")
        names = ("id", "systemId", "partyOrgNo", "externalRef", "status", "confirmUrl")
        return cls(*(str(value.get(name) or "") for name in names))


@dataclass(frozen=True, slots=True)
class SystemUserEntry:
    """A system user of one of the vendor's systems."""

    system_user_id: str
    organisation_number: str
    external_ref: str


@dataclass(frozen=True, slots=True)
class SystemUsers:
    """The vendor's side of system users.

    :param platform: `https://platform.altinn.no`, without a trailing slash.
    """

    platform: str

    def system(self, system_id: str) -> Call[Mapping[str, Any]]:
        """`GET systemregister/vendor/{id}`."""
        return self._call("GET", f"systemregister/vendor/{_part(system_id)}", f"GET system {system_id}", _object)

    def register(self, document: Mapping[str, Any]) -> Call[object]:
        """`POST systemregister/vendor`: refused when the system is there, so a repeat does no harm."""
        name = f"POST system {document.get('id')}"
        return self._call("POST", "systemregister/vendor", name, lambda r: r.json(), body=document)

    def ask(
        self,
        system_id: str,
        organisation_number: str,
        *,
        external_ref: str = "",
        resources: Sequence[str] = (),
        access_packages: Sequence[str] = (),
        redirect_url: str = "",
    ) -> Call[UserRequest]:
        """`POST systemuser/request/vendor`: the same system, customer and reference give the request that is there."""
        body: dict[str, Any] = {
            "systemId": system_id,
            "partyOrgNo": organisation_number,
            "rights": rights_to(resources),
            "accessPackages": [{"urn": urn} for urn in access_packages],
        }
        if external_ref:
            body["externalRef"] = external_ref
        if redirect_url:
            body["redirectUrl"] = redirect_url
        name = f"POST request for a system user of {organisation_number}"
        return self._call("POST", "systemuser/request/vendor", name, _request, body=body)

    def request(self, request_id: str) -> Call[UserRequest]:
        """`GET systemuser/request/vendor/{id}`."""
        return self._call(
            "GET", f"systemuser/request/vendor/{_part(request_id)}", f"GET request {request_id}", _request
        )

    def request_by_reference(self, system_id: str, organisation_number: str, external_ref: str) -> Call[UserRequest]:
        """`GET …/byexternalref/…`; without a reference the server has taken the organisation number for it."""
        parts = (system_id, organisation_number, external_ref or organisation_number)
        path = "/".join(_part(part) for part in parts)
        name = f"GET request for a system user of {organisation_number}"
        return self._call("GET", f"systemuser/request/vendor/byexternalref/{path}", name, _request)

    def requests(self, system_id: str, following: str = "") -> Call[tuple[tuple[UserRequest, ...], str]]:
        """`GET …/request/vendor/bysystem/{id}`: a page, and the address of the next one."""
        path = f"systemuser/request/vendor/bysystem/{_part(system_id)}"
        return self._page(path, following, f"GET requests of {system_id}", UserRequest.from_json)

    def users(self, system_id: str, following: str = "") -> Call[tuple[tuple[SystemUserEntry, ...], str]]:
        """`GET systemuser/vendor/bysystem/{id}`: a page, and the address of the next one."""
        path = f"systemuser/vendor/bysystem/{_part(system_id)}"
        return self._page(path, following, f"GET system users of {system_id}", _user)

    def _page(self, path: str, following: str, name: str, read: Any) -> Call[Any]:
        if following:
            given, own = urlsplit(following), urlsplit(self.platform)
            if (given.scheme, given.netloc) != (own.scheme, own.netloc):
                raise AltinnAnswerError(f"{name}: the next page lies on another host, {given.netloc!r}: not followed")

        def parse(response: HttpResponse) -> tuple[tuple[Any, ...], str]:
            document = _object(response)
            links, listed = document.get("links"), document.get("data")
            after = links.get("next") if isinstance(links, Mapping) else None
            return tuple(read(one) for one in listed or ()), str(after or "")

        return self._call("GET", path, name, parse, url=following)

    def _call(
        self, method: str, path: str, name: str, parse: Any, *, body: Mapping[str, Any] | None = None, url: str = ""
    ) -> Call[Any]:
        """Describe one request; POST is harmless here as well, since each of them is idempotent by its key."""
        content = None if body is None else json.dumps(body).encode()
        address = url or f"{self.platform}/authentication/api/v1/{path}"
        request = HttpRequest(method, address, _JSON, content)
        return Call(name, request, parse, accept=frozenset({200, 201}), harmless=True, audience="external")


def vendor_settings(settings: Settings) -> Settings:
    """Return the same client as the vendor that it belongs to: no system user, and the vendor's scopes.

    :raises AltinnInputError: the connection does not log in with Maskinporten.
    """
    if settings.auth_mode != MASKINPORTEN:
        raise AltinnInputError(
            f"connection '{settings.conn_id}' logs in with '{settings.auth_mode}': system users are asked for with "
            "auth_mode 'maskinporten'"
        )
    return dataclasses.replace(settings, on_behalf_of="", external_ref="", scopes=VENDOR_SCOPES)


def system_document(
    system_id: str,
    name: str,
    client_id: str,
    *,
    resources: Sequence[str] = (),
    access_packages: Sequence[str] = (),
    redirect_urls: Sequence[str] = (),
) -> dict[str, Any]:
    """Describe a system for the register.

    :param system_id: "{vendor's organisation number}_{name}".
    :raises AltinnInputError: it is not.
    """
    vendor, _, rest = system_id.partition("_")
    if not rest:
        raise AltinnInputError(f"system id '{system_id[:60]}' must be the vendor's organisation number, '_' and a name")
    check_organisation_number(vendor, strict=False)
    texts = dict.fromkeys(_TEXTS, name)
    return {
        "id": system_id,
        "vendor": {"authority": "iso6523-actorid-upis", "ID": f"0192:{vendor}"},
        "name": texts,
        "description": texts,
        "rights": rights_to(resources),
        "accessPackages": [{"urn": urn} for urn in access_packages],
        "clientId": [client_id],
        "allowedredirecturls": list(redirect_urls),
        "isVisible": False,
    }


def rights_to(resources: Sequence[str]) -> list[dict[str, Any]]:
    """Write resources as rights; an app "org/name" is the resource "app_org_name"."""
    names = (f"app_{one.replace('/', '_')}" if "/" in one else one for one in resources)
    return [{"resource": [{"id": "urn:altinn:resource", "value": name}]} for name in names]


def _part(text: str) -> str:
    return quote(text, safe="")


def _object(response: HttpResponse) -> Mapping[str, Any]:
    document = response.json()
    if not isinstance(document, Mapping):
        raise AltinnAnswerError("the answer is not a JSON object")
    return document


def _request(response: HttpResponse) -> UserRequest:
    return UserRequest.from_json(response.json())


def _user(value: object) -> SystemUserEntry:
    if not isinstance(value, Mapping):
        raise AltinnAnswerError("the answer's list holds something that is no system user")
    return SystemUserEntry(
        str(value.get("id") or ""), str(value.get("reporteeOrgNo") or ""), str(value.get("externalRef") or "")
    )

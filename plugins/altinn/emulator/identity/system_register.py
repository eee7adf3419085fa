"""Altinn's register of systems, and the requests with which a vendor asks a customer for a system user.

Source: SystemRegisterController and RequestSystemUserController in Altinn's public authentication service, and
"System user" on docs.altinn.studio.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from altinn.emulator.identity.client_registry import SystemUserGrant
from altinn.emulator.identity.identity_store import IdentityStore
from altinn.emulator.identity.principal import org_number_in

SYSTEM_KIND = "system"
REQUEST_KIND = "system_user_request"
NEW, ACCEPTED, REJECTED = "New", "Accepted", "Rejected"
ANSWERS = {"approve": ACCEPTED, "reject": REJECTED}
_SYSTEM_ID = re.compile(r"(\d{9})_[A-Za-z0-9_.-]+")

Document = dict[str, Any]


class RegisterRefusal(Exception):
    """The register says no.

    :param code: Altinn's own code, such as "AUTH-00003".
    """

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(f"{code}: {title}")
        self.status = status
        self.code = code
        self.title = title


@dataclass(frozen=True, slots=True)
class SystemRegister:
    """Systems, requests, and the system users that came of them."""

    store: IdentityStore
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    def add_system(self, document: object, vendor: str) -> str:
        """Register a vendor's system; give the register's internal id.

        :raises RegisterRefusal: malformed, somebody else's, or there already.
        """
        system = _checked_system(document, vendor)
        internal = self.new_id()
        if not self.store.add(SYSTEM_KIND, system["id"], json.dumps({**system, "systemInternalId": internal})):
            raise RegisterRefusal(400, "AUTH.VLD-00002", "The system id already exists")
        return internal

    def replace_system(self, system_id: str, document: object, vendor: str) -> Document:
        """Change what a system says of itself.

        :raises RegisterRefusal: unknown or somebody else's.
        """
        known = self.system(system_id, vendor)
        kept = {**_checked_system(document, vendor), "systemInternalId": known["systemInternalId"], "id": system_id}
        self.store.put(SYSTEM_KIND, system_id, json.dumps(kept))
        return kept

    def system(self, system_id: str, vendor: str) -> Document:
        """Give a vendor's own system.

        :raises RegisterRefusal: there is none.
        """
        text = self.store.get(SYSTEM_KIND, system_id)
        system: Document = json.loads(text) if text else {}
        if not system or org_number_in(system["vendor"]) != vendor:
            raise RegisterRefusal(404, "AUTH-00011", "The system was not found")
        return system

    def request(self, document: object, vendor: str) -> tuple[Document, bool]:
        """Ask a customer for a system user; give the request, and whether it is new.

        The same system, customer and reference give the request that is there.

        :raises RegisterRefusal: unknown system, rights that the system does not have, or there is one already.
        """
        if not isinstance(document, Mapping):
            raise RegisterRefusal(400, "STD-00000", "The request must be a JSON object")
        system = self.system(str(document.get("systemId")), vendor)
        customer = str(document.get("partyOrgNo") or "")
        if not re.fullmatch(r"\d{9}", customer):
            raise RegisterRefusal(400, "AUTH-00007", "The party organisation number is not valid")
        reference = document.get("externalRef") or customer
        with self.store.exclusively():
            there = self._find(system["id"], customer, reference)
            if there and there["status"] == ACCEPTED:
                raise RegisterRefusal(400, "AUTH-00008", "The system user already exists")
            if there:
                return there, False
            _check_rights(document, system)
            made = {
                "id": self.new_id(),
                "externalRef": reference,
                "systemId": system["id"],
                "partyOrgNo": customer,
                "rights": document.get("rights") or [],
                "accessPackages": document.get("accessPackages") or [],
                "status": NEW,
                "redirectUrl": document.get("redirectUrl") or "",
            }
            self.store.put(REQUEST_KIND, made["id"], json.dumps(made))
        return made, True

    def requests(self, system_id: str, vendor: str) -> list[Document]:
        """Give all requests for one of a vendor's systems."""
        self.system(system_id, vendor)
        return [made for made in self._all() if made["systemId"] == system_id]

    def find_request(self, vendor: str, *, request_id: str = "", key: tuple[str, str, str] | None = None) -> Document:
        """Give a request by its id, or by system, customer and reference.

        :raises RegisterRefusal: there is none of this vendor.
        """
        found = self._find(*key) if key else next((m for m in self._all() if m["id"] == request_id), None)
        if found is None:
            raise RegisterRefusal(404, "AUTH-00010", "The system user request was not found")
        self.system(found["systemId"], vendor)
        return found

    def answer(self, request_id: str, answer: str) -> Document:
        """Let the customer approve or reject.

        :raises RegisterRefusal: no such request, or it was answered before.
        """
        with self.store.exclusively():
            text = self.store.get(REQUEST_KIND, request_id)
            if not text or answer not in ANSWERS:
                raise RegisterRefusal(404, "AUTH-00010", "The system user request was not found")
            made: Document = json.loads(text)
            if made["status"] != NEW:
                raise RegisterRefusal(409, "AUTH-00014", f"The request is {made['status']} already")
            made["status"] = ANSWERS[answer]
            if answer == "approve":
                made["systemUserId"] = self.new_id()
            self.store.put(REQUEST_KIND, request_id, json.dumps(made))
        return made

    def system_users(self, system_id: str, vendor: str) -> list[Document]:
        """Give the system users of one of a vendor's systems."""
        return [
            {
                "id": made["systemUserId"],
                "integrationTitle": self.system(system_id, vendor)["name"].get("en", system_id),
                "systemId": made["systemId"],
                "reporteeOrgNo": made["partyOrgNo"],
                "externalRef": made["externalRef"],
            }
            for made in self.requests(system_id, vendor)
            if made["status"] == ACCEPTED
        ]

    def grants(self, client_id: str) -> tuple[SystemUserGrant, ...]:
        """Give the system users that a Maskinporten client may act as: those of the systems that list it."""
        systems = {key for key, text in self.store.items(SYSTEM_KIND) if client_id in json.loads(text)["clientId"]}
        return tuple(
            SystemUserGrant(
                made["systemUserId"],
                made["partyOrgNo"],
                made["externalRef"] if made["externalRef"] != made["partyOrgNo"] else None,
            )
            for made in self._all()
            if made["status"] == ACCEPTED and made["systemId"] in systems
        )

    def waiting(self) -> list[Document]:
        """Give every request that no customer has answered."""
        return [made for made in self._all() if made["status"] == NEW]

    def _find(self, system_id: str, customer: str, reference: str) -> Document | None:
        wanted = (system_id, customer, reference)
        made = (made for made in self._all() if made["status"] != REJECTED)
        return next((m for m in made if (m["systemId"], m["partyOrgNo"], m["externalRef"]) == wanted), None)

    def _all(self) -> list[Document]:
        return [json.loads(text) for _, text in self.store.items(REQUEST_KIND)]


def _checked_system(document: object, vendor: str) -> Document:
    if not isinstance(document, Mapping):
        raise RegisterRefusal(400, "STD-00000", "The system must be a JSON object")
    matched = _SYSTEM_ID.fullmatch(str(document.get("id")))
    if not matched:
        raise RegisterRefusal(400, "AUTH.VLD-00001", "The system id does not match the format orgnumber_xxxx...")
    number = org_number_in(document.get("vendor"))
    if number is None:
        raise RegisterRefusal(400, "AUTH.VLD-00000", "the org number identifier is not valid ISO6523 identifier")
    if vendor != number or matched[1] != number:
        raise RegisterRefusal(401, "AUTH-00001", "The vendor is not the token's organisation")
    texts = {name: document.get(name) for name in ("name", "description")}
    if not all(isinstance(text, Mapping) and {"nb", "nn", "en"} <= text.keys() for text in texts.values()):
        raise RegisterRefusal(400, "STD-00000", "name and description need nb, nn and en")
    clients = document.get("clientId") or []
    if not isinstance(clients, list):
        raise RegisterRefusal(400, "STD-00000", "clientId must be a list")
    return {
        "id": matched[0],
        "vendor": document["vendor"],
        **texts,
        "rights": document.get("rights") or [],
        "accessPackages": document.get("accessPackages") or [],
        "clientId": clients,
        "allowedRedirectUrls": document.get("allowedredirecturls") or document.get("allowedRedirectUrls") or [],
        "isVisible": bool(document.get("isVisible")),
    }


def _check_rights(document: Mapping[str, Any], system: Document) -> None:
    for name, code, title in (
        ("rights", "AUTH-00004", "One or more of the rights are not the system's"),
        ("accessPackages", "AUTH-00005", "One or more of the access packages are not the system's"),
    ):
        asked = document.get(name) or []
        if not isinstance(asked, list) or any(one not in system[name] for one in asked):
            raise RegisterRefusal(400, code, title)
    if not (document.get("rights") or document.get("accessPackages")):
        raise RegisterRefusal(400, "AUTH-00004", "The request names neither rights nor access packages")
    url = document.get("redirectUrl")
    if url and url not in system["allowedRedirectUrls"]:
        raise RegisterRefusal(400, "AUTH-00006", "The redirect URL is not registered for the system")

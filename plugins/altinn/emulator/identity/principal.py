"""Who a request comes from, as an app reads it out of an Altinn token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["user", "system_user", "service_owner", "org", "external"]

SYSTEM_USER_TYPE = "urn:altinn:systemuser"


@dataclass(frozen=True, slots=True)
class Person:
    """A person with a user in Altinn."""

    user_id: int
    username: str
    party_id: int
    person_number: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A system user that an organisation has approved.

    :param system: id in the system register, "{vendor organisation number}_{name}".
    """

    system_user_id: str
    org_number: str
    system: str


class Directory(Protocol):
    """The people and organisations that the token endpoints must know; the emulator's test data has them."""

    def user(self, user_id: int) -> Person | None:
        """Find a person by Altinn's user id."""

    def people(self) -> list[Person]:
        """Give everybody with a national identity number, who can log in with ID-porten."""

    def user_of_person(self, person_number: str) -> Person | None:
        """Find a person by national identity number."""

    def system_user(self, system_user_id: str) -> SystemUser | None:
        """Find one of LocalTest's system users."""

    def org_number_of(self, org_code: str) -> str | None:
        """Give the organisation number of a service owner's code ("skd")."""

    def org_code_of(self, org_number: str) -> str | None:
        """Give the service owner's code of an organisation number."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The identity that a token gives.

    :param kind: "user", "system_user", "service_owner", "org" (an organisation without a system user: may log in,
        may not file), or "external" (a Maskinporten or ID-porten token that was not exchanged; apps answer 500).
    :param auth_level: 0 to 4.
    """

    kind: Kind
    user_id: int | None = None
    party_id: int | None = None
    person_number: str | None = field(default=None, repr=False)
    username: str | None = None
    org_code: str | None = None
    org_number: str | None = None
    system_user_id: str | None = None
    system_user_org: str | None = None
    scopes: frozenset[str] = frozenset()
    auth_level: int = 0
    client_id: str | None = None


def principal_from(claims: Mapping[str, object], directory: Directory) -> Principal | None:
    """Read the identity out of an Altinn token's claims, None when there is none.

    The order of the questions is the app library's (`Altinn.App.Core/Features/Auth/Authenticated.cs`).
    """
    scopes = frozenset(str(claims.get("scope") or claims.get("urn:altinn:scope") or "").split())
    level = _number(claims.get("urn:altinn:authlevel")) or 0
    client_id = _text(claims.get("client_id"))
    user_id = _number(claims.get("urn:altinn:userid"))
    org_number = _text(claims.get("urn:altinn:orgNumber"))
    if user_id is not None:
        person = directory.user(user_id)
        return Principal(
            "user",
            user_id=user_id,
            party_id=_number(claims.get("urn:altinn:partyid")),
            person_number=person.person_number if person else None,
            username=_text(claims.get("urn:altinn:username")),
            scopes=scopes,
            auth_level=level,
            client_id=client_id,
        )
    system_user = system_user_of(claims.get("authorization_details"))
    if system_user:
        return Principal(
            "system_user",
            org_number=org_number,
            system_user_id=system_user[0],
            system_user_org=system_user[1],
            scopes=scopes,
            auth_level=level,
            client_id=client_id,
        )
    org_code = _text(claims.get("urn:altinn:org"))
    if org_code is None and org_number is None:
        return None
    return Principal(
        "service_owner" if org_code else "org",
        org_code=org_code,
        org_number=org_number,
        scopes=scopes,
        auth_level=level,
        client_id=client_id,
    )


def system_user_of(details: object) -> tuple[str, str] | None:
    """Give (system user id, organisation number) out of `authorization_details`: an object, or a list of one."""
    entries = details if isinstance(details, list) else [details]
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("type") != SYSTEM_USER_TYPE:
            continue
        ids, org = entry.get("systemuser_id"), entry.get("systemuser_org")
        number = org_number_in(org)
        if isinstance(ids, list) and ids and number:
            return str(ids[0]), number
    return None


def org_number_in(claim: object) -> str | None:
    """Give the organisation number in an ISO 6523 claim, {"authority": "iso6523-actorid-upis", "ID": "0192:…"}."""
    if not isinstance(claim, Mapping) or claim.get("authority") != "iso6523-actorid-upis":
        return None
    scheme, _, number = str(claim.get("ID", "")).partition(":")
    return number if scheme == "0192" and len(number) == 9 and number.isascii() and number.isdigit() else None


def iso6523(org_number: str) -> dict[str, str]:
    """Write an organisation number the way Maskinporten's claims carry it."""
    return {"authority": "iso6523-actorid-upis", "ID": f"0192:{org_number}"}


def _number(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

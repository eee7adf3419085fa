"""The people, organisations and system users that the emulated Altinn knows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

PERSON, ORGANISATION = 1, 2


@dataclass(frozen=True, slots=True)
class Party:
    """A party of Altinn's register."""

    party_id: int
    uuid: str | None
    kind: int
    name: str
    organisation_number: str | None
    unit_type: str | None
    person_number: str | None = field(repr=False, default=None)

    def as_json(self) -> dict[str, Any]:
        """Return the party as an app shows it beside an instance's owner."""
        return {
            "partyId": self.party_id,
            "partyUuid": self.uuid,
            "partyTypeName": self.kind,
            "ssn": self.person_number,
            "orgNumber": self.organisation_number,
            "unitType": self.unit_type,
            "name": self.name,
            "isDeleted": False,
        }


@dataclass(frozen=True, slots=True)
class User:
    """A person with a login, and the roles that the person holds for parties."""

    user_id: int
    username: str
    party_id: int
    roles: dict[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class SystemUser:
    """An organisation's system user and the actions that it was given."""

    id: str
    organisation_number: str
    system: str
    actions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Register:
    """Everybody, looked up by what a request may name."""

    parties: dict[int, Party]
    users: dict[int, User]
    system_users: dict[str, SystemUser]
    service_owners: dict[str, str]

    def party(self, party_id: int) -> Party | None:
        """Return the party with this id."""
        return self.parties.get(party_id)

    def organisation(self, number: str) -> Party | None:
        """Return the party with this organisation number."""
        return next((p for p in self.parties.values() if p.organisation_number == number), None)

    def person(self, number: str) -> Party | None:
        """Return the party with this personal identity number."""
        return next((p for p in self.parties.values() if p.person_number == number), None)

    def user_named(self, username: str) -> User | None:
        """Return the user with this username."""
        return next((u for u in self.users.values() if u.username == username), None)

    def roles(self, user_id: int, party_id: int) -> frozenset[str]:
        """Return the role codes, in lower case, that a user holds for a party."""
        user = self.users.get(user_id)
        return user.roles.get(party_id, frozenset()) if user else frozenset()


def _party(entry: dict[str, Any]) -> Party:
    return Party(
        party_id=int(entry["partyId"]),
        uuid=entry["partyUuid"],
        kind=entry["partyTypeName"],
        name=entry["name"],
        organisation_number=entry["orgNumber"] or None,
        unit_type=entry["unitType"],
        person_number=entry["ssn"] or None,
    )


def _user(entry: dict[str, Any]) -> User:
    roles = {int(p): frozenset(code.lower() for code in codes) for p, codes in entry["roles"].items()}
    return User(entry["userId"], entry["userName"], int(entry["partyId"]), roles)


def _system_user(entry: dict[str, Any]) -> SystemUser:
    return SystemUser(entry["id"], entry["orgNumber"], entry["system"], frozenset(entry["actions"]))


def load_register() -> Register:
    """Read the test data that comes with the emulator."""
    data = json.loads(files("altinn.emulator").joinpath("testdata.json").read_text("utf-8"))
    parties = [_party(p) for p in data["parties"]]
    users = [_user(u) for u in data["users"]]
    system_users = [_system_user(s) for s in data["system_users"]]
    return Register(
        parties={p.party_id: p for p in parties},
        users={u.user_id: u for u in users},
        system_users={s.id: s for s in system_users},
        service_owners={o["org"]: o["orgNumber"] for o in data["service_owners"]},
    )

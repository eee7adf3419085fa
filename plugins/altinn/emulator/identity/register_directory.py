"""The register's people and organisations, as the token endpoints ask for them."""

from __future__ import annotations

from dataclasses import dataclass

from altinn.emulator.identity.principal import Person, SystemUser
from altinn.emulator.parties import Register


@dataclass(frozen=True, slots=True)
class RegisterDirectory:
    """A `Directory` over the emulator's register."""

    register: Register

    def user(self, user_id: int) -> Person | None:
        """Find a person by Altinn's user id."""
        user = self.register.users.get(user_id)
        party = self.register.party(user.party_id) if user else None
        if user is None or party is None:
            return None
        return Person(user.user_id, user.username, user.party_id, party.person_number)

    def people(self) -> list[Person]:
        """Give everybody with a national identity number, by user id."""
        found = (self.user(user_id) for user_id in sorted(self.register.users))
        return [person for person in found if person and person.person_number]

    def user_of_person(self, person_number: str) -> Person | None:
        """Find a person by national identity number."""
        party = self.register.person(person_number)
        users = self.register.users.values()
        found = next((user for user in users if party and user.party_id == party.party_id), None)
        return self.user(found.user_id) if found else None

    def system_user(self, system_user_id: str) -> SystemUser | None:
        """Find one of LocalTest's system users."""
        found = self.register.system_users.get(system_user_id)
        return SystemUser(found.id, found.organisation_number, found.system) if found else None

    def org_number_of(self, org_code: str) -> str | None:
        """Give the organisation number of a service owner's code."""
        return self.register.service_owners.get(org_code)

    def org_code_of(self, org_number: str) -> str | None:
        """Give the service owner's code of an organisation number."""
        return next((code for code, number in self.register.service_owners.items() if number == org_number), None)

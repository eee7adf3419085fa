"""Instance ids, app ids, organisation numbers and owners, checked before anything is sent."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from altinn.exceptions import AltinnInputError
from altinn.protocol.check_digits import fits_modulus_11
from altinn.protocol.masking import mask

_APP_ID = re.compile(r"[a-z][a-z0-9]{1,9}/[a-z][a-z0-9-]{1,60}")
_ORGANISATION_NUMBER = re.compile(r"[0-9]{9}")
_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)


@dataclass(frozen=True, slots=True)
class InstanceId:
    """An instance's id: the owner's party id and a GUID.

    :param party: Altinn's number for the owner, digits only.
    :param guid: lower-case GUID.
    """

    party: str
    guid: str

    @classmethod
    def parse(cls, text: str) -> InstanceId:
        """Read "party/guid".

        :raises AltinnInputError: the text has another form.
        """
        party, _, guid = str(text).strip().partition("/")
        try:
            parsed = str(uuid.UUID(guid))
        except ValueError as exc:
            raise AltinnInputError(_not_an_instance_id(text)) from exc
        if not re.fullmatch(r"[0-9]{1,12}", party) or parsed != guid.lower():
            raise AltinnInputError(_not_an_instance_id(text))
        return cls(party, parsed)

    def __str__(self) -> str:
        return f"{self.party}/{self.guid}"


def _not_an_instance_id(text: object) -> str:
    return (
        f"{mask(str(text))[:80]!r} is not an instance id: expected 'party/guid' as the instantiate task returns it, "
        "for example '50001234/f3ed5dfa-5a8d-4a4f-9e6f-0c3f6a0f6f3b'"
    )


@dataclass(frozen=True, slots=True)
class AppId:
    """An app's id, "org/app"."""

    org: str
    app: str

    @classmethod
    def parse(cls, text: str) -> AppId:
        """Read "org/app".

        :raises AltinnInputError: the text has another form.
        """
        if not _APP_ID.fullmatch(str(text)):
            raise AltinnInputError(
                f"{str(text)[:80]!r} is not an app id: expected 'org/app' in lower case, "
                "for example 'skd/mva-melding-innsending-v1'"
            )
        org, _, app = text.partition("/")
        return cls(org, app)

    def __str__(self) -> str:
        return f"{self.org}/{self.app}"


def check_organisation_number(number: str, *, strict: bool) -> str | None:
    """Check an organisation number before it is used.

    :param strict: refuse a wrong check digit (production); elsewhere test organisations often fail it.
    :return: a warning to show, or None.
    :raises AltinnInputError: not nine digits, or `strict` and a wrong check digit.
    """
    shown = mask(str(number))[:20]
    if not _ORGANISATION_NUMBER.fullmatch(str(number)):
        raise AltinnInputError(
            f"organisation number {shown!r} must be nine digits without spaces, for example '974760673'"
        )
    if _check_digit_fits(number):
        return None
    if strict:
        raise AltinnInputError(
            f"organisation number {shown!r} has a wrong check digit: look it up in Enhetsregisteret (data.brreg.no)"
        )
    return f"organisation number {shown} has a wrong check digit; production would refuse it"


def _check_digit_fits(number: str) -> bool:
    """Modulus 11 as Brønnøysundregistrene describes it for organisation numbers."""
    return fits_modulus_11(number, _WEIGHTS)


@dataclass(frozen=True, slots=True)
class InstanceOwner:
    """Who files: exactly one of the identifiers.

    :param person_number: never shown; it comes from a connection or a file.
    """

    party_id: str = ""
    organisation_number: str = ""
    username: str = ""
    person_number: str = ""

    def __repr__(self) -> str:
        return f"InstanceOwner({self.label})"

    @property
    def label(self) -> str:
        """The owner for logs, without a person number."""
        if self.party_id:
            return f"party {self.party_id}"
        if self.organisation_number:
            return f"organisation {self.organisation_number}"
        return f"user {self.username}" if self.username else "a person"

    def template(self) -> dict[str, str]:
        """Return the `instanceOwner` member of a creation's template."""
        for name, value in (
            ("partyId", self.party_id),
            ("organisationNumber", self.organisation_number),
            ("username", self.username),
            ("personNumber", self.person_number),
        ):
            if value:
                return {name: value}
        raise AltinnInputError(
            "no instance owner: give organisation_number, party_id or username, or put organisation_number into the "
            "connection and use owner='self'"
        )

    def matches(self, *, party_id: str, organisation_number: str) -> bool:
        """Tell whether an instance's owner is this one, as far as the answer allows to compare.

        :param organisation_number: empty when the answer does not name it.
        """
        if self.party_id:
            return self.party_id == party_id
        if self.organisation_number:
            return organisation_number in ("", self.organisation_number)
        return True

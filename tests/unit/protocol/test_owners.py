"""Who files: from a task's arguments and a connection."""

from __future__ import annotations

import dataclasses

import pytest

from altinn.exceptions import AltinnInputError
from altinn.protocol.identifiers import InstanceOwner
from altinn.protocol.owners import choose_owner
from altinn.protocol.settings import Settings, settings_from

NUMBER = "974760673"
PERSON = "01039012345"
EMPTY = settings_from(
    "filing",
    host="http://127.0.0.1:1",
    extra={"environment": "local", "auth_mode": "localtest", "test_user_id": "1337"},
)


def settings(**fields: str) -> Settings:
    return dataclasses.replace(EMPTY, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "owner"),
    [
        ({"organisation_number": f" {NUMBER} "}, InstanceOwner(organisation_number=NUMBER)),
        ({"party_id": "50001234"}, InstanceOwner(party_id="50001234")),
        ({"username": "kari"}, InstanceOwner(username="kari")),
    ],
)
def test_an_argument_counts_more_than_the_connection(given: dict[str, str], owner: InstanceOwner) -> None:
    assert choose_owner(settings(organisation_number="991825827"), **given) == owner


@pytest.mark.parametrize("owner", ["self", "", None])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"organisation_number": NUMBER, "person_number": PERSON}, InstanceOwner(organisation_number=NUMBER)),
        ({"test_party_id": "501337", "person_number": PERSON}, InstanceOwner(party_id="501337")),
        ({"person_number": PERSON}, InstanceOwner(person_number=PERSON)),
    ],
)
def test_self_is_what_the_connection_says(owner: str | None, fields: dict[str, str], expected: InstanceOwner) -> None:
    assert choose_owner(settings(**fields), owner=owner) == expected


def test_without_anything_the_text_says_where_to_write_it() -> None:
    with pytest.raises(AltinnInputError, match="connection 'filing'"):
        choose_owner(settings())


def test_two_identifiers_are_one_too_many() -> None:
    with pytest.raises(AltinnInputError, match="organisation_number, party_id"):
        choose_owner(settings(), organisation_number=NUMBER, party_id="50001234")


def test_owner_knows_self_only() -> None:
    with pytest.raises(AltinnInputError, match="only knows 'self'"):
        choose_owner(settings(), owner=NUMBER)


@pytest.mark.parametrize("party", ["5000x", "-1", "٥", "1234567890123"])
def test_a_party_id_has_digits_only(party: str) -> None:
    with pytest.raises(AltinnInputError, match="digits only"):
        choose_owner(settings(), party_id=party)


@pytest.mark.parametrize("argument", ["organisation_number", "party_id", "username", "owner"])
@pytest.mark.parametrize("number", [PERSON, "010390 12345", f"fnr {PERSON}"])
def test_a_person_number_is_no_argument_and_is_not_shown(argument: str, number: str) -> None:
    with pytest.raises(AltinnInputError) as caught:
        choose_owner(settings(), **{argument: number})
    assert "12345" not in str(caught.value)
    assert number not in str(caught.value)

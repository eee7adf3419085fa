"""Ids and numbers are checked before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import AltinnInputError
from altinn.protocol.identifiers import AppId, InstanceId, InstanceOwner, check_organisation_number

if TYPE_CHECKING:
    import uuid

GUID = "f3ed5dfa-5a8d-4a4f-9e6f-0c3f6a0f6f3b"


@given(st.integers(0, 10**12 - 1), st.uuids())
def test_an_instance_id_is_read_and_written(party: int, guid: uuid.UUID) -> None:
    text = f"{party}/{guid}"
    assert str(InstanceId.parse(text)) == text
    assert InstanceId.parse(f" {party}/{str(guid).upper()}\n") == InstanceId(str(party), str(guid))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        GUID,
        f"/{GUID}",
        f"50001234/{GUID}/data",
        f"50001234/{GUID[:-1]}",
        f"50001234/{{{GUID}}}",
        f"50001234/{GUID.replace('-', '')}",
        f"50001234/urn:uuid:{GUID}",
        f"-1/{GUID}",
        f"٥/{GUID}",
        f"../{GUID}",
        "{{ ti.xcom_pull('instantiate') }}",
        "None",
    ],
)
def test_what_is_no_instance_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AltinnInputError, match="expected 'party/guid'"):
        InstanceId.parse(text)


@given(st.text(max_size=60))
def test_any_text_is_an_instance_id_or_refused(text: str) -> None:
    try:
        parsed = InstanceId.parse(text)
    except AltinnInputError:
        return
    assert InstanceId.parse(str(parsed)) == parsed


@pytest.mark.parametrize("text", ["skd/mva-melding-innsending-v1", "ttd/basic", "ssb/ra0678-01"])
def test_an_app_id_is_read_and_written(text: str) -> None:
    assert str(AppId.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "skd", "skd/", "/app", "SKD/app", "skd/app/v1", "skd/a b", "skd/app?x", "s/app", "skd/../ttd", "skd/app\n"],
)
def test_what_is_no_app_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AltinnInputError, match="expected 'org/app'"):
        AppId.parse(text)


# Digdir, Skatteetaten, Statistisk sentralbyrå, Brønnøysundregistrene, Kongsvinger kommune
@pytest.mark.parametrize("number", ["991825827", "974761076", "971526920", "974760673", "944117784"])
def test_real_organisation_numbers_have_the_right_check_digit(number: str) -> None:
    assert check_organisation_number(number, strict=True) is None


@given(st.integers(0, 10**8 - 1))
def test_at_most_one_check_digit_fits(stem: int) -> None:
    fitting = [d for d in range(10) if check_organisation_number(f"{stem:08d}{d}", strict=False) is None]
    weighted = sum(int(digit) * weight for digit, weight in zip(f"{stem:08d}", (3, 2, 7, 6, 5, 4, 3, 2), strict=True))
    assert fitting == [d for d in range(10) if (weighted + d) % 11 == 0]


@given(st.integers(0, 10**8 - 1), st.integers(0, 7), st.integers(1, 9))
def test_one_mistyped_digit_is_always_found(stem: int, place: int, shift: int) -> None:
    digits = [int(c) for c in f"{stem:08d}"]
    fitting = [d for d in range(10) if check_organisation_number(f"{stem:08d}{d}", strict=False) is None]
    digits[place] = (digits[place] + shift) % 10
    mistyped = "".join(map(str, digits))
    assert not [d for d in fitting if check_organisation_number(f"{mistyped}{d}", strict=False) is None]


def test_a_wrong_check_digit_is_an_error_in_production_and_a_warning_elsewhere() -> None:
    assert "wrong check digit" in (check_organisation_number("974760674", strict=False) or "")
    with pytest.raises(AltinnInputError, match="Enhetsregisteret"):
        check_organisation_number("974760674", strict=True)


@pytest.mark.parametrize(
    "number", ["", "97476067", "9747606733", "974 760 673", "NO974760673", "٩٧٤٧٦٠٦٧٣", "974760673\n"]
)
@pytest.mark.parametrize("strict", [True, False])
def test_an_organisation_number_has_nine_digits(number: str, strict: bool) -> None:
    with pytest.raises(AltinnInputError, match="nine digits"):
        check_organisation_number(number, strict=strict)


@pytest.mark.parametrize("number", ["01039012345", "010390 12345"])
def test_a_person_number_in_the_wrong_place_is_not_shown(number: str) -> None:
    with pytest.raises(AltinnInputError) as caught:
        check_organisation_number(number, strict=False)
    assert "12345" not in str(caught.value)
    with pytest.raises(AltinnInputError) as caught:
        InstanceId.parse(f"{number}/{GUID[:-1]}")
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    ("owner", "template", "label"),
    [
        (InstanceOwner(party_id="50001234"), {"partyId": "50001234"}, "party 50001234"),
        (InstanceOwner(organisation_number="974760673"), {"organisationNumber": "974760673"}, "organisation 974760673"),
        (InstanceOwner(username="kari"), {"username": "kari"}, "user kari"),
        (InstanceOwner(person_number="01039012345"), {"personNumber": "01039012345"}, "a person"),
    ],
)
def test_an_owner_is_sent_by_one_identifier_and_shown_without_a_person_number(
    owner: InstanceOwner, template: dict[str, str], label: str
) -> None:
    assert owner.template() == template
    assert owner.label == label
    assert repr(owner) == f"InstanceOwner({label})"
    assert "01039012345" not in f"{owner} {owner!r} {[owner]}"


def test_nobody_cannot_file() -> None:
    with pytest.raises(AltinnInputError, match="no instance owner"):
        InstanceOwner().template()


@pytest.mark.parametrize(
    ("owner", "party", "number", "same"),
    [
        (InstanceOwner(party_id="1"), "1", "", True),
        (InstanceOwner(party_id="1"), "2", "974760673", False),
        (InstanceOwner(organisation_number="974760673"), "1", "974760673", True),
        (InstanceOwner(organisation_number="974760673"), "1", "991825827", False),
        (InstanceOwner(organisation_number="974760673"), "1", "", True),
        (InstanceOwner(person_number="01039012345"), "1", "", True),
    ],
)
def test_an_instance_of_somebody_else_is_told_apart(owner: InstanceOwner, party: str, number: str, same: bool) -> None:
    assert owner.matches(party_id=party, organisation_number=number) is same

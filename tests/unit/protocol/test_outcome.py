"""Where a filing stands, from its process, its elements and its events."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.exceptions import (
    AltinnConfigurationError,
    AltinnFilingError,
    AltinnRejectedError,
    AltinnUnknownOutcomeError,
)
from altinn.protocol.model import Instance, InstanceEvent
from altinn.protocol.outcome import (
    _SAYS_NOTHING,
    _SAYS_YES,
    STATES,
    AcceptanceRule,
    Awaited,
    Confirmation,
    Outcome,
    standing,
    who_confirmed,
)
from tests.unit.protocol import recorded_answers as recorded

DRAFT = Instance.from_json(recorded.APP)
ENDED = Instance.from_json({**recorded.APP, "process": recorded.ENDED})


@pytest.mark.parametrize(
    ("types", "instance", "missing"),
    [
        ((), DRAFT, "the instance is at Task_1 (data, flow 2)"),
        (("model",), DRAFT, "the instance is at Task_1 (data, flow 2)"),
        ((), ENDED, ""),
        (("model",), ENDED, ""),
        (("kvittering", "model", "betaling"), ENDED, "the process has ended, kvittering, betaling is not there yet"),
    ],
)
def test_what_is_not_there_yet_is_named(types: tuple[str, ...], instance: Instance, missing: str) -> None:
    assert Awaited(types).missing(instance) == missing


def at(task_type: str) -> dict[str, Any]:
    """Return a process that stands in a task of this type."""
    return {"started": "2026-01-01T00:00:00Z", "currentTask": {"elementId": "Task_9", "altinnTaskType": task_type}}


def changed(**members: Any) -> Instance:
    return Instance.from_json({**recorded.APP, **members})


DELETED = {"isSoftDeleted": True}


@pytest.mark.parametrize(
    ("instance", "state"),
    [
        (DRAFT, "draft"),
        (changed(process=None), "draft"),
        (changed(process=at("confirmation")), "waiting_for_person"),
        (changed(process=at("signing")), "waiting_for_person"),
        (changed(process=at("feedback")), "waiting_for_authority"),
        (changed(process=at("eFormidling")), "waiting_for_authority"),
        (ENDED, "submitted"),
        (changed(status=DELETED), "unknown"),
        (changed(status=DELETED, process=recorded.ENDED), "submitted"),
        (changed(status={"isHardDeleted": True}, process=recorded.ENDED), "unknown"),
    ],
)
def test_without_the_authority_nothing_is_accepted(instance: Instance, state: str) -> None:
    found = standing(instance)
    assert found.state == state
    assert found.reason


def ended(label: str = "", text: str = "", confirmed: str = "", at_event: str = "EndEvent_1") -> Instance:
    return changed(
        process={**recorded.ENDED, "endEvent": at_event},
        status={"substatus": {"label": label, "description": text}} if label else {},
        completeConfirmations=[{"stakeholderId": confirmed}] if confirmed else None,
    )


@pytest.mark.parametrize(
    ("rule", "instance", "state"),
    [
        (AcceptanceRule("ended"), ended(), "accepted"),
        (AcceptanceRule("ended"), DRAFT, "draft"),
        (AcceptanceRule("ended"), ended("Behandles"), "unknown"),
        (AcceptanceRule("ended"), ended("Mottatt"), "accepted"),
        (AcceptanceRule("ended"), ended("Ikke godkjent"), "unknown"),
        (AcceptanceRule("ended"), ended("Ikke mottatt"), "unknown"),
        (AcceptanceRule("ended"), ended("Feilet"), "unknown"),
        (AcceptanceRule("ended"), ended("Avvist av Skatteetaten"), "unknown"),
        (AcceptanceRule("ended"), ended("substatus.rejected"), "unknown"),
        (AcceptanceRule("ended"), ended(at_event="EndEvent_Rejected"), "unknown"),
        (AcceptanceRule("ended"), ended("Mottatt", at_event="SluttAvvist"), "unknown"),
        (AcceptanceRule("confirmed"), ended(confirmed="digdir"), "waiting_for_authority"),
        (AcceptanceRule("ended"), ended("AVVIST"), "rejected"),
        (AcceptanceRule("ended", rejected_labels=frozenset({"Nei"})), ended("nei"), "rejected"),
        (AcceptanceRule("ended", accepted_labels=frozenset({"Mottatt"})), ended("mottatt"), "accepted"),
        (AcceptanceRule("ended", accepted_labels=frozenset({"Mottatt"})), ended("Behandles"), "unknown"),
        (AcceptanceRule("ended", accepted_labels=frozenset({"Mottatt"})), ended(), "accepted"),
        (AcceptanceRule("confirmed"), ended(), "waiting_for_authority"),
        (AcceptanceRule("confirmed"), ended(confirmed="TTD"), "accepted"),
        (AcceptanceRule("receipt", ("model",)), ended(), "accepted"),
        (AcceptanceRule("receipt", ("model", "kvittering")), ended(), "waiting_for_authority"),
        (AcceptanceRule("receipt", ("model",)), changed(process=at("feedback")), "waiting_for_authority"),
    ],
)
def test_acceptance_is_what_the_rule_says(rule: AcceptanceRule, instance: Instance, state: str) -> None:
    assert rule.outcome(instance).state == state


@pytest.mark.parametrize(
    "name",
    [
        "EndEvent_Denied", "DenyEnd", "IkkeGodkjent", "Ikke_akseptert", "NotAccepted", "not-approved", "Unapproved",
        "Trukket", "Withdrawn", "Slettet", "Expired", "Utløpt", "Terminated", "Error_1", "Avslag", "AvslaattEnd",
        "InnsendingenFeilet", "INNSENDINGEN_FEIL", "FeilFristOversittet", "NotReceived", "IkkeGyldig", "TimedOut",
        "NotSubmitted", "IkkeLevert", "IkkeSignert", "IKKE_GODTATT", "Ugodkjent", "Tilbakesendt", "Henlagt", "Bortfalt",
        "Makulert", "Dismissed", "Unsuccessful", "Incomplete", "ikkemottatt", "EndEvent_Nei", "Отказано", "不接受",
        # What may be good or not is for a person to say.
        "SluttUtenFeil", "TidenIverksatt", "SendtTilManuellBehandling", "Mottatt?Nei", "Event_2dtbe0r",
        "Event_1dtbe0rx", "Event_1reject", "EndEvent_1avvist", "_", "123", "Stop", "Closed",
    ],
)  # fmt: skip
def test_an_end_whose_name_is_not_known_is_no_acceptance(name: str) -> None:
    found = AcceptanceRule("ended").outcome(ended(at_event=name))
    assert (found.state, f"ended at {name!r}, which is not known here" in found.reason) == ("unknown", True)
    # Its app's user may know better.
    named = AcceptanceRule("ended", accepted_ends=frozenset({f" {name.upper()} "}))
    assert named.outcome(ended(at_event=name)).state == "accepted"


@given(st.text(min_size=1), st.sampled_from(["", "End", "EndEvent_", "Ikke", "Mottatt "]))
def test_only_known_words_make_an_end_an_acceptance(text: str, before: str) -> None:
    name = before + text
    known = AcceptanceRule("ended").outcome(ended(at_event=name)).state == "accepted"
    # Computed another way: whatever letters are left once the known words are taken away, longest first.
    left = re.sub(r"[\d\W_]+", " ", name.lower())
    for word in sorted(_SAYS_NOTHING | _SAYS_YES, key=len, reverse=True):
        left = left.replace(word, "")
    assert not known or not left.strip() or re.fullmatch(r"(End)?Event_[01](?=[a-z]*[0-9])[0-9a-z]{6}", name.strip())


@pytest.mark.parametrize(
    "name",
    ["", "EndEvent_1", "EndEvent", "Avsluttet", "Godkjent", "Accepted", "EndEvent_Accepted", "Mottatt", "Event_1dtbe0r",
     "EndEvent_0k3x9zq", "Ferdig", "SluttMottatt", "INNSENDT_OK", "Fullført", "END_EVENT_2"],
)  # fmt: skip
def test_an_end_that_says_nothing_or_yes_is_one(name: str) -> None:
    assert AcceptanceRule("ended").outcome(ended(at_event=name)).state == "accepted"


@pytest.mark.parametrize(
    ("state", "error"), [("rejected", AltinnRejectedError), ("unknown", AltinnUnknownOutcomeError)]
)
def test_the_authority_s_words_reach_an_error_without_person_numbers(
    state: str, error: type[AltinnFilingError]
) -> None:
    found = Outcome(state, "filed by 01017012345", ("R1: person 01017012345 is not known",))
    with pytest.raises(error) as raised:
        found.require_accepted("500000/guid")
    assert "01017012345" not in str(raised.value)
    assert "01017012345" not in str(getattr(raised.value, "codes", ""))
    assert "filed by <eleven digits>" in str(raised.value)


def test_a_rejection_by_sub_status_has_the_authority_s_words() -> None:
    rule = AcceptanceRule("ended")
    assert rule.outcome(ended("Avvist", "R061: tidligere periode mangler")).codes == (
        "Avvist: R061: tidligere periode mangler",
    )


@pytest.mark.parametrize(
    "rule", [AcceptanceRule("ended"), AcceptanceRule("confirmed"), AcceptanceRule("receipt", ("kvittering",))]
)
@pytest.mark.parametrize("process", [recorded.ENDED, at("feedback")])
def test_whoever_is_rejected_does_not_wait_for_what_only_an_acceptance_brings(
    rule: AcceptanceRule, process: dict[str, Any]
) -> None:
    rejected = changed(process=process, status={"substatus": {"label": " avvist "}})
    assert rule.outcome(rejected).state == "rejected"
    assert rule.awaited().missing(rejected) == ""


@pytest.mark.parametrize(("when", "types"), [("", ()), ("always", ()), ("receipt", ())])
def test_what_counts_as_accepted_must_be_said(when: str, types: tuple[str, ...]) -> None:
    with pytest.raises(AltinnConfigurationError, match="accepted_when"):
        AcceptanceRule(when, types)


def test_only_an_acceptance_passes() -> None:
    Outcome("accepted", "fine").require_accepted("1/a")
    with pytest.raises(AltinnRejectedError, match="R061") as rejected:
        Outcome("rejected", "no", ("R061: wrong",)).require_accepted("1/a")
    assert rejected.value.codes == ("R061: wrong",)
    for state in set(STATES) - {"accepted", "rejected"}:
        with pytest.raises(AltinnUnknownOutcomeError, match="1/a is not accepted"):
            Outcome(state, "why").require_accepted("1/a")


def event(kind: str, task_type: str, actor: str, created: str) -> InstanceEvent:
    return InstanceEvent(kind, created, "Task", task_type, "", actor)


WROTE = event("process_EndTask", "data", "user 1", "2026-01-01T10:00:00Z")
CONFIRMED = event("process_EndTask", "confirmation", "user 2", "2026-01-01T11:00:00Z")
CONFIRMED_AGAIN = event("process_EndTask", "confirmation", "user 3", "2026-01-01T12:00:00Z")
ANSWERED = event("process_EndTask", "feedback", "organisation skd", "2026-01-01T13:00:00Z")
STARTED = event("process_StartTask", "confirmation", "user 9", "2026-01-01T14:00:00Z")
NAMELESS = event("process_EndTask", "confirmation", "", "2026-01-01T15:00:00Z")


@pytest.mark.parametrize(
    ("events", "confirmed"),
    [
        ([], Confirmation()),
        ([STARTED, ANSWERED], Confirmation()),
        ([WROTE, ANSWERED], Confirmation("user 1", WROTE.created)),
        ([WROTE, CONFIRMED, ANSWERED, STARTED], Confirmation("user 2", CONFIRMED.created)),
        ([WROTE, CONFIRMED, WROTE, CONFIRMED_AGAIN], Confirmation("user 3", CONFIRMED_AGAIN.created)),
        ([WROTE, NAMELESS], Confirmation("user 1", WROTE.created)),
    ],
)
def test_who_took_the_senders_last_step(events: list[InstanceEvent], confirmed: Confirmation) -> None:
    assert who_confirmed(events) == confirmed

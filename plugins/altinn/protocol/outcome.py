"""Where a filing stands, as far as every app tells: from process, sub-status, confirmations and elements."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from altinn.exceptions import AltinnConfigurationError, AltinnRejectedError, AltinnUnknownOutcomeError
from altinn.protocol.masking import mask
from altinn.protocol.model import Instance, InstanceEvent

DRAFT = "draft"
WAITING_FOR_PERSON = "waiting_for_person"
WAITING_FOR_AUTHORITY = "waiting_for_authority"
SUBMITTED = "submitted"
ACCEPTED = "accepted"
REJECTED = "rejected"
UNKNOWN = "unknown"
STATES = (DRAFT, WAITING_FOR_PERSON, WAITING_FOR_AUTHORITY, SUBMITTED, ACCEPTED, REJECTED, UNKNOWN)
"""A draft is still in the sender's hands; submitted means that the authority has it and no verdict is to be expected
from the instance alone; unknown means that a person has to look."""

PERSON_TASKS = ("confirmation", "signing", "payment")
"""Types of tasks that somebody on the sender's side has to leave."""

REJECTING_LABELS = frozenset({"avvist", "avslått", "underkjent", "ugyldig", "rejected", "refused", "invalid"})
"""Sub-status labels that say no, whoever the authority is; compared without regard to case."""

ACCEPTING_LABELS = frozenset({"mottatt", "motteke", "godkjent", "akseptert", "accepted", "approved", "received"})
"""Sub-status labels that go with an acceptance where nothing else is said; any other label is unknown."""

_WORD = re.compile(r"[A-ZÆØÅ]?[a-zæøå]+|[A-ZÆØÅ]+|[^\W\d_]+")
_GENERATED = re.compile(r"(?:End)?Event_[01](?=[a-z]*[0-9])[0-9a-z]{6}")
"""The name that a modelling tool gives an event that nobody has named; without a second digit it may be a word."""
_SAYS_NOTHING = frozenset({
    "end", "event", "process", "prosess", "slutt", "sluttet", "avsluttet", "ferdig", "fullført", "fullfoert",
    "complete", "completed", "finish", "finished", "done", "final", "archived", "arkivert",
})  # fmt: skip
_SAYS_YES = frozenset({
    "accepted", "approved", "received", "confirmed", "submitted", "sent", "signed", "success", "successful",
    "ok", "mottatt", "godkjent", "akseptert", "bekreftet", "innsendt", "sendt", "levert", "signert",
})  # fmt: skip
"""An end event's words are known one by one, as sub-status labels are: there is no end to the ways to say no."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a filing stands.

    :param state: one of `STATES`.
    :param reason: for people.
    :param codes: the authority's own codes, each with its words.
    """

    state: str
    reason: str
    codes: tuple[str, ...] = ()

    def masked(self) -> Outcome:
        """Return the outcome as logs, errors and XComs tell it: the authority's words can hold a person's number."""
        return Outcome(self.state, mask(self.reason), tuple(map(mask, self.codes)))

    def require_accepted(self, instance_id: object) -> None:
        """Return only if the authority has accepted.

        :raises AltinnRejectedError: it has rejected; carries its codes.
        :raises AltinnUnknownOutcomeError: anything else; says what.
        """
        if self.state == ACCEPTED:
            return
        told = self.masked()
        if self.state == REJECTED:
            listed = "".join(f"\n  {code}" for code in told.codes[:20])
            more = f"\n  … and {len(told.codes) - 20} more" if len(told.codes) > 20 else ""
            raise AltinnRejectedError(
                f"{instance_id} was rejected: {told.reason}{listed}{more}", [str(instance_id)], told.codes
            )
        raise AltinnUnknownOutcomeError(
            f"{instance_id} is not accepted ({self.state.replace('_', ' ')}): {told.reason}", [str(instance_id)]
        )


def standing(instance: Instance) -> Outcome:
    """Say where an instance stands without knowing the authority: never accepted and never rejected."""
    process = instance.process
    if instance.is_hard_deleted or (instance.is_soft_deleted and not process.is_ended):
        return Outcome(UNKNOWN, "the instance has been deleted")
    if process.is_ended or instance.is_archived:
        return Outcome(SUBMITTED, "the process has ended")
    if process.task_type == "data" or not process.task_id:
        return Outcome(DRAFT, f"not submitted: the instance is at {process.where}")
    if process.task_type in PERSON_TASKS:
        return Outcome(WAITING_FOR_PERSON, f"the instance is at {process.where}")
    return Outcome(WAITING_FOR_AUTHORITY, f"the instance is at {process.where}")


ACCEPTED_WHEN = ("ended", "confirmed", "receipt")


@dataclass(frozen=True, slots=True)
class AcceptanceRule:
    """What counts as accepted where the authority sends no document with a verdict.

    :param accepted_when: "ended" (the process has ended), "confirmed" (and the service owner has confirmed that it has
        fetched what it needs), or "receipt" (and every one of `receipt_types` is there).
    :param receipt_types: data types that the authority adds.
    :param accepted_labels: sub-status labels that go with an acceptance; any other label is unknown.
    :param rejected_labels: sub-status labels that mean a rejection.
    :param accepted_ends: end events of the app that go with an acceptance though their names alone would not tell.
    """

    accepted_when: str
    receipt_types: tuple[str, ...] = ()
    accepted_labels: frozenset[str] = ACCEPTING_LABELS
    rejected_labels: frozenset[str] = REJECTING_LABELS
    accepted_ends: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.accepted_when not in ACCEPTED_WHEN:
            raise AltinnConfigurationError(
                f"accepted_when must be one of {', '.join(map(repr, ACCEPTED_WHEN))}, not {self.accepted_when!r}: it "
                "says what this authority's acceptance looks like, and there is no default"
            )
        if self.accepted_when == "receipt" and not self.receipt_types:
            raise AltinnConfigurationError("accepted_when='receipt' needs receipt_types: name the receipt's data type")

    def awaited(self) -> Awaited:
        """Return what a sender waits for; a rejection by sub-status ends the wait, since nothing else may follow."""
        return Awaited(
            self.receipt_types, confirmed=self.accepted_when == "confirmed", rejected_labels=self.rejected_labels
        )

    def outcome(self, instance: Instance) -> Outcome:
        """Decide from a fresh read of the instance."""
        label = instance.substatus.strip()
        if is_one_of(label, self.rejected_labels):
            said = instance.substatus_text.strip()
            return Outcome(
                REJECTED, f"the authority's sub-status is {label!r}", (f"{label}: {said}" if said else label,)
            )
        before = standing(instance)
        if before.state != SUBMITTED:
            return before
        missing = self.awaited().missing(instance)
        if missing:
            return Outcome(WAITING_FOR_AUTHORITY, missing)
        doubt = doubt_about(instance, self.accepted_labels, self.accepted_ends)
        if doubt:
            return Outcome(UNKNOWN, doubt)
        return Outcome(ACCEPTED, _why_accepted(self, instance))


def doubt_about(instance: Instance, accepted_labels: Collection[str], accepted_ends: Collection[str] = ()) -> str:
    """Say why an instance that has all it needs may yet be no acceptance; empty when nothing speaks against it."""
    label, end = instance.substatus.strip(), instance.process.end_event.strip()
    if label and not is_one_of(label, accepted_labels):
        return f"the authority's sub-status is {label[:60]!r}, which is not known here as an acceptance"
    if end and not (is_one_of(end, accepted_ends) or _is_good_end(end)):
        return f"the process has ended at {end[:60]!r}, which is not known here as an acceptance"
    return ""


def _is_good_end(name: str) -> bool:
    """Say whether an end event's name says nothing of how it ended, or only good things ("EndEvent_1", "Mottatt")."""
    if _GENERATED.fullmatch(name):
        return True
    words = {word.lower() for word in _WORD.findall(name)}
    return bool(words) and words <= _SAYS_NOTHING | _SAYS_YES


def is_one_of(label: str, labels: Collection[str]) -> bool:
    """Say whether a sub-status label is among these, without regard to case and surrounding space."""
    return label.strip().casefold() in {one.strip().casefold() for one in labels}


def _why_accepted(rule: AcceptanceRule, instance: Instance) -> str:
    if rule.accepted_when == "receipt":
        return f"the process has ended and {', '.join(rule.receipt_types)} is there"
    if rule.accepted_when == "confirmed":
        return f"the process has ended and {instance.org} has confirmed"
    return "the process has ended"


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a sender waits for after the confirmation.

    :param receipt_types: data types that the authority adds.
    :param confirmed: the service owner's complete confirmation as well.
    :param feedback_types: data types that end the wait before the process has ended, once all are there and the app's
        own `feedback/status` says that the feedback is provided; none where the app has no such path.
    :param rejected_labels: sub-status labels that end the wait at once: whoever is rejected may get no receipt.
    :param signed: the verdict hangs on a person's signature, which the end of the process alone does not prove.
    """

    receipt_types: tuple[str, ...] = ()
    confirmed: bool = False
    feedback_types: tuple[str, ...] = ()
    rejected_labels: frozenset[str] = frozenset()
    signed: bool = False

    def hangs_on_feedback(self, instance: Instance) -> bool:
        """Say whether only the app's `feedback/status` can tell if the wait is over: all is there, the end is not."""
        there = all(instance.of_type(name) for name in self.feedback_types)
        return bool(self.feedback_types) and there and not instance.process.is_ended

    def missing(self, instance: Instance) -> str:
        """Say what is not there yet; empty when all is, or when the authority has said no."""
        process = instance.process
        if is_one_of(instance.substatus, self.rejected_labels):
            return ""
        if not process.is_ended:
            answered = instance.feedback_provided and self.hangs_on_feedback(instance)
            return "" if answered else f"the instance is at {process.where}"
        absent = [name for name in self.receipt_types if not instance.of_type(name)]
        if absent:
            return f"the process has ended, {', '.join(absent)} is not there yet"
        if self.confirmed and not instance.owner_has_confirmed:
            return "the process has ended, the service owner has not confirmed yet"
        return ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Who took the last step that was the sender's, and when; both empty when the events do not tell."""

    actor: str = ""
    created: str = ""


def who_confirmed(events: Sequence[InstanceEvent]) -> Confirmation:
    """Read from an instance's events who left the confirmation, or the last task of the sender's if there is none."""
    left = [event for event in events if event.event_type == "process_EndTask" and event.actor]
    confirmed = [event for event in left if event.task_type == "confirmation"]
    sender = [event for event in left if event.task_type != "feedback"]
    for chosen in (confirmed, sender):
        if chosen:
            return Confirmation(chosen[-1].actor, chosen[-1].created)
    return Confirmation()

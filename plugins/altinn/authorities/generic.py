"""A report that needs no code: what its acceptance looks like is said in the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altinn.authorities.authority import Authority, Step
from altinn.exceptions import AltinnConfigurationError
from altinn.protocol.model import Instance
from altinn.protocol.outcome import ACCEPTED_WHEN, ACCEPTING_LABELS, REJECTING_LABELS, AcceptanceRule, Awaited, Outcome

_SETTINGS = frozenset(
    {"accepted_when", "receipt_types", "accepted_labels", "rejected_labels", "accepted_ends", "steps"}
)


class GenericAuthority(Authority):
    """Any app whose authority sends no verdict in a document.

    :param accepted_when: "ended", "confirmed" or "receipt"; see `AcceptanceRule`. No default: what acceptance looks
        like differs, and a wrong guess would turn a run green.
    :param receipt_types: data types that the authority adds.
    :param accepted_labels: sub-status labels that go with an acceptance; by default those that say yes in any app. Any
        other label is unknown, never accepted.
    :param rejected_labels: sub-status labels that mean a rejection; by default those that say no in any app.
    :param accepted_ends: end events of the app's process that go with an acceptance, where their names alone do not say
        so. Any other end that is neither a plain one ("EndEvent_1") nor says yes is unknown, never accepted.
    :param steps: the sender's steps; by default a data task and a confirmation.
    """

    name = "the authority"

    def __init__(
        self,
        *,
        accepted_when: str,
        receipt_types: Sequence[str] = (),
        accepted_labels: Sequence[str] | None = None,
        rejected_labels: Sequence[str] | None = None,
        accepted_ends: Sequence[str] = (),
        steps: Sequence[Step] = Authority.steps,
    ) -> None:
        self.rule = AcceptanceRule(
            accepted_when,
            tuple(receipt_types),
            ACCEPTING_LABELS if accepted_labels is None else frozenset(accepted_labels),
            REJECTING_LABELS if rejected_labels is None else frozenset(rejected_labels),
            frozenset(accepted_ends),
        )
        self.receipt_types = tuple(receipt_types)
        self.steps = tuple(steps)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> GenericAuthority:
        """Read the settings of a task's argument.

        :raises AltinnConfigurationError: a setting is not known, or `accepted_when` is missing.
        """
        unknown = sorted(set(map(str, settings)) - _SETTINGS)
        if unknown:
            raise AltinnConfigurationError(
                f"the authority's settings know no {', '.join(unknown)}; they know {', '.join(sorted(_SETTINGS))}"
            )
        if not settings.get("accepted_when"):
            raise AltinnConfigurationError(
                f"the authority's settings need accepted_when, one of {', '.join(map(repr, ACCEPTED_WHEN))}: it says "
                "what this authority's acceptance looks like, and there is no default"
            )
        given = {str(name): value for name, value in settings.items()}
        if "steps" in given:
            given["steps"] = [one if isinstance(one, Step) else Step(**one) for one in given["steps"]]
        return cls(**given)

    def awaited(self) -> Awaited:
        """Return what the rule needs."""
        return self.rule.awaited()

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Outcome:
        """Decide by the rule; the documents' content does not count."""
        return self.rule.outcome(instance)

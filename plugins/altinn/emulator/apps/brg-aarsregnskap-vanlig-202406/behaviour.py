"""What the emulator's annual accounts app does beside its configuration; see README.md."""

from __future__ import annotations

from collections.abc import Iterable

from altinn.emulator.behaviour import AppBehaviour, Case, Finding, Form


class Behaviour(AppBehaviour):
    """Refuses accounts that do not balance; a person signs, no system user may."""

    refused_to_system_users = frozenset({"sign"})

    def validate_form(self, case: Case, data_type: str, form: Form) -> Iterable[Finding]:
        """Judge the balance sheet."""
        if data_type != "Underskjema":
            return
        amounts = [_whole(form.get(name)) for name in ("sumEiendeler", "egenkapital", "gjeld")]
        if None in amounts:
            yield Finding(None, "balance.missing", "Balansen mangler eiendeler, egenkapital eller gjeld")
        elif amounts[0] != (amounts[1] or 0) + (amounts[2] or 0):
            yield Finding("sumEiendeler", "balance.differs", "Sum eiendeler er ikke lik egenkapital og gjeld")


def _whole(text: object) -> int | None:
    try:
        return int(str(text))
    except ValueError:
        return None

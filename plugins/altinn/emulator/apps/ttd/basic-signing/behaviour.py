"""What the recorded app does in C#: a validator of `property1`."""

from __future__ import annotations

from collections.abc import Iterable

from altinn.emulator.behaviour import WARNING, AppBehaviour, Case, Finding, Form


class Behaviour(AppBehaviour):
    """Refuses one value of `property1` and warns of another."""

    def validate_form(self, case: Case, data_type: str, form: Form) -> Iterable[Finding]:
        """Judge `property1`."""
        value = form.get("property1")
        if value == "FEIL":
            yield Finding("property1", "property1.feil", "property1 kan ikke være FEIL")
        elif value == "ADVARSEL":
            yield Finding("property1", "property1.advarsel", "property1 er en advarsel", WARNING)

"""An authority of one's own: a made-up yearly report whose receipt is an XML document with a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altinn.authorities.authority import PERSON, Authority, Step
from altinn.authorities.xml_fields import read_root, text_at
from altinn.protocol.model import Instance
from altinn.protocol.outcome import ACCEPTED, REJECTED, UNKNOWN, AcceptanceRule, Awaited, Outcome

RECEIPT = "kvittering"
RULE = AcceptanceRule("receipt", (RECEIPT,))


class StaffingReport(Authority):
    """The yearly report of staffing agencies."""

    name = "The labour inspectorate"
    app_ids = {"prod": "dat/staffing-report", "tt02": "dat/staffing-report", "local": "dat/staffing-report"}
    # The machine fills in; a person confirms.
    steps = (Step("data"), Step("confirmation", "confirm", PERSON))
    receipt_types = (RECEIPT,)
    period_types = ("model",)

    def awaited(self) -> Awaited:
        """Return what must be there before a verdict can be read."""
        return RULE.awaited()

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Outcome:
        """Decide: the process has ended, the receipt is there, and it says yes."""
        general = RULE.outcome(instance)
        if general.state != ACCEPTED:
            return general
        root = read_root(documents[RECEIPT], "kvittering", "receipt")
        result = text_at(root, "resultat", "receipt")
        if result == "godkjent":
            return Outcome(ACCEPTED, "the receipt says godkjent")
        if result == "avvist":
            code, words = text_at(root, "kode", "receipt"), text_at(root, "grunn", "receipt")
            return Outcome(REJECTED, "the receipt says avvist", (f"{code}: {words}",))
        return Outcome(UNKNOWN, f"the receipt says {result[:40]!r}, which is not known here")

    def results(self, documents: Mapping[str, bytes]) -> dict[str, Any]:
        """Return what later tasks need, as plain JSON."""
        root = read_root(documents[RECEIPT], "kvittering", "receipt")
        return {"case_number": text_at(root, "saksnummer", "receipt")}

    def period_of(self, content: bytes) -> str | None:
        """Return the year that a form of somebody else's names."""
        return text_at(read_root(content, "model", "form"), "aar", "form") or None


AUTHORITY = StaffingReport()

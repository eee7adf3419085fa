"""Brønnøysund's annual accounts (RR-0002 and its siblings): the machine fills and locks, a person signs.

A system user may instantiate, fill, upload and lock; signing is refused to it. The end of the process is the receipt:
nothing is sent back. Source: Regnskapsregisteret's guide "Maskinell innrapportering",
https://brreg.github.io/docs/apidokumentasjon/regnskapsregisteret/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from altinn.authorities.authority import PERSON, Authority, Step
from altinn.authorities.xml_fields import local_name
from altinn.exceptions import AltinnError
from altinn.protocol.model import Instance
from altinn.protocol.outcome import ACCEPTED, UNKNOWN, WAITING_FOR_AUTHORITY, AcceptanceRule, Awaited, Outcome
from altinn.protocol.xml_prescan import parse_xml

MAIN_FORM, SUB_FORM = "Hovedskjema", "Underskjema"
ATTACHMENT, SUSTAINABILITY = "Vedlegg", "VedleggBaerekraft"

APPS = {
    "RR-0002": "brg/aarsregnskap-vanlig-202406",
    "RR-0003": "brg/aarsregnskap-bank-202404",
    "RR-0004": "brg/aarsregnskap-skade-202404",
    "RR-0005": "brg/aarsregnskap-liv-202404",
    "RR-0006": "brg/aarsregnskap-pensjon-202404",
    "RR-0007": "brg/aarsregnskap-vpfo-202405",
    "RR-0008": "brg/aarsregnskap-funk-202405",
    "RR-0009": "brg/aarsregnskap-friv-202402",
    "RR-0010": "brg/aarsregnskap-ideelle-202402",
    "RR-0011": "brg/aarsregnskap-begr-202405",
    "RR-0200": "brg/mellombalanse-202402",
}
"""App of each form. The date is the model's version, not the period: one app serves several years."""

_RULE = AcceptanceRule("ended")


class BrregAccounts(Authority):
    """Annual accounts to Regnskapsregisteret."""

    name = "Regnskapsregisteret"
    app_ids = {"prod": APPS["RR-0002"], "tt02": APPS["RR-0002"], "local": APPS["RR-0002"]}
    steps = (Step("data", "confirm"), Step("signing", "sign", PERSON))
    period_types = (MAIN_FORM,)

    def awaited(self) -> Awaited:
        """Return the end of the process, by a signature: the register sends nothing back."""
        return replace(_RULE.awaited(), signed=True)

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Outcome:
        """Decide: accepted once it is signed, which ends the process."""
        found = _RULE.outcome(instance)
        if found.state != ACCEPTED or instance.is_signed:
            return found
        if instance.is_signed is None:
            return Outcome(WAITING_FOR_AUTHORITY, "the process has ended, and its events do not tell yet who signed")
        return Outcome(UNKNOWN, "the process has ended without a signature")

    def period_of(self, content: bytes) -> str | None:
        """Return the financial year that the main form names."""
        try:
            root = parse_xml(content)
        except AltinnError:
            return None
        years = {(e.text or "").strip() for e in root.iter() if local_name(e) == "regnskapsaar"} - {""}
        return years.pop() if len(years) == 1 else None


AUTHORITY = BrregAccounts()

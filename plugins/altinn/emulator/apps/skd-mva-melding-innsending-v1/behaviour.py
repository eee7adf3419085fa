"""What Skatteetaten's VAT app does in C#; the code itself is in `altinn.emulator.skatteetaten`."""

from __future__ import annotations

from pathlib import Path

from altinn.emulator.skatteetaten.vat_app import VatApp


class Behaviour(VatApp):
    """The VAT app, with the schemas of this folder."""

    folder = Path(__file__).parent

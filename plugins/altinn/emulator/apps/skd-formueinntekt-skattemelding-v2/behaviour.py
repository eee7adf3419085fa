"""What Skatteetaten's tax return app does in C#; the code itself is in `altinn.emulator.skatteetaten`."""

from __future__ import annotations

from altinn.emulator.skatteetaten.tax_app import TaxApp


class Behaviour(TaxApp):
    """The tax return app."""

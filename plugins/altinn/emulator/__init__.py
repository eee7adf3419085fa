"""An Altinn in a box: apps, Storage, Maskinporten, ID-porten and the authorities' part, over real HTTP.

It shares no code with the rest of the provider, so that one mistake cannot hide in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from altinn.emulator.library import Emulator

__all__ = ["Emulator"]


def __getattr__(name: str) -> Any:
    if name == "Emulator":
        from altinn.emulator.library import Emulator

        return Emulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

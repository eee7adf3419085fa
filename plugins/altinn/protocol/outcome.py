"""Where a filing stands, as far as every app tells: from its process and its elements."""

from __future__ import annotations

from dataclasses import dataclass

from altinn.protocol.model import Instance


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a sender waits for after the confirmation.

    :param receipt_types: data types that the authority adds.
    """

    receipt_types: tuple[str, ...] = ()

    def missing(self, instance: Instance) -> str:
        """Say what is not there yet; empty when all is."""
        process = instance.process
        if not process.is_ended:
            return f"the instance is at {process.where}"
        absent = [name for name in self.receipt_types if not instance.of_type(name)]
        return f"the process has ended, {', '.join(absent)} is not there yet" if absent else ""

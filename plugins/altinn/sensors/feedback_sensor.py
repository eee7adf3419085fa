"""Wait for the authority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from altinn.authorities.authority import load_authority
from altinn.protocol.waiting import ANSWER, WaitFor
from altinn.sensors.waiting_sensor import AltinnWaitingSensor


class AltinnFeedbackSensor(AltinnWaitingSensor):
    """Wait until the authority has ended the process and left its receipts.

    It says that an answer is there, not what it says: the verdict belongs to AltinnCollectReceiptOperator. The other
    arguments are those of AltinnWaitingSensor.

    :param authority: the report's authority, which knows what to wait for; see `load_authority`.
    :param receipt_types: data types that the authority adds and that must be there; instead of `authority`.
    """

    template_fields: Sequence[str] = (*AltinnWaitingSensor.template_fields, "receipt_types")
    done_text = "the authority has answered"

    def __init__(
        self, *, authority: str | Mapping[str, Any] | None = None, receipt_types: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.authority = authority
        self.receipt_types = receipt_types

    def wait_for(self) -> WaitFor:
        """Return what the authority, or the list of data types, says."""
        types = [self.receipt_types] if isinstance(self.receipt_types, str) else list(self.receipt_types or ())
        if self.authority is None:
            return WaitFor(ANSWER, receipt_types=tuple(types))
        awaited = load_authority(self.authority).awaited()
        early = (*awaited.feedback_types, *types) if awaited.feedback_types else ()
        wanted = (*awaited.receipt_types, *types)
        return WaitFor(ANSWER, "", wanted, awaited.confirmed, early, awaited.rejected_labels)

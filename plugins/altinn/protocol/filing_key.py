"""The filing key, and which of several instances stands for it.

Altinn has no idempotency key. The key is stamped into the instance as `dataValues` in the same write that makes it,
and Storage keeps it to the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from altinn.exceptions import AltinnAmbiguousError, AltinnFilingError, AltinnInputError
from altinn.protocol.identifiers import AppId, InstanceOwner
from altinn.protocol.model import Instance
from altinn.protocol.timestamps import time_key

STAMP_VERSION = "1"
VERSION_STAMP, PERIOD_STAMP, KIND_STAMP = "filingversion", "filingperiod", "filingkind"
STAMP_NAMES = (VERSION_STAMP, PERIOD_STAMP, KIND_STAMP)
HASH_STAMP = "filingsha256"
APPROVAL_STAMP = "filingapproval"
"""Hint on a draft that a person must approve: whoever adopts the draft inherits that."""
_PERIOD = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,31}")


@dataclass(frozen=True, slots=True)
class FilingKey:
    """What there may be only one of.

    :param period: the period's normalised name, for example "2026-T5".
    :param correction: 0 for the main filing, else the correction's number.
    """

    app_id: AppId
    owner: InstanceOwner
    period: str
    correction: int = 0

    @classmethod
    def of(cls, app_id: AppId, owner: InstanceOwner, period: str, kind: str, correction: int) -> FilingKey:
        """Build a key from a user's input.

        :param kind: "main" or "correction".
        :raises AltinnInputError: the period or the kind cannot be part of a key.
        """
        normalised = str(period).strip().upper()
        if not _PERIOD.fullmatch(normalised):
            raise AltinnInputError(
                f"period {str(period)[:60]!r} cannot be a filing key: use letters, digits, '-' and '.', at most 32, "
                "for example '2026-T5'"
            )
        if kind not in ("main", "correction") or correction < 0 or (kind == "correction") != (correction > 0):
            raise AltinnInputError(
                f"kind {kind!r} with correction number {correction}: use kind='main' without a number, or "
                "kind='correction' with correction_number=1, 2 …"
            )
        return cls(app_id, owner, normalised, correction)

    @property
    def kind(self) -> str:
        """The kind as it is stamped."""
        return f"correction-{self.correction}" if self.correction else "main"

    def stamps(self) -> dict[str, str]:
        """Return the `dataValues` that carry the key."""
        return dict(zip(STAMP_NAMES, (STAMP_VERSION, self.period, self.kind), strict=True))

    @classmethod
    def stamped_on(cls, instance: Instance) -> FilingKey | None:
        """Read the key that an instance carries; None when it carries none of this version."""
        stamps = instance.stamps
        owner = InstanceOwner(party_id=instance.id.party)
        correction = correction_of(stamps.get(KIND_STAMP, ""))
        key = cls(AppId.parse(instance.app_id), owner, stamps.get(PERIOD_STAMP, ""), correction)
        return key if key.is_on(instance) else None

    def as_json(self) -> dict[str, str]:
        """Return the key as plain JSON, for the ledger; a person's number is left out."""
        return {
            "app": str(self.app_id),
            "owner": self.owner.label,
            "period": self.period,
            "kind": self.kind,
        }

    def covers(self, instance: Instance) -> bool:
        """Whether an instance is of this app and this owner, so that a server that ignores a filter does no harm."""
        return instance.app_id == str(self.app_id) and self.owner.matches(
            party_id=instance.id.party, organisation_number=instance.organisation_number
        )

    def is_on(self, instance: Instance) -> bool:
        """Whether an instance carries this key."""
        own = self.stamps()
        return all(instance.stamps.get(name) == value for name, value in own.items())

    def __str__(self) -> str:
        return f"{self.app_id}, {self.owner.label}, {self.period}, {self.kind}"


def correction_of(kind: str) -> int:
    """Return a correction's number from the kind as it is stamped; 0 for the main filing, and for anything else."""
    number = kind.removeprefix("correction-")
    return int(number) if number.isascii() and number.isdigit() else 0


def refuse_taken_stamps(app_id: AppId, metadata: Mapping[str, Any]) -> None:
    """Stop when the app copies form fields into the `dataValues` that the key needs.

    :param metadata: the app's `applicationmetadata`.
    :raises AltinnFilingError: names the fields.
    """
    names = {str(item.get("id")) for item in metadata.get("dataFields") or ()}
    taken = sorted(names & {*STAMP_NAMES, HASH_STAMP, APPROVAL_STAMP})
    if taken:
        raise AltinnFilingError(f"{app_id} writes {', '.join(taken)} into dataValues itself, where the filing key goes")


def choose(ours: Sequence[Instance]) -> Instance | None:
    """Pick the instance that stands for the key: the delivered one, else the oldest that is not deleted.

    :raises AltinnAmbiguousError: more than one has been delivered.
    """
    delivered = the_delivered(ours)
    if delivered is not None:
        return delivered
    drafts = drafts_of(ours)
    return drafts[0] if drafts else None


def the_delivered(ours: Sequence[Instance]) -> Instance | None:
    """Return the delivered instance among those of one key.

    :raises AltinnAmbiguousError: more than one has been delivered.
    """
    delivered = [i for i in ours if is_delivered(i)]
    if len(delivered) > 1:
        ids = [str(i.id) for i in delivered]
        raise AltinnAmbiguousError(f"more than one instance of this key has been delivered: {', '.join(ids)}", ids)
    return delivered[0] if delivered else None


def drafts_of(ours: Sequence[Instance]) -> list[Instance]:
    """Return the drafts among the instances of one key that nobody has deleted, the oldest first.

    By `created`, then by id: both are set before anybody can see the instance, so every client orders them alike.
    """
    return sorted(
        (i for i in ours if not (is_delivered(i) or i.is_soft_deleted or i.is_hard_deleted)),
        key=lambda i: (time_key(i.created), str(i.id)),
    )


def is_delivered(instance: Instance) -> bool:
    """Whether the authority has the filing: the process ended or waits for the authority's feedback."""
    return instance.process.is_ended or instance.is_archived or instance.process.task_type == "feedback"

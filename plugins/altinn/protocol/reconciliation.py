"""Compares a ledger with what Altinn shows: after Airflow's database was lost, or to prove that nothing is amiss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from altinn.exceptions import AltinnForbiddenError, AltinnInputError, AltinnNotFoundError
from altinn.protocol.app_api import App
from altinn.protocol.filing import Filing
from altinn.protocol.filing_key import FilingKey, drafts_of, is_delivered
from altinn.protocol.identifiers import AppId, InstanceOwner
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import Flow

_DELIVERED = frozenset({"delivered", "delivered, differs"})


@dataclass
class Recorded:
    """What a ledger says of one key."""

    app: str
    owner: str
    period: str
    kind: str
    instance_ids: set[str] = field(default_factory=set)
    delivered: set[str] = field(default_factory=set)

    @property
    def key(self) -> FilingKey:
        """The filing key.

        :raises AltinnInputError: the owner is a person, whose number a ledger never holds.
        """
        label, _, number = self.owner.partition(" ")
        if label not in ("party", "organisation") or not number.isdigit():
            raise AltinnInputError(f"the ledger does not say who {self.owner!r} is, so nothing can be looked for")
        owner = InstanceOwner(party_id=number) if label == "party" else InstanceOwner(organisation_number=number)
        correction = int(self.kind.removeprefix("correction-")) if self.kind.startswith("correction-") else 0
        return FilingKey(AppId.parse(self.app), owner, self.period, correction)


@dataclass(frozen=True, slots=True)
class Finding:
    """How a key's ledger lines and Altinn agree.

    :param verdict: "delivered", "draft", "nothing" where all is well; "doubled", "gone", "other instance" or "unknown"
        where somebody has to look.
    """

    app: str
    owner: str
    period: str
    kind: str
    verdict: str
    text: str
    instance_ids: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look."""
        return self.verdict in ("delivered", "draft", "nothing")

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain JSON."""
        return {
            "app": self.app,
            "owner": self.owner,
            "period": self.period,
            "kind": self.kind,
            "verdict": self.verdict,
            "well": self.is_well,
            "text": self.text,
            "instance_ids": list(self.instance_ids),
        }


def recorded_keys(lines: Iterable[Mapping[str, Any]], environment: str) -> list[Recorded]:
    """Gather a ledger's lines by key; lines of other environments are left out.

    An owner is named by organisation number before the creation and by party id afterwards: both are one owner.
    """
    kept = [line for line in lines if line.get("environment") == environment and line.get("period")]
    parties = {
        str(line.get("owner")): f"party {str(line['instance_id']).partition('/')[0]}"
        for line in kept
        if line.get("instance_id")
    }
    found: dict[tuple[str, str, str, str], Recorded] = {}
    for line in kept:
        owner = parties.get(str(line.get("owner")), str(line.get("owner")))
        key = (str(line.get("app")), owner, str(line["period"]), str(line.get("kind")))
        one = found.setdefault(key, Recorded(*key))
        if line.get("instance_id") and line.get("event") != "deleted":
            one.instance_ids.add(str(line["instance_id"]))
            if line.get("event") in _DELIVERED:
                one.delivered.add(str(line["instance_id"]))
    return [found[key] for key in sorted(found)]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Looks in Altinn for each key of a ledger; it only reads.

    :param app_of: gives an app's address by its id.
    """

    session: Session
    storage: Storage
    app_of: Callable[[str], App]

    def check(self, recorded: Recorded) -> Flow[Finding]:
        """Look for one key."""
        try:
            key = recorded.key
            filing = Filing(
                self.session,
                self.app_of(recorded.app),
                self.storage,
                key,
                on_foreign="ignore",
                known=tuple(sorted(recorded.instance_ids)),
            )
            ours = yield from filing.look()
        except (AltinnForbiddenError, AltinnNotFoundError) as exc:
            return self._finding(
                recorded,
                "unknown",
                f"Altinn refuses to show what the ledger names ({exc.status})",
                sorted(recorded.instance_ids),
            )
        except AltinnInputError as exc:
            return self._finding(recorded, "unknown", str(exc), sorted(recorded.instance_ids))
        return self._judged(recorded, ours)

    def _judged(self, recorded: Recorded, ours: Sequence[Instance]) -> Finding:
        delivered = sorted(str(i.id) for i in ours if is_delivered(i))
        drafts = [str(i.id) for i in drafts_of(ours)]
        if len(delivered) > 1:
            return self._finding(recorded, "doubled", "more than one instance has been delivered", delivered)
        lost = sorted(recorded.delivered - set(delivered))
        if lost and not delivered:
            return self._finding(recorded, "gone", "recorded as delivered, but Altinn shows no such instance", lost)
        if lost:
            text = "another instance than the recorded one has been delivered"
            return self._finding(recorded, "other instance", text, [*delivered, *lost])
        if delivered:
            note = "" if recorded.delivered else "; the ledger had not seen the end of it"
            return self._finding(recorded, "delivered", f"delivered once{note}", delivered)
        if drafts:
            return self._finding(recorded, "draft", "not delivered yet; the next run goes on with it", drafts)
        return self._finding(recorded, "nothing", "nothing was made or delivered; the next run files", [])

    def _finding(self, recorded: Recorded, verdict: str, text: str, ids: Sequence[str]) -> Finding:
        return Finding(recorded.app, recorded.owner, recorded.period, recorded.kind, verdict, text, tuple(ids))

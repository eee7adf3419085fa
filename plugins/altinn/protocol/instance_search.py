"""Looks through an owner's instances of one app, every page of them."""

from __future__ import annotations

from dataclasses import dataclass

from altinn.exceptions import AltinnUnknownOutcomeError
from altinn.protocol.filing_key import FilingKey, is_delivered
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import Flow

_MAX_PAGES = 200
_MAX_SCANS = 6


@dataclass(frozen=True, slots=True)
class InstanceSearch:
    """Finds what there is for a key's app and owner."""

    session: Session
    storage: Storage
    key: FilingKey

    def instances(self) -> Flow[list[Instance]]:
        """Return the instances of the key's app and owner, soft-deleted ones included.

        One that was deleted for good counts only when it had been delivered: the authority has it all the same.

        :raises AltinnUnknownOutcomeError: they did not stay still, or are too many, to be read.
        """
        scanned = yield from self._scan()
        return [i for i in scanned if self.key.covers(i) and (is_delivered(i) or not i.is_hard_deleted)]

    def _scan(self) -> Flow[tuple[Instance, ...]]:
        """Read every page; more than one page is read until two scans agree, since rows move while they are read."""
        previous: tuple[tuple[str, str], ...] | None = None
        for _ in range(_MAX_SCANS):
            instances, pages = yield from self._scan_once()
            marks = tuple(sorted((str(i.id), i.last_changed) for i in instances))
            if pages <= 1 or marks == previous:
                return instances
            previous = marks
        raise AltinnUnknownOutcomeError(
            f"the instances of {self.key.owner.label} kept changing while they were read {_MAX_SCANS} times; a retry "
            "looks again"
        )

    def _scan_once(self) -> Flow[tuple[tuple[Instance, ...], int]]:
        by_id: dict[str, Instance] = {}
        page = yield from self.session.perform(self.storage.query(self.key.app_id, self.key.owner))
        pages = 1
        while True:
            by_id.update((str(i.id), i) for i in page.instances)
            if not page.next:
                return tuple(by_id.values()), pages
            if pages >= _MAX_PAGES:
                raise AltinnUnknownOutcomeError(
                    f"the instance query for {self.key.owner.label} has more than {_MAX_PAGES} pages: not read further"
                )
            page = yield from self.session.perform(self.storage.following(page, self.key.owner))
            pages += 1

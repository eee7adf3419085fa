"""Instances as Storage keeps them: creation, reading with the derived members, writing, data elements.

Storage derives two things when it reads: an instance that was read counts as updated when an element is unread, and
an element that changed later than the instance gives the instance its `lastChanged` (LocalTest, InstanceRepository).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from altinn.emulator.clock import SimulatedClock
from altinn.emulator.dialects import READ, UNREAD, UPDATED
from altinn.emulator.identity import Principal
from altinn.emulator.store import Record, Store


def actor(who: Principal) -> str:
    """Return how Storage writes down who did something: user id or organisation number."""
    if who.kind == "user":
        return str(who.user_id)
    return who.system_user_org or who.org_number or who.org_code or ""


class Instances:
    """Reads and writes instances and their data elements.

    :param new_id: makes a new GUID.
    """

    def __init__(self, store: Store, clock: SimulatedClock, new_id: Callable[[], uuid.UUID] = uuid.uuid4) -> None:
        self.store = store
        self.clock = clock
        self._new_id = new_id

    def renew_ids(self, new_id: Callable[[], uuid.UUID]) -> None:
        """Take ids from another source from now on."""
        self._new_id = new_id

    def new_guid(self) -> str:
        """Return a new GUID as Storage writes it."""
        return str(self._new_id())

    def create(self, template: Record, who: Principal, created: str | None = None) -> Record:
        """Insert an instance.

        :param template: everything but id, times and who.
        :param created: the time that it takes for its creation; now when left out.
        """
        now, guid = created or self.clock.stamp(), self.new_guid()
        record = template | {
            "guid": guid,
            "id": f"{template['party']}/{guid}",
            "created": now,
            "createdBy": actor(who),
            "lastChanged": now,
            "lastChangedBy": actor(who),
            "completeConfirmations": None,
            "presentationTexts": None,
        }
        self.store.add_instance(record)
        return record

    def get(self, guid: str) -> Record | None:
        """Return an instance with its derived members, None when there is none."""
        record = self.store.instance(guid)
        if record is None:
            return None
        elements = self.store.elements(guid)
        status = record["status"]
        if status["readStatus"] == READ and any(not e["isRead"] for e in elements):
            status["readStatus"] = UPDATED
        elif status["readStatus"] == READ and elements and not any(e["isRead"] for e in elements):
            status["readStatus"] = UNREAD
        for element in elements:
            if element["lastChanged"] > record["lastChanged"]:
                record["lastChanged"], record["lastChangedBy"] = element["lastChanged"], element["lastChangedBy"]
        return record

    def save(self, record: Record, who: Principal | None = None) -> None:
        """Write an instance; with `who` it counts as changed by that caller now."""
        if who is not None:
            record["lastChanged"], record["lastChangedBy"] = self.clock.stamp(), actor(who)
        self.store.put_instance(record)

    def elements(self, guid: str) -> list[Record]:
        """Return the data elements that are not deleted, oldest first."""
        return self.store.elements(guid)

    def element(self, guid: str, identity: str) -> Record | None:
        """Return one data element."""
        return next((e for e in self.store.elements(guid) if e["id"] == identity.lower()), None)

    def add_element(
        self,
        record: Record,
        data_type: str,
        content: bytes,
        who: Principal,
        *,
        content_type: str | None,
        filename: str | None = None,
        **more: Any,
    ) -> Record:
        """Store a new data element."""
        now = self.clock.stamp()
        element = {
            "id": self.new_guid(),
            "instanceGuid": record["guid"],
            "dataType": data_type,
            "filename": filename,
            "contentType": content_type,
            "size": len(content),
            "contentHash": None,
            "locked": False,
            "refs": None,
            "isRead": not (who.kind == "service_owner" and who.org_code == record["org"]),
            "tags": [],
            "userDefinedMetadata": None,
            "metadata": None,
            "deleteStatus": None,
            "fileScanResult": "NotApplicable",
            "references": None,
            "created": now,
            "createdBy": actor(who),
            "lastChanged": now,
            "lastChangedBy": actor(who),
        } | more
        self.store.add_element(element, content)
        return element

    def replace_content(self, element: Record, content: bytes, who: Principal, **changes: Any) -> Record:
        """Overwrite a data element's bytes."""
        changed = (
            element | {"size": len(content), "lastChanged": self.clock.stamp(), "lastChangedBy": actor(who)} | changes
        )
        self.store.put_element(changed)
        self.store.put_content(element["id"], content)
        return changed

    def mark_read(self, element: Record, who: Principal, org: str) -> None:
        """Note that somebody other than the app's owner has read an element."""
        if not element["isRead"] and not (who.kind == "service_owner" and who.org_code == org):
            self.store.put_element(element | {"isRead": True})

    def delete(self, record: Record, who: Principal, hard: bool) -> None:
        """Delete softly or, as well, for good; the record stays, as Storage keeps it until its clean-up."""
        now, status = self.clock.stamp(), record["status"]
        status["isSoftDeleted"], status["softDeleted"] = True, status["softDeleted"] or now
        if hard:
            status["isHardDeleted"], status["hardDeleted"] = True, status["hardDeleted"] or now
        self.save(record, who)

    def lock_elements(self, guid: str, data_types: set[str], locked: bool) -> None:
        """Lock or unlock the elements of a task's data types."""
        for element in self.store.elements(guid):
            if element["dataType"] in data_types and element["locked"] != locked:
                self.store.put_element(element | {"locked": locked})

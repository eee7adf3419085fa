"""An instance in the hands of its app's own code; see `behaviour.Case`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from altinn.emulator.behaviour import Element, Form, Owner
from altinn.emulator.events import record_event
from altinn.emulator.formcodec import read_xml
from altinn.emulator.identity import Principal
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World


def owner_principal(world: World, app: AppFolder) -> Principal:
    """Return the app's owner as the one who acts."""
    number = world.owner_number(app)
    scopes = frozenset({"altinn:serviceowner/instances.read", "altinn:serviceowner/instances.write"})
    return Principal("service_owner", org_code=app.org, org_number=number, scopes=scopes, auth_level=3)


def owner_of(world: World, party_id: int) -> Owner:
    """Return a party as an app's code sees it."""
    party = world.register.party(party_id)
    if party is None:
        return Owner(party_id, "", None)
    return Owner(party.party_id, party.name, party.organisation_number, party.person_number)


class CaseFile:
    """One instance, read anew at each question."""

    def __init__(self, world: World, app: AppFolder, guid: str) -> None:
        self._world = world
        self._app = app
        self._guid = guid

    def _record(self) -> Record:
        record = self._world.instances.get(self._guid)
        if record is None:
            raise LookupError(f"instance {self._guid} is gone")
        return record

    @property
    def now(self) -> datetime:
        """Simulated time, in UTC."""
        return self._world.clock.now()

    @property
    def owner(self) -> Owner:
        """The party that the instance belongs to."""
        return owner_of(self._world, self._record()["party"])

    @property
    def instance_id(self) -> str:
        """`{party}/{guid}`."""
        return str(self._record()["id"])

    @property
    def task_id(self) -> str | None:
        """The current task, None when the process has ended."""
        task = self._record()["process"]["currentTask"]
        return task["elementId"] if task else None

    @property
    def data_values(self) -> Mapping[str, str]:
        """The instance's data values."""
        return self._record()["dataValues"] or {}

    @property
    def submitted_by(self) -> str:
        """Who last changed the instance."""
        return str(self._record()["lastChangedBy"])

    def elements(self, data_type: str | None = None) -> Sequence[Element]:
        """Return the data elements, oldest first, of one type when named."""
        return [
            Element(
                e["id"], e["dataType"], e["contentType"] or "", e["filename"], e["size"], e["createdBy"], e["locked"]
            )
            for e in self._world.instances.elements(self._guid)
            if data_type in (None, e["dataType"])
        ]

    def content(self, element_id: str) -> bytes:
        """Return the stored bytes of an element."""
        return self._world.store.content(element_id)

    def form(self, data_type: str) -> Form | None:
        """Return the first form of a type, None when there is none."""
        found = self.elements(data_type)
        model = self._app.models.get(data_type)
        return read_xml(model, self.content(found[0].id)) if found and model else None

    def add_element(self, data_type: str, content: bytes, content_type: str, filename: str | None) -> str:
        """Store a new element as the service owner and return its id."""
        record, who = self._record(), owner_principal(self._world, self._app)
        element = self._world.instances.add_element(
            record, data_type, content, who, content_type=content_type, filename=filename
        )
        record_event(self._world.instances, record, "Created", who, data_id=element["id"])
        return str(element["id"])

    def set_data_values(self, values: Mapping[str, str]) -> None:
        """Merge values into the instance's data values."""

        def change(record: Record) -> None:
            record["dataValues"] = {**(record["dataValues"] or {}), **values}

        self._change(change)

    def set_substatus(self, label: str, description: str) -> None:
        """Set the sub-status that the sender sees."""

        def change(record: Record) -> None:
            record["status"]["substatus"] = {"label": label, "description": description}

        self._change(change)

    def confirm_completion(self) -> None:
        """Say that the owner has fetched what it needs."""

        def change(record: Record) -> None:
            entry = {"stakeholderId": self._app.org, "confirmedOn": self._world.clock.stamp()}
            record["completeConfirmations"] = [*(record["completeConfirmations"] or []), entry]

        self._change(change)

    def _change(self, change: Callable[[Record], None]) -> None:
        record = self._record()
        change(record)
        self._world.instances.save(record, owner_principal(self._world, self._app))

    def set_outcome(self, outcome: str) -> None:
        """Write down how the authority judged the filing."""
        filing = self._world.store.filing(self._guid)
        if filing is not None:
            self._world.store.put_filing(self._guid, filing | {"outcome": outcome})

    def move_on(self, action: str | None = None) -> None:
        """Move the process to its next element as the service owner; does nothing when it has ended."""
        record = self._record()
        if record["process"]["currentTask"]:
            self._world.engine.move(self._app, record, owner_principal(self._world, self._app), action)

    def schedule(self, what: str, after_seconds: float) -> None:
        """Call `on_due(case, what)` once that many simulated seconds have passed."""
        self._world.store.add_due(self._guid, what, self._world.clock.seconds() + after_seconds)


def register_filing(world: World, app: AppFolder, record: Record) -> None:
    """Write down what the authority has received, once for each instance."""
    if world.store.filing(record["guid"]) is not None:
        return
    elements = [
        {"dataType": e["dataType"], "sha256": hashlib.sha256(world.store.content(e["id"])).hexdigest()}
        for e in world.instances.elements(record["guid"])
    ]
    world.store.put_filing(
        record["guid"],
        {
            "app": app.id,
            "party": record["party"],
            "instance": record["id"],
            "dataValues": record["dataValues"] or {},
            "elements": elements,
            "submitted": world.clock.stamp(),
            "deleted": False,
            "outcome": None,
        },
    )

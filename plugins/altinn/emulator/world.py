"""Everything that one emulated Altinn is made of, put together."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from altinn.emulator.appfolder import AppFolder, load_apps
from altinn.emulator.behaviour import Form, HookFailure, Settings
from altinn.emulator.casefile import CaseFile
from altinn.emulator.clock import SimulatedClock
from altinn.emulator.events import record_event
from altinn.emulator.faults.fault_regimes import Regimes
from altinn.emulator.faults.fault_script import FaultScript
from altinn.emulator.formcodec import set_field
from altinn.emulator.formschema import FormModel
from altinn.emulator.identity import Identity, Lifetimes, Principal, RegisterDirectory, SqliteIdentityStore
from altinn.emulator.instances import Instances
from altinn.emulator.locks import Locks
from altinn.emulator.metadata import DataType
from altinn.emulator.parties import load_register
from altinn.emulator.processengine import ProcessEngine
from altinn.emulator.rights import Rights, actions_to_leave, place_of
from altinn.emulator.seededids import id_source
from altinn.emulator.store import Record, Store
from altinn.emulator.workflows import WorkflowEngine

if TYPE_CHECKING:
    from starlette.types import Receive

OWN_APPS = Path(__file__).parent / "apps"
WORKFLOW_OWNER = "991825827"
INSTANCE_PATH = re.compile(r"(?<=/instances/)\d+/[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}")
SCAN = "virus-scan:"
DECIDE = "decide:"
PAUSE_STEP = 0.05
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass(frozen=True, slots=True)
class Options:
    """How an emulator is set up.

    :param apps: folders of apps beside the ones that come with the emulator.
    :param state: folder where the state is kept; None keeps nothing.
    :param seed: makes ids repeatable.
    :param app_library: version of the app library, 8 or 9, for apps whose folder does not say.
    :param clients: registered Maskinporten and ID-porten clients.
    :param authority_delay: simulated seconds that an authority takes to answer.
    :param ending_delay: simulated seconds from Skatteetaten's VAT receipts to the end of the process.
    :param scan_delay: simulated seconds that a virus scan takes.
    :param think_time: real seconds between an app's look at an instance and its write, in which others may come.
    :param workflow_wait: real seconds that version 9 waits for its workflow engine (Altinn: 100).
    :param lifetimes: how long tokens live, in seconds of real time; the clock that can be moved does not touch them.
    :param lock_seconds: simulated seconds that an instance lock outlives a dead app (Altinn: 300).
    :param wall: seconds since the epoch; real time, unless a test runs on time of its own.
    """

    apps: tuple[Path, ...] = ()
    state: Path | None = None
    seed: int | None = None
    app_library: int = 8
    clients: tuple[Mapping[str, object], ...] = ()
    authority_delay: float = 2.0
    ending_delay: float = 0.0
    scan_delay: float = 0.0
    think_time: float = 0.005
    workflow_wait: float = 100.0
    lock_seconds: float = 300.0
    wall: Callable[[], float] = time.time
    lifetimes: Lifetimes = field(default_factory=Lifetimes)


class World:
    """One emulated Altinn: its register, apps, state and time.

    :raises AppFolderError: an app cannot be run.
    :raises ClientError: a client's registration is malformed.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        settings = Settings(authority_delay=options.authority_delay, ending_delay=options.ending_delay)
        self.apps: dict[str, AppFolder] = load_apps((OWN_APPS, *options.apps), settings, options.app_library)
        self.register = load_register()
        self.rights = Rights(self.register)
        self.store = Store(options.state)
        identity_file = options.state / "identity.sqlite" if options.state else None
        self.identity = Identity(
            RegisterDirectory(self.register),
            clients=options.clients,
            store=SqliteIdentityStore(identity_file),
            lifetimes=options.lifetimes,
            clock=options.wall,
        )
        self.clock = SimulatedClock(options.wall, advanced=float(self.store.setting("advanced") or 0))
        self.instances = Instances(self.store, self.clock, id_source(options.seed, self.store))
        self.engine = ProcessEngine(self)
        self.locks = Locks(self)
        self.workflows = WorkflowEngine(self)
        self.faults = FaultScript()
        self.regimes = Regimes(self)
        self.hidden: dict[str, float] = {}
        """Instances that the query does not show yet, and until when, in simulated seconds."""
        self.resets = 0
        """How often everything has begun anew."""

    def app(self, org: str, name: str) -> AppFolder | None:
        """Return the app of a path; case does not matter."""
        return self.apps.get(f"{org}/{name}".lower())

    def owner_number(self, app: AppFolder) -> str:
        """Return the organisation number under which an app acts as its owner.

        Version 9's LocalTest knows the test department by another number than version 8's.
        """
        known = self.register.service_owners.get(app.org)
        return known if known and not (app.library == 9 and app.org == "ttd") else WORKFLOW_OWNER

    def sha256(self, element_id: str) -> str:
        """Return the digest of a data element's bytes."""
        return hashlib.sha256(self.store.content(element_id)).hexdigest()

    def prefilled(self, model: FormModel, prefill: Mapping[str, str]) -> Form:
        """Return a new form with the values that a creation gave.

        :raises HookFailure: the model has no field at a path.
        """
        form: Form = {}
        for path, value in prefill.items():
            if not set_field(model, form, path, value):
                raise HookFailure(f"Could not prefill the field {path}, it is not defined in the data model")
        return form

    def place(self, record: Record) -> tuple[str, str] | None:
        """Return where an instance is, as the policy knows it."""
        return place_of(record)

    def may_leave(self, who: Principal, app: AppFolder, record: Record, task_kind: str) -> bool:
        """Say whether Storage lets a caller write that a task was left."""
        return any(self.rights.may(who, app, record, a) for a in (*actions_to_leave(task_kind), "reject"))

    def schedule_scan(self, guid: str, element_id: str, data_type: DataType) -> None:
        """Let the virus scan come to its result after a while, when the data type is scanned at all."""
        if data_type.file_scan:
            self.store.add_due(guid, f"{SCAN}{element_id}", self.clock.seconds() + self.options.scan_delay)

    def confirm_complete(self, record: Record, who: Principal) -> None:
        """Add a complete confirmation, once for each stakeholder."""
        present = record["completeConfirmations"] or []
        if not any(c["stakeholderId"] == who.org_code for c in present):
            entry = {"stakeholderId": who.org_code, "confirmedOn": self.clock.stamp()}
            record["completeConfirmations"] = [*present, entry]
            self.instances.save(record, who)
            record_event(self.instances, record, "ConfirmedComplete", who)

    def set_substatus(self, record: Record, who: Principal, wanted: Mapping[str, object]) -> None:
        """Set the sub-status."""
        substatus = {"label": wanted["label"], "description": wanted.get("description")}
        record["status"] = record["status"] | {"substatus": substatus}
        self.instances.save(record, who)
        record_event(self.instances, record, "SubstatusUpdated", who)

    def note_deletion(self, guid: str) -> None:
        """Write down that something the authority has received was deleted."""
        filing = self.store.filing(guid)
        if filing is not None and not filing["deleted"]:
            self.store.put_filing(guid, filing | {"deleted": True})

    def note_request(
        self, method: str, path: str, status: int, fault: str | None = None, location: str | None = None
    ) -> None:
        """Append a request to the journal, and make everything written so far last.

        :param status: of the service's answer; 0 where the service never saw the request.
        :param fault: what struck it.
        :param location: of the answer; it names the instance that a creation made.
        """
        found = INSTANCE_PATH.search(path) or INSTANCE_PATH.search(location or "")
        entry = {
            "time": self.clock.stamp(),
            "method": method,
            "path": path,
            "status": status,
            "instance": found[0].lower() if found else None,
            "fault": fault,
        }
        self.store.add_journal(entry)
        self.store.commit()

    def run_due(self) -> None:
        """Do the scheduled work whose time has come: authorities, virus scans, deadlines."""
        while (due := self.store.take_due(self.clock.seconds())) is not None:
            guid, what = due
            record = self.instances.get(guid)
            if record is None:
                continue
            app = self.apps[record["appId"].lower()]
            if what.startswith(SCAN):
                self.scanned(guid, what.removeprefix(SCAN))
            elif what.startswith(DECIDE):
                accepted, codes = json.loads(what.removeprefix(DECIDE))
                app.behaviour.decide(CaseFile(self, app, guid), accepted, codes)
            else:
                app.behaviour.on_due(CaseFile(self, app, guid), what)
        self.store.commit()

    def scanned(self, guid: str, element_id: str) -> None:
        """Write the virus scan's result to an element: infected when it holds the EICAR test string."""
        element = self.instances.element(guid, element_id)
        if element is not None:
            infected = EICAR in self.store.content(element_id)
            self.store.put_element(element | {"fileScanResult": "Infected" if infected else "Clean"})

    def shows(self, guid: str) -> bool:
        """Say whether the query shows an instance by now."""
        return not self.hidden or self.hidden.get(guid, 0.0) <= self.clock.seconds()

    async def pause(self, seconds: float, receive: Receive | None = None) -> None:
        """Wait for simulated time to pass.

        :param receive: of the request that waits; the wait ends when its client leaves.
        """
        until = self.clock.seconds() + seconds
        leaves = asyncio.ensure_future(_left(receive)) if receive else None
        try:
            while (left := until - self.clock.seconds()) > 0 and not (leaves and leaves.done()):
                await asyncio.sleep(min(left, PAUSE_STEP))
        finally:
            if leaves is not None:
                leaves.cancel()

    def advance(self, seconds: float) -> None:
        """Move the clock forward and do what becomes due.

        :raises ValueError: when `seconds` is negative.
        """
        self.clock.advance(seconds)
        self.store.put_setting("advanced", str(self.clock.advanced))
        self.run_due()

    def reset(self, seed: int | None = None) -> None:
        """Return to the state of the first start.

        :param seed: of the ids from now on; that of the options when left out.
        """
        self.resets += 1
        self.store.clear()
        self.instances.renew_ids(id_source(self.options.seed, self.store))
        self.identity.reset()
        self.clock.reset()
        new_id = id_source(self.options.seed if seed is None else seed, self.store)
        self.instances = Instances(self.store, self.clock, new_id)
        self.workflows.condition = "up"
        self.faults.clear()
        self.hidden.clear()

    def close(self) -> None:
        """Write everything and close the files."""
        self.store.close()
        self.identity.store.close()


async def _left(receive: Receive) -> None:
    """Wait until a client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass

"""What a person does by hand, right before a request of the client is served."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from altinn.emulator.behaviour import Form, HookFailure
from altinn.emulator.events import record_event
from altinn.emulator.formcodec import read_xml, stored_xml
from altinn.emulator.formschema import FormModel, FormType
from altinn.emulator.formvalidation import ERROR, Validation
from altinn.emulator.identity import Principal
from altinn.emulator.ownerwork import Commission, make_instance
from altinn.emulator.parties import Party
from altinn.emulator.processengine import ServiceTaskFailed
from altinn.emulator.processmoves import NoWay
from altinn.emulator.rights import actions_to_leave
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

BY_HAND = b"written by hand"
STEPS = 10


class Bystander:
    """A person with the roles of the party that a request is about.

    :param app: the app that the request is about.
    :param guid: the instance that the request names; None takes the party's newest draft of the app.
    :param party: who owns it.
    """

    def __init__(self, world: World, app: AppFolder, guid: str | None, party: Party | None) -> None:
        self._world, self._app, self._party = world, app, party
        self._guid = guid or self._newest()
        users = [u for u in world.register.users.values() if party and party.party_id in u.roles]
        user_id = users[0].user_id if users else None
        self._who = Principal("user", user_id=user_id, party_id=party.party_id if party else None, auth_level=3)

    def _newest(self) -> str | None:
        drafts = [
            r
            for r in self._world.store.instances()
            if self._party and r["party"] == self._party.party_id and r["appId"] == self._app.id and self._open(r)
        ]
        return str(max(drafts, key=lambda r: r["created"])["guid"]) if drafts else None

    def _open(self, record: Record) -> bool:
        """Say whether an instance is still with its sender."""
        task, status = record["process"]["currentTask"], record["status"]
        return bool(task) and task["altinnTaskType"] != "feedback" and not status["isHardDeleted"]

    def act(self, name: str) -> None:
        """Do what the fault of this name says, as far as it can be done where the instance is."""
        record = self._world.instances.get(self._guid) if self._guid else None
        if name == "person_files":
            self._files(record)
        elif record is not None and self._open(record):
            ACTS[name](self, record)
        self._world.store.commit()

    def _edits(self, record: Record) -> None:
        for element in self._world.instances.elements(record["guid"]):
            model = self._app.models.get(element["dataType"])
            if model is None or element["locked"]:
                continue
            form = edited(model, read_xml(model, self._world.store.content(element["id"])))
            self._world.instances.replace_content(element, stored_xml(model, form), self._who)
            record_event(self._world.instances, record, "Saved", self._who, data_id=element["id"])
            return

    def _adds_file(self, record: Record) -> None:
        elements = self._world.instances.elements(record["guid"])
        for data_type in self._app.types.values():
            present = sum(e["dataType"] == data_type.id for e in elements)
            full = data_type.max_count and present >= data_type.max_count
            if data_type.is_form or full or data_type.contributors or data_type.id == "ref-data-as-pdf":
                continue
            element = self._world.instances.add_element(
                record, data_type.id, BY_HAND, self._who, content_type="application/pdf", filename="by-hand.pdf"
            )
            record_event(self._world.instances, record, "Created", self._who, data_id=element["id"])
            return

    def _removes_file(self, record: Record) -> None:
        files = [e for e in self._world.instances.elements(record["guid"]) if e["dataType"] not in self._app.models]
        if files:
            self._world.store.delete_element(record["guid"], files[-1]["id"])
            record_event(self._world.instances, record, "Deleted", self._who, data_id=files[-1]["id"])

    def _deletes(self, record: Record, hard: bool = False) -> None:
        self._world.instances.delete(record, self._who, hard)
        self._world.note_deletion(record["guid"])
        record_event(self._world.instances, record, "Deleted", self._who)

    def _deletes_for_good(self, record: Record) -> None:
        self._deletes(record, hard=True)

    def _pushes(self, record: Record) -> None:
        """Move the instance on, if nothing stands against it."""
        task = self._app.process.tasks.get(record["process"]["currentTask"]["elementId"])
        if task is None:
            return
        try:
            if task.kind == "signing":
                self._world.engine.sign(self._app, record, self._who, task)
            issues = Validation(self._world, self._app, record, self._who).of_task(task.id)
            if not any(issue["severity"] == ERROR for issue in issues):
                self._world.engine.move(self._app, record, self._who, actions_to_leave(task.kind)[0])
        except (HookFailure, ServiceTaskFailed, NoWay):
            return

    def _confirms(self, record: Record) -> None:
        if record["process"]["currentTask"]["altinnTaskType"] in ("confirmation", "signing"):
            self._pushes(record)

    def _files(self, source: Record | None) -> None:
        if self._party is None:
            return
        own = make_instance(self._world, Commission(self._app, self._party, {}, {}, None), self._who)
        if source is not None:
            self._copy(source, own)
        for _ in range(STEPS):
            record = self._world.instances.get(own["guid"])
            if record is None or not self._open(record):
                return
            self._pushes(record)

    def _copy(self, source: Record, own: Record) -> None:
        """Give one's own instance what the other one holds."""
        mine = {e["dataType"]: e for e in self._world.instances.elements(own["guid"])}
        for element in self._world.instances.elements(source["guid"]):
            content = self._world.store.content(element["id"])
            if element["dataType"] in self._app.models and element["dataType"] in mine:
                self._world.instances.replace_content(mine[element["dataType"]], content, self._who)
            else:
                self._world.instances.add_element(
                    own,
                    element["dataType"],
                    content,
                    self._who,
                    content_type=element["contentType"],
                    filename=element["filename"],
                )


ACTS: dict[str, Callable[[Bystander, Record], None]] = {
    "person_edits": Bystander._edits,
    "person_adds_file": Bystander._adds_file,
    "person_removes_file": Bystander._removes_file,
    "person_deletes": Bystander._deletes,
    "person_deletes_for_good": Bystander._deletes_for_good,
    "person_pushes": Bystander._pushes,
    "person_confirms": Bystander._confirms,
}


def edited(model: FormModel, form: Form) -> Form:
    """Return a form in which the first leaf that can be changed has another value."""
    changed: Form = json.loads(json.dumps(form))
    if not _change(model.type, changed):
        _fill(model.type, changed)
    return changed


def _change(form_type: FormType, form: Form) -> bool:
    for member in (*form_type.elements, *([form_type.text] if form_type.text else [])):
        values = form.get(member.name)
        for index, value in enumerate(values if member.many and values else [values]):
            if member.inner is not None and isinstance(value, dict) and _change(member.inner, value):
                return True
            new = _other(member.kind, value) if member.inner is None and value is not None else None
            if new is not None and member.many:
                form[member.name][index] = new
            elif new is not None:
                form[member.name] = new
            if new is not None:
                return True
    return False


def _other(kind: str, value: str) -> str | None:
    if kind == "text":
        return value[:-1] if len(value) > 1 else f"{value}x"
    return str(int(value) + 1) if kind == "integer" else None


def _fill(form_type: FormType, form: Form) -> None:
    leaf = next((m for m in form_type.elements if m.inner is None and not m.many and m.kind == "text"), None)
    if leaf is not None:
        form[leaf.name] = "x"


def party_of(world: World, record: Record | None, query: str, headers: dict[str, str], body: bytes) -> Party | None:
    """Return the party that a request is about: by its instance, its query, its header, or the owner in its body."""
    register = world.register
    if record is not None:
        return register.party(record["party"])
    named = {key.lower(): value for key, value in parse_qsl(query)}
    for key in ("instanceowner.partyid", "instanceownerpartyid"):
        if named.get(key, "").isdigit():
            return register.party(int(named[key]))
    header = headers.get("x-ai-instanceowneridentifier", "")
    if header.lower().startswith("organisation:"):
        return register.organisation(header.partition(":")[2])
    return _owner_in(world, body)


def _owner_in(world: World, body: bytes) -> Party | None:
    found: Any = None
    start = body.find(b"{")
    if start >= 0:
        try:
            found, _ = json.JSONDecoder().raw_decode(body[start:].decode("utf-8", "replace"))
        except ValueError:
            return None
    owner = found.get("instanceOwner") if isinstance(found, dict) else None
    if not isinstance(owner, dict):
        return None
    if str(owner.get("partyId") or "").isdigit():
        return world.register.party(int(owner["partyId"]))
    if owner.get("personNumber"):
        return world.register.person(str(owner["personNumber"]))
    return world.register.organisation(str(owner.get("organisationNumber") or ""))

"""Moving a process on: hooks, locks of data, gateways, service tasks, the end (app library v8's ProcessEngine)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altinn.emulator.behaviour import HookFailure
from altinn.emulator.bpmn import Task
from altinn.emulator.casefile import CaseFile, owner_of, owner_principal, register_filing
from altinn.emulator.datafields import copy_fields
from altinn.emulator.events import ABANDON_TASK, END_EVENT, END_TASK, START_EVENT, START_TASK, record_event
from altinn.emulator.formcodec import field_at, stored_xml
from altinn.emulator.identity import Principal
from altinn.emulator.processmoves import (
    ABANDON,
    COMPLETE,
    at_end,
    at_task,
    next_element,
    start_info,
    started,
    task_ended_info,
    task_started_info,
)
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

MAX_SERVICE_TASKS = 100
GENERATED = "GeneratedFrom"


class ServiceTaskFailed(Exception):
    """A service task did not succeed; the process stays on it."""


@dataclass(slots=True)
class ProcessEngine:
    """Moves instances through their processes; every change is written at once."""

    world: World

    def start(self, app: AppFolder, record: Record, who: Principal) -> str:
        """Put a new instance's process at its first task and return the task's id; forms are made by `enter`."""
        now = self.world.clock.stamp()
        state = started(app.process, now)
        first = next_element(app.process, app.process.start, None, lambda _: None, lambda _: None)
        record["process"] = at_task(app.process, state, first, now, COMPLETE)
        return first

    def started_events(self, record: Record, who: Principal) -> None:
        """Write the events of a started process."""
        state = record["process"]
        record_event(self.world.instances, record, START_EVENT, who, process=start_info(state))
        record_event(self.world.instances, record, START_TASK, who, process=task_started_info(state))

    def writer(self, app: AppFolder, who: Principal) -> Principal:
        """Return who writes a transition: the caller, but the app's owner in version 9."""
        return owner_principal(self.world, app) if app.library == 9 else who

    def move(self, app: AppFolder, record: Record, who: Principal, action: str | None) -> None:
        """Leave the current task and go on, through service tasks, to the next task or the end.

        :raises HookFailure: the app's own code failed; what was done before stays done.
        :raises ServiceTaskFailed: the process stays on the service task.
        :raises NoWay: the process leads nowhere.
        """
        for _ in range(MAX_SERVICE_TASKS):
            task = app.process.tasks[record["process"]["currentTask"]["elementId"]]
            if task.service:
                self._run_service(app, record, task)
            self._step(app, record, who, task, action)
            current = record["process"]["currentTask"]
            if current is None or not app.process.tasks[current["elementId"]].service:
                return
            action = None
        raise HookFailure("Process loop detected")

    def _run_service(self, app: AppFolder, record: Record, task: Task) -> None:
        result = app.behaviour.run_service_task(CaseFile(self.world, app, record["guid"]), task.id, task.kind)
        if not result.ok:
            how = "failed with an exception!" if result.exception else "returned a failed result!"
            raise ServiceTaskFailed(f"Service task {task.kind} {how}")

    def _step(self, app: AppFolder, record: Record, who: Principal, task: Task, action: str | None) -> None:
        """Go from one task to what follows it."""
        target = self.target(app, record, task.id, action)
        if action != "reject":
            self.leave(app, record, task.id)
        if target in app.process.tasks:
            self.commit_task(app, record, who, target, action)
            self.enter(app, record, who, target, {})
        else:
            app.behaviour.on_process_end(CaseFile(self.world, app, record["guid"]))
            self.commit_end(app, record, who, target, action)

    def leave(self, app: AppFolder, record: Record, task_id: str) -> None:
        """Let the app act on a task's end, and lock the task's data.

        :raises HookFailure: the app's own code failed.
        """
        app.behaviour.on_task_end(CaseFile(self.world, app, record["guid"]), task_id)
        self.world.instances.lock_elements(record["guid"], types_of(app, task_id), True)

    def _left(self, app: AppFolder, record: Record, who: Principal, action: str | None) -> str:
        """Write the event of the current task's end and return the time of the move."""
        seen = record["process"]
        self._reload(record)
        if not record["process"]["currentTask"]:
            # Another push ended the process since this one looked: possible only where no lock is taken.
            record["process"] = seen
        now = self.world.clock.stamp()
        kind = ABANDON_TASK if action == "reject" else END_TASK
        record_event(self.world.instances, record, kind, who, process=task_ended_info(record["process"], now))
        return now

    def target(self, app: AppFolder, record: Record, task_id: str, action: str | None) -> str:
        """Return the element after a task.

        :raises NoWay: there is none, or more than one.
        """
        case = CaseFile(self.world, app, record["guid"])

        def data_model(path: str) -> Any:
            for data_type in app.models:
                form = case.form(data_type)
                if form is not None:
                    return field_at(form, path)
            return None

        context = {"instanceId": record["id"], "appId": record["appId"], "instanceOwnerPartyId": str(record["party"])}

        def choose(gateway: str, targets: Sequence[str]) -> Sequence[str] | None:
            return app.behaviour.choose_at_gateway(case, gateway, targets, action)

        return next_element(app.process, task_id, action, data_model, context.get, choose)

    def commit_task(self, app: AppFolder, record: Record, who: Principal, task_id: str, action: str | None) -> None:
        """Write that the process has gone to another task."""
        now = self._left(app, record, who, action)
        flow_type = ABANDON if action == "reject" else COMPLETE
        record["process"] = at_task(app.process, record["process"], task_id, now, flow_type)
        self.world.instances.save(record, self.writer(app, who))
        record_event(self.world.instances, record, START_TASK, who, process=task_started_info(record["process"]))
        self._forget_generated(record["guid"], task_id)
        self.world.instances.lock_elements(record["guid"], types_of(app, task_id), False)

    def enter(self, app: AppFolder, record: Record, who: Principal, task_id: str, prefill: dict[str, str]) -> None:
        """Let the app act on a task's start, and make the task's forms.

        :raises HookFailure: the app's own code failed.
        """
        self.start_hook(app, record, task_id)
        self.create_forms(app, record, who, task_id, prefill)

    def start_hook(self, app: AppFolder, record: Record, task_id: str) -> None:
        """Let the app act on a task's start; in a feedback task the authority has the filing from now on.

        :raises HookFailure: the app's own code failed.
        """
        if app.process.tasks[task_id].kind == "feedback":
            register_filing(self.world, app, record)
        app.behaviour.on_task_start(CaseFile(self.world, app, record["guid"]), task_id)
        self._reload(record)

    def create_forms(
        self, app: AppFolder, record: Record, who: Principal, task_id: str, prefill: dict[str, str]
    ) -> None:
        """Create the forms that a task's data types make by themselves."""
        if app.library == 9:
            self.world.instances.save(record, self.writer(app, who))
        self.list_signees(app, record, task_id)
        present = {e["dataType"] for e in self.world.instances.elements(record["guid"])}
        for data_type in app.types.values():
            if not (data_type.auto_create and data_type.task_id == task_id) or data_type.id in present:
                continue
            model = app.models.get(data_type.id)
            if model is None:
                continue
            form = self.world.prefilled(model, prefill)
            app.behaviour.create_form(owner_of(self.world, record["party"]), data_type.id, form)
            element = self.world.instances.add_element(
                record, data_type.id, stored_xml(model, form), self.writer(app, who), content_type="application/xml"
            )
            copy_fields(self.world, app, record, data_type.id, form)
            record_event(self.world.instances, record, "Created", who, data_id=element["id"])

    def list_signees(self, app: AppFolder, record: Record, task_id: str) -> None:
        """Store the list of who is to sign a task; nobody is named, for that is the app's own code."""
        data_type = app.process.tasks[task_id].signees_type
        present = {e["dataType"] for e in self.world.instances.elements(record["guid"])}
        if data_type is None or data_type in present:
            return
        reference = {"value": task_id, "relation": GENERATED, "valueType": "Task"}
        who = owner_principal(self.world, app)
        self.world.instances.add_element(
            record, data_type, b"[]", who, content_type="application/json", references=[reference]
        )

    def commit_end(self, app: AppFolder, record: Record, who: Principal, end_event: str, action: str | None) -> None:
        """Write that the process has ended; the authority has the filing from now on."""
        now = self._left(app, record, who, action)
        record["process"] = at_end(record["process"], end_event, now)
        record["status"]["isArchived"], record["status"]["archived"] = True, now
        self.world.instances.save(record, self.writer(app, who))
        record_event(self.world.instances, record, END_EVENT, who, process=record["process"])
        record_event(self.world.instances, record, "Submited", who, process=record["process"])
        register_filing(self.world, app, record)
        if app.metadata.get("autoDeleteOnProcessEnd"):
            self.world.instances.delete(record, owner_principal(self.world, app), hard=True)
            self.world.note_deletion(record["guid"])

    def sign(self, app: AppFolder, record: Record, who: Principal, task: Task) -> None:
        """Store a signature over the elements that a signing task names."""
        if task.signature_type is None:
            raise HookFailure(f"Signing task {task.id} names no data type for signatures")
        signed = [
            {"dataElementId": e["id"], "sha256Hash": self.world.sha256(e["id"]), "signed": True}
            for e in self.world.instances.elements(record["guid"])
            if e["dataType"] in task.types_to_sign
        ]
        signee = {
            "userId": str(who.user_id) if who.user_id else None,
            "systemUserId": who.system_user_id,
            "personNumber": who.person_number,
            "organisationNumber": who.system_user_org,
        }
        document = {
            "id": self.world.instances.new_guid(),
            "instanceGuid": record["guid"],
            "signedTime": self.world.clock.stamp(),
            "signeeInfo": signee,
            "dataElementSignatures": signed,
        }
        reference = {"value": task.id, "relation": GENERATED, "valueType": "Task"}
        content = json.dumps(document, separators=(",", ":")).encode()
        self.world.instances.add_element(
            record,
            task.signature_type,
            content,
            who,
            content_type="application/json",
            filename="signature.json",
            references=[reference],
        )
        record_event(self.world.instances, record, "Signed", who)

    def _forget_generated(self, guid: str, task_id: str) -> None:
        """Remove what an earlier visit to the task generated, such as signatures."""
        for element in self.world.instances.elements(guid):
            for reference in element["references"] or ():
                if reference["relation"] == GENERATED and reference["value"] == task_id:
                    self.world.store.delete_element(guid, element["id"])

    def _reload(self, record: Record) -> None:
        """Take over what hooks have changed."""
        record.update(self.world.instances.get(record["guid"]) or record)


def types_of(app: AppFolder, task_id: str) -> set[str]:
    """Return the data types of a task."""
    return {t.id for t in app.types.values() if t.task_id == task_id}

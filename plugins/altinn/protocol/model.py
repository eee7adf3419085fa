"""What Altinn answers, reduced to what the client uses.

The app and Storage write JSON in two dialects (nulls written or left out, enumerations as numbers or names); both
are read here. Person numbers in the answers are left behind on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from altinn.exceptions import AltinnAnswerError, Issue
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.masking import mask
from altinn.protocol.timestamps import time_key

_SEVERITIES = {0: "unspecified", 1: "error", 2: "warning", 3: "information", 4: "fixed", 5: "success"}
_SEVERITY_NAMES = {"informational": "information"}


def as_object(value: object, what: str) -> Mapping[str, Any]:
    """Return `value` if it is a JSON object.

    :raises AltinnAnswerError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise AltinnAnswerError(f"{what}: expected a JSON object, got {type(value).__name__}")
    return value


def _text(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class DataElement:
    """One document of an instance.

    :param size: bytes as Storage keeps them; stale in the answer of a PUT.
    :param file_scan: "Pending", "Clean", "Infected" or "NotApplicable".
    """

    id: str
    data_type: str
    file_name: str
    content_type: str
    size: int
    locked: bool
    file_scan: str
    created: str
    last_changed: str

    @classmethod
    def from_json(cls, value: object) -> DataElement:
        """Read a data element of either dialect."""
        node = as_object(value, "data element")
        return cls(
            id=_text(node.get("id")),
            data_type=_text(node.get("dataType")),
            file_name=_text(node.get("filename")),
            content_type=_text(node.get("contentType")),
            size=int(node.get("size") or 0),
            locked=bool(node.get("locked")),
            file_scan=_file_scan(node.get("fileScanResult")),
            created=_text(node.get("created")),
            last_changed=_text(node.get("lastChanged")),
        )


def _file_scan(value: object) -> str:
    names = {0: "NotApplicable", 1: "Pending", 2: "Clean", 3: "Infected"}
    return names.get(value, "NotApplicable") if isinstance(value, int) else _text(value) or "NotApplicable"


_FIRST_FLOW = 2
"""The flow of the task that a process begins with; the start event's is 1."""


@dataclass(frozen=True, slots=True)
class Process:
    """Where an instance is in its process.

    :param task_id: the current task's element id, empty before the start and after the end.
    :param task_type: "data", "confirmation", "feedback", "signing" …
    :param task_started: when the current task began; empty when the answer does not say.
    :param flow: grows by one with every transition; the best version number a client has. 0 when unknown.
    :param actions: what the caller may do in the current task; only a fresh GET process tells, else None.
    :param task_ids: every task of the process, where the answer lists them.
    :param task_types: the type of each of `task_ids`.
    :param workflow: version 9's engine: "idle", "processing" or "failed"; empty on version 8.
    :param workflow_target: the task that the engine is on its way to; empty for the end, and when it is idle.
    """

    task_id: str
    task_type: str
    task_name: str
    flow: int
    started: str
    ended: str
    end_event: str
    actions: Mapping[str, bool] | None = None
    task_ids: tuple[str, ...] = ()
    workflow: str = ""
    task_types: tuple[str, ...] = ()
    task_started: str = ""
    workflow_target: str = ""

    @property
    def is_ended(self) -> bool:
        """Whether an end event was reached."""
        return bool(self.ended)

    @property
    def is_being_made(self) -> bool:
        """Whether version 9's engine is at the instance's creation, or has failed at it, and at no push."""
        making = self.workflow in ("processing", "failed") and self.flow <= _FIRST_FLOW
        return making and bool(self.task_id) and self.workflow_target == self.task_id

    @property
    def is_moving(self) -> bool:
        """Whether version 9's engine is at a push, or has failed at one, so that it may still go on."""
        return self.workflow in ("processing", "failed") and not self.is_being_made

    @property
    def where(self) -> str:
        """The state in words, for logs and errors."""
        if self.is_ended:
            return "ended"
        return f"{self.task_id} ({self.task_type}, flow {self.flow})" if self.task_id else "not started"

    @classmethod
    def from_json(cls, value: object) -> Process:
        """Read `GET process`, the answer of `next`, or the process inside an instance."""
        node = as_object(value or {}, "process")
        task = as_object(node.get("currentTask") or {}, "current task")
        workflow = as_object(node.get("workflow") or {}, "workflow")
        actions = task.get("actions")
        tasks = node.get("processTasks") or ()
        return cls(
            task_id=_text(task.get("elementId")),
            task_type=_text(task.get("altinnTaskType")),
            task_name=_text(task.get("name")),
            flow=int(task.get("flow") or 0),
            started=_text(node.get("started")),
            ended=_text(node.get("ended")),
            end_event=_text(node.get("endEvent")),
            actions={str(k): bool(v) for k, v in actions.items()} if isinstance(actions, Mapping) else None,
            task_ids=tuple(_text(as_object(item, "process task").get("elementId")) for item in tasks),
            workflow=_text(workflow.get("status")),
            task_types=tuple(_text(as_object(item, "process task").get("altinnTaskType")) for item in tasks),
            task_started=_text(task.get("started")),
            workflow_target=_text(workflow.get("targetTask")),
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """A filing in Altinn.

    :param stamps: `dataValues`; the filing key lives there.
    :param confirmed_by: organisations that have fetched what they need.
    :param substatus: the service owner's label; `substatus_text` is its description.
    :param feedback_provided: what the app's own `feedback/status` answered; None when it was not asked.
    :param is_signed: whether its events tell of a signature; None when they were not asked, or do not tell.
    """

    id: InstanceId
    app_id: str
    organisation_number: str
    process: Process
    stamps: Mapping[str, str]
    elements: tuple[DataElement, ...]
    is_archived: bool
    is_soft_deleted: bool
    is_hard_deleted: bool
    substatus: str
    confirmed_by: tuple[str, ...]
    created: str
    last_changed: str
    app_url: str = field(default="", compare=False)
    substatus_text: str = ""
    feedback_provided: bool | None = None
    is_signed: bool | None = None

    @classmethod
    def from_json(cls, value: object) -> Instance:
        """Read an instance of either dialect."""
        node = as_object(value, "instance")
        owner = as_object(node.get("instanceOwner") or {}, "instance owner")
        status = as_object(node.get("status") or {}, "status")
        try:
            instance_id = InstanceId.parse(_text(node.get("id")))
        except ValueError as exc:
            raise AltinnAnswerError("the answer's instance has no id of the form party/guid") from exc
        stamps = node.get("dataValues") or {}
        return cls(
            id=instance_id,
            app_id=_text(node.get("appId")),
            organisation_number=_text(owner.get("organisationNumber")),
            process=Process.from_json(node.get("process")),
            stamps={str(k): str(v) for k, v in stamps.items() if v is not None} if isinstance(stamps, Mapping) else {},
            elements=tuple(DataElement.from_json(item) for item in node.get("data") or ()),
            is_archived=bool(status.get("isArchived")),
            is_soft_deleted=bool(status.get("isSoftDeleted")),
            is_hard_deleted=bool(status.get("isHardDeleted")),
            substatus=mask(_text((status.get("substatus") or {}).get("label"))),
            confirmed_by=tuple(
                _text(as_object(item, "confirmation").get("stakeholderId"))
                for item in node.get("completeConfirmations") or ()
            ),
            created=_text(node.get("created")),
            last_changed=_text(node.get("lastChanged")),
            app_url=_text((node.get("selfLinks") or {}).get("apps")),
            substatus_text=mask(_text((status.get("substatus") or {}).get("description"))),
        )

    @property
    def org(self) -> str:
        """The service owner's code, which begins the app's id."""
        return self.app_id.partition("/")[0]

    @property
    def owner_has_confirmed(self) -> bool:
        """Whether the service owner itself has confirmed; others may have, and it says nothing about the filing."""
        return bool(self.org) and self.org.casefold() in {one.casefold() for one in self.confirmed_by}

    def of_type(self, data_type: str) -> tuple[DataElement, ...]:
        """Return the elements of one data type, oldest first."""
        chosen = (element for element in self.elements if element.data_type == data_type)
        return tuple(sorted(chosen, key=lambda element: (time_key(element.created), element.id)))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of Storage's query. `next` is a full address, empty on the last page."""

    instances: tuple[Instance, ...]
    next: str

    @classmethod
    def from_json(cls, value: object) -> Page:
        """Read the query's answer."""
        node = as_object(value, "instance query")
        return cls(
            instances=tuple(Instance.from_json(item) for item in node.get("instances") or ()),
            next=_text(node.get("next")),
        )


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """One line of the process history."""

    event_type: str
    element_id: str
    started: str
    ended: str
    occurred: str


def history_from_json(value: object) -> tuple[ProcessEvent, ...]:
    """Read `GET process/history`, without who did it: that may be a person number."""
    node = as_object(value, "process history")
    return tuple(
        ProcessEvent(
            event_type=_text(item.get("eventType")),
            element_id=_text(item.get("elementId")),
            started=_text(item.get("started")),
            ended=_text(item.get("ended")),
            occurred=_text(item.get("occured")),
        )
        for item in node.get("processHistory") or ()
    )


@dataclass(frozen=True, slots=True)
class InstanceEvent:
    """One event of an instance.

    :param actor: "user 1337", "system user …" or "organisation …"; never a person number.
    """

    event_type: str
    created: str
    task_id: str
    task_type: str
    end_event: str
    actor: str


def events_from_json(value: object) -> tuple[InstanceEvent, ...]:
    """Read Storage's events, oldest first."""
    node = as_object(value, "instance events")
    events = [_event(as_object(item, "instance event")) for item in node.get("instanceEvents") or ()]
    return tuple(sorted(events, key=lambda event: time_key(event.created)))


def _event(node: Mapping[str, Any]) -> InstanceEvent:
    process = as_object(node.get("processInfo") or {}, "process info")
    task = as_object(process.get("currentTask") or {}, "current task")
    user = as_object(node.get("user") or {}, "user")
    if user.get("systemUserId"):
        actor = f"system user {user['systemUserId']} of organisation {_text(user.get('systemUserOwnerOrgNo'))}"
    elif user.get("userId"):
        actor = f"user {user['userId']}"
    else:
        actor = f"organisation {user['orgId']}" if user.get("orgId") else ""
    return InstanceEvent(
        event_type=_text(node.get("eventType")),
        created=_text(node.get("created")),
        task_id=_text(task.get("elementId")),
        task_type=_text(task.get("altinnTaskType")),
        end_event=_text(process.get("endEvent")),
        actor=actor,
    )


def issues_from_json(value: object) -> tuple[Issue, ...]:
    """Read validation issues; unknown severities and codes are kept as data, person numbers in them are masked."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return ()
    return tuple(_issue(item) for item in value if isinstance(item, Mapping))


def _issue(node: Mapping[str, Any]) -> Issue:
    severity = node.get("severity")
    if isinstance(severity, int):
        name = _SEVERITIES.get(severity, f"severity {severity}")
    else:
        name = _text(severity).lower() or "unspecified"
        name = _SEVERITY_NAMES.get(name, name)
    return Issue(
        severity=name,
        code=mask(_text(node.get("code"))),
        where=mask(_text(node.get("field"))),
        message=mask(_text(node.get("description")) or _text(node.get("customTextKey"))),
        source=_text(node.get("source")),
    )

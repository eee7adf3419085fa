"""Answers of real servers, shortened to the members that matter and the traps beside them.

Recorded from Altinn's app library 8.12.7 and LocalTest (github.com/Altinn/app-lib-dotnet, app-localtest), with
LocalTest's synthetic people; ids and times filled in. `APP` is how an app writes an instance, `STORAGE` how Altinn's
Storage does: one writes nulls and numbers, the other leaves them out and writes names.
"""

from __future__ import annotations

import copy
from typing import Any

PERSON = "01039012345"
GUID = "f3ed5dfa-5a8d-4a4f-9e6f-0c3f6a0f6f3b"
FORM = "0a64ef5d-6f0b-4d4c-8f6e-111111111111"
FILE = "0a64ef5d-6f0b-4d4c-8f6e-222222222222"

FORM_ELEMENT: dict[str, Any] = {
    "id": FORM,
    "instanceGuid": GUID,
    "dataType": "model",
    "filename": None,
    "contentType": "application/xml",
    "blobStoragePath": f"ttd/basic/{GUID}/data/{FORM}",
    "size": 146,
    "contentHash": None,
    "locked": False,
    "refs": None,
    "isRead": True,
    "tags": [],
    "userDefinedMetadata": None,
    "metadata": None,
    "deleteStatus": None,
    "fileScanResult": "NotApplicable",
    "references": None,
    "created": "2026-11-23T10:00:00.1234567Z",
    "createdBy": "1337",
    "lastChanged": "2026-11-23T10:00:00.1234567Z",
    "lastChangedBy": "1337",
}

APP: dict[str, Any] = {
    "id": f"501337/{GUID}",
    "instanceOwner": {
        "partyId": "501337",
        "personNumber": PERSON,
        "organisationNumber": None,
        "username": None,
        "externalIdentifier": None,
        "party": {
            "partyId": 501337,
            "partyTypeName": 1,
            "ssn": PERSON,
            "orgNumber": None,
            "name": "Sophie Salt",
            "isDeleted": False,
        },
    },
    "appId": "ttd/basic",
    "org": "ttd",
    "selfLinks": {"apps": f"https://ttd.apps.example/ttd/basic/instances/501337/{GUID}", "platform": "https://p"},
    "dueBefore": None,
    "visibleAfter": "2026-11-23T10:00:00Z",
    "process": {
        "started": "2026-11-23T10:00:00Z",
        "startEvent": "StartEvent_1",
        "currentTask": {
            "flow": 2,
            "started": "2026-11-23T10:00:00Z",
            "elementId": "Task_1",
            "name": "Utfylling",
            "altinnTaskType": "data",
            "ended": None,
            "validated": None,
            "flowType": "CompleteCurrentMoveToNext",
        },
        "ended": None,
        "endEvent": None,
    },
    "status": {
        "isArchived": False,
        "archived": None,
        "isSoftDeleted": False,
        "softDeleted": None,
        "isHardDeleted": False,
        "hardDeleted": None,
        "readStatus": 1,
        "substatus": None,
    },
    "completeConfirmations": None,
    "data": [FORM_ELEMENT],
    "presentationTexts": None,
    "dataValues": {"filingversion": "1", "filingperiod": "2026-T4", "filingkind": "main"},
    "created": "2026-11-23T10:00:00Z",
    "createdBy": "1337",
    "lastChanged": "2026-11-23T10:00:01Z",
    "lastChangedBy": "1337",
}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


STORAGE: dict[str, Any] = _without_nulls(copy.deepcopy(APP))
STORAGE["status"]["readStatus"] = "Read"
STORAGE["selfLinks"] = {"platform": f"https://platform.example/storage/api/v1/instances/501337/{GUID}"}
del STORAGE["instanceOwner"]["party"]

PROCESS: dict[str, Any] = {
    "currentTask": {
        "actions": {"read": True, "write": False, "confirm": True},
        "userActions": [{"id": "confirm", "authorized": True, "type": "ProcessAction"}],
        "read": True,
        "write": False,
        "elementType": "Task",
        "flow": 3,
        "started": "2026-11-23T10:01:00Z",
        "elementId": "Task_2",
        "name": "Bekreftelse",
        "altinnTaskType": "confirmation",
        "ended": None,
        "validated": None,
        "flowType": "CompleteCurrentMoveToNext",
    },
    "processTasks": [
        {"altinnTaskType": "confirmation", "elementId": "Task_2", "elementType": "Task"},
        {"altinnTaskType": "data", "elementId": "Task_1", "elementType": "Task"},
    ],
    "started": "2026-11-23T10:00:00Z",
    "startEvent": "StartEvent_1",
    "ended": None,
    "endEvent": None,
}
ENDED: dict[str, Any] = {
    **PROCESS,
    "currentTask": None,
    "ended": "2026-11-23T10:02:00Z",
    "endEvent": "EndEvent_1",
}
WORKFLOW: dict[str, Any] = {"status": "processing", "targetTask": "Task_2", "retrying": True, "progress": {"total": 3}}
"""What the version 9 preview adds to a process."""

HISTORY: dict[str, Any] = {
    "processHistory": [
        {
            "eventType": "process_StartEvent",
            "elementId": "StartEvent_1",
            "occured": "2026-11-23T10:00:00Z",
            "started": None,
            "ended": None,
            "performedBy": PERSON,
        },
        {
            "eventType": "process_StartTask",
            "elementId": "Task_1",
            "occured": "2026-11-23T10:00:00Z",
            "started": "2026-11-23T10:00:00Z",
            "ended": "2026-11-23T10:01:00Z",
            "performedBy": PERSON,
        },
    ]
}


def _event(event_type: str, created: str, user: dict[str, Any], task: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": GUID,
        "instanceId": f"501337/{GUID}",
        "dataId": None,
        "created": created,
        "eventType": event_type,
        "instanceOwnerPartyId": "501337",
        "user": {
            "userId": None,
            "orgId": None,
            "authenticationLevel": 2,
            "endUserSystemId": None,
            "nationalIdentityNumber": PERSON,
            "systemUserId": None,
            "systemUserOwnerOrgNo": None,
            "systemUserName": None,
            **user,
        },
        "relatedUser": None,
        "processInfo": {"started": created, "currentTask": task, "ended": None, "endEvent": None},
        "additionalInfo": None,
    }


EVENTS: dict[str, Any] = {
    "instanceEvents": [
        _event("process_EndTask", "2026-11-23T10:05:00Z", {"orgId": "ttd"}, {"elementId": "Task_3"}),
        _event("Created", "2026-11-23T10:00:00Z", {"userId": 1337}, PROCESS["currentTask"]),
        _event(
            "process_EndTask",
            "2026-11-23T10:01:00Z",
            {"systemUserId": GUID, "systemUserOwnerOrgNo": "974760673"},
            PROCESS["currentTask"],
        ),
    ]
}
ISSUES: list[dict[str, Any]] = [
    {
        "severity": 1,
        "dataElementId": FORM,
        "field": "property1",
        "code": "property1.feil",
        "description": "property1 kan ikke være FEIL",
        "source": "Altinn.App.logic.ModelValidator-model",
    },
    {
        "severity": 2,
        "dataElementId": FORM,
        "field": None,
        "code": "property1.advarsel",
        "description": None,
        "source": "Custom",
        "customTextKey": "property1.advarsel.text",
    },
]

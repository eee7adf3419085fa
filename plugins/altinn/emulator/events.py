"""What happened to an instance, as Storage remembers it, and the process history made of it."""

from __future__ import annotations

from typing import Any

from altinn.emulator.identity import Principal
from altinn.emulator.instances import Instances
from altinn.emulator.store import Record

START_EVENT, END_EVENT = "process_StartEvent", "process_EndEvent"
START_TASK, END_TASK, ABANDON_TASK = "process_StartTask", "process_EndTask", "process_AbandonTask"
HISTORY = (START_EVENT, START_TASK, END_TASK, ABANDON_TASK, END_EVENT)


def _user(who: Principal, person_number: str | None, system: str | None) -> dict[str, Any]:
    system_user = who.kind == "system_user"
    return {
        "userId": who.user_id,
        "orgId": who.org_code,
        "authenticationLevel": who.auth_level,
        "endUserSystemId": None,
        "nationalIdentityNumber": person_number,
        "systemUserId": who.system_user_id if system_user else None,
        "systemUserOwnerOrgNo": who.system_user_org if system_user else None,
        "systemUserName": system,
    }


def record_event(
    instances: Instances,
    record: Record,
    kind: str,
    who: Principal,
    *,
    data_id: str | None = None,
    process: Record | None = None,
) -> None:
    """Append an event to an instance's events.

    :param process: state of the process to write down; the instance's own when left out. Process events come from the
        app, which names the person; the others come from Storage, which does not.
    """
    from_app = process is not None
    instances.store.add_event(
        record["guid"],
        {
            "id": instances.new_guid(),
            "instanceId": record["id"],
            "dataId": data_id,
            "created": instances.clock.stamp(),
            "eventType": kind,
            "instanceOwnerPartyId": str(record["party"]),
            "user": _user(who, who.person_number if from_app else None, None),
            "relatedUser": None,
            "processInfo": process if from_app else record["process"],
            "additionalInfo": None,
        },
    )


def process_history(events: list[Record]) -> list[dict[str, Any]]:
    """Return the process history: both ends of each task, in order."""
    history = []
    for event in events:
        if event["eventType"] not in HISTORY:
            continue
        info, user = event["processInfo"], event["user"]
        task = info.get("currentTask") or {}
        ended = event["eventType"] == END_EVENT
        history.append(
            {
                "eventType": event["eventType"],
                "elementId": info["endEvent"] if ended else task.get("elementId"),
                "occured": event["created"],
                "started": None if ended else task.get("started"),
                "ended": None if ended else task.get("ended"),
                "performedBy": user["nationalIdentityNumber"] or user["orgId"] or user["systemUserOwnerOrgNo"],
            }
        )
    return history

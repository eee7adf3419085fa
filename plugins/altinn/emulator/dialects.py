"""Instances and data elements as app and Storage write them: the same record, two dialects of JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from altinn.emulator.parties import Party
from altinn.emulator.store import Record

READ_STATUS = ("Unread", "Read", "UpdatedSinceLastReview")
UNREAD, READ, UPDATED = range(3)
APPS, PLATFORM = "apps", "platform"
APP_LINKS = (APPS, PLATFORM)


def _links(base: str, path: str, app_id: str, links: Iterable[str]) -> dict[str, str | None] | None:
    """Return self links; the real services fill in one, the other or both, depending on the call."""
    if not links:
        return None
    return {
        "apps": f"{base}/{app_id}/instances/{path}" if APPS in links else None,
        "platform": f"{base}/storage/api/v1/instances/{path}" if PLATFORM in links else None,
    }


def element_json(record: Record, instance: Record, base: str, links: Iterable[str]) -> dict[str, Any]:
    """Return a data element."""
    shown = {k: v for k, v in record.items() if k != "content"}
    path = f"{instance['id']}/data/{record['id']}"
    return shown | {
        "blobStoragePath": f"{instance['appId']}/{record['instanceGuid']}/data/{record['id']}",
        "selfLinks": _links(base, path, instance["appId"], links),
    }


def instance_json(
    record: Record,
    elements: Iterable[Record],
    base: str,
    *,
    links: Iterable[str],
    numbers: bool,
    party: Party | None = None,
) -> dict[str, Any]:
    """Return an instance.

    :param links: which self links are filled in.
    :param numbers: read status as a number (app) or as a word (Storage).
    :param party: shown beside the owner, as an app's own instance answers do.
    """
    status = record["status"]
    owner = dict(record["instanceOwner"])
    if party is not None:
        owner["party"] = party.as_json()
    return {
        "id": record["id"],
        "instanceOwner": owner,
        "appId": record["appId"],
        "org": record["org"],
        "selfLinks": _links(base, record["id"], record["appId"], links),
        "dueBefore": record["dueBefore"],
        "visibleAfter": record["visibleAfter"],
        "process": record["process"],
        "status": status | {"readStatus": status["readStatus"] if numbers else READ_STATUS[status["readStatus"]]},
        "completeConfirmations": record["completeConfirmations"],
        "data": [element_json(e, record, base, links) for e in elements],
        "presentationTexts": record["presentationTexts"],
        "dataValues": record["dataValues"],
        "created": record["created"],
        "createdBy": record["createdBy"],
        "lastChanged": record["lastChanged"],
        "lastChangedBy": record["lastChangedBy"],
    }

"""An app's `applicationmetadata.json`: the rules of its data types, and the document as app and Storage show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MEBIBYTE = 1024 * 1024


class MetadataError(ValueError):
    """`applicationmetadata.json` cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class DataType:
    """The rules of one data type; counts and sizes of 0 are no limit."""

    id: str
    task_id: str | None
    content_types: tuple[str, ...]
    contributors: tuple[str, ...]
    max_bytes: int
    max_count: int
    min_count: int
    is_form: bool
    auto_create: bool
    class_ref: str | None
    user_may_create: bool
    user_may_delete: bool
    file_scan: bool
    pending_scan_blocks: bool
    action_to_read: str | None
    action_to_write: str | None


def _data_type(entry: dict[str, Any]) -> DataType:
    logic = entry.get("appLogic") or {}
    return DataType(
        id=entry["id"],
        task_id=entry.get("taskId"),
        content_types=tuple(entry.get("allowedContentTypes") or ()),
        contributors=tuple(entry.get("allowedContributors") or entry.get("allowedContributers") or ()),
        max_bytes=_limit(entry, "maxSize") * MEBIBYTE,
        max_count=_limit(entry, "maxCount"),
        min_count=_limit(entry, "minCount"),
        is_form=bool(logic.get("classRef")),
        auto_create=bool(logic.get("autoCreate")),
        class_ref=logic.get("classRef"),
        user_may_create=not logic.get("disallowUserCreate"),
        user_may_delete=not logic.get("disallowUserDelete"),
        file_scan=bool(entry.get("enableFileScan")),
        pending_scan_blocks=bool(entry.get("validationErrorOnPendingFileScan")),
        action_to_read=entry.get("actionRequiredToRead"),
        action_to_write=entry.get("actionRequiredToWrite"),
    )


def _limit(entry: dict[str, Any], name: str) -> int:
    value = entry.get(name)
    if value is None:
        return 0
    whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)
    if not (whole or (isinstance(value, str) and value.isascii() and value.isdigit())) or int(value) < 0:
        raise MetadataError(f"{name} is {value!r}; it must be a whole number, 0 for no limit")
    return int(value)


def data_types(document: dict[str, Any]) -> dict[str, DataType]:
    """Return the data types by id.

    :raises MetadataError: a data type without an id, or a limit that is no number.
    """
    types = {}
    for entry in document.get("dataTypes") or []:
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            raise MetadataError("applicationmetadata.json: a data type has no id")
        try:
            types[entry["id"]] = _data_type(entry)
        except (TypeError, ValueError) as exc:
            raise MetadataError(f"applicationmetadata.json: data type {entry['id']}: {exc}") from exc
    return types


def app_id(document: Any) -> tuple[str, str]:
    """Return organisation and app.

    :raises MetadataError: the document is no application metadata.
    """
    if not isinstance(document, dict):
        raise MetadataError("applicationmetadata.json is no JSON object")
    org, _, app = str(document.get("id", "")).partition("/")
    if not org or not app or "/" in app:
        raise MetadataError(f'applicationmetadata.json: id is {document.get("id")!r}, not "org/app"')
    if document.get("org") not in (None, org):
        raise MetadataError(f"applicationmetadata.json: org is {document['org']!r}, but id is {document['id']!r}")
    return org, app


_LOGIC = {
    "autoCreate": None,
    "classRef": None,
    "schemaRef": None,
    "allowAnonymousOnStateless": False,
    "autoDeleteOnProcessEnd": False,
    "disallowUserCreate": False,
    "disallowUserDelete": False,
    "shadowFields": None,
}
_TYPE: dict[str, Any] = {
    "id": None,
    "description": None,
    "allowedContentTypes": None,
    "allowedContributers": None,
    "allowedContributors": None,
    "actionRequiredToRead": None,
    "actionRequiredToWrite": None,
    "appLogic": None,
    "taskId": None,
    "maxSize": None,
    "maxCount": 1,
    "minCount": 1,
    "grouping": None,
    "enablePdfCreation": True,
    "enableFileScan": False,
    "validationErrorOnPendingFileScan": False,
    "enabledFileAnalysers": [],
    "enabledFileValidators": [],
    "allowedKeysForUserDefinedMetadata": None,
}
_APPLICATION: dict[str, Any] = {
    "id": None,
    "versionId": None,
    "org": None,
    "title": None,
    "validFrom": None,
    "validTo": None,
    "processId": None,
    "dataTypes": [],
    "partyTypesAllowed": None,
    "autoDeleteOnProcessEnd": False,
    "preventInstanceDeletionForDays": None,
    "presentationFields": None,
    "dataFields": None,
    "eFormidling": None,
    "onEntry": None,
    "messageBoxConfig": None,
    "copyInstanceSettings": None,
    "apiScopes": None,
    "storageAccountNumber": None,
    "disallowUserInstantiation": False,
    "homepage": None,
    "keywords": None,
    "description": None,
    "access": None,
    "contactPoints": None,
    "created": None,
    "createdBy": None,
    "lastChanged": None,
    "lastChangedBy": None,
}
_PARTY_TYPES = {"bankruptcyEstate": False, "organisation": False, "person": False, "subUnit": False}
VERSIONS = {8: "8.12.7.0", 9: "9.0.0.0"}


def _known(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {key: given.get(key, default) for key, default in defaults.items()}


def storage_document(document: dict[str, Any], library: int) -> dict[str, Any]:
    """Return the metadata as Storage shows it: every known member, unknown ones left out."""
    shown = _known(_APPLICATION, document)
    shown["org"] = document["id"].partition("/")[0]
    shown["partyTypesAllowed"] = _known(_PARTY_TYPES, document.get("partyTypesAllowed") or {})
    shown["dataTypes"] = []
    for entry in document.get("dataTypes") or []:
        data_type = _known(_TYPE, entry)
        if entry.get("appLogic"):
            data_type["appLogic"] = _known(_LOGIC, entry["appLogic"])
        shown["dataTypes"].append(data_type)
    if library == 9:
        shown |= {"altinnNugetVersion": VERSIONS[9], "onEntry": document.get("onEntry") or {"show": "new-instance"}}
    return shown


def app_document(document: dict[str, Any], library: int, version: str) -> dict[str, Any]:
    """Return the metadata as the app itself shows it.

    :param version: of the app library, in full.
    """
    shown = storage_document(document, library)
    own: dict[str, Any] = {"logo": document.get("logo"), "altinnNugetVersion": version, "externalApiIds": []}
    if library == 9:
        entry = document.get("onEntry") or {}
        own["features"] = {}
        own["promptForParty"] = document.get("promptForParty")
        own["onEntry"] = {
            "instanceSelection": entry.get("instanceSelection"),
            "show": entry.get("show", "new-instance"),
        }
    else:
        own["features"] = {"footer": True, "processActions": True, "jsonObjectInDataResponse": False}
    return shown | own

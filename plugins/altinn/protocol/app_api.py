"""The app's endpoints, one function each. Base address: `https://{org}.apps.altinn.no/{org}/{app}`.

Source: InstancesController, DataController, ValidateController and ProcessController of Altinn's public app library
(app-lib-dotnet v8), https://docs.altinn.studio/api/apps/.
"""

from __future__ import annotations

import json
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from altinn.exceptions import AltinnAnswerError, AltinnInputError, Issue
from altinn.protocol.identifiers import InstanceId, InstanceOwner
from altinn.protocol.model import (
    DataElement,
    Instance,
    Process,
    ProcessEvent,
    as_object,
    history_from_json,
    issues_from_json,
)
from altinn.protocol.wire import (
    SLOW_READ_TIMEOUT,
    Call,
    FormPart,
    HttpRequest,
    HttpResponse,
    MultipartBody,
    StreamBody,
)

_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_ACCEPT_JSON = {"Accept": "application/json"}
_KNOWN_INSTANCE = frozenset({403, 404})
UPLOAD_VALIDITY = 300.0
"""Seconds a token must still be valid before an upload or a push starts (401 may follow an effect)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One data element of a multipart creation. Altinn demands a content type and compares it literally."""

    data_type: str
    content_type: str
    content: bytes | StreamBody = field(repr=False)
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """One app's address.

    :param base: `{app host}/{org}/{app}`, without a trailing slash.
    """

    base: str

    def instance_url(self, instance_id: InstanceId, *parts: str) -> str:
        """Address of an instance or of something below it."""
        return "/".join((self.base, "instances", str(instance_id), *parts))

    def metadata(self) -> Call[Mapping[str, Any]]:
        """`GET api/v1/applicationmetadata`: data types, limits, library version. Anonymous."""
        return Call(
            f"GET applicationmetadata of {_path(self.base)}",
            HttpRequest("GET", f"{self.base}/api/v1/applicationmetadata", _ACCEPT_JSON),
            lambda response: as_object(response.json(), "application metadata"),
            harmless=True,
            audience=None,
        )

    def json_schema(self, data_type: str) -> Call[bytes]:
        """`GET api/jsonschema/{dataType}`: the form's JSON Schema as the app has it. Anonymous.

        An unknown type is answered with 500; look into the metadata first.
        """
        return Call(
            f"GET jsonschema {data_type} of {_path(self.base)}",
            HttpRequest("GET", f"{self.base}/api/jsonschema/{urllib.parse.quote(data_type, safe='')}", _ACCEPT_JSON),
            _schema_text,
            harmless=True,
            audience=None,
        )

    def parties(self) -> Call[tuple[Mapping[str, Any], ...]]:
        """`GET api/v1/parties`: whom a person may represent (PartiesController); system users have no such list."""
        return Call(
            f"GET parties of {_path(self.base)}",
            HttpRequest("GET", f"{self.base}/api/v1/parties", _ACCEPT_JSON),
            _objects,
            harmless=True,
        )

    def create(self, owner: InstanceOwner, data_values: Mapping[str, str]) -> Call[Instance]:
        """`POST instances` with a JSON template; `dataValues` are stored with the instance in one write."""
        template: dict[str, Any] = {"instanceOwner": owner.template()}
        if data_values:
            template["dataValues"] = dict(data_values)
        return self._creation("instances", _JSON, json.dumps(template).encode())

    def create_simplified(self, owner: InstanceOwner, prefill: Mapping[str, str]) -> Call[Instance]:
        """`POST instances/create`: with prefill, but it drops `dataValues`, so such an instance has no key."""
        body = {"instanceOwner": owner.template(), "prefill": dict(prefill)}
        return self._creation("instances/create", _JSON, json.dumps(body).encode())

    def create_multipart(
        self, owner: InstanceOwner, data_values: Mapping[str, str], parts: Sequence[Part], boundary: str
    ) -> Call[Instance]:
        """`POST instances` as multipart/form-data: the template and every data element in one call."""
        template: dict[str, Any] = {"instanceOwner": owner.template()}
        if data_values:
            template["dataValues"] = dict(data_values)
        body = multipart_body(template, parts, boundary)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "application/json"}
        return self._creation("instances", headers, body)

    def _creation(self, path: str, headers: Mapping[str, str], body: bytes | MultipartBody) -> Call[Instance]:
        return Call(
            f"POST {path} of {_path(self.base)}",
            HttpRequest("POST", f"{self.base}/{path}", headers, body, SLOW_READ_TIMEOUT),
            lambda response: Instance.from_json(response.json()),
            accept=frozenset({200, 201}),
            min_validity=UPLOAD_VALIDITY,
        )

    def delete(self, instance_id: InstanceId) -> Call[None]:
        """`DELETE instances/{id}?hard=false`: marks as deleted. A hard deletion is never asked for."""
        return Call(
            f"DELETE instance {instance_id}",
            HttpRequest("DELETE", self.instance_url(instance_id) + "?hard=false", _ACCEPT_JSON),
            _nothing,
            accept=frozenset({200, 204}),
        )

    def get_process(self, instance_id: InstanceId) -> Call[Process]:
        """`GET process`: where the instance is, and what the caller may do there."""
        return Call(
            f"GET process of {instance_id}",
            HttpRequest("GET", self.instance_url(instance_id, "process"), _ACCEPT_JSON),
            lambda response: Process.from_json(response.json()),
            harmless=True,
            ask_again=_KNOWN_INSTANCE,
        )

    def next(self, instance_id: InstanceId, action: str) -> Call[Process]:
        """`PUT process/next` with the action named; never repeated by itself."""
        if not action:
            raise AltinnInputError("process/next needs the action's name: without one it confirms whatever it meets")
        return Call(
            f"PUT process/next ({action}) of {instance_id}",
            HttpRequest(
                "PUT",
                self.instance_url(instance_id, "process", "next"),
                _JSON,
                json.dumps({"action": action}).encode(),
                SLOW_READ_TIMEOUT,
            ),
            lambda response: Process.from_json(response.json()),
            min_validity=UPLOAD_VALIDITY,
        )

    def resume(self, instance_id: InstanceId) -> Call[Process]:
        """`POST process/resume` (version 9): go on with the step that failed; it acts on no other step."""
        return Call(
            f"POST process/resume of {instance_id}",
            HttpRequest("POST", self.instance_url(instance_id, "process", "resume"), _JSON, b"{}", SLOW_READ_TIMEOUT),
            lambda response: Process.from_json(response.json()),
            min_validity=UPLOAD_VALIDITY,
        )

    def history(self, instance_id: InstanceId) -> Call[tuple[ProcessEvent, ...]]:
        """`GET process/history`."""
        return Call(
            f"GET process/history of {instance_id}",
            HttpRequest("GET", self.instance_url(instance_id, "process", "history"), _ACCEPT_JSON),
            lambda response: history_from_json(response.json()),
            harmless=True,
            ask_again=_KNOWN_INSTANCE,
        )

    def validate(self, instance_id: InstanceId, language: str = "") -> Call[tuple[Issue, ...]]:
        """`GET validate`: the findings of the current task's validators; an empty tuple means valid."""
        query = "?" + urllib.parse.urlencode({"language": language}) if language else ""
        return Call(
            f"GET validate of {instance_id}",
            HttpRequest("GET", self.instance_url(instance_id, "validate") + query, _ACCEPT_JSON),
            lambda response: issues_from_json(response.json()),
            harmless=True,
        )

    def read_data(
        self,
        instance_id: InstanceId,
        element_id: str,
        *,
        accept: str = "*/*",
        sink: Callable[[], BinaryIO] | None = None,
    ) -> Call[HttpResponse]:
        """`GET data/{id}`: the document's bytes, in the answer or written to `sink`."""
        return Call(
            f"GET data {element_id} of {instance_id}",
            HttpRequest("GET", self._data_url(instance_id, element_id), {"Accept": accept}, sink=sink),
            lambda response: response,
            harmless=True,
        )

    def replace_data(
        self,
        instance_id: InstanceId,
        element_id: str,
        content: bytes | StreamBody,
        content_type: str,
        file_name: str = "",
    ) -> Call[Mapping[str, Any]]:
        """`PUT data/{id}`: full replacement, harmless to repeat. Answers 201, or 200 when the app calculated.

        :return: `changedFields` when the app changed values, else an empty mapping.
        """
        headers = {"Content-Type": _checked_type(content_type), "Accept": "application/json"}
        if file_name:
            headers["Content-Disposition"] = content_disposition(file_name)
        return Call(
            f"PUT data {element_id} of {instance_id}",
            HttpRequest("PUT", self._data_url(instance_id, element_id), headers, content, SLOW_READ_TIMEOUT),
            _changed_fields,
            accept=frozenset({200, 201, 303}),
            harmless=True,
            min_validity=UPLOAD_VALIDITY,
        )

    def add_data(
        self,
        instance_id: InstanceId,
        data_type: str,
        content: bytes | StreamBody,
        content_type: str,
        file_name: str = "",
    ) -> Call[str]:
        """`POST data?dataType=`: adds an element; a repeat adds another one.

        The older of the two forms, because apps of every library version and Skatteetaten's instructions know it.

        :return: the new element's id.
        """
        headers = {"Content-Type": _checked_type(content_type), "Accept": "application/json"}
        if file_name:
            headers["Content-Disposition"] = content_disposition(file_name)
        query = urllib.parse.urlencode({"dataType": data_type})
        return Call(
            f"POST data ({data_type}) of {instance_id}",
            HttpRequest(
                "POST", f"{self.instance_url(instance_id, 'data')}?{query}", headers, content, SLOW_READ_TIMEOUT
            ),
            _new_element_id,
            accept=frozenset({200, 201}),
            min_validity=UPLOAD_VALIDITY,
        )

    def delete_data(self, instance_id: InstanceId, element_id: str) -> Call[None]:
        """`DELETE data/{id}`; an element that is gone already is a success, so a repeat is harmless."""
        return Call(
            f"DELETE data {element_id} of {instance_id}",
            HttpRequest("DELETE", self._data_url(instance_id, element_id), _ACCEPT_JSON),
            _nothing,
            accept=frozenset({200, 204, 404}),
            harmless=True,
        )

    def feedback_status(self, instance_id: InstanceId) -> Call[bool]:
        """`GET feedback/status`: an extension of Skatteetaten's VAT app; whether the feedback is there."""
        return Call(
            f"GET feedback/status of {instance_id}",
            HttpRequest("GET", self.instance_url(instance_id, "feedback", "status"), _ACCEPT_JSON),
            lambda response: bool(as_object(response.json(), "feedback status").get("isFeedbackProvided")),
            harmless=True,
        )

    def _data_url(self, instance_id: InstanceId, element_id: str) -> str:
        if not re.fullmatch(r"[0-9a-fA-F-]{36}", element_id):
            raise AltinnInputError(f"{element_id[:60]!r} is not a data element's id: expected a GUID")
        return self.instance_url(instance_id, "data", element_id)


def multipart_body(template: Mapping[str, Any], parts: Sequence[Part], boundary: str) -> MultipartBody:
    """Put a multipart creation together: the template first, then a part per element, named by its data type."""
    own = {"Content-Disposition": 'form-data; name="instance"', "Content-Type": "application/json"}
    fields = [FormPart("instance", own, json.dumps(template).encode())]
    for part in parts:
        if not re.fullmatch(r"[\w.-]+", part.data_type):
            raise AltinnInputError(f"{part.data_type[:60]!r} cannot be a data type id: it has letters, digits, - and _")
        disposition = f'form-data; name="{part.data_type}"'
        if part.file_name:
            disposition += "; " + _file_name_parameters(part.file_name)
        headers = {"Content-Disposition": disposition, "Content-Type": _checked_type(part.content_type)}
        fields.append(FormPart(part.data_type, headers, part.content))
    return MultipartBody(tuple(fields), boundary)


def content_disposition(file_name: str) -> str:
    """Write the `Content-Disposition` of an upload; without it the server refuses the file."""
    return "attachment; " + _file_name_parameters(file_name)


def _file_name_parameters(file_name: str) -> str:
    """Name the file unquoted where that is legal: Skatteetaten's apps want no quotes (RFC 6266, RFC 5987)."""
    if re.fullmatch(r"[A-Za-z0-9._-]+", file_name):
        return f"filename={file_name}"
    if any(char in '"\\' or unicodedata.category(char) in ("Cc", "Cs") for char in file_name):
        raise AltinnInputError(f"file name {file_name[:80]!r} has quotes, backslashes or control characters: rename it")
    plain = ascii_name(file_name)
    return f"filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(file_name, safe='')}"


def ascii_name(file_name: str) -> str:
    """Return the name as a server knows it that reads `filename` only, as Altinn does when a file is replaced."""
    return file_name.encode("ascii", "replace").decode().replace("?", "_")


def _checked_type(content_type: str) -> str:
    if not re.fullmatch(r"[!-~]+/[!-~]+(; ?[!-~]+)*", content_type):
        raise AltinnInputError(
            f"{content_type[:60]!r} is not a content type: expected for example 'application/xml' or 'application/pdf'"
        )
    return content_type


def _path(base: str) -> str:
    return "/".join(base.rsplit("/", 2)[-2:])


def _objects(response: HttpResponse) -> tuple[Mapping[str, Any], ...]:
    listed = response.json()
    return tuple(one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()


def _nothing(_: HttpResponse) -> None:
    return None


def _changed_fields(response: HttpResponse) -> Mapping[str, Any]:
    """Keep which fields the app changed; values stay behind, they are the form's content."""
    if not response.body or response.status == 201:
        return {}
    return as_object(as_object(response.json(), "answer of PUT data").get("changedFields") or {}, "changedFields")


def _schema_text(response: HttpResponse) -> bytes:
    """Return the schema's text: apps send it as a JSON object, or as a string that holds one."""
    value = response.json()
    return value.encode() if isinstance(value, str) else response.body


def _new_element_id(response: HttpResponse) -> str:
    node = as_object(response.json(), "answer of POST data")
    if node.get("newDataElementId"):
        return str(node["newDataElementId"])
    element = DataElement.from_json(node)
    if not element.id:
        raise AltinnAnswerError("the answer of POST data names no data element")
    return element.id

"""Validation of an instance in a task: counts, elements, attribute rules, the app's own validators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altinn.emulator.behaviour import Finding
from altinn.emulator.casefile import CaseFile
from altinn.emulator.formcodec import read_xml
from altinn.emulator.identity import Principal
from altinn.emulator.metadata import DataType
from altinn.emulator.signatures import signature_faults
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

DEFAULTS = "Altinn.App.Core.Features.Validation.Default"
TASK_SOURCE = f"{DEFAULTS}.DefaultTaskValidator-*"
ELEMENT_SOURCE = f"{DEFAULTS}.DefaultDataElementValidator-*"
ANNOTATIONS = "DataAnnotations"
ERROR = 1

Issue = dict[str, Any]


def issue(
    code: str,
    source: str,
    *,
    description: str | None = None,
    element: str | None = None,
    field: str | None = None,
    severity: int = ERROR,
) -> Issue:
    """Return a validation issue as an app writes it."""
    return {
        "severity": severity,
        "dataElementId": element,
        "field": field,
        "code": code,
        "description": description or code,
        "source": source,
    }


@dataclass(frozen=True, slots=True)
class Validation:
    """One validation of an instance, or of one of its elements.

    :param ignored: sources of validators that are left out.
    :param only_incremental: leave out validators that never run incrementally.
    """

    world: World
    app: AppFolder
    record: Record
    who: Principal
    ignored: frozenset[str] = frozenset()
    only_incremental: bool = False

    def of_task(self, task_id: str) -> list[Issue]:
        """Return the issues of a task."""
        elements = self.world.instances.elements(self.record["guid"])
        types = [t for t in self.app.types.values() if t.task_id == task_id]
        found = [] if self.only_incremental else list(self._counts(types, elements))
        for data_type in types:
            for element in elements:
                if element["dataType"] == data_type.id:
                    found += self.of_element(element, data_type)
        task = self.app.process.tasks.get(task_id)
        if task is not None and not self.only_incremental:
            for validator, code in signature_faults(self.world, self.app, self.record, task):
                found.append(issue(code, f"{DEFAULTS}.{validator}-*") | {"noIncrementalUpdates": True})
        case = CaseFile(self.world, self.app, self.record["guid"])
        own = f"{self.app.behaviour.validator_name}-{task_id}"
        found += _from_findings(self.app.behaviour.validate_task(case, task_id), own, None)
        return [i for i in found if i["source"] not in self.ignored]

    def of_element(self, element: Record, data_type: DataType) -> list[Issue]:
        """Return the issues of one element."""
        found = [] if self.only_incremental else list(_element_rules(element, data_type))
        model = self.app.models.get(data_type.id)
        if model is not None:
            self.world.instances.mark_read(element, self.who, self.record["org"])
            form = read_xml(model, self.world.store.content(element["id"]))
            for annotation in self.app.annotations.get(data_type.id, ()):
                for where, text in annotation.violations(form):
                    found.append(issue(text, ANNOTATIONS, element=element["id"], field=where))
            case = CaseFile(self.world, self.app, self.record["guid"])
            source = f"{self.app.behaviour.validator_name}-{data_type.id}"
            found += _from_findings(self.app.behaviour.validate_form(case, data_type.id, form), source, element["id"])
        return [i for i in found if i["source"] not in self.ignored]

    def _counts(self, types: list[DataType], elements: list[Record]) -> Iterator[Issue]:
        for data_type in types:
            count = sum(e["dataType"] == data_type.id for e in elements)
            code = ""
            if data_type.max_count and count > data_type.max_count:
                code = "TooManyDataElementsOfType"
            elif count < data_type.min_count:
                code = "TooFewDataElementsOfType"
            if code:
                yield issue(code, TASK_SOURCE, field=data_type.id) | {"noIncrementalUpdates": True}


def _element_rules(element: Record, data_type: DataType) -> Iterator[Issue]:
    codes = []
    if element["contentType"] is None:
        codes.append("MissingContentType")
    elif data_type.content_types:
        kind = element["contentType"].partition(";")[0].lower()
        if kind not in {c.lower() for c in data_type.content_types}:
            codes.append("ContentTypeNotAllowed")
    if data_type.max_bytes and element["size"] > data_type.max_bytes:
        codes.append("DataElementTooLarge")
    if data_type.file_scan and element["fileScanResult"] == "Infected":
        codes.append("DataElementFileInfected")
    if data_type.file_scan and data_type.pending_scan_blocks and element["fileScanResult"] == "Pending":
        codes.append("DataElementFileScanPending")
    for code in codes:
        field = None if code == "MissingContentType" else data_type.id
        yield issue(code, ELEMENT_SOURCE, element=element["id"], field=field) | {"noIncrementalUpdates": True}


def _from_findings(findings: Iterable[Finding], source: str, element: str | None) -> list[Issue]:
    return [
        issue(f.code, source, description=f.description, element=element, field=f.field, severity=f.severity)
        for f in findings
    ]

"""The process of an app: `process.bpmn` with Altinn's extensions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from altinn.emulator.expressions import ExpressionError, parse_expression

BPMN_MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
SERVICE_TASK_TYPES = frozenset({"pdf", "eFormidling", "fiksArkiv", "subformPdf"})


class ProcessError(ValueError):
    """`process.bpmn` cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task with what Altinn's extensions say about it.

    :param signees_type: of a signing task, the data type of the list of who is to sign.
    :param default_validator: of a signing task: nobody leaves it before enough have signed.
    """

    id: str
    name: str | None
    kind: str
    service: bool
    actions: tuple[tuple[str, str], ...]
    types_to_sign: tuple[str, ...]
    signature_type: str | None
    signees_type: str | None = None
    default_validator: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow, with its condition when it leaves a gateway."""

    id: str
    source: str
    target: str
    condition: Any = None


@dataclass(slots=True)
class Process:
    """The elements of a process and how they follow each other."""

    start: str = ""
    tasks: dict[str, Task] = field(default_factory=dict)
    gateways: dict[str, str | None] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)

    def leaving(self, element: str) -> list[Flow]:
        """Return the flows out of an element, in the order of the file."""
        return [flow for flow in self.flows if flow.source == element]


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _named(parent: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [e for e in parent.iter() if _local(e.tag) == name]


def _texts(parent: ElementTree.Element, name: str) -> list[str]:
    return [e.text.strip() for e in _named(parent, name) if e.text and e.text.strip()]


def parse_process(text: str) -> Process:
    """Read a process.

    :raises ProcessError: not BPMN, without a start event, or with a construct that the emulator does not know.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as exc:
        raise ProcessError(f"process.bpmn is not well-formed XML: {exc}") from exc
    found = root.find(f"{{{BPMN_MODEL}}}process")
    if found is None:
        raise ProcessError(f"process.bpmn has no process element of {BPMN_MODEL}")
    process = Process()
    for element in found:
        _add(process, element)
    if not process.start:
        raise ProcessError("process.bpmn has no start event")
    _check_flows(process)
    return process


def _add(process: Process, element: ElementTree.Element) -> None:
    kind, identity = _local(element.tag), element.get("id", "")
    if kind == "startEvent":
        process.start = identity
    elif kind in ("task", "serviceTask"):
        process.tasks[identity] = _task(element, kind == "serviceTask")
    elif kind == "exclusiveGateway":
        process.gateways[identity] = element.get("default")
    elif kind == "endEvent":
        process.ends.append(identity)
    elif kind == "sequenceFlow":
        process.flows.append(_flow(element))
    elif kind not in ("extensionElements", "documentation", "textAnnotation", "association", "laneSet"):
        raise ProcessError(
            f"process.bpmn: element {kind} ({identity}) is not known; Altinn has tasks, service tasks,"
            " exclusive gateways, one start event and end events"
        )


def _flow(element: ElementTree.Element) -> Flow:
    identity = element.get("id", "")
    condition = None
    for text in _texts(element, "conditionExpression"):
        try:
            condition = parse_expression(text)
        except ExpressionError as exc:
            raise ProcessError(f"process.bpmn: flow {identity}: {exc}") from exc
    return Flow(identity, element.get("sourceRef", ""), element.get("targetRef", ""), condition)


def _task(element: ElementTree.Element, service: bool) -> Task:
    kinds = _texts(element, "taskType")
    attribute = next((v for k, v in element.attrib.items() if _local(k) == "tasktype"), None)
    kind = kinds[0] if kinds else attribute
    if not kind:
        raise ProcessError(f"process.bpmn: task {element.get('id')} has no altinn:taskType")
    actions = [(a.text.strip(), a.get("type", "processAction")) for a in _named(element, "action") if a.text]
    signature_types = _texts(element, "signatureDataType")
    signees_types = _texts(element, "signeeStatesDataTypeId")
    return Task(
        id=element.get("id", ""),
        name=element.get("name"),
        kind=kind,
        service=service or kind in SERVICE_TASK_TYPES,
        actions=tuple(actions),
        types_to_sign=tuple(t for c in _named(element, "dataTypesToSign") for t in _texts(c, "dataType")),
        signature_type=signature_types[0] if signature_types else None,
        signees_type=signees_types[0] if signees_types else None,
        default_validator=any(text.lower() == "true" for text in _texts(element, "runDefaultValidator")),
    )


def _check_flows(process: Process) -> None:
    known = {process.start, *process.tasks, *process.gateways, *process.ends}
    for flow in process.flows:
        for end in (flow.source, flow.target):
            if end not in known:
                raise ProcessError(f"process.bpmn: flow {flow.id} names {end!r}, which is no element")

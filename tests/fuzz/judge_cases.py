"""The company's instances as the server remembers them, and what was meant to be in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from altinn.emulator.formcodec import read_xml, stored_xml
from altinn.emulator.world import World
from tests.fuzz.bystanders import PERSON, SENDER
from tests.fuzz.clients import APP, PARTY, form, letter
from tests.fuzz.schedules import REDEPLOYED
from tests.fuzz.virtual_time import EPOCH

KINDS = ("Created", "Deleted", "Saved", "process_StartEvent")
Content = list[tuple[str, str]]


@dataclass
class Case:
    """One instance, as the server remembers it; times are virtual seconds.

    :param key: period and kind that are stamped on it; empty texts without a stamp.
    :param for_approval: it was made to be approved by a person.
    :param by: who pushed it to its end; what version 9's engine writes as the app's owner was pushed by our clients.
    :param confirmed_by: likewise, over its confirmation.
    :param touched: when a person changed what it holds.
    :param rewritten: when anybody wrote an element anew.
    """

    guid: str
    key: tuple[str, str]
    for_approval: bool
    delivered: float | None
    by: int | None
    confirmed_by: int | None
    content: Content
    made: float
    finished: float | None
    touched: list[float]
    rewritten: list[float]
    deleted: float | None
    taken_back: bool

    @property
    def stamped(self) -> bool:
        """Whether it carries a key."""
        return bool(self.key[0])


def _seconds(stamp: str) -> float:
    moment = datetime.strptime(stamp[:26], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    return moment.timestamp() - EPOCH


def meant(world: World, version: int) -> Content:
    """Return the types and hashes of a version of what was meant, as the app keeps it."""
    model = world.apps[APP].models["model"]
    kept = stored_xml(model, read_xml(model, form(version)))
    return [("letter", hashlib.sha256(letter(version)).hexdigest()), ("model", hashlib.sha256(kept).hexdigest())]


def cases(world: World) -> list[Case]:
    """Return the company's instances."""
    return [_case(world, r) for r in world.store.instances() if r["party"] == PARTY and r["appId"] == APP]


def _case(world: World, record: dict[str, Any]) -> Case:
    guid, stamps = record["guid"], record["dataValues"] or {}
    filing, events = world.store.filing(guid), world.store.events(guid)
    whole = {k: [_seconds(e["created"]) for e in _of(events, k) if not e["dataId"]] for k in KINDS}
    parts = [e for k in ("Saved", "Created", "Deleted") for e in _of(events, k)]
    ends = _of(events, "process_EndEvent")
    hidden = world.hidden.get(guid, 0.0) - EPOCH
    return Case(
        guid=guid,
        key=(stamps.get("filingperiod", ""), stamps.get("filingkind", "")),
        for_approval="filingapproval" in stamps,
        delivered=_seconds(filing["submitted"]) if filing else None,
        by=_who(ends[0]) if ends else None,
        confirmed_by=next((_who(e) for e in _of(events, "process_EndTask") if _task_of(e) == "confirmation"), None),
        content=sorted((e["dataType"], e["sha256"]) for e in filing["elements"]) if filing else [],
        made=max(min(whole["Created"], default=0.0), hidden),
        finished=max(min(whole["process_StartEvent"]), hidden) if whole["process_StartEvent"] else None,
        touched=[_seconds(e["created"]) for e in parts if (e["user"] or {}).get("userId") == PERSON],
        rewritten=[_seconds(e["created"]) for e in _of(events, "Saved")],
        deleted=min(whole["Deleted"], default=None),
        taken_back=bool(filing and filing["deleted"] and not whole["Deleted"]),
    )


def _who(event: dict[str, Any]) -> int:
    user: int | None = event["user"]["userId"]
    return SENDER if user is None else user


def _task_of(event: dict[str, Any]) -> str:
    task = (event["processInfo"] or {}).get("currentTask") or {}
    return str(task.get("altinnTaskType") or "")


def _of(events: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [e for e in events if e["eventType"] == kind]


def redeployments(world: World) -> list[float]:
    """Return when the app was redeployed with other tasks."""
    return [
        _seconds(entry["time"])
        for entry in world.store.journal()
        if entry["fault"] and any(name in entry["fault"] for name in REDEPLOYED)
    ]

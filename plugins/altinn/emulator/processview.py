"""A process as an app shows it: with its tasks and with what the caller may do in the current one."""

from __future__ import annotations

from typing import Any

from altinn.emulator.dialects import APP_LINKS, instance_json
from altinn.emulator.requestbody import flag
from altinn.emulator.routing import Ask
from altinn.emulator.store import Record
from altinn.emulator.workflowanswers import status_of


def process_state(ask: Ask, record: Record, place: tuple[str, str] | None = None) -> dict[str, Any]:
    """Return the process with what the caller may do in it.

    :param place: where the rights are looked up; the current task when left out.
    """
    app, process = ask.application, record["process"]
    tasks = [
        {"altinnTaskType": t.kind, "elementId": t.id, "elementType": "ServiceTask" if t.service else "Task"}
        for t in app.process.tasks.values()
    ]
    state = {**process, "currentTask": None, "processTasks": tasks}
    if process["currentTask"]:
        task = app.process.tasks.get(process["currentTask"]["elementId"])
        named = dict(task.actions) if task else {}
        here = place or ask.world.place(record)
        decide = ask.world.rights.decide
        allowed = {a: decide(ask.principal, app, record["party"], a, here).permitted for a in (*named, "read", "write")}
        kinds = {a: "ServerAction" if named.get(a) == "serverAction" else "ProcessAction" for a in allowed}
        state["currentTask"] = {
            **process["currentTask"],
            "actions": allowed,
            "userActions": [{"id": a, "authorized": ok, "type": kinds[a]} for a, ok in allowed.items()],
            "read": allowed["read"],
            "write": allowed["write"],
            "elementType": "ServiceTask" if task and task.service else "Task",
        }
    return state


async def shown_state(ask: Ask, record: Record, place: tuple[str, str] | None = None) -> dict[str, Any]:
    """Return the process, in version 9 with the state of its workflow."""
    state = process_state(ask, record, place)
    if ask.application.library == 9:
        wanted = flag(ask, "includeWorkflowStatus", default=True)
        state["workflow"] = await status_of(ask, record) if wanted else None
    return state


def enriched(ask: Ask, record: Record, state: dict[str, Any]) -> dict[str, Any]:
    """Return an instance whose process is told as `GET process` tells it."""
    elements, party = ask.world.instances.elements(record["guid"]), ask.world.register.party(record["party"])
    shown = instance_json(record, elements, ask.base, links=APP_LINKS, numbers=True, party=party)
    return shown | {"process": state}

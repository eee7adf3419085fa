"""Faults that hold for a whole app: other rights, other tasks, another version of the library."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from altinn.emulator.bpmn import Flow, Process
from altinn.emulator.faults.fault_script import Fault

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

RENAMED = "{}_renamed"


class Regimes:
    """Puts apps into another state, and back when their time is over or the script was cleared."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._plain: dict[str, AppFolder] = {}
        self._until: dict[str, dict[str, float]] = {}
        self._generation = 0

    def begin(self, fault: Fault, app: AppFolder) -> None:
        """Let a fault hold for an app from now on, for its `seconds` of simulated time, 0 without an end."""
        end = self._world.clock.seconds() + fault.seconds if fault.seconds else float("inf")
        self._until.setdefault(app.id.lower(), {})[fault.fault] = end
        self._apply(app.id.lower())

    def refresh(self) -> None:
        """End what is over."""
        if self._generation != self._world.faults.generation:
            self._generation = self._world.faults.generation
            self._until = {app_id: {} for app_id in self._until}
        if not self._until:
            return
        now = self._world.clock.seconds()
        for app_id, regimes in list(self._until.items()):
            self._until[app_id] = {name: end for name, end in regimes.items() if end > now}
            self._apply(app_id)

    def _apply(self, app_id: str) -> None:
        plain = self._plain.setdefault(app_id, self._world.apps[app_id])
        names = frozenset(self._until[app_id])
        if not names:
            self._world.apps[app_id] = plain
            del self._plain[app_id], self._until[app_id]
        elif self._world.apps[app_id].regimes != names:
            self._world.apps[app_id] = under(plain, names)


def under(app: AppFolder, names: frozenset[str]) -> AppFolder:
    """Return an app as the regimes of these names make it."""
    process = app.process
    if "task_removed" in names:
        process = without_confirmation(process)
    if "task_renamed" in names:
        process = with_other_names(process)
    library = 9 if "version_9" in names else 8 if "library_8_10" in names else app.library
    return dataclasses.replace(app, process=process, library=library, regimes=names)


def without_confirmation(process: Process) -> Process:
    """Return a process in which what led to a confirmation leads to what followed it."""
    gone = {task.id for task in process.tasks.values() if task.kind == "confirmation"}
    after = {flow.source: flow.target for flow in process.flows if flow.source in gone}
    flows = []
    for flow in process.flows:
        if flow.source in gone:
            continue
        target = flow.target
        while target in gone:
            target = after[target]
        flows.append(Flow(flow.id, flow.source, target, flow.condition))
    tasks = {task_id: task for task_id, task in process.tasks.items() if task_id not in gone}
    return dataclasses.replace(process, tasks=tasks, flows=flows)


def with_other_names(process: Process) -> Process:
    """Return a process whose tasks have other ids."""
    new = {task_id: RENAMED.format(task_id) for task_id in process.tasks}
    tasks = {new[t.id]: dataclasses.replace(t, id=new[t.id]) for t in process.tasks.values()}
    flows = [Flow(f.id, new.get(f.source, f.source), new.get(f.target, f.target), f.condition) for f in process.flows]
    return dataclasses.replace(process, tasks=tasks, flows=flows)

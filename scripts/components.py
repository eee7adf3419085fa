"""Starting processes so that all of them, and whatever they start, can be stopped for sure.

Each component leads a session of its own. Airflow's task processes leave their parent's process group but not its
session, and stay in it when their parent is killed; so the session finds every process, the process group would not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

GRACE = 4.0
"""Seconds between asking to stop and stopping by force. Airflow's triggerer alone would take ten."""
LAST_WAIT = 10.0
_TICK = 0.05
_SAME_MOMENT = 1.0
"""Seconds by which two readings of a process's start may differ (its clock counts from the boot)."""

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Those started by this command, so that they can be collected when they have ended."""


@dataclass(frozen=True)
class Component:
    """A started process: its id, and when it started, which tells it from a later process with the same id."""

    name: str
    pid: int
    started: float
    log: str

    def is_running(self) -> bool:
        """Tell whether the process itself is still there."""
        try:
            process = psutil.Process(self.pid)
            return self._is_same(process) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def members(self) -> list[psutil.Process]:
        """Return the living processes of this component's session; none if its id has gone to another program.

        A system gives an id to nobody else as long as a session carries it.
        """
        try:
            if not self._is_same(psutil.Process(self.pid)):
                return []
        except psutil.NoSuchProcess:
            if psutil.boot_time() > self.started + _SAME_MOMENT:
                return []
        return [process for process in psutil.process_iter() if self._owns(process)]

    def listens_on(self, port: int) -> bool:
        """Tell whether this component, and not another program, serves a port."""
        for process in self.members():
            try:
                connections = process.net_connections(kind="tcp")
            except psutil.Error:
                continue
            if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections):
                return True
        return False

    def _is_same(self, process: psutil.Process) -> bool:
        return abs(process.create_time() - self.started) <= _SAME_MOMENT

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return os.getsid(process.pid) == self.pid and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, psutil.Error):
            return False


def start(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> Component:
    """Start a process in a session of its own, its output going to `log`, which is begun anew."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    try:
        started = psutil.Process(process.pid).create_time()
    except psutil.NoSuchProcess:
        started = time.time()
    return Component(name, process.pid, started, str(log))


def exit_code(component: Component) -> int | None:
    """Return the exit status of a component started by this command; None while it runs."""
    return _children[component.pid].poll()


def stop(components: Iterable[Component], grace: float = GRACE) -> list[str]:
    """Stop components and everything they started.

    The leaders alone are asked: a scheduler whose workers get the signal too waits for them for ever.

    :param grace: seconds to end by themselves; after that all are killed.
    :return: names of components of which something would not die; empty when all went well.
    """
    asked = list(components)
    for component in asked:
        if component.is_running():
            with suppress(OSError):
                os.kill(component.pid, signal.SIGTERM)
    _wait_gone(asked, grace)
    for component in asked:
        for process in component.members():
            with suppress(psutil.Error):
                process.kill()
    return _wait_gone(asked, LAST_WAIT)


def _wait_gone(components: Sequence[Component], limit: float) -> list[str]:
    """Wait until no process of these components lives; return the names of those that still have one."""
    end = time.monotonic() + limit
    while True:
        _reap(components)
        left = [component.name for component in components if component.members()]
        if not left or time.monotonic() > end:
            return left
        time.sleep(_TICK)


def _reap(components: Iterable[Component]) -> None:
    """Collect ended children of this process, which would otherwise stay as zombies."""
    for component in components:
        child = _children.get(component.pid)
        if child is not None:
            child.poll()

"""A filing as a chain of tasks with Airflow's retries, each try in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests

from tests.crash.filing_steps import Step
from tests.crash.task_process import Attempt, Crash, Ended, SharedProcess
from tests.system.conftest import SOPHIE, MemorySupervisor

SETTLE = 5.0
PAUSES = 40
"""How often a try may wait without a worker slot before it counts as hung."""


@dataclass
class Chain:
    """Runs a chain's tasks, each with its retries.

    :param crashes: where the first try of a task dies, by the task's name.
    :ivar has_crashed: whether a try has died or was stopped.
    """

    base_url: str
    log: Path
    supervisor: MemorySupervisor = field(default_factory=MemorySupervisor)
    crashes: dict[str, Crash] = field(default_factory=dict)
    before_task: Callable[[str], None] = lambda _name: None
    stopped: list[Attempt] = field(default_factory=list)
    errors: list[Ended] = field(default_factory=list)
    current: dict[str, int] = field(default_factory=dict)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    has_crashed: bool = False
    _shared: SharedProcess | None = None
    _steps: list[Step] = field(default_factory=list)

    def connect(self, tokens: str) -> None:
        """Give the tasks their connections."""
        fields = {"environment": "local", "settle": SETTLE, "token_dir": tokens, **SOPHIE}
        self.supervisor.connections["altinn_default"] = {
            "conn_type": "altinn",
            "host": self.base_url,
            "extra": json.dumps(fields),
        }
        self.supervisor.connections["plain"] = {"conn_type": "http", "host": self.base_url}

    def run(self, steps: list[Step]) -> bool:
        """Run every task; False when one stays red."""
        self._steps = steps
        try:
            return all(self._task(step) for step in steps)
        finally:
            if self._shared is not None:
                self._shared.end()
                self._shared = None

    def late_ones_go_on(self) -> None:
        """Continue what was stopped, after everything else has happened."""
        while self.stopped:
            self.stopped.pop().go_on()

    def _task(self, step: Step) -> bool:
        self.before_task(step.name)
        for _try_number in range(step.retries + 1):
            self.current[step.name] = self.current.get(step.name, 0) + 1
            ended = self._try(step, self.current[step.name])
            if ended.state in ("success", "skipped"):
                return True
            if ended.state not in ("killed", "stopped", "up_for_retry"):
                self.errors.append(ended)
                return False
        self.errors.append(ended)
        return False

    def _try(self, step: Step, number: int) -> Ended:
        resume: dict[str, Any] = {}
        crash = self.crashes.pop(step.name, None)
        for _ in range(PAUSES):
            self.supervisor.store = self.stores.setdefault(step.name, {})
            xcoms = {task: value for (task, key), value in self.supervisor.xcoms.items() if key == "return_value"}
            attempt = Attempt(self.supervisor, lambda: self.current[step.name] == number, crash)
            if crash is None:
                attempt.start_in(self._process(), step.name, xcoms, number, resume)
            else:
                attempt.start(partial(step.make, xcoms), number, resume, self.base_url, str(self.log))
            ended = attempt.serve()
            self.has_crashed = self.has_crashed or ended.state in ("killed", "stopped")
            if ended.state == "stopped":
                self.stopped.append(attempt)
            if ended.pause is None:
                return ended
            seconds, method, kwargs = ended.pause
            self.advance(seconds)
            resume = {"next_method": method, "next_kwargs": kwargs}
        return Ended("hung")

    def _process(self) -> SharedProcess:
        if self._shared is None or not self._shared.lives:
            makes = {step.name: step.make for step in self._steps}
            self._shared = SharedProcess(makes, self.base_url, str(self.log))
        return self._shared

    def advance(self, seconds: float) -> None:
        """Let time pass in the emulator."""
        body = {"advance_seconds": max(0.0, seconds)}
        requests.post(f"{self.base_url}/_emulator/clock", json=body, timeout=20).raise_for_status()

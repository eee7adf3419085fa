"""What a benchmark reports: repeated values of one thing, its median and spread, and the goal it is held to."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]


@dataclass
class Figure:
    """One line of the report.

    :param values: one for each repetition.
    :param goal: in words; empty when there is none.
    :param met: whether the median meets the goal; None when there is none.
    """

    name: str
    unit: str
    values: list[float]
    goal: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def as_json(self) -> dict[str, Any]:
        """Return the figure as plain JSON."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": self.values,
            "goal": self.goal,
            "met": self.met,
            "note": self.note,
        }

    def line(self, width: int) -> str:
        """Return the figure as a line of text."""
        spread = f"{min(self.values):.4g} to {max(self.values):.4g}, n={len(self.values)}"
        verdict = f"  goal {self.goal}: {'met' if self.met else 'NOT MET'}" if self.goal else ""
        note = f"  ({self.note})" if self.note else ""
        return f"{self.name:<{width}}  {self.median:>9.4g} {self.unit:<4} [{spread}]{verdict}{note}"


@dataclass
class Report:
    """The figures of one benchmark, and text that goes with them."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    text: str = ""

    def add(self, name: str, unit: str, values: Sequence[float], **more: Any) -> Figure:
        """Add a figure and return it."""
        figure = Figure(name, unit, [float(value) for value in values], **more)
        self.figures.append(figure)
        return figure

    def ratio(
        self, name: str, ours: Sequence[float], theirs: Sequence[float], goal: float, *, at_least: bool = False
    ) -> Figure:
        """Add the ratio of two figures that were taken in turns: pairs share what else the machine was doing."""
        values = [own / other for own, other in zip(ours, theirs, strict=True)]
        middle = statistics.median(values)
        met = middle >= goal if at_least else middle <= goal
        return self.add(name, "x", values, goal=f"{'>=' if at_least else '<='} {goal} x", met=met)

    def shown(self) -> str:
        """Return the report as text."""
        width = max((len(figure.name) for figure in self.figures), default=0)
        lines = [self.title, *(f"  {figure.line(width)}" for figure in self.figures)]
        return "\n".join(lines + ([self.text] if self.text else []))


def machine() -> dict[str, Any]:
    """Return the conditions that figures depend on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def in_child(module: str, *arguments: object, timeout: float = 900) -> dict[str, Any]:
    """Run a module in a process of its own and return the JSON that it prints last."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:4])} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def in_turns(rounds: int, *measures: Callable[[], Any]) -> list[list[Any]]:
    """Take measures alternately, so that each sees the same other load; return one list for each."""
    taken: list[list[Any]] = [[] for _ in measures]
    for _ in range(rounds):
        for values, measure in zip(taken, measures, strict=True):
            values.append(measure())
    return taken

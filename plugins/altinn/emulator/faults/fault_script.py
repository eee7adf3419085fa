"""The script of what goes wrong: which requests each fault strikes, and how often it has struck."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from altinn.emulator.faults.fault_catalogue import KINDS, Kind

EVERY = "every"
MEMBERS = {"method", "path", "fault", "occurrence", "probability", "seed", "seconds"}


class FaultError(ValueError):
    """An entry of the script cannot be used; the text says which, and why."""


@dataclass(slots=True)
class Fault:
    """One entry of the script.

    :param method: of the requests it strikes; "*" for any.
    :param path: a regular expression that is searched for in the path, without the query string.
    :param occurrence: strikes the n-th fitting request, counted from 1; None for every one.
    :param probability: of those, strikes a part, drawn with `seed`.
    :param seconds: how long it lasts, waits or says.
    :ivar seen: fitting requests so far.
    :ivar struck: how many of them it struck.
    """

    method: str
    path: re.Pattern[str]
    fault: str
    occurrence: int | None
    probability: float | None
    seed: int
    seconds: float
    seen: int = 0
    struck: int = 0
    chance: random.Random = field(default_factory=random.Random, repr=False)

    @property
    def kind(self) -> Kind:
        """What the fault does."""
        return KINDS[self.fault]

    def strikes(self, method: str, path: str) -> bool:
        """Count a request, and say whether it is struck."""
        if self.method not in ("*", method) or not self.path.search(path):
            return False
        self.seen += 1
        if self.occurrence is not None and self.seen != self.occurrence:
            return False
        if self.probability is not None and self.chance.random() >= self.probability:
            return False
        self.struck += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """Return the entry as `GET /_emulator/faults` shows it."""
        return {
            "method": self.method,
            "path": self.path.pattern,
            "fault": self.fault,
            "occurrence": EVERY if self.occurrence is None else self.occurrence,
            "probability": self.probability,
            "seed": self.seed,
            "seconds": self.seconds,
            "seen": self.seen,
            "struck": self.struck,
        }


def read_fault(entry: object, position: int) -> Fault:
    """Read one entry of a script.

    :param position: of the entry in its list, for the error.
    :raises FaultError: names the member that cannot be used.
    """
    where = f"fault {position}"
    if not isinstance(entry, Mapping):
        raise FaultError(f"{where}: expected a JSON object, got {type(entry).__name__}")
    unknown = sorted(set(entry) - MEMBERS)
    if unknown:
        raise FaultError(f"{where}: unknown member {', '.join(unknown)}; known are {', '.join(sorted(MEMBERS))}")
    name = str(entry.get("fault"))
    if name not in KINDS:
        raise FaultError(f"{where}: there is no fault {name!r}; there are {', '.join(KINDS)}")
    try:
        path = re.compile(str(entry.get("path", "")))
    except re.error as exc:
        raise FaultError(f"{where}: path {entry.get('path')!r} is no regular expression: {exc}") from exc
    probability = _number(entry, "probability", where)
    if probability is not None and probability > 1:
        raise FaultError(f"{where}: probability must be from 0 to 1, not {probability}")
    seconds = _number(entry, "seconds", where)
    seed = entry.get("seed", 0)
    if not isinstance(seed, int):
        raise FaultError(f"{where}: seed must be a whole number, not {seed!r}")
    return Fault(
        method=str(entry.get("method") or "*").upper(),
        path=path,
        fault=name,
        occurrence=_occurrence(entry.get("occurrence", 1 if probability is None else EVERY), where),
        probability=probability,
        seed=seed,
        seconds=(KINDS[name].seconds or 0.0) if seconds is None else seconds,
        chance=random.Random(seed),
    )


def _occurrence(value: object, where: str) -> int | None:
    if value == EVERY:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise FaultError(f'{where}: occurrence must be 1, 2 ... or "{EVERY}", not {value!r}')
    return value


def _number(entry: Mapping[str, Any], name: str, where: str) -> float | None:
    value = entry.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise FaultError(f"{where}: {name} must be a number from 0 on, not {value!r}")
    return float(value)


class FaultScript:
    """All faults that were ordered; may be changed from any thread.

    emulator.faults.add("answer_lost", method="PUT", path="/process/next$")
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.generation = 0

    def order(self, entries: object) -> list[dict[str, Any]]:
        """Add faults to the script and return them; nothing is added when one of them cannot be used.

        :param entries: dicts as `POST /_emulator/faults` takes them.
        :raises FaultError: names the entry and what is wrong with it.
        """
        if isinstance(entries, Mapping | str | bytes) or not isinstance(entries, Iterable):
            raise FaultError(f"expected a list of faults, got {type(entries).__name__}")
        read = [read_fault(entry, position) for position, entry in enumerate(entries)]
        with self._lock:
            self._faults = [*self._faults, *read]
        return [fault.as_json() for fault in read]

    def add(self, fault: str, *, path: str = "", method: str = "*", **more: Any) -> None:
        """Add one fault.

        :param more: `occurrence`, `probability`, `seed`, `seconds`.
        :raises FaultError: something given cannot be used.
        """
        self.order([{"fault": fault, "path": path, "method": method, **more}])

    def shown(self) -> list[dict[str, Any]]:
        """Return the script, each fault with how often it has struck."""
        with self._lock:
            return [fault.as_json() for fault in self._faults]

    def clear(self) -> None:
        """Forget all faults; what they made of the apps ends with the next request."""
        with self._lock:
            self._faults = []
            self.generation += 1

    def strike(self, method: str, path: str) -> list[Fault]:
        """Count a request, and return the faults that strike it."""
        if not self._faults:
            return []
        with self._lock:
            return [fault for fault in self._faults if fault.strikes(method, path)]

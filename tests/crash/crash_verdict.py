"""Runs one cell and asks the emulator what became of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.crash.crash_cells import PLAIN, Cell
from tests.crash.filing_chain import Chain, deleting_steps, guarded_steps, plain_steps
from tests.crash.task_process import Crash
from tests.system.conftest import FORM

ONCE, CLEAR, DOUBLED, LOST = "filed once", "clear error", "doubled", "lost"
LETTER = b"what was meant"
_STRANDING = frozenset({"task_renamed", "task_removed"})
"""A draft made under a redeployed app stands in a task that is gone once the app is as before; its owner must help."""
_LATER = 600.0
"""Simulated seconds after which nothing is on its way any more."""


@dataclass(frozen=True)
class Verdict:
    """What became of a cell.

    :param why: errors, and what was found.
    """

    cell: Cell
    outcome: str
    why: str = ""


@dataclass
class Bench:
    """Runs cells against one emulator.

    :param base_url: the emulator's address.
    """

    base_url: str
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="altinn-crash-")))
    model_sha256: str = ""

    def run(self, cell: Cell) -> Verdict:
        """Run one cell from an empty Altinn to the judgement."""
        self._post("/_emulator/reset")
        files = self._files()
        chain = Chain(self.base_url, files["log"])
        chain.connect(str(self.folder / "tokens"))
        task, method, path = cell.target
        if cell.point != "none":
            chain.crashes[task] = Crash(cell.point, method, path)
        chain.before_task = lambda name: self._order(cell) if name == task else None
        try:
            return self._judged(cell, chain, files)
        finally:
            chain.late_ones_go_on()
            self._delete("/_emulator/faults")
            shutil.rmtree(self.folder / "work", ignore_errors=True)

    def _judged(self, cell: Cell, chain: Chain, files: dict[str, str]) -> Verdict:
        if cell.operator in PLAIN:
            green = chain.run(plain_steps(self._token()))
            if not green:  # Somebody mends the cause and clears the run, as for the guarded chain.
                self._delete("/_emulator/faults")
                green = self._cleared(chain).run(plain_steps(self._token()))
        elif cell.operator == "delete":
            green = chain.run(deleting_steps(files))
            chain = self._cleared(chain) if green else chain
            green = green and chain.run(guarded_steps(files))
        else:
            green = chain.run(guarded_steps(files, "instance_lock" if "lock" in cell.operator else None))
        chain.late_ones_go_on()
        chain.advance(_LATER)
        filings = self._filings()
        errors = "; ".join(f"{e.state} {e.error_type}: {e.error[:300]}" for e in chain.errors)
        if any(e.state == "hung" for e in chain.errors):
            return Verdict(cell, LOST, f"hung: {errors}")
        if cell.operator in PLAIN:
            return Verdict(cell, _count(filings, green), errors)
        if any(not e.is_ours for e in chain.errors if e.state == "failed"):
            return Verdict(cell, LOST, f"an error that is not ours: {errors}")
        if not filings and not green:
            return self._after_a_clear(cell, chain, files, errors)
        return self._counted(cell, filings, green, errors)

    def _after_a_clear(self, cell: Cell, chain: Chain, files: dict[str, str], errors: str) -> Verdict:
        """Mend the cause and clear the red run: it has lost nothing if it files once now."""
        self._delete("/_emulator/faults")
        again = self._cleared(chain)
        again.before_task = lambda _name: None
        green = again.run(guarded_steps(files))
        chain.advance(_LATER)
        filings = self._filings()
        found = self._counted(cell, filings, green, errors)
        late = "; ".join(f"{e.error_type}: {e.error[:300]}" for e in again.errors)
        is_stranded = cell.fault in _STRANDING and not filings and all(e.is_ours for e in again.errors)
        if found.outcome == ONCE or is_stranded:
            return Verdict(cell, CLEAR, errors)
        return Verdict(cell, found.outcome, f"{errors} -- after a clear: {late} {found.why}")

    def _cleared(self, chain: Chain) -> Chain:
        """Return the same run, cleared: its tasks' stores stay, and tries that still live are not current any more."""
        again = Chain(self.base_url, chain.log, supervisor=chain.supervisor, stores=chain.stores)
        for name in list(chain.current):
            chain.current[name] += 1
        again.stopped = chain.stopped
        return again

    def _counted(self, cell: Cell, filings: list[dict[str, Any]], green: bool, errors: str) -> Verdict:
        if len(filings) > 1:
            return Verdict(cell, DOUBLED, f"{[f['instance'] for f in filings]} {errors}")
        if not filings:
            return Verdict(cell, LOST, f"green={green}, nothing filed: {errors}")
        wrong = self._not_as_meant(filings[0])
        return Verdict(cell, LOST if wrong else ONCE, f"{wrong} {errors}".strip())

    def _not_as_meant(self, filing: dict[str, Any]) -> str:
        found = sorted((e["dataType"], e["sha256"]) for e in filing["elements"] if e["dataType"] != "ref-data-as-pdf")
        meant = sorted([("attachment", hashlib.sha256(LETTER).hexdigest()), ("model", self.model_sha256)])
        return "" if found == meant else f"filed with other content: {[t for t, _ in found]}"

    def learn(self) -> None:
        """File once without any fault, and remember how the app keeps the form."""
        self._post("/_emulator/reset")
        files = self._files()
        chain = Chain(self.base_url, files["log"])
        chain.connect(str(self.folder / "tokens"))
        if not chain.run(guarded_steps(files)):
            raise RuntimeError(f"not even a filing without faults works: {chain.errors}; see {files['log']}")
        (filing,) = self._filings()
        (self.model_sha256,) = [e["sha256"] for e in filing["elements"] if e["dataType"] == "model"]

    def _files(self) -> dict[str, str]:
        work = self.folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        (work / "form.xml").write_bytes(FORM)
        (work / "letter.txt").write_bytes(LETTER)
        log = self.folder / f"{os.getpid()}.log"
        log.write_text("")
        return {
            "form": str(work / "form.xml"),
            "letter": str(work / "letter.txt"),
            "folder": str(work / "down"),
            "log": str(log),
        }

    def _order(self, cell: Cell) -> None:
        requests.post(f"{self.base_url}/_emulator/faults", json=cell.orders(), timeout=20).raise_for_status()

    def _token(self) -> str:
        return requests.get(f"{self.base_url}/Home/GetTestUserToken/1337", timeout=20).text

    def _filings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self.base_url}/_emulator/filings", timeout=20).json()
        return found

    def _post(self, path: str) -> None:
        requests.post(self.base_url + path, timeout=20).raise_for_status()

    def _delete(self, path: str) -> None:
        requests.delete(self.base_url + path, timeout=20).raise_for_status()


def _count(filings: list[dict[str, Any]], green: bool) -> str:
    if len(filings) > 1:
        return DOUBLED
    return ONCE if filings else (LOST if green else CLEAR)

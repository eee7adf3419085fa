"""Runs one cell and asks the emulator what became of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from altinn.evidence import problems_of
from scripts.demo_identity import DemoIdentity, connections, demo_identity, registrations
from scripts.run_folder import RunFolder
from tests.crash.crash_cells import Cell
from tests.crash.filing_chain import Chain
from tests.crash.filing_steps import (
    APP,
    COMPANY,
    PERIOD,
    VENDOR_CONNECTION,
    Files,
    Step,
    deleting_steps,
    plain_steps,
    steps_of,
)
from tests.crash.task_process import Crash
from tests.system.conftest import SOPHIE

ONCE, CLEAR, DOUBLED, LOST = "filed once", "clear error", "doubled", "lost"
FIRST, SECOND = 0, 1
BROKEN = "broken"
"""The file in a bench's folder that says how often the step of `ttd/archiving` will fail."""
_TEXTS = (b"what was meant", b"what is meant now")
_FORMS = tuple(
    b"<model><property1>%d</property1><property2>2026-T5</property2></model>" % number for number in (FIRST, SECOND)
)
"""Both documents in two versions."""

_STRANDING = frozenset({"task_renamed", "task_removed"})
"""A draft made under a redeployed app stands in a task that is gone once the app is as before."""
_LATER = 600.0
"""Simulated seconds after which nothing is on its way any more."""

Content = list[tuple[str, str]]


@dataclass(frozen=True)
class Verdict:
    """What became of a cell.

    :param why: errors, and what was found.
    :param has_crashed: whether the crash point was reached; some faults keep a try from getting there.
    """

    cell: Cell
    outcome: str
    why: str = ""
    has_crashed: bool = True


@dataclass
class Bench:
    """Runs cells against one emulator.

    :param base_url: the emulator's address.
    :param folder: of its own; the emulator's `ttd/archiving` reads BROKEN in it.
    :ivar meant: what each version of the documents looks like once it is delivered.
    """

    base_url: str
    folder: Path
    meant: list[Content] = field(default_factory=list)
    identity: DemoIdentity | None = None

    def run(self, cell: Cell) -> Verdict:
        """Run one cell from an empty Altinn to the judgement."""
        files, chain = self._begin(cell)
        try:
            if cell.story == "correct" and not chain.run(steps_of("instantiate", files)):
                return Verdict(cell, LOST, f"not even delivered before the correction: {_errors(chain)}")
            if cell.story == "correct":
                chain = self._cleared(chain)
                self._write(files, SECOND)
            if cell.story == "halt":
                if chain.run([replace(step, retries=0) for step in steps_of(cell.operator, files)]):
                    return Verdict(cell, LOST, "the app's own step did not fail: this cell shows nothing")
                chain = self._cleared(chain)
            task, method, path = cell.target
            if cell.point != "none":
                chain.crashes[task] = Crash(cell.point, method, path)
            chain.before_task = lambda name: self._order(cell.orders()) if name == task else None
            judge = self._plain if cell.story == "plain" else self._guarded
            verdict = replace(judge(cell, chain, files), has_crashed=chain.has_crashed or cell.point == "none")
            if cell.fault == "none" and not verdict.has_crashed:
                return replace(verdict, outcome=LOST, why=f"{cell.point} was never reached: this cell shows nothing")
            return verdict
        finally:
            chain.late_ones_go_on()
            self._delete("/_emulator/faults")
            shutil.rmtree(self.folder / "work", ignore_errors=True)

    def learn(self) -> None:
        """File once without any fault with each version, and remember how the app keeps it."""
        for version in (FIRST, SECOND):
            files, chain = self._begin(None)
            self._write(files, version)
            if not chain.run(steps_of("instantiate", files)):
                raise RuntimeError(f"not even a filing without faults works: {chain.errors}; see {files.log}")
            (filing,) = self._filings()
            found = _content(filing)
            if ("attachment", hashlib.sha256(_TEXTS[version]).hexdigest()) not in found:
                raise RuntimeError(f"the letter was not delivered as it is: {found}")
            self.meant.append(found)

    def _begin(self, cell: Cell | None) -> tuple[Files, Chain]:
        """Empty Altinn, let the authority do what it does first, and write the documents."""
        self._post("/_emulator/reset")
        self._delete("/_emulator/faults")
        files = self._files(cell.app if cell is not None else APP)
        (self.folder / BROKEN).write_text(str(cell.failures if cell is not None else 0))
        chain = Chain(self.base_url, files.log)
        chain.connect(str(self.folder / "tokens"))
        if cell is not None:
            self._order(cell.lasting)
        if cell is not None and cell.operator == "find":
            made = {"app": APP, "organisation_number": COMPANY, "prefill": {"property2": PERIOD}}
            self._post("/_emulator/instances", made)
        if cell is not None and cell.operator == "ask":
            self._connect_vendor(chain)
        return files, chain

    def _plain(self, cell: Cell, chain: Chain, files: Files) -> Verdict:
        green = chain.run(plain_steps(files, self._token()))
        if not green:  # Somebody mends the cause and clears the run, as for the guarded chain.
            self._mend(cell)
            green = self._cleared(chain).run(plain_steps(files, self._token()))
        chain.late_ones_go_on()
        chain.advance(_LATER)
        filings = self._filings()
        if len(filings) > 1:
            return Verdict(cell, DOUBLED, _errors(chain))
        return Verdict(cell, ONCE if filings else (LOST if green else CLEAR), _errors(chain))

    def _guarded(self, cell: Cell, chain: Chain, files: Files) -> Verdict:
        steps = steps_of(cell.operator, files)
        if cell.story == "delete" and not chain.run(deleting_steps(files)):
            return self._judged(cell, chain, files, steps, green=False)
        if cell.story == "delete":
            chain = self._cleared(chain)
        # Where the documents change, the crash ends the run: the next one that comes has other documents.
        first = [replace(step, retries=0) for step in steps] if cell.story == "change" else steps
        green = chain.run(first)
        return self._judged(cell, chain, files, steps, green=green)

    def _judged(self, cell: Cell, chain: Chain, files: Files, steps: list[Step], *, green: bool) -> Verdict:
        """Let what is late arrive, have the run cleared where the cell says so or it is red, and count."""
        chain.late_ones_go_on()
        chain.advance(_LATER)
        trouble = _trouble(chain)
        if trouble:
            return Verdict(cell, LOST, trouble)
        if green and cell.story != "change":
            return self._counted(cell, files, green=True, errors=_errors(chain))
        delivered = len(self._filings())
        if cell.story == "change":
            self._write(files, SECOND)
        self._mend(cell)
        errors = [_errors(chain)]
        for _ in range(2 if _may_strand(cell) else 1):
            chain = self._cleared(chain)
            is_green = chain.run(steps)
            chain.advance(_LATER)
            errors.append(f"after a clear: {_errors(chain)}")
            trouble = _trouble(chain)
            if trouble:
                return Verdict(cell, LOST, f"{' -- '.join(errors)}: {trouble}")
            if is_green or self._filings():
                break
            self._delete_drafts(cell.app)
        found = self._counted(cell, files, green=is_green, errors=" -- ".join(errors), changed_after=delivered)
        return Verdict(cell, CLEAR, found.why) if found.outcome == ONCE and not green else found

    def _delete_drafts(self, app: str) -> None:
        """Do what the errors of a draft that nobody can go on with ask for."""
        token = {"Authorization": f"Bearer {self._token()}"}
        query = {"appId": app, "instanceOwner.partyId": SOPHIE["test_party_id"]}
        address = f"{self.base_url}/storage/api/v1/instances"
        found = requests.get(address, params=query, headers=token, timeout=20).json()["instances"]
        for instance in found:
            path = f"/{app}/instances/{instance['id']}?hard=false"
            requests.delete(self.base_url + path, headers=token, timeout=20).raise_for_status()

    def _counted(
        self, cell: Cell, files: Files, *, green: bool, errors: str, changed_after: int | None = None
    ) -> Verdict:
        """Count what was delivered, and hold it against what was meant.

        :param changed_after: how many filings there were when the documents changed.
        """
        filings = self._filings()
        wanted = 2 if cell.story == "correct" else 1
        keys = {json.dumps(filing["dataValues"], sort_keys=True) for filing in filings}
        if len(filings) > wanted or len(keys) < len(filings):
            return Verdict(cell, DOUBLED, f"{[filing['instance'] for filing in filings]} {errors}")
        if len(filings) < wanted:
            return Verdict(cell, LOST, f"green={green}, {len(filings)} of {wanted} filed: {errors}")
        contents, versions, stays_red = [_content(filing) for filing in filings], [FIRST], False
        if cell.story == "correct":
            versions = [FIRST, SECOND]
        elif cell.story == "change":
            # What had been delivered before the change stays; then the run with the other documents has to be red.
            stays_red = contents == [self.meant[FIRST]]
            versions = [FIRST if stays_red else SECOND]
            if stays_red and changed_after == 0:
                return Verdict(cell, LOST, f"the first documents were filed although they had been changed: {errors}")
        if contents != [self.meant[version] for version in versions]:
            return Verdict(cell, LOST, f"filed with other content: {contents} {errors}")
        if green is stays_red and cell.inside:
            return Verdict(cell, LOST, f"filed, and the run is {'green' if green else 'red'}: {errors}")
        proof = self._proof(cell, files)
        return Verdict(cell, LOST if proof else ONCE, f"{proof} {errors}".strip())

    def _proof(self, cell: Cell, files: Files) -> str:
        """Say what is wrong with what the chain left behind; empty when nothing is."""
        if cell.operator == "receipt":
            bundles = [found.parent for found in (files.folder / "receipts").glob("*/manifest.json")]
            return "; ".join(problems_of(bundles[0])) if len(bundles) == 1 else f"{len(bundles)} receipt bundles"
        if cell.operator == "calendar" and "accepted" not in (files.folder / "calendar.csv").read_text("utf-8"):
            return "the calendar does not say that it was accepted"
        return ""

    def _cleared(self, chain: Chain) -> Chain:
        """Return the same run, cleared: its tasks' stores stay, and tries that still live are not current any more."""
        again = Chain(self.base_url, chain.log, supervisor=chain.supervisor, stores=chain.stores, current=chain.current)
        for name in list(chain.current):
            chain.current[name] += 1
        again.stopped = chain.stopped
        return again

    def _mend(self, cell: Cell) -> None:
        """Take the fault away; the app's rights stay as they are."""
        self._delete("/_emulator/faults")
        self._order(cell.lasting)

    def _files(self, app: str) -> Files:
        work = self.folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        files = Files(work / "form.xml", work / "letter.txt", work, self.folder / f"{os.getpid()}.log", app)
        files.log.write_text("")
        self._write(files, FIRST)
        return files

    def _write(self, files: Files, version: int) -> None:
        files.form.write_bytes(_FORMS[version])
        files.letter.write_bytes(_TEXTS[version])

    def _connect_vendor(self, chain: Chain) -> None:
        """Register the demo's Maskinporten client and give the chain its connection: Skatteetaten wants its token."""
        if self.identity is None:
            folder = RunFolder(self.folder / "run")
            folder.prepare()
            self.identity = demo_identity(folder)
        self._post("/_emulator/clients", registrations(self.identity.system, self.identity.person))
        made = connections(self.identity, self.base_url)[0]
        extra = json.loads(made["extra"]) | {"token_dir": str(self.folder / "tokens")}
        fields = {name: made[name] for name in ("conn_type", "host", "login")}
        chain.supervisor.connections[VENDOR_CONNECTION] = {**fields, "extra": json.dumps(extra)}

    def _order(self, faults: list[dict[str, Any]]) -> None:
        self._post("/_emulator/faults", faults)

    def _token(self) -> str:
        return requests.get(f"{self.base_url}/Home/GetTestUserToken/1337", timeout=20).text

    def _filings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self.base_url}/_emulator/filings", timeout=20).json()
        return found

    def _post(self, path: str, body: Any = None) -> None:
        requests.post(self.base_url + path, json=body, timeout=20).raise_for_status()

    def _delete(self, path: str) -> None:
        requests.delete(self.base_url + path, timeout=20).raise_for_status()


def _may_strand(cell: Cell) -> bool:
    """Whether a draft may be left that no run can go on with: its owner has to delete it, as the error says."""
    return cell.story == "change" or cell.fault in _STRANDING or not cell.inside


def _content(filing: dict[str, Any]) -> Content:
    """Return type and hash of what was sent; a PDF that the app made is none of that."""
    return sorted((e["dataType"], e["sha256"]) for e in filing["elements"] if e["dataType"] != "ref-data-as-pdf")


def _errors(chain: Chain) -> str:
    return "; ".join(f"{e.state} {e.error_type}: {e.error[:300]}" for e in chain.errors)


def _trouble(chain: Chain) -> str:
    """Say what must not be whatever happened: a try that hangs, or an error that is none of this provider's."""
    if any(e.state == "hung" for e in chain.errors):
        return f"hung: {_errors(chain)}"
    if any(not e.is_ours for e in chain.errors if e.state == "failed"):
        return f"an error that is not ours: {_errors(chain)}"
    return ""

"""`make chaos`: file in a real Airflow whose parts are killed with SIGKILL, and ask the emulator what was filed.

python -m tests.chaos [--match TEXT] [--folder PATH]
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from scripts.console import Console
from tests.chaos.chaos_stack import SERVICES, ChaosStack

ONCE, CLEAR, DOUBLED, LOST = "filed once", "clear error", "doubled", "lost"
_CREATE = {"method": "POST", "path": "^/ttd/basic/instances$"}
_NEXT = {"method": "PUT", "path": "/process/next$"}
_SLOW = {"fault": "slow_answer", "seconds": 6}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios; 0 if nothing was doubled or lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=str(__doc__).splitlines()[0])
    parser.add_argument("--match", default="", help="only scenarios whose name contains this")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "altinn-chaos")
    options = parser.parse_args(arguments)
    console = Console(sys.stdout)
    chosen = {name: scenario for name, scenario in SCENARIOS.items() if options.match in name}
    if not chosen:
        console.line("no scenario is chosen: see --match")
        return 2
    stack = ChaosStack(options.folder, console)
    outcomes: Counter[str] = Counter()
    try:
        stack.start()
        for name, scenario in chosen.items():
            outcomes[_run(stack, name, scenario)] += 1
    finally:
        stack.stop()
    console.line(
        f"{outcomes.total()} runs, {outcomes[ONCE]} filed once, {outcomes[CLEAR]} clear errors, "
        f"{outcomes[DOUBLED]} doubled, {outcomes[LOST]} lost"
    )
    return 1 if outcomes[DOUBLED] or outcomes[LOST] else 0


Scenario = Callable[[ChaosStack], list[tuple[str, str]]]
"""Disturbs a filing; returns each period with the state that its run ended in."""


def _run(stack: ChaosStack, name: str, scenario: Scenario) -> str:
    begun = time.monotonic()
    stack.clear_faults()
    try:
        ended = scenario(stack)
    except Exception as exc:
        stack.console.step(f"{LOST:12} {name}: the scenario failed: {type(exc).__name__}: {exc}")
        return LOST
    outcome, found = ONCE, []
    for period, state in ended:
        filings = stack.filings(period)
        found.append(f"{period}: run {state}, {len(filings)} filing(s)")
        if len(filings) > 1:
            outcome = DOUBLED
        elif not filings or not stack.is_as_meant(filings[0]) or state != "success":
            outcome = LOST if outcome == ONCE else outcome
    stack.console.step(f"{outcome:12} {name}  ({'; '.join(found)}; {time.monotonic() - begun:.0f} s)")
    return outcome


def _disturbed(stack: ChaosStack, request: dict[str, str], disturb: Callable[[], object]) -> list[tuple[str, str]]:
    """File, and disturb while a request is under way: the server has done it, its answer is on the way."""
    period = stack.new_period()
    stack.fault(**request, **_SLOW)
    run_id = stack.trigger("chaos_filing", {"period": period})
    stack.await_struck()
    disturb()
    return [(period, stack.finished("chaos_filing", run_id))]


def _confirming(stack: ChaosStack, disturb: Callable[[], object]) -> list[tuple[str, str]]:
    return _disturbed(stack, {**_NEXT, "occurrence": 2}, disturb)  # type: ignore[dict-item]


def _nothing(stack: ChaosStack) -> list[tuple[str, str]]:
    period = stack.new_period()
    return [(period, stack.finished("chaos_filing", stack.trigger("chaos_filing", {"period": period})))]


def _triggerer(stack: ChaosStack) -> list[tuple[str, str]]:
    """Kill the triggerer while a push waits in it for a lock that somebody holds."""
    period = stack.new_period()
    stack.fault(**_NEXT, fault="lock_held", seconds=45)
    run_id = stack.trigger("chaos_filing", {"period": period})
    stack.await_struck()
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        states = {t["task_id"]: t["state"] for t in stack.api.task_instances("chaos_filing", run_id)}
        if states.get("push") == "deferred":
            break
        time.sleep(0.3)
    else:
        raise RuntimeError("the push does not wait in the triggerer")
    stack.kill_components("triggerer")
    return [(period, stack.finished("chaos_filing", run_id))]


def _cleared(stack: ChaosStack) -> list[tuple[str, str]]:
    ((period, _state),) = _nothing(stack)
    (run,) = [r for r in stack.api.runs("chaos_filing", "success") if (r.get("conf") or {}).get("period") == period]
    stack.clear("chaos_filing", run["dag_run_id"])
    return [(period, stack.finished("chaos_filing", run["dag_run_id"]))]


def _reordered(stack: ChaosStack) -> list[tuple[str, str]]:
    periods = [stack.new_period() for _ in range(3)]
    listed = stack.folder.files / "periods.json"
    listed.write_text(json.dumps(periods))
    run_id = stack.trigger("chaos_mapped", {})
    stack.finished("chaos_mapped", run_id)
    listed.write_text(json.dumps(periods[::-1]))
    stack.clear("chaos_mapped", run_id)
    state = stack.finished("chaos_mapped", run_id)
    return [(period, state) for period in periods]


def _two_dags(stack: ChaosStack) -> list[tuple[str, str]]:
    """File the same key from two DAGs at once; a run that has to give way is cleared, as its error says."""
    period = stack.new_period()
    runs = [(dag_id, stack.trigger(dag_id, {"period": period})) for dag_id in ("chaos_filing", "chaos_other")]
    states = []
    for dag_id, run_id in runs:
        if stack.finished(dag_id, run_id) != "success":
            stack.require_clear_error(dag_id, run_id)
            stack.clear(dag_id, run_id)
        states.append((period, stack.finished(dag_id, run_id)))
    return states


def _fresh_database(stack: ChaosStack) -> list[tuple[str, str]]:
    ((period, _state),) = _nothing(stack)

    def forget(database: Path) -> None:
        database.unlink()
        (database.parent / "migrated.json").unlink()

    stack.with_database(forget)
    return [(period, stack.finished("chaos_other", stack.trigger("chaos_other", {"period": period})))]


def _copy(database: Path, to: Path) -> None:
    shutil.copy(database, to)


def _restored_database(stack: ChaosStack) -> list[tuple[str, str]]:
    """Restore a database from before the creation, while the filing lies half done in Altinn."""
    kept = stack.folder.path / "before.db"
    stack.with_database(partial(_copy, to=kept))
    period = stack.new_period()
    stack.fault(**_NEXT, occurrence=2, **_SLOW)
    stack.trigger("chaos_filing", {"period": period})
    stack.await_struck()
    stack.kill_components("scheduler")
    stack.with_database(lambda database: _copy(kept, to=database))
    return [(period, stack.finished("chaos_filing", stack.trigger("chaos_filing", {"period": period})))]


SCENARIOS: dict[str, Scenario] = {
    "nothing happens": _nothing,
    "kill -9 of the task during the creation": lambda s: _disturbed(s, _CREATE, lambda: s.kill(s.task_processes())),
    "kill -9 of the task during the first push": lambda s: _disturbed(s, _NEXT, lambda: s.kill(s.task_processes())),
    "kill -9 of the task during the confirmation": lambda s: _confirming(s, lambda: s.kill(s.task_processes())),
    "kill -9 of the supervisor during the creation": lambda s: _disturbed(s, _CREATE, lambda: s.kill(s.supervisors())),
    "kill -9 of the supervisor during the confirmation": lambda s: _confirming(s, lambda: s.kill(s.supervisors())),
    "kill -9 of the triggerer during a wait": _triggerer,
    "kill -9 of the scheduler during the confirmation": lambda s: _confirming(
        s, lambda: s.kill_components("scheduler")
    ),
    "kill -9 of everything during the creation": lambda s: _disturbed(s, _CREATE, lambda: s.kill_components(*SERVICES)),
    "kill -9 of everything during the confirmation": lambda s: _confirming(s, lambda: s.kill_components(*SERVICES)),
    "a run that is cleared": _cleared,
    "a mapped list that is reordered, then cleared": _reordered,
    "a second DAG that files the same key": _two_dags,
    "a fresh metadata database": _fresh_database,
    "a metadata database from before the creation": _restored_database,
}


if __name__ == "__main__":
    sys.exit(main())

"""Following a DAG run through Airflow's REST API, step by step, until it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scripts.airflow_api import AirflowApi
from scripts.console import BOLD, DIM, GREEN, RED, YELLOW, Console, printable
from scripts.failure import CommandError
from scripts.rest import wait_until

RUN_LIMIT = 900.0
"""Seconds that a run may take; the demo's takes half a minute, a resumed one two more."""
LOG_EVENTS = 25
_ENDED = frozenset({"success", "failed"})
_COLOURS = {"success": GREEN, "failed": RED, "upstream_failed": RED, "up_for_retry": YELLOW, "deferred": DIM}
_SHOWN = frozenset({"success", "failed", "skipped", "upstream_failed", "up_for_retry", "deferred", "awaiting_input"})
_NAME, _STATE = 22, 10

Instances = list[dict[str, Any]]


class RunFollower:
    """Shows each change of a run's tasks once.

    :param api: logged in.
    :param check_alive: raises when a process of the stack has died.
    """

    def __init__(self, api: AirflowApi, console: Console, check_alive: Callable[[], None] = lambda: None) -> None:
        self._api, self._console, self._check_alive = api, console, check_alive
        self._seen: set[tuple[str, int, str]] = set()

    def follow(self, dag_id: str, run_id: str, limit: float = RUN_LIMIT) -> str:
        """Show the steps until the run ends.

        :return: "success" or "failed".
        :raises CommandError: the run did not end within the limit, or the stack died.
        """
        state = ""

        def ended() -> bool:
            nonlocal state
            state = self._api.run_state(dag_id, run_id)
            # Asked after the state, so that the last step is shown before the end is.
            self.show(self._api.task_instances(dag_id, run_id))
            return state in _ENDED

        if not wait_until(ended, limit, tick=self._check_alive, pause=0.3):
            raise CommandError(f"run {run_id} of {dag_id} is still {state} after {limit:.0f} s; it is left as it is")
        return state

    def show(self, instances: Instances) -> None:
        """Write a line for each task whose state is new and worth a line, in the order in which they started."""
        started = sorted((one for one in instances if one.get("start_date")), key=lambda one: str(one["start_date"]))
        others = [one for one in instances if not one.get("start_date")]
        for instance in (*started, *others):
            state = str(instance.get("state") or "")
            key = (_name(instance), int(instance.get("try_number") or 0), state)
            if state in _SHOWN and key not in self._seen:
                self._seen.add(key)
                self._console.step(self._line(instance, state))
        active = [_name(one) for one in instances if one.get("state") in ("running", "queued", "scheduled")]
        self._console.waiting(", ".join(active) or "waiting for Airflow's scheduler")

    def _line(self, instance: Mapping[str, Any], state: str) -> str:
        seconds = instance.get("duration")
        took = f"{seconds:6.1f} s" if isinstance(seconds, (int, float)) and state in _ENDED else ""
        colour = (_COLOURS[state],) if state in _COLOURS else ()
        again = f"  try {instance['try_number']}" if int(instance.get("try_number") or 0) > 1 else ""
        return f"{_name(instance):<{_NAME}} {self._console.paint(f'{state:<{_STATE}}', *colour)} {took}{again}".rstrip()


def show_failure(api: AirflowApi, console: Console, dag_id: str, run_id: str) -> None:
    """Name the tasks that failed and show the end of each one's log."""
    failed = [one for one in api.task_instances(dag_id, run_id) if one.get("state") == "failed"]
    if not failed:
        console.line(f"Run {run_id} of {dag_id} failed, but none of its tasks did")
    for instance in failed:
        name, attempt = _name(instance), int(instance.get("try_number") or 1)
        console.line()
        console.line(console.paint(f"Task {name} failed (try {attempt}). The end of its log:", BOLD, RED))
        for event in api.log(dag_id, run_id, str(instance["task_id"]), attempt)[-LOG_EVENTS:]:
            for line in _event_lines(event):
                console.line(f"  {line}")


def _event_lines(event: Mapping[str, Any]) -> list[str]:
    """Return an event of a task log as lines: level and text, then what exception there was."""
    text = printable(event.get("event", ""))
    if not event.get("level") or text.startswith("::"):
        return []  # markers for folding in Airflow's pages
    lines = [f"{str(event['level']).upper():<8}{text}"]
    for error in event.get("error_detail") or ():
        if isinstance(error, Mapping):
            lines.append(f"{error.get('exc_type', '')}: {printable(error.get('exc_value', ''))}")
    return lines


def _name(instance: Mapping[str, Any]) -> str:
    index = instance.get("map_index", -1)
    return printable(instance["task_id"]) + (f" [{index}]" if isinstance(index, int) and index >= 0 else "")

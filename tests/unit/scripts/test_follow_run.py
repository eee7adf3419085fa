"""Following a run: each change once, in the order of the tasks; a failure with its log."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.airflow_api import AirflowApi
from scripts.console import Console
from scripts.failure import CommandError
from scripts.follow_run import RunFollower, show_failure
from scripts.rest import Service
from tests.unit.scripts.local_http import serving

RUN = "/api/v2/dags/vat_return/dagRuns/run"


def instance(task_id: str, state: str | None, started: str | None = None, **more: object) -> dict[str, Any]:
    return {"task_id": task_id, "state": state, "start_date": started, "try_number": 1, "map_index": -1, **more}


class AirflowScript:
    """Plays a run: each question after the run's state moves on to the next picture."""

    def __init__(self, *pictures: tuple[str, list[dict[str, Any]]]) -> None:
        self._pictures: Iterator[tuple[str, list[dict[str, Any]]]] = iter(pictures)
        self._tasks: list[dict[str, Any]] = []

    def __call__(self, _method: str, path: str, _body: Any) -> tuple[int, object]:
        if path == RUN:
            state, self._tasks = next(self._pictures)
            return 200, {"state": state}
        if path.startswith(f"{RUN}/taskInstances?"):
            return 200, {"task_instances": self._tasks}
        return 404, {"detail": path}


def follow(script: AirflowScript, **options: Any) -> tuple[str, list[str]]:
    out = io.StringIO()
    with serving(script) as (url, _):
        console = Console(out, clock=lambda: 0.0)
        state = RunFollower(AirflowApi(Service("Airflow", url)), console).follow("vat_return", "run", **options)
    return state, [line.removeprefix("00:00.0  ") for line in out.getvalue().splitlines()]


def test_each_step_shows_once_with_its_duration_and_the_last_one_before_the_end() -> None:
    prepared = instance("prepare", "success", "2026-01-01T00:00:01Z", duration=1.24)
    script = AirflowScript(
        ("queued", []),
        ("running", [instance("confirm", None), instance("prepare", "running", "2026-01-01T00:00:01Z")]),
        ("running", [instance("confirm", "deferred", "2026-01-01T00:00:02Z"), prepared]),
        ("success", [instance("confirm", "success", "2026-01-01T00:00:02Z", duration=12.3), prepared]),
    )
    state, lines = follow(script)
    assert state == "success"
    assert lines == [
        "prepare                success       1.2 s",
        "confirm                deferred",
        "confirm                success      12.3 s",
    ]


def test_a_second_try_is_named_and_mapped_tasks_are_numbered() -> None:
    again = instance("upload", "success", "2026-01-01T00:00:01Z", duration=0.5, try_number=2, map_index=3)
    _, lines = follow(AirflowScript(("success", [again])))
    assert lines == ["upload [3]             success       0.5 s  try 2"]


def test_a_run_that_does_not_end_is_given_up_and_left_alone() -> None:
    with pytest.raises(CommandError, match="still running after 0 s; it is left as it is"):
        follow(AirflowScript(("running", [])), limit=0)


def test_a_failure_names_the_task_and_shows_its_log_and_error() -> None:
    failed = instance("validate", "failed", "2026-01-01T00:00:01Z", try_number=2)
    events = [
        {"event": "::group::Pre Execute", "level": "info"},
        {"event": "reading the return", "level": "info"},
        {
            "event": "Task failed with exception",
            "level": "error",
            "error_detail": [{"exc_type": "AltinnDocumentError", "exc_value": "line 3: no such element"}],
        },
    ]

    def answer(_method: str, path: str, _body: Any) -> tuple[int, object]:
        if "/logs/2?" in path:
            return 200, {"content": events}
        return 200, {"task_instances": [instance("prepare", "success"), failed]}

    out = io.StringIO()
    with serving(answer) as (url, _):
        show_failure(AirflowApi(Service("Airflow", url)), Console(out), "vat_return", "run")
    assert out.getvalue().splitlines() == [
        "",
        "Task validate failed (try 2). The end of its log:",
        "  INFO    reading the return",
        "  ERROR   Task failed with exception",
        "  AltinnDocumentError: line 3: no such element",
    ]

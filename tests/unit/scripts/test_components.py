"""Starting and stopping, with real processes that behave badly."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scripts.components import Component, exit_code, start, stop
from scripts.rest import wait_until

Launch = Callable[[str], Component]

SLEEPER = "import sys, time; print('ready', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
WITH_TASK = f"""
import os, subprocess, sys, time
task = subprocess.Popen([sys.executable, "-c", {DEAF!r}], process_group=0, stdout=subprocess.PIPE, text=True)
task.stdout.readline()
print("ready", task.pid, flush=True)
time.sleep(60)
"""
"""A leader whose child has a process group of its own and ignores requests to end, as Airflow's tasks may."""


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start a Python program as a component and wait for its first words; whatever is left is killed at the end."""
    started: list[Component] = []

    def begin(program: str) -> Component:
        log = tmp_path / f"{len(started)}.log"
        component = start(f"part-{len(started)}", [sys.executable, "-c", program], os.environ, tmp_path, log)
        started.append(component)
        assert wait_until(lambda: log.read_text().startswith("ready"), 10, pause=0.01)
        return component

    yield begin
    stop(started, grace=0)


def test_a_component_leads_its_own_session_and_runs_until_it_is_stopped(launch: Launch) -> None:
    component = launch(SLEEPER)
    assert os.getsid(component.pid) == component.pid
    assert component.is_running()
    assert stop([component], grace=10) == []
    assert not component.is_running()
    assert component.members() == []


def test_one_that_ignores_the_request_is_killed(launch: Launch) -> None:
    component = launch(DEAF)
    assert stop([component], grace=0.05) == []
    assert not component.is_running()


def test_a_task_in_its_own_process_group_is_stopped_with_its_leader(launch: Launch) -> None:
    component = launch(WITH_TASK)
    task = int(Path(component.log).read_text().split()[1])
    assert os.getpgid(task) == task
    assert stop([component], grace=0.05) == []
    assert not _lives(task)


def test_a_task_whose_leader_was_killed_is_found_and_stopped(launch: Launch) -> None:
    component = launch(WITH_TASK)
    task = int(Path(component.log).read_text().split()[1])
    os.kill(component.pid, 9)
    assert wait_until(lambda: exit_code(component) is not None, 10, pause=0.01)
    assert not component.is_running()
    assert [process.pid for process in component.members()] == [task]
    assert stop([component], grace=0.05) == []
    assert not _lives(task)


def test_another_program_that_got_the_same_id_is_left_alone(launch: Launch) -> None:
    real = launch(SLEEPER)
    stale = dataclasses.replace(real, started=real.started - 3600)
    assert not stale.is_running()
    assert stale.members() == []
    assert stop([stale], grace=0) == []
    assert real.is_running()


def test_what_was_started_before_the_machine_booted_is_gone(launch: Launch) -> None:
    component = launch(WITH_TASK)
    os.kill(component.pid, 9)
    assert wait_until(lambda: exit_code(component) is not None, 10, pause=0.01)
    before_boot = dataclasses.replace(component, started=psutil.boot_time() - 100)
    assert before_boot.members() == []
    assert len(component.members()) == 1


def test_the_exit_status_is_known_once_it_has_ended(launch: Launch) -> None:
    component = launch("print('ready', flush=True); raise SystemExit(3)")
    assert wait_until(lambda: exit_code(component) is not None, 10, pause=0.01)
    assert exit_code(component) == 3


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


LISTENER = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print("ready", server.getsockname()[1], flush=True)
time.sleep(60)
"""


def test_a_port_is_told_from_one_that_another_program_serves(launch: Launch) -> None:
    mine, other = launch(LISTENER), launch(LISTENER)
    port = int(Path(mine.log).read_text("utf-8").split()[1])
    assert mine.listens_on(port)
    assert not other.listens_on(port)

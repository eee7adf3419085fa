"""`python -m scripts up|down|demo`: the commands behind the Makefile."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.console import BOLD, RED, Console
from scripts.demo_run import DAG_ID, await_dags, run_demo
from scripts.failure import CommandError
from scripts.run_folder import PROJECT, RunFolder, write_json
from scripts.stack import DEMO, UP, Endpoints, Stack

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def demo(stack: Stack) -> int:
    """File a VAT return and show the receipt; stop afterwards what was started for it."""
    if stack.adopt():
        stack.console.step("Using the Airflow and the emulator that `make up` started")
        endpoints = stack.running_endpoints()
        return _demo_status(stack, endpoints)
    try:
        return _demo_status(stack, stack.start(DEMO))
    finally:
        _stop_undisturbed(stack)


def _demo_status(stack: Stack, endpoints: Endpoints) -> int:
    return 0 if run_demo(stack, stack.connect(endpoints), endpoints) else 1


def up(stack: Stack) -> int:
    """Start everything, leave it running, and say how to log in."""
    if stack.adopt():
        stack.console.line("Airflow and the Altinn emulator are running already")
        endpoints = stack.running_endpoints()
        stack.connect(endpoints)
    else:
        try:
            endpoints = stack.start(UP)
            await_dags(stack, stack.connect(endpoints))
            write_json(stack.folder.endpoints, dataclasses.asdict(endpoints))
        except BaseException:
            _stop_undisturbed(stack)
            raise
    _show_login(stack.console, endpoints)
    return 0


def _show_login(console: Console, endpoints: Endpoints) -> None:
    console.line()
    console.line(f"  Airflow          {console.paint(endpoints.airflow, BOLD)}")
    console.line(f"  log in as        {endpoints.username}")
    console.line(f"  password         {endpoints.password}")
    console.line(f"  Altinn emulator  {console.paint(endpoints.emulator, BOLD)}")
    console.line()
    console.line(f"  Trigger the DAG {DAG_ID} there, or run `make demo` and watch. `make down` stops both.")


def down(stack: Stack) -> int:
    """Stop what `make up` started, or what a killed command left."""
    stack.console.line("Stopped" if stack.stop() else "Nothing was running")
    return 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make a request to end look like Ctrl-C, so that everything started is stopped."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_undisturbed(stack: Stack) -> None:
    """Stop everything; a second Ctrl-C must not leave half of it running."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    stack.console.step("Stopping Airflow and the emulator")
    stack.stop()


def main() -> int:
    """Run one command and return its exit status."""
    commands = {"demo": demo, "up": up, "down": down}
    parser = argparse.ArgumentParser(prog="python -m scripts", description=__doc__)
    parser.add_argument("command", choices=sorted(commands))
    parser.add_argument("--folder", type=Path, default=PROJECT / ".run", help="where the state is (default .run)")
    arguments = parser.parse_args()
    command = commands[arguments.command]
    console = Console(sys.stdout)
    folder = RunFolder(arguments.folder.resolve())
    try:
        with _interruptible(), folder.locked():
            return command(Stack(folder, console))
    except CommandError as exc:
        console.line(console.paint(f"make {command.__name__}: {exc}", RED))
        return 1
    except KeyboardInterrupt:
        console.line("Interrupted")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())

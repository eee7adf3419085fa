"""Tries of tasks in child processes, run by Airflow's task runner, with Airflow's side in the parent.

A child is a fork of the runner, which has Airflow imported already. It talks to its supervisor over a socket as a real
task does, and dies by SIGKILL or stops by SIGSTOP where a cell says so. A try that something befalls has a process of
its own; the others of a run share one, since a fork takes as long as their work.
"""

from __future__ import annotations

import gc
import http.client
import importlib
import os
import pickle
import re
import select
import signal
import socket
import struct
import sys
import time
import traceback
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
import requests.adapters
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import comms, task_runner

from tests.system.conftest import NOW, MemorySupervisor, task_instance

HUNG = 30.0
"""Seconds without a word from a child after which it counts as hung."""


_PRELOADED = (
    "airflow.api_fastapi.execution_api.datamodels.taskinstance",
    "airflow.executors.workloads",
    "airflow.plugins_manager",
    "airflow.providers.common.io.assets.file",
    "airflow.providers.http.hooks.http",
    "airflow.sdk.definitions.timetables.trigger",
    "airflow.sdk.execution_time.cache",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.lineage",
    "airflow.utils.net",
    "altinn.plugin",
    "altinn.protocol.authentication_api",
    "altinn.protocol.owners",
    "altinn.protocol.tokens",
    "altinn.token_store",
    "altinn.validation.preflight",
    "jinja2.ext",
    "requests_toolbelt",
    "upath.implementations.local",
)
"""What every try would import; the runner has it once."""


def preload() -> None:
    """Import what the children need, and keep it out of their garbage collection."""
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Crash:
    """Where a try dies.

    :param point: "before" the request, after the server's "commit", after the "answer", "stop" before the request;
        after the first write to the task's state store ("mark": that this try lives) or the first one that follows
        the request ("store"); or after "xcom".
    :param method: of the request it is about.
    :param path: regular expression, searched for in that request's path.
    """

    point: str
    method: str
    path: str


@dataclass(frozen=True)
class Ended:
    """How a try ended, as Airflow sees it. `state` is "killed", "stopped" or "hung" when the child did not tell."""

    state: str
    error: str = ""
    error_type: str = ""
    is_ours: bool = False
    pause: tuple[float, str, Any] | None = None


class Channel:
    """Whole pickled messages over a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def put(self, message: Any) -> None:
        body = pickle.dumps(message)
        self.sock.sendall(struct.pack("!I", len(body)) + body)

    def get(self) -> Any:
        (length,) = struct.unpack("!I", self._exactly(4))
        return pickle.loads(self._exactly(length))

    def _exactly(self, number: int) -> bytes:
        parts = b""
        while len(parts) < number:
            part = self.sock.recv(number - len(parts))
            if not part:
                raise EOFError("the other side is gone")
            parts += part
        return parts


class ChildComms:
    """Stands for Airflow's supervisor in the child."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def asend(self, msg: Any) -> Any:
        return self.send(msg)

    def send(self, msg: Any) -> Any:
        self._channel.put(("ask", msg))
        kind, answer = self._channel.get()
        if kind == "refused":
            detail = {"status_code": answer, "message": "not the current try"}
            raise AirflowRuntimeError(comms.ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))
        return answer


Make = Callable[[dict[str, Any]], BaseOperator]
"""Builds an operator from what earlier tasks returned."""


class SharedProcess:
    """A process for the tries that nothing befalls, one after the other.

    :param makes: how each task is built, by its name.
    """

    def __init__(self, makes: Mapping[str, Make], base_url: str, log: str) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(HUNG)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _serve_tries(Channel(theirs), makes, base_url, log)
        theirs.close()
        self.channel = Channel(ours)
        self.lives = True

    def end(self) -> None:
        """End it, and wait until it is gone."""
        if self.lives:
            self.lives = False
            self.channel.sock.close()
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


class Attempt:
    """A try that was started.

    :param supervisor: answers what it asks.
    :param is_current: whether Airflow still takes this try's word.
    """

    def __init__(self, supervisor: MemorySupervisor, is_current: Callable[[], bool], crash: Crash | None) -> None:
        self._supervisor = supervisor
        self._is_current = is_current
        self._crash = crash
        self._channel: Channel | None = None
        self._shared: SharedProcess | None = None
        self.pid = 0

    def start_in(self, shared: SharedProcess, name: str, xcoms: dict[str, Any], number: int, resume: Any) -> None:
        """Have a shared process run it."""
        self._shared, self.pid, self._channel = shared, shared.pid, shared.channel
        shared.channel.put((name, xcoms, number, resume))

    def start(
        self, make: Callable[[], BaseOperator], try_number: int, resume: dict[str, Any], base_url: str, log: str
    ) -> None:
        """Fork."""
        ours, theirs = socket.socketpair()
        ours.settimeout(HUNG)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _child(Channel(theirs), make, try_number, resume, base_url, log, self._crash)
        theirs.close()
        self._channel = Channel(ours)

    def serve(self) -> Ended:
        """Answer until the try has ended, or has stopped itself."""
        channel = self._channel
        if channel is None:
            raise RuntimeError("not started")
        while True:
            try:
                kind, message = channel.get()
            except TimeoutError:
                if self._shared is None:
                    os.kill(self.pid, signal.SIGKILL)
                self._reap()
                return Ended("hung")
            except (EOFError, OSError):
                self._reap()
                return Ended("killed")
            if kind == "stopping":
                os.waitpid(self.pid, os.WUNTRACED)
                return Ended("stopped")
            if kind == "ended":
                self._reap(has_ended=True)
                return Ended(*message)
            channel.put(self._answer(message))
            if self._crash and self._crash.point == "xcom" and _is_result(message):
                os.kill(self.pid, signal.SIGKILL)
                self._reap()
                return Ended("killed")

    def go_on(self) -> Ended:
        """Let a stopped try continue, beside whatever has happened since."""
        os.kill(self.pid, signal.SIGCONT)
        return self.serve()

    def _answer(self, message: Any) -> tuple[str, Any]:
        """Answer as Airflow does: a try that is not current is refused what it writes (404)."""
        name = type(message).__name__
        if not self._is_current() and name in ("SetTaskStateStore", "DeleteTaskStateStore", "SetXCom"):
            return "refused", 404
        if not self._is_current() and name == "GetTaskStateStore":
            return "answer", comms.ErrorResponse(error=ErrorType.TASK_STORE_NOT_FOUND)
        return "answer", self._supervisor.send(message)

    def _reap(self, *, has_ended: bool = False) -> None:
        if self._shared is not None:
            if not has_ended:
                self._shared.end()
            return
        if self._channel is not None:
            self._channel.sock.close()
        if self.pid:
            os.waitpid(self.pid, 0)
        self.pid = 0


def _is_result(message: Any) -> bool:
    return type(message).__name__ == "SetXCom" and message.key == "return_value"


def _child(
    channel: Channel,
    make: Callable[[], BaseOperator],
    try_number: int,
    resume: dict[str, Any],
    base_url: str,
    log: str,
    crash: Crash | None,
) -> None:
    """Run the try, tell how it ended, and leave without a trace."""

    def work() -> tuple[Any, ...]:
        _write_to(log)
        _let_time_pass_in_the_emulator(base_url)
        if crash:
            _die_at(crash, channel)
        return _run(channel, make(), try_number, resume)

    try:
        channel.put(("ended", _told(work)))
    finally:
        os._exit(0)


def _serve_tries(channel: Channel, makes: Mapping[str, Make], base_url: str, log: str) -> None:
    """Run one try after the other, until the parent ends this process; never return."""
    try:
        _write_to(log)
        _let_time_pass_in_the_emulator(base_url)
        while True:
            name, xcoms, number, resume = channel.get()
            channel.put(("ended", _told(lambda: _run(channel, makes[name](xcoms), number, resume))))  # noqa: B023
    finally:
        os._exit(0)


def _write_to(log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _told(run: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Run a try and tell how it ended; what is the harness's own fault is told as such."""
    try:
        return run()
    except BaseException:
        traceback.print_exc()
        return "failed", traceback.format_exc(limit=3), "Harness", False, None
    finally:
        sys.stdout.flush()


def _run(channel: Channel, operator: BaseOperator, try_number: int, resume: dict[str, Any]) -> tuple[Any, ...]:
    import structlog

    setattr(task_runner, "SUPERVISOR_COMMS", ChildComms(channel))  # noqa: B010
    DAG("crash", schedule=None, start_date=NOW, render_template_as_native_obj=True).add_task(operator)
    instance = task_instance(operator, try_number, None, "manual", -1, resume)
    instance.id = uuid.uuid4()
    log = structlog.get_logger("altinn.crash")
    rendered = instance.get_template_context()
    state, message, error = task_runner.run(instance, rendered, log)
    task_runner.finalize(instance, state, rendered, log, error)
    pause = None
    if isinstance(message, comms.DeferTask):
        until = float(message.trigger_kwargs["until"])  # type: ignore[index, arg-type]
        pause = (until - time.time(), str(message.next_method), message.next_kwargs)
    from altinn.exceptions import AltinnError

    return (
        str(getattr(state, "value", state)),
        str(error or ""),
        type(error).__name__ if error else "",
        isinstance(error, AltinnError),
        pause,
    )


def _let_time_pass_in_the_emulator(base_url: str) -> None:
    """Wait by moving the emulator's clock: what lies seconds ahead there comes at once."""
    from altinn.operators.altinn_operator import AltinnPatientOperator

    def advance(seconds: float) -> None:
        requests.post(f"{base_url}/_emulator/clock", json={"advance_seconds": seconds}, timeout=20)

    time.sleep = advance  # type: ignore[assignment]
    AltinnPatientOperator._sleep = lambda _self, seconds: advance(seconds)  # type: ignore[method-assign, assignment]


def _die_at(crash: Crash, channel: Channel) -> None:
    """Kill or stop this process at the first request that the crash is about."""
    send = requests.adapters.HTTPAdapter.send
    getresponse = http.client.HTTPConnection.getresponse
    struck: list[str] = []

    def strike(self: Any, request: Any, **options: Any) -> Any:
        path = urllib.parse.urlsplit(str(request.url)).path
        if struck or request.method != crash.method or not re.search(crash.path, path):
            return send(self, request, **options)
        struck.append(path)
        if crash.point == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if crash.point == "stop":
            channel.put(("stopping", None))
            os.kill(os.getpid(), signal.SIGSTOP)
        answer = send(self, request, **options)
        if crash.point == "answer":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def wait_and_die(self: Any, *arguments: Any, **options: Any) -> Any:
        if struck and crash.point == "commit":
            select.select([self.sock], [], [], 20)
            os.kill(os.getpid(), signal.SIGKILL)
        return getresponse(self, *arguments, **options)

    ask = ChildComms.send

    def write_and_die(self: ChildComms, msg: Any) -> Any:
        answer = ask(self, msg)
        is_point = crash.point == "mark" or (crash.point == "store" and struck)
        if is_point and type(msg).__name__ == "SetTaskStateStore":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    ChildComms.send = write_and_die  # type: ignore[method-assign]
    requests.adapters.HTTPAdapter.send = strike  # type: ignore[assignment]
    http.client.HTTPConnection.getresponse = wait_and_die  # type: ignore[method-assign]

"""The emulator inside a Python process: for tests, and underneath the command line."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import uvicorn

from altinn.emulator.faults.dropped_connection import ResettingConnections
from altinn.emulator.faults.fault_script import FaultScript
from altinn.emulator.service import build_service
from altinn.emulator.store import Record
from altinn.emulator.world import Options, World

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

STOP_SECONDS = 10.0
TICK_SECONDS = 0.1
GRACE_SECONDS = 2.0
GRACE_STEP = 0.002


class Emulator:
    """An emulated Altinn on a port of this machine.

        with Emulator() as emulator:
            requests.get(f"{emulator.base_url}/ttd/basic/api/v1/applicationmetadata")

    :param port: 0 lets the system choose one.
    :param apps: folders of apps beside the ones that come with the emulator.
    :param state: folder where the state is kept; None keeps nothing.
    :param clients: registered Maskinporten and ID-porten clients.
    :param options: further members of `world.Options`, by name.
    :raises AppFolderError: an app cannot be run.
    :raises OSError: the port is taken.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        apps: Iterable[str | Path] = (),
        state: str | Path | None = None,
        seed: int | None = None,
        app_library: int = 8,
        clients: Iterable[Mapping[str, object]] = (),
        **options: Any,
    ) -> None:
        self.host = host
        self._wanted_port = port
        self.options = Options(
            apps=tuple(Path(a) for a in apps),
            state=Path(state) if state else None,
            seed=seed,
            app_library=app_library,
            clients=tuple(clients),
            **options,
        )
        self.port = 0
        self._up = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """The address of the running emulator, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    @property
    def faults(self) -> FaultScript:
        """The script of what goes wrong; see docs/emulator-faults.md for the names."""
        return self.world.faults

    def connection(self, **extra: Any) -> str:
        """Return an Airflow connection to this emulator as JSON, for the variable `AIRFLOW_CONN_...`.

        It logs in as LocalTest's user 1337, who may file for herself and for the organisation 897069650.

        :param extra: further fields of the connection, or other values of these.
        """
        fields = {"environment": "local", "auth_mode": "localtest", "test_user_id": "1337", **extra}
        return json.dumps({"conn_type": "altinn", "host": self.base_url, "extra": fields})

    def filings(self) -> list[Record]:
        """Return everything that authorities have received, oldest first, deleted instances included."""

        def read() -> list[Record]:
            self.world.run_due()
            return self.world.store.filings()

        return self._server.do(read)

    def journal(self) -> list[Record]:
        """Return every request so far, oldest first: method, path, status, instance, fault."""
        return self._server.do(self.world.store.journal)

    def advance(self, seconds: float) -> None:
        """Move simulated time forward, and do what becomes due.

        :raises ValueError: when `seconds` is negative.
        """
        self._server.do(lambda: self.world.advance(seconds))

    def reset(self) -> None:
        """Return to the state of the first start; faults are cleared too."""
        self._server.do(self.world.reset)

    def start(self) -> Emulator:
        """Start serving in a thread of its own."""
        self._prepare()
        self._thread = threading.Thread(target=self._run, name="altinn-emulator", daemon=True)
        self._thread.start()
        self._up.wait(STOP_SECONDS)
        return self

    def serve(self, listening: Callable[[str], object] = lambda _address: None) -> None:
        """Serve in this thread, until a signal ends it.

        :param listening: told the address once everything is loaded and the port is open.
        """
        self._prepare()
        listening(self.base_url)
        self._run()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.world.close()

    def _prepare(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((self.host, self._wanted_port))
        except OSError as exc:
            self._socket.close()
            raise OSError(exc.errno, f"cannot listen on {self.host}:{self._wanted_port}: {exc.strerror}") from exc
        self._socket.listen(128)
        self.port = self._socket.getsockname()[1]
        self.world = World(self.options)
        config = uvicorn.Config(
            ResettingConnections(build_service(self.world)),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        self._server = _Server(config, self.world, self._up)

    def stop(self) -> None:
        """Stop serving and close the state."""
        if self._thread is not None:
            self._server.end()
            self._thread.join(STOP_SECONDS)
        self._thread = None

    def __enter__(self) -> Emulator:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


class _Server(uvicorn.Server):
    """A server that says when it is up, and ends at once when told to."""

    def __init__(self, config: uvicorn.Config, world: World, started: threading.Event) -> None:
        super().__init__(config)
        self._world = world
        self._up = started
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start and say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._world.workflows.recover()
        self._up.set()

    async def main_loop(self) -> None:
        """Serve until told to end."""
        ticks = 0
        while not self.should_exit:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_SECONDS)
            ticks += 1
            await self.on_tick(ticks)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port and the connections; let requests under way end."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        waited = 0.0
        while (self.server_state.connections or self.server_state.tasks) and waited < GRACE_SECONDS:
            await asyncio.sleep(GRACE_STEP)
            waited += GRACE_STEP

    def do(self, what: Callable[[], T]) -> T:
        """Have something done between two steps of the server, from another thread; its errors come out as they are."""
        if self._loop is None:
            raise RuntimeError("the emulator is not running: use it in a with statement, or call start()")
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def act() -> None:
            try:
                done.set_result(what())
            except Exception as exc:
                done.set_exception(exc)

        self._loop.call_soon_threadsafe(act)
        return done.result(STOP_SECONDS)

    def end(self) -> None:
        """Tell the server, from another thread, to end."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake.set)

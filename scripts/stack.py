"""The embedded stack: the Altinn emulator and Airflow's four processes, started together and stopped together."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from scripts.airflow_api import AirflowApi
from scripts.airflow_settings import airflow_environment, base_environment, write_local_settings
from scripts.components import Component, exit_code, start, stop
from scripts.console import Console
from scripts.demo_identity import DemoIdentity, connections, demo_identity, log_in_person
from scripts.failure import CommandError
from scripts.local_ports import LOOPBACK, choose_ports
from scripts.local_secrets import USERNAME, LocalSecrets, local_secrets
from scripts.rest import Service, wait_until
from scripts.run_folder import PROJECT, RunFolder, read_json, write_json

UP, DEMO = "up", "demo"
START_LIMIT = 180.0
"""Seconds for each part of the start; a slow machine with a cold disk needs a third of it."""
LOG_TAIL = 15
_BINARIES = Path(sys.executable).parent
_SERVICES = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
"""Airflow's processes. The log servers would listen on all addresses; on one machine the files do."""


@dataclass(frozen=True)
class Endpoints:
    """Where the stack answers, and how to log in; the shape of `endpoints.json`."""

    airflow: str
    emulator: str
    username: str
    password: str


class Stack:
    """The stack of one `.run` folder.

    :param folder: where all state is.
    :param console: told what happens.
    :param dags: the folder with Airflow's DAGs.
    :param settings: further settings of Airflow, named as its variables without their beginning.
    """

    def __init__(
        self,
        folder: RunFolder,
        console: Console,
        dags: Path = PROJECT / "dags",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.console, self.dags = folder, console, dags
        self._settings = {f"AIRFLOW__{name}": value for name, value in (settings or {}).items()}
        self.environment: Mapping[str, str] = {}
        self._components: list[Component] = []
        self._mode = DEMO

    def adopt(self) -> bool:
        """Take over what `make up` left running; clean up after a command that was killed.

        :return: whether a whole stack runs.
        """
        self._read()
        running = [component for component in self._components if component.is_running()]
        if self._mode == UP and running and len(running) == len(self._components):
            return True
        if any(component.members() for component in self._components):
            self.console.step("Stopping what an interrupted command left running")
        self.stop()
        return False

    def start(self, mode: str) -> Endpoints:
        """Start everything and wait until it answers.

        :param mode: `UP` or `DEMO`; tells a later command whether it may use what runs.
        :raises CommandError: something did not start; the text ends with its log.
        """
        self._mode = mode
        self.folder.prepare()
        ports, moved = choose_ports(self.folder.ports)
        for service in moved:
            self.console.step(f"Another program took the port of {service}; it is now {ports[service]}")
        secrets = local_secrets(self.folder.secrets)
        base = base_environment(os.environ, _BINARIES)
        environment = airflow_environment(
            base,
            home=self.folder.airflow_home,
            dags=self.dags,
            files=self.folder.files,
            port=ports["airflow"],
            secrets=secrets,
        )
        environment |= self._settings
        self.environment = environment
        write_local_settings(self.folder.airflow_home)
        migration = self._migrate(environment)
        identity = demo_identity(self.folder, f"http://{LOOPBACK}:{ports['airflow']}")
        self._launch("emulator", self._emulator_command(ports["emulator"], identity), base)
        if migration:
            self._finish(migration)
        self.console.step("Starting Airflow: API server, scheduler, DAG processor, triggerer")
        for name in _SERVICES:
            self._launch_service(name)
        endpoints = self._endpoints(ports, secrets)
        self._await_emulator(endpoints)
        self._await_airflow(endpoints)
        return endpoints

    def connect(self, endpoints: Endpoints) -> AirflowApi:
        """Log in to Airflow, let the test person log in to the emulator, and create the connections for both."""
        api = AirflowApi(Service("Airflow", endpoints.airflow))
        api.log_in(endpoints.username, endpoints.password)
        identity = demo_identity(self.folder, endpoints.airflow)
        log_in_person(Service("the Altinn emulator", endpoints.emulator), identity)
        for connection in connections(identity, endpoints.emulator):
            api.keep_connection(connection)
        return api

    def running_endpoints(self) -> Endpoints:
        """Return where the adopted stack answers.

        :raises CommandError: the file that says so is gone.
        """
        known = read_json(self.folder.endpoints)
        if not isinstance(known, dict):
            raise CommandError(f"{self.folder.endpoints} is missing though the stack runs: make down, then make up")
        return Endpoints(**known)

    def check_alive(self) -> None:
        """Notice that a process has ended by itself.

        :raises CommandError: one has; the text ends with its log.
        """
        for component in self._components:
            if not component.is_running():
                raise CommandError(f"{component.name} has stopped by itself. {log_tail(Path(component.log))}")

    def kill(self, name: str) -> None:
        """Kill one component and all that it started at once, as a power cut would.

        :raises CommandError: it would not die.
        """
        (component,) = [one for one in self._components if one.name == name]
        for process in component.members():
            process.kill()
        if stop([component], grace=0.0):
            raise CommandError(f"{name} did not die when it was killed")
        self._components.remove(component)
        self._write()

    def relaunch(self, name: str) -> None:
        """Start one of Airflow's processes again after `kill`; only in the command that called `start`."""
        self._launch_service(name)

    def component(self, name: str) -> Component:
        """Return a running component by its name."""
        (found,) = [one for one in self._components if one.name == name]
        return found

    def _launch_service(self, name: str) -> None:
        self._launch(name, [str(_BINARIES / "airflow"), name, *_SERVICES[name]], self.environment)

    def stop(self) -> bool:
        """Stop everything that is known to run, and forget it.

        :return: whether there was anything.
        :raises CommandError: a process would not die.
        """
        self._read()
        there = any(component.members() for component in self._components)
        left = stop(self._components)
        if left:
            raise CommandError(f"these did not stop, even when killed: {', '.join(left)}; see {self.folder.stack}")
        self._components = []
        self.folder.endpoints.unlink(missing_ok=True)
        self.folder.stack.unlink(missing_ok=True)
        return there

    def _read(self) -> None:
        known = read_json(self.folder.stack)
        if not self._components and isinstance(known, dict):
            self._mode = known["mode"]
            self._components = [Component(**fields) for fields in known["components"]]

    def _launch(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Component:
        """Start a component, and write it down at once, so that it can be stopped whatever happens."""
        log = self.folder.logs / f"{name}.log"
        component = start(name, command, environment, self.folder.airflow_home, log)
        self._components.append(component)
        self._write()
        return component

    def _write(self) -> None:
        listed = [dataclasses.asdict(component) for component in self._components]
        write_json(self.folder.stack, {"mode": self._mode, "components": listed})

    def _migrate(self, environment: Mapping[str, str]) -> Component | None:
        """Begin to create or upgrade Airflow's database; nothing to do if this version has done it."""
        if read_json(self._migrated) == version("apache-airflow-core"):
            return None
        self.console.step("Creating Airflow's database")
        return self._launch("database", [str(_BINARIES / "airflow"), "db", "migrate"], environment)

    def _finish(self, migration: Component) -> None:
        self._wait("Airflow's database", lambda: not migration.is_running(), alive=False)
        code = exit_code(migration)
        if code:
            raise CommandError(f"`airflow db migrate` ended with status {code}. {log_tail(Path(migration.log))}")
        self._components.remove(migration)
        self._write()
        write_json(self._migrated, version("apache-airflow-core"))

    @property
    def _migrated(self) -> Path:
        return self.folder.airflow_home / "migrated.json"

    def _emulator_command(self, port: int, identity: DemoIdentity) -> list[str]:
        return [
            str(_BINARIES / "altinn-emulator"),
            *("--host", LOOPBACK, "--port", str(port)),
            *("--state", str(self.folder.emulator_state), "--clients", str(identity.clients_file)),
        ]

    def _endpoints(self, ports: Mapping[str, int], secrets: LocalSecrets) -> Endpoints:
        url = "http://{}:{}".format
        return Endpoints(url(LOOPBACK, ports["airflow"]), url(LOOPBACK, ports["emulator"]), USERNAME, secrets.password)

    def _await_emulator(self, endpoints: Endpoints) -> None:
        service = Service("the Altinn emulator", endpoints.emulator)
        self._wait("the Altinn emulator", lambda: self._serves("emulator", endpoints.emulator) and service.answers("/"))
        self.console.step(f"The Altinn emulator answers at {endpoints.emulator}")

    def _await_airflow(self, endpoints: Endpoints) -> None:
        service = Service("Airflow", endpoints.airflow)
        self._wait(
            "Airflow's API server",
            lambda: self._serves("api-server", endpoints.airflow) and service.answers("/api/v2/version"),
        )
        service.answers("/execution/health")  # the first request builds the execution API, which takes seconds
        self.console.step(f"Airflow answers at {endpoints.airflow}")

    def _serves(self, name: str, address: str) -> bool:
        """Tell whether our own component listens there: another program may have taken the port meanwhile."""
        port = int(address.rpartition(":")[2])
        return any(one.name == name and one.listens_on(port) for one in self._components)

    def _wait(self, what: str, ready: Callable[[], bool], *, alive: bool = True) -> None:
        def tick() -> None:
            self.console.waiting(f"waiting for {what}")
            if alive:
                self.check_alive()

        if not wait_until(ready, START_LIMIT, tick=tick):
            raise CommandError(f"{what} did not start within {START_LIMIT:.0f} s; the logs are in {self.folder.logs}")


def log_tail(log: Path, lines: int = LOG_TAIL) -> str:
    """Return where a log lies and its last lines."""
    try:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        tail = []
    return f"The end of its log ({log}):\n" + "\n".join(f"  {line}" for line in tail)

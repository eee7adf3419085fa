"""Prepare an Airflow and an emulator that run elsewhere, as docker-compose.yaml does, for the example DAGs.

Registers the demo's clients with the emulator, lets the test person log in, and creates Airflow's connections. Keys
and the refresh token go to a folder that Airflow's processes share. Repeating it is harmless: keys are kept, the
person logs in anew.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.airflow_api import AirflowApi
from scripts.demo_identity import connections, demo_identity, log_in_person, registrations
from scripts.failure import CommandError
from scripts.rest import Service
from scripts.run_folder import RunFolder

VARIABLES = (
    "ALTINN_SHARED", "AIRFLOW_URL", "AIRFLOW_BROWSER_URL", "EMULATOR_URL", "AIRFLOW_USER", "AIRFLOW_PASSWORD"
)  # fmt: skip
"""What must be in the environment: the shared folder, the addresses (Airflow's twice: from here and from a browser),
and an administrator's login."""


def connect(environment: Mapping[str, str]) -> list[str]:
    """Do all of it and return the ids of the connections.

    :raises CommandError: a variable is missing, or a service refused.
    """
    missing = [name for name in VARIABLES if not environment.get(name)]
    if missing:
        raise CommandError(f"not set: {', '.join(missing)}")
    folder = RunFolder(Path(environment["ALTINN_SHARED"]))
    folder.prepare()
    airflow = environment["AIRFLOW_BROWSER_URL"]
    identity = demo_identity(folder, airflow)
    emulator = Service("the Altinn emulator", environment["EMULATOR_URL"])
    emulator.call("POST", "/_emulator/clients", registrations(identity.system, identity.person, airflow))
    log_in_person(emulator, identity)
    api = AirflowApi(Service("Airflow", environment["AIRFLOW_URL"]))
    api.log_in(environment["AIRFLOW_USER"], environment["AIRFLOW_PASSWORD"])
    made = connections(identity, emulator.base_url)
    for connection in made:
        api.keep_connection(connection)
    return [str(connection["connection_id"]) for connection in made]


def main() -> int:
    """Run `connect` with this process's environment."""
    try:
        names = connect(os.environ)
    except CommandError as exc:
        sys.stderr.write(f"connect: {exc}\n")
        return 1
    sys.stdout.write(f"Connections ready: {', '.join(names)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

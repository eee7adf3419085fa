"""A thousand waits in one event loop, as a triggerer runs them, without the rest of Airflow: what a look costs.

Tells what limits a triggerer apart from what limits the emulator: both are processes of their own here, and nothing
else of Airflow takes the cores. At the interval of `waiting_filings`, and at one at which a look is always under way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Report
from bench.waiting_filings import requests_so_far
from scripts.components import Component, start, stop
from scripts.rest import Service, wait_until

APP, PERSON, PARTY = "ttd/basic-signing", 1337, "501337"
INSTANCES = 100
"""Instances that the waits share; a wait does not know that another one looks at the same."""

_CONNECTION, _KEY = "AIRFLOW_CONN_ALTINN_BENCH", "AIRFLOW__CORE__FERNET_KEY"


@dataclass(frozen=True)
class Pace:
    """How many waits look how often, and for how long it is measured: a whole number of intervals."""

    waits: int
    interval: float
    intervals: int


PACES = {"quick": (Pace(100, 5.0, 2), Pace(100, 1.0, 10)), "full": (Pace(1000, 30.0, 2), Pace(1000, 2.0, 10))}


def run(mode: str) -> Report:
    """Start an emulator, let waits look at its instances, and measure both processes."""
    from cryptography.fernet import Fernet

    report = Report("Waits in one event loop, without Airflow's other processes")
    with tempfile.TemporaryDirectory(prefix="altinn-bench-") as folder:
        port = _free_port()
        command = [str(Path(sys.executable).with_name("altinn-emulator")), "--port", str(port), "--state", folder]
        emulator = start("emulator", command, os.environ, Path(folder), Path(folder) / "emulator.log")
        try:
            url = f"http://127.0.0.1:{port}"
            service = Service("the Altinn emulator", url)
            wait_until(lambda: service.answers("/"), 60.0, pause=0.2)
            ids = _instances(service)
            extra = {"environment": "local", "token_dir": folder, "auth_mode": "localtest", "test_user_id": str(PERSON)}
            connection = {"conn_type": "altinn", "host": url, "extra": {**extra, "test_party_id": PARTY}}
            # Tokens are kept encrypted; Airflow's processes share this key.
            os.environ |= {_CONNECTION: json.dumps(connection), _KEY: Fernet.generate_key().decode()}
            logging.getLogger("altinn").setLevel(logging.WARNING)
            for pace in PACES[mode]:
                asyncio.run(_measured(report, service, emulator, ids, pace))
        finally:
            for name in (_CONNECTION, _KEY):
                os.environ.pop(name, None)
            stop([emulator])
    return report


def _instances(service: Service) -> list[str]:
    """Make instances that wait for ever, as somebody at the keyboard would."""
    import requests

    token = requests.get(f"{service.base_url}/Home/GetTestUserToken/{PERSON}", timeout=30).text
    headers = {"Authorization": f"Bearer {token}"}
    owner = {"instanceOwner": {"partyId": PARTY}}
    url = f"{service.base_url}/{APP}/instances"
    return [requests.post(url, json=owner, headers=headers, timeout=30).json()["id"] for _ in range(INSTANCES)]


async def _measured(report: Report, service: Service, emulator: Component, ids: Sequence[str], pace: Pace) -> None:
    import psutil

    waits = [asyncio.create_task(_wait(ids[number % len(ids)], pace.interval)) for number in range(pace.waits)]
    own, other = psutil.Process(), psutil.Process(emulator.pid)
    try:
        await asyncio.sleep(2 * pace.interval)
        requests, start_of_window = await asyncio.to_thread(requests_so_far, service), time.monotonic()
        before = _cpu(own), _cpu(other)
        psutil.cpu_percent()
        await asyncio.sleep(pace.intervals * pace.interval)
        machine = psutil.cpu_percent()
        used = _cpu(own) - before[0], _cpu(other) - before[1]
        made = await asyncio.to_thread(requests_so_far, service) - requests
        seconds = time.monotonic() - start_of_window
        for wait in (one for one in waits if one.done()):
            wait.result()
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    name = f"{pace.waits} waits, a look every {pace.interval:.0f} s"
    due = f"{pace.waits / pace.interval:.1f} 1/s due, whole machine {machine:.0f} % busy"
    report.add(f"{name}: requests", "1/s", [made / seconds], note=due)
    for process, cpu in zip(("the waits'", "the emulator's"), used, strict=True):
        note = f"{1000 * cpu / max(1, made):.2f} ms a request"
        report.add(f"{name}: {process} CPU of one core", "%", [100 * cpu / seconds], note=note)


async def _wait(instance_id: str, interval: float) -> None:
    from altinn.triggers.instance_trigger import AltinnInstanceTrigger

    arguments: Mapping[str, Any] = {
        "wait_for": {"kind": "ended"},
        "deadline": 4e9,
        "since": 4e9,
        "poll_interval": interval,
        "max_poll_interval": interval,
    }
    async for event in AltinnInstanceTrigger(instance_id=instance_id, altinn_conn_id="altinn_bench", **arguments).run():
        raise RuntimeError(f"a wait that should not end has ended: {event.payload}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cpu(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

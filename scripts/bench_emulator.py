"""`python -m scripts.bench_emulator`: measure what the Altinn emulator promises of its speed.

Whole filings (create, write the form, push, confirm, read from Storage) are sent one after another to a server of its
own that keeps its state on disk and has one core; then an emulator in this process is started and stopped repeatedly.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from altinn.emulator import Emulator
from scripts.local_ports import LOOPBACK

SECONDS = 5.0
STARTS = 20
FORM = "<model><property1>a</property1><property2>b</property2><property3>c</property3></model>"
WANTED_A_SECOND, WANTED_MILLISECONDS = 100.0, 100.0


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _serve(port: int, state: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "altinn.emulator.server", "--port", str(port), "--state", state]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(server.pid, {min(os.sched_getaffinity(0))})
    return server


def _wait_for(base: str, deadline: float) -> None:
    while True:
        try:
            requests.get(f"{base}/_emulator/journal", timeout=1)
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _file_once(session: requests.Session, base: str) -> int:
    """File one form to the end; return the number of requests."""
    made = session.post(f"{base}/ttd/basic/instances", json={"instanceOwner": {"partyId": "501337"}}).json()
    at, form = f"{base}/ttd/basic/instances/{made['id']}", made["data"][0]["id"]
    answers = [
        session.put(f"{at}/data/{form}", data=FORM, headers={"Content-Type": "application/xml"}),
        session.get(f"{at}/validate"),
        session.put(f"{at}/process/next", json={"action": "write"}),
        session.put(f"{at}/process/next", json={"action": "confirm"}),
        session.get(f"{base}/storage/api/v1/instances/{made['id']}"),
    ]
    for answer in answers:
        answer.raise_for_status()
    return 1 + len(answers)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests_a_second() -> tuple[float, float]:
    """Return requests a second as the client sees them, and for each second of the server's processor time."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as state:
        server, base = _serve(port, state), f"http://{LOOPBACK}:{port}"
        try:
            _wait_for(base, time.monotonic() + 20)
            session = requests.Session()
            token = session.get(f"{base}/Home/GetTestUserToken/1337").text
            session.headers["Authorization"] = f"Bearer {token}"
            sent, began, used = 0, time.monotonic(), _cpu_seconds(server.pid)
            while (passed := time.monotonic() - began) < SECONDS:
                sent += _file_once(session, base)
            return sent / passed, sent / max(_cpu_seconds(server.pid) - used, 0.01)
        finally:
            server.terminate()
            server.wait(10)


def start_and_stop() -> float:
    """Return the median milliseconds that an emulator in this process takes to start and to stop."""
    taken = []
    for _ in range(STARTS):
        began = time.perf_counter()
        with Emulator():
            pass
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def main() -> int:
    """Measure and print; 1 when a promise is not kept."""
    wall, processor = requests_a_second()
    milliseconds = start_and_stop()
    sys.stdout.write(
        f"{wall:.0f} requests a second from one client, {processor:.0f} for each second of one core's time"
        f" (wanted: {WANTED_A_SECOND:.0f})\n"
        f"{milliseconds:.0f} ms to start and stop in process, median of {STARTS} (wanted: {WANTED_MILLISECONDS:.0f})\n"
    )
    return 0 if processor >= WANTED_A_SECOND and milliseconds <= WANTED_MILLISECONDS else 1


if __name__ == "__main__":
    sys.exit(main())

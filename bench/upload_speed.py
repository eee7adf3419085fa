"""An upload of a large file: memory and rate of our driver, against curl, to a server that throws everything away."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figures import Report, in_child, in_turns

SIZES = {"quick": 256 * 1024 * 1024, "full": 1024 * 1024 * 1024}
ROUNDS = {"quick": 3, "full": 5}
LINK = 125e6
"""Bytes a second of a link of 1 Gbit/s."""
MEMORY_GOAL = 64
RATE_GOAL = 0.9


def run(mode: str) -> Report:
    """Send the file with each in turns."""
    size = SIZES[mode]
    report = Report(f"Upload of {size / 1e9:.2f} GB to a local server that throws everything away")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.bin"
        with path.open("wb") as stream:
            block = os.urandom(1 << 20)
            for _ in range(size >> 20):
                stream.write(block)
        _at_rate(report, path, size, 0, ROUNDS[mode])
        _at_rate(report, path, size, LINK, 3)
    return report


def _at_rate(report: Report, path: Path, size: int, limit: float, rounds: int) -> None:
    """Send the file with each in turns.

    :param limit: bytes a second that the server takes; 0 for all it can.
    """
    where = f"{limit * 8 / 1e9:.0f} Gbit/s" if limit else "no limit"
    with thrown_away(limit) as url:
        measures: list[Callable[[], dict[str, float]]] = [lambda: in_child("bench.upload_speed", path, url)]
        if shutil.which("curl"):
            measures.append(lambda: {"seconds": _curl(path, url)})
        taken = in_turns(rounds, *measures)
    ours = [one["seconds"] for one in taken[0]]
    report.add(f"{where}, ours (hashed on the way)", "MB/s", [size / seconds / 1e6 for seconds in ours])
    if len(taken) > 1:
        theirs = [one["seconds"] for one in taken[1]]
        report.add(f"{where}, curl", "MB/s", [size / seconds / 1e6 for seconds in theirs])
        report.ratio(f"{where}, ours against curl", theirs, ours, RATE_GOAL, at_least=True)
    else:
        report.text = "  curl is not installed: no comparison"
    growth = report.add(f"{where}, growth of our memory", "MB", [one["growth"] for one in taken[0]])
    growth.goal, growth.met = f"<= {MEMORY_GOAL} MB", growth.median <= MEMORY_GOAL
    if not limit:
        report.add("hash before the upload", "s", [one["hash"] for one in taken[0]])


def _curl(path: Path, url: str) -> float:
    options = ["--silent", "--show-error", "--fail", "-H", "Expect:", "-w", "%{time_total}"]
    command = ["curl", *options, "-T", str(path), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return float(done.stdout)


@contextlib.contextmanager
def thrown_away(limit: float = 0) -> Iterator[str]:
    """Serve PUT on a free port: read the body, answer 201. A thread of this process, which is idle meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, limit), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/large.bin"


def _serve(server: socket.socket, limit: float) -> None:
    buffer = bytearray(1 << 20)
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            fields, _, start = head.partition(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in fields.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            left = length - len(start)
            begun = time.perf_counter()
            while left > 0:
                received = connection.recv_into(buffer)
                if not received:
                    break
                left -= received
                if limit:
                    time.sleep(max(0.0, begun + (length - left) / limit - time.perf_counter()))
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _child(path: Path, url: str) -> dict[str, float]:
    import requests

    from altinn.documents import measured, storage_path
    from altinn.protocol.wire import HttpRequest, StreamBody
    from altinn.transport import BlockingDriver

    session = requests.Session()
    session.trust_env = False
    driver = BlockingDriver(session)
    send = driver._send
    send(HttpRequest("PUT", url, {}, b"warm"))
    place = storage_path(str(path))
    start = time.perf_counter()
    size, digest = measured(place)
    hashed = time.perf_counter() - start
    body = StreamBody(lambda: path.open("rb"), size, digest, "large.bin")
    before = _memory("VmRSS")
    _forget_peak()
    start = time.perf_counter()
    answer = send(HttpRequest("PUT", url, {}, body))
    seconds = time.perf_counter() - start
    if answer.status != 201 or digest == hashlib.sha256(b"").hexdigest():
        raise SystemExit(f"the server answered {answer.status}")
    return {"seconds": seconds, "growth": (_memory("VmHWM") - before) / 1000, "hash": hashed}


def _forget_peak() -> None:
    """Let Linux count the peak of this process's memory anew: imports have had a higher one."""
    Path("/proc/self/clear_refs").write_text("5")


def _memory(name: str) -> int:
    """Return a figure of this process's memory in kB."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(name)))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_child(Path(sys.argv[1]), sys.argv[2])) + "\n")

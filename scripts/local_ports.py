"""Ports on 127.0.0.1: free when first chosen, then the same from run to run."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from scripts.failure import CommandError
from scripts.run_folder import read_json, write_json

LOOPBACK = "127.0.0.1"
FIRST_CHOICE = {"airflow": 28080, "emulator": 25101}
"""Where to begin looking: below the range from which systems take ports for outgoing connections."""
TRIES = 200


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_ports(kept: Path, free: Callable[[int], bool] = is_free) -> tuple[dict[str, int], list[str]]:
    """Return the port of each service, the kept one if it is free, and store the choice.

    :return: ports by service, and the services whose kept port was taken by another program.
    :raises CommandError: no free port nearby.
    """
    known = read_json(kept)
    before = known if isinstance(known, dict) else {}
    chosen: dict[str, int] = {}
    moved: list[str] = []
    for service, first in FIRST_CHOICE.items():
        earlier = before.get(service)
        if isinstance(earlier, int) and free(earlier):
            chosen[service] = earlier
            continue
        chosen[service] = _first_free(first, free, taken=set(chosen.values()))
        if isinstance(earlier, int):
            moved.append(service)
    if chosen != before:
        write_json(kept, chosen)
    return chosen, moved


def _first_free(first: int, free: Callable[[int], bool], taken: set[int]) -> int:
    for port in range(first, first + TRIES):
        if port not in taken and free(port):
            return port
    raise CommandError(
        f"no free port on {LOOPBACK} from {first} to {first + TRIES - 1}: end some of what listens there"
    )

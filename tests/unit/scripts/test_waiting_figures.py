"""What the benchmark of waiting filings names as the limit: a starved emulator is not taken for the triggerer."""

from __future__ import annotations

import pytest

from bench.waiting_filings import Measured

DUE = 33.3


@pytest.mark.parametrize(
    ("requests", "triggerer", "emulator", "machine", "said"),
    [
        (33.0, 0.05, 0.04, 0.3, ""),
        (33.0, 0.95, 0.95, 1.0, ""),
        (20.0, 0.97, 0.5, 1.0, "the triggerer is the limit"),
        (20.0, 0.3, 0.99, 1.0, "the emulator is the limit"),
        (20.0, 0.1, 0.1, 1.0, "the machine is the limit"),
        (20.0, 0.1, 0.1, 0.4, "slow answers"),
    ],
)
def test_the_limit_is_named(requests: float, triggerer: float, emulator: float, machine: float, said: str) -> None:
    limit = Measured(1000, triggerer, 0.0, requests, emulator, machine).limit(DUE)
    assert limit.startswith(said)
    assert bool(limit) is bool(said)

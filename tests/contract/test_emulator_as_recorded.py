"""The emulator answers what the real app library and LocalTest were recorded to answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import requests

from altinn.emulator import Emulator
from tests.contract.recorded_exchange import Result, Scenario

RECORDED = Path(__file__).parent / "recorded"
VERSION_8 = sorted(RECORDED.glob("*.json"))
VERSION_9 = sorted((RECORDED / "v9").glob("*.json"))


@pytest.fixture(scope="module", params=[8, 9], ids=["v8", "v9"])
def results(request: pytest.FixtureRequest) -> dict[str, Result]:
    """Replay every scenario of one library version, each against the same fresh emulator."""
    found = {}
    with Emulator(app_library=request.param, think_time=0.0) as emulator, requests.Session() as session:
        for path in VERSION_8 if request.param == 8 else VERSION_9:
            found[path.stem] = Scenario(path, emulator.base_url, session).replay()
    return found


def test_every_recorded_field_is_answered_alike(results: dict[str, Result], capsys: pytest.CaptureFixture[str]) -> None:
    left_out = [entry for result in results.values() for entry in result.left_out]
    same = sum(result.same for result in results.values())
    compared = sum(result.compared for result in results.values())
    with capsys.disabled():
        sys.stdout.write(f"\n{same} of {compared} recorded fields alike, in {len(results)} scenarios\n")
        for entry in left_out:
            sys.stdout.write(f"  left out: {entry.where}: {entry.reason}\n")
    assert [d for result in results.values() for d in result.differences] == []
    assert compared > 5000


def test_there_are_recordings_of_both_versions() -> None:
    assert (len(VERSION_8), len(VERSION_9)) == (25, 18)


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    """A recording that says something else than the server does not pass."""
    changed = tmp_path / "create-refused.json"
    recorded = (RECORDED / "create-refused.json").read_text("utf-8")
    changed.write_text(recorded.replace('"status": 404', '"status": 410', 1))
    with Emulator(think_time=0.0) as emulator, requests.Session() as session:
        result = Scenario(changed, emulator.base_url, session).replay()
    assert len(result.differences) == 1
    assert "recorded 410" in result.differences[0]

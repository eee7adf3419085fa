"""The pytest plugin that comes with the wheel: the fixture `altinn_emulator`.

    def test_the_report_is_filed_once(altinn_emulator, monkeypatch):
        monkeypatch.setenv("AIRFLOW_CONN_ALTINN_DEFAULT", altinn_emulator.connection())
        altinn_emulator.faults.add("answer_lost", method="PUT", path="/process/next$")
        ...
        assert len(altinn_emulator.filings()) == 1

pytest loads this file in every project that has the package installed, so it imports nothing until a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from altinn.emulator.library import Emulator


@pytest.fixture(scope="session")
def altinn_emulator_options() -> dict[str, Any]:
    """Arguments of `altinn.emulator.Emulator`; define a fixture of this name to change them (`apps`, `clients` ...)."""
    return {}


@pytest.fixture(scope="session")
def altinn_emulator_server(altinn_emulator_options: dict[str, Any]) -> Iterator[Emulator]:
    """Serve one emulated Altinn for the whole session, on a free port of this machine."""
    from altinn.emulator.library import Emulator

    with Emulator(**{"authority_delay": 0.0, **altinn_emulator_options}) as running:
        yield running


@pytest.fixture
def altinn_emulator(altinn_emulator_server: Emulator) -> Iterator[Emulator]:
    """Have an Altinn in which nothing has happened and nothing goes wrong, until the test says so."""
    altinn_emulator_server.reset()
    yield altinn_emulator_server
    altinn_emulator_server.faults.clear()

"""Ports: free when chosen, kept afterwards."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from scripts.failure import CommandError
from scripts.local_ports import FIRST_CHOICE, choose_ports, is_free


def test_first_start_takes_the_first_free_port_of_each_service(tmp_path: Path) -> None:
    busy = {FIRST_CHOICE["airflow"], FIRST_CHOICE["airflow"] + 1}
    ports, moved = choose_ports(tmp_path / "ports.json", lambda port: port not in busy)
    assert ports == {"airflow": FIRST_CHOICE["airflow"] + 2, "emulator": FIRST_CHOICE["emulator"]}
    assert moved == []


def test_a_kept_port_stays_even_when_an_earlier_one_has_become_free(tmp_path: Path) -> None:
    kept = tmp_path / "ports.json"
    first, _ = choose_ports(kept, lambda port: port != FIRST_CHOICE["airflow"])
    again, moved = choose_ports(kept, lambda _port: True)
    assert again == first
    assert moved == []


def test_a_kept_port_that_another_program_took_is_replaced_and_named(tmp_path: Path) -> None:
    kept = tmp_path / "ports.json"
    first, _ = choose_ports(kept, lambda _port: True)
    ports, moved = choose_ports(kept, lambda port: port != first["emulator"])
    assert ports["airflow"] == first["airflow"]
    assert ports["emulator"] != first["emulator"]
    assert moved == ["emulator"]
    assert json.loads(kept.read_text()) == ports


def test_a_file_cut_off_by_a_crash_counts_as_none(tmp_path: Path) -> None:
    kept = tmp_path / "ports.json"
    kept.write_text('{"airflow": 28')
    ports, _ = choose_ports(kept, lambda _port: True)
    assert ports == FIRST_CHOICE


def test_no_free_port_is_an_error_that_says_where_was_looked(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=str(FIRST_CHOICE["airflow"])):
        choose_ports(tmp_path / "ports.json", lambda _port: False)


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from altinn.emulator.identity import SqliteIdentityStore


def test_what_is_written_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "identity.sqlite"
    store = SqliteIdentityStore(path)
    store.put("kind", "b", "1")
    store.put("kind", "b", "2")
    store.put("kind", "a", "0")
    # Not closed: a killed process does not close either.
    again = SqliteIdentityStore(path)
    assert again.items("kind") == [("a", "0"), ("b", "2")]
    again.forget("kind")
    assert store.get("kind", "a") is None


def test_one_of_many_adds_a_key() -> None:
    store = SqliteIdentityStore()
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: store.add("jti", "same", str(n)), range(40)))
    assert won.count(True) == 1
    assert store.get("jti", "same") == str(won.index(True))


def test_a_failure_takes_everything_back() -> None:
    store = SqliteIdentityStore()
    with pytest.raises(RuntimeError), store.exclusively():  # noqa: PT012
        store.put("kind", "a", "1")
        with store.exclusively():
            store.put("kind", "b", "1")
        raise RuntimeError
    assert store.items("kind") == []
    store.put("kind", "c", "1")
    assert store.items("kind") == [("c", "1")]

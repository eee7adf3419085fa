"""Tokens shared between tasks: one login for many, nothing in clear on disk, no refresh token lost."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from altinn.exceptions import (
    AltinnConfigurationError,
    AltinnLoginError,
    AltinnNoAnswerError,
    AltinnTimeoutError,
)
from altinn.protocol.settings import Settings, settings_from
from altinn.protocol.tokens import TokenSet, cache_key
from altinn.protocol.wire import Flow, HttpRequest, HttpResponse, NeedToken
from altinn.token_store import TokenStore
from altinn.token_vault import FileVault, Kept
from tests.unit.login_samples import HOST, NOW, Script, answer, form_of, granted, idporten, maskinporten, token
from tests.unit.login_server import FORK, login_server, logins, run, send

KEY = Fernet.generate_key().decode()
ALTINN = NeedToken()
EXTERNAL = NeedToken("external")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Logins:
    """A login service that hands out numbered tokens; `requests` are those of all logins."""

    def __init__(self, clock: Callable[[], float], *, rotating: bool = False) -> None:
        self.count = 0
        self.requests: list[HttpRequest] = []
        self._clock = clock
        self._rotating = rotating

    def __call__(self, flow: Flow[TokenSet]) -> TokenSet:
        self.count += 1
        more = {"refresh_token": f"rotated-{self.count}"} if self._rotating else {}
        external = token(600, {"external": self.count}, now=self._clock())
        altinn = token(1800, {"altinn": self.count}, now=self._clock())
        script = Script(granted(external, **more), answer(200, altinn))
        try:
            return script.run(flow)
        finally:
            self.requests += script.requests


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> TokenStore:
    return TokenStore(tmp_path / "tokens", KEY, clock=clock)


def _files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "tokens").glob("*.token"))


# --- when to log in


def test_one_login_serves_both_tokens_and_every_store(tmp_path: Path, store: TokenStore, clock: Clock) -> None:
    login = Logins(clock)
    first = store.token(maskinporten(), ALTINN, login)

    other = TokenStore(str(tmp_path / "tokens"), [KEY], clock=clock)

    assert other.token(maskinporten(), ALTINN, login) == first
    assert store.token(maskinporten(), EXTERNAL, login) != first
    assert login.count == 1


def test_another_identity_logs_in_for_itself(store: TokenStore, clock: Clock) -> None:
    login = Logins(clock)
    first = store.token(maskinporten(), ALTINN, login)
    second = store.token(maskinporten().acting_for("991825827"), ALTINN, login)
    assert first != second
    assert store.token(maskinporten(), ALTINN, login) == first
    assert login.count == 2


@pytest.mark.parametrize(
    ("need", "age", "expected_logins"),
    [
        (ALTINN, 1769, 1),
        (ALTINN, 1771, 2),
        (EXTERNAL, 569, 1),
        (EXTERNAL, 571, 2),
        (NeedToken(min_validity=300), 1469, 1),
        (NeedToken(min_validity=300), 1471, 2),
        (NeedToken(min_validity=7200), 179, 1),
        (NeedToken(min_validity=7200), 181, 2),
    ],
)
def test_a_token_is_renewed_early(
    store: TokenStore, clock: Clock, need: NeedToken, age: float, expected_logins: int
) -> None:
    login = Logins(clock)
    store.token(maskinporten(), ALTINN, login)
    clock.now += age
    store.token(maskinporten(), need, login)
    assert login.count == expected_logins


def test_a_refused_token_is_replaced_once(store: TokenStore, clock: Clock) -> None:
    login = Logins(clock)
    refused = store.token(maskinporten(), ALTINN, login)
    replaced = [store.token(maskinporten(), NeedToken(rejected=refused), login) for _ in range(3)]
    assert len({refused, *replaced}) == 2
    assert login.count == 2


def test_a_failed_login_leaves_the_store_usable(store: TokenStore, clock: Clock) -> None:
    def failing(flow: Flow[TokenSet]) -> TokenSet:
        return Script(answer(400, {"error": "invalid_scope"})).run(flow)

    with pytest.raises(AltinnLoginError):
        store.token(maskinporten(), ALTINN, failing)
    assert store.token(maskinporten(), ALTINN, Logins(clock))


def test_a_login_without_an_external_token_says_so(store: TokenStore, clock: Clock) -> None:
    extra = {"environment": "local", "auth_mode": "localtest", "test_user_id": "1337"}
    settings = settings_from("local", host=HOST, extra=extra)
    altinn = token(1800)
    assert store.token(settings, ALTINN, Script(answer(200, altinn)).run) == altinn
    with pytest.raises(AltinnConfigurationError, match="a login with 'localtest' gives no external token"):
        store.token(settings, EXTERNAL, Script().run)


def _ready_made(ready: str) -> Settings:
    extra = {"environment": "local", "auth_mode": "altinn_token", "altinn_token": ready}
    return settings_from("t", host=HOST, extra=extra)


def test_a_ready_made_token_is_never_written_and_cannot_be_replaced(tmp_path: Path, store: TokenStore) -> None:
    ready = token(1800)
    assert store.token(_ready_made(ready), ALTINN, Script().run) == ready
    assert not (tmp_path / "tokens").exists()
    with pytest.raises(AltinnConfigurationError, match="the server refuses altinn_token"):
        store.token(_ready_made(ready), NeedToken(rejected=ready), Script().run)


def test_every_token_is_told_to_the_mask_before_use(tmp_path: Path, clock: Clock) -> None:
    masked: list[str] = []
    store = TokenStore(tmp_path / "tokens", KEY, clock=clock, mask=masked.append)
    altinn = store.token(idporten(), ALTINN, Logins(clock, rotating=True))
    assert masked == ["rotated-1", altinn]


# --- ID-porten's refresh tokens


def test_the_rotated_refresh_token_is_used_next(tmp_path: Path, store: TokenStore, clock: Clock) -> None:
    login = Logins(clock, rotating=True)
    store.token(idporten(), ALTINN, login)
    clock.now += 3600
    TokenStore(tmp_path / "tokens", KEY, clock=clock).token(idporten(), ALTINN, login)
    assert [form_of(request)["refresh_token"] for request in login.requests if request.method == "POST"] == [
        "first-refresh-token",
        "rotated-1",
    ]


def test_a_refresh_token_that_does_not_rotate_stays_in_use(store: TokenStore, clock: Clock) -> None:
    login = Logins(clock, rotating=True)
    store.token(idporten(), ALTINN, login)
    steady = Logins(clock)
    for _ in range(2):
        clock.now += 3600
        store.token(idporten(), ALTINN, steady)
    used = [form_of(request)["refresh_token"] for request in steady.requests if request.method == "POST"]
    assert used == ["rotated-1", "rotated-1"]


def test_the_rotated_refresh_token_survives_a_failed_exchange(store: TokenStore, clock: Clock) -> None:
    def broken(flow: Flow[TokenSet]) -> TokenSet:
        return Script(granted(token(600), refresh_token="rotated"), answer(403)).run(flow)

    with pytest.raises(AltinnLoginError):
        store.token(idporten(), ALTINN, broken)
    login = Logins(clock, rotating=True)
    store.token(idporten(), ALTINN, login)
    assert form_of(login.requests[0])["refresh_token"] == "rotated"


def test_a_directory_that_cannot_be_written_does_not_cost_the_refresh_token(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("in the way")
    store = TokenStore(tmp_path / "file" / "tokens", KEY, clock=clock)
    login = Logins(clock, rotating=True)
    with pytest.raises(AltinnConfigurationError, match=r"token_dir .* cannot be used \(Not a directory\)"):
        store.token(idporten(), ALTINN, login)
    assert login.requests == []


@pytest.mark.parametrize("damage", [b"", b"garbage", b"gAAAAA"])
def test_a_damaged_file_means_a_new_login_for_maskinporten_and_an_error_for_a_person(
    tmp_path: Path, store: TokenStore, clock: Clock, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    login = Logins(clock, rotating=True)
    store.token(maskinporten(), ALTINN, login)
    store.token(idporten(), ALTINN, login)
    for file in _files(tmp_path):
        file.write_bytes(damage)

    with caplog.at_level(logging.WARNING):
        assert store.token(maskinporten(), ALTINN, login)
    assert "stored tokens cannot be read (damaged, or written with another fernet_key)" in caplog.text
    with pytest.raises(AltinnConfigurationError, match="the person has to log in again"):
        store.token(idporten(), ALTINN, login)
    assert login.count == 3


def test_a_new_login_of_the_person_gets_past_a_damaged_file(tmp_path: Path, store: TokenStore, clock: Clock) -> None:
    login = Logins(clock, rotating=True)
    store.token(idporten(), ALTINN, login)
    _files(tmp_path)[0].write_bytes(b"garbage")
    assert store.token(idporten("new-login"), ALTINN, login)


def test_without_a_fernet_key_nothing_is_written(tmp_path: Path, clock: Clock) -> None:
    login = Logins(clock)
    settings = maskinporten(external_ref="memory-only")
    tokens = {
        TokenStore(tmp_path / "tokens", keys, clock=clock).token(settings, ALTINN, login)
        for keys in ("", " , ", (), [""])
    }
    assert len(tokens) == login.count == 1
    assert not (tmp_path / "tokens").exists()
    with pytest.raises(AltinnConfigurationError, match=r"needs Airflow's \[core\] fernet_key"):
        TokenStore(tmp_path / "tokens", clock=clock).token(idporten(), ALTINN, login)


def test_threads_without_a_fernet_key_share_one_login(tmp_path: Path, clock: Clock) -> None:
    login, settings = Logins(clock), maskinporten(external_ref="threads")
    store = TokenStore(tmp_path, clock=clock)
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        store.token(settings, ALTINN, login)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert login.count == 1


# --- on disk


def test_nothing_is_in_clear_or_open_to_others(
    tmp_path: Path, store: TokenStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    old_mask = os.umask(0)
    try:
        with caplog.at_level(logging.DEBUG):
            altinn = store.token(idporten(), ALTINN, Logins(clock, rotating=True))
    finally:
        os.umask(old_mask)
    directory = tmp_path / "tokens"

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}
    assert {file.suffix for file in directory.iterdir()} == {".token", ".lock"}
    everything = b"".join(file.read_bytes() for file in directory.iterdir()).decode()
    for secret in (altinn, "rotated-1", "first-refresh-token", "client-2", "974760673"):
        assert secret not in everything
        assert secret not in caplog.text
    assert "logged in (idporten, environment local)" in caplog.text


def test_an_open_directory_is_closed_and_a_link_is_refused(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "tokens").mkdir(mode=0o755)
    TokenStore(tmp_path / "tokens", KEY, clock=clock).token(maskinporten(), ALTINN, Logins(clock))
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "tokens")
    with pytest.raises(AltinnConfigurationError, match="no link"):
        TokenStore(tmp_path / "link", KEY, clock=clock).token(maskinporten(), ALTINN, Logins(clock))


def test_a_new_fernet_key_still_reads_what_the_old_one_wrote(tmp_path: Path, store: TokenStore, clock: Clock) -> None:
    login = Logins(clock, rotating=True)
    first = store.token(idporten(), ALTINN, login)
    new = Fernet.generate_key().decode()
    assert TokenStore(tmp_path / "tokens", f"{new},{KEY}", clock=clock).token(idporten(), ALTINN, login) == first
    with pytest.raises(AltinnConfigurationError, match="if Airflow's fernet_key has changed, add the old one"):
        TokenStore(tmp_path / "tokens", new, clock=clock).token(idporten(), ALTINN, login)


def test_a_malformed_fernet_key_is_explained_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(AltinnConfigurationError, match="is not a Fernet key") as caught:
        TokenStore(tmp_path / "tokens", "malformed-key").token(maskinporten(), ALTINN, Script().run)
    assert "malformed" not in str(caught.value)


def test_a_file_of_another_identity_is_not_used(tmp_path: Path, store: TokenStore, clock: Clock) -> None:
    login = Logins(clock)
    store.token(maskinporten(), ALTINN, login)
    other = maskinporten().acting_for("991825827")
    (tmp_path / "tokens" / f"{cache_key(other)}.token").write_bytes(_files(tmp_path)[0].read_bytes())
    store.token(other, ALTINN, login)
    assert login.count == 2


def test_what_a_killed_writer_left_behind_is_overwritten(tmp_path: Path, store: TokenStore, clock: Clock) -> None:
    (tmp_path / "tokens").mkdir(mode=0o700)
    (tmp_path / "tokens" / f"{cache_key(maskinporten())}.new").write_bytes(b"half")
    login = Logins(clock)
    store.token(maskinporten(), ALTINN, login)
    store.token(maskinporten(), ALTINN, login)
    assert login.count == 1


def test_a_lock_that_is_held_for_ever_ends_in_an_error(tmp_path: Path) -> None:
    naps: list[float] = []
    vault = FileVault(tmp_path / "tokens", [KEY], sleep=naps.append, lock_timeout=1.0)
    with vault.locked("k"), pytest.raises(AltinnTimeoutError, match=r"token lock .*k\.lock"), vault.locked("k"):
        pytest.fail("the lock was given twice")
    assert sum(naps) == pytest.approx(1.0)
    with vault.locked("k"):
        vault.save("k", Kept(altinn="t"))
    assert vault.load("k") == Kept(altinn="t")


# --- many processes


def _at(host: str, settings: Settings) -> Settings:
    local = settings_from(
        "c", host=host, extra={"environment": "local", "auth_mode": "localtest", "test_user_id": 1}
    ).environment
    return dataclasses.replace(settings, environment=local)


def _fetch_in_processes(number: int, directory: Path, settings: Settings, need: NeedToken) -> list[str]:
    """Ask for a token in many processes at the same moment."""
    start = FORK.Barrier(number)
    results = FORK.SimpleQueue()

    def work() -> None:
        start.wait()
        try:
            results.put(TokenStore(directory, KEY).token(settings, need, run))
        except Exception as exc:
            results.put(repr(exc))

    processes = [FORK.Process(target=work) for _ in range(number)]
    for process in processes:
        process.start()
    found = [str(results.get()) for _ in processes]
    for process in processes:
        process.join()
    return found


@pytest.mark.parametrize("settings", [maskinporten(), idporten()], ids=["maskinporten", "idporten"])
def test_twenty_processes_log_in_once(tmp_path: Path, settings: Settings) -> None:
    with login_server() as host:
        here = _at(host, settings)
        first = _fetch_in_processes(20, tmp_path / "tokens", here, ALTINN)
        assert logins(host) == 1
        assert len(set(first)) == 1
        assert first[0].count(".") == 2

        second = _fetch_in_processes(20, tmp_path / "tokens", here, NeedToken(rejected=first[0]))
        assert logins(host) == 2
        assert len({*first, *second}) == 2


def test_a_process_killed_between_the_rotation_and_the_exchange_loses_nothing(tmp_path: Path) -> None:
    with login_server() as host:
        settings = _at(host, idporten())

        def killed_at_the_exchange(request: HttpRequest) -> HttpResponse:
            if "/exchange/" in request.url:
                os.kill(os.getpid(), signal.SIGKILL)
            return send(request)

        def work() -> None:
            TokenStore(tmp_path / "tokens", KEY).token(settings, ALTINN, Script(send=killed_at_the_exchange).run)

        process = FORK.Process(target=work)
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert logins(host) == 1

        # The server refuses the connection's own refresh token by now.
        assert TokenStore(tmp_path / "tokens", KEY).token(settings, ALTINN, run)
        assert logins(host) == 2


def test_a_process_killed_while_it_holds_the_lock_blocks_nobody(tmp_path: Path) -> None:
    def work() -> None:
        def killed(_flow: Flow[TokenSet]) -> TokenSet:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AltinnNoAnswerError("not reached")

        TokenStore(tmp_path / "tokens", KEY).token(maskinporten(), ALTINN, killed)

    process = FORK.Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    clock = Clock()
    assert TokenStore(tmp_path / "tokens", KEY, clock=clock).token(maskinporten(), ALTINN, Logins(clock))

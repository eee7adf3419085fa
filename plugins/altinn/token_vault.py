"""Where tokens are kept: encrypted files, this process's memory, or a place of the installation's own.

All workers of an installation must share one place, because a refresh token is good for one use: whoever uses it has
to hold the lock and to store its successor for the others. `Vault` says what a place must be able to do. Airflow's
Variables are not one: they have no lock and no compare-and-set.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from altinn.exceptions import AltinnConfigurationError, AltinnLocalFileError, AltinnTimeoutError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cryptography.fernet import MultiFernet

FORMAT = 1
LOCK_TIMEOUT = 300.0
"""Seconds to wait for another process's login, which has limits of its own and is well below."""
_LOCK_POLL = 0.05


class UnreadableError(Exception):
    """What is kept cannot be decrypted or is damaged."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a login; an empty `altinn` says that only the refresh token is there.

    :param obtained_at: seconds since 1970, as the expiries.
    :param refresh_expires_at: when the refresh token ends; 0 when nobody said.
    :param spending: the refresh token may have been used without its successor being stored.
    :param ended: the server has refused the refresh token for good.
    :param person: whose login it is, as ids of Altinn; never a national identity number.
    """

    altinn: str = field(default="", repr=False)
    altinn_expires_at: float = 0.0
    external: str = field(default="", repr=False)
    external_expires_at: float = 0.0
    obtained_at: float = 0.0
    refresh_token: str = field(default="", repr=False)
    refresh_expires_at: float = 0.0
    spending: bool = False
    ended: bool = False
    person: str = ""


class Vault(Protocol):
    """A place where tokens are kept between two uses, shared by all processes that use a connection.

    Keys are 64 hexadecimal digits and say nothing. A class of the installation's own, named by `[altinn] token_vault`,
    is made without arguments and must keep secrets as well as the files here do: encrypted, for Airflow alone.
    """

    def load(self, key: str) -> Kept | None:
        """Return the latest that was saved under a key by any process, or nothing.

        :raises UnreadableError: there is something that cannot be read.
        """

    def save(self, key: str, kept: Kept) -> None:
        """Keep something durably: once this returns, every `load` gives it, also after a crash."""

    def locked(self, key: str) -> AbstractContextManager[object]:
        """Hold a key for oneself among all processes on all machines; let go when the holder dies.

        :raises AltinnTimeoutError: somebody else held it for too long.
        """


class MemoryVault:
    """Keeps tokens as long as the process lives."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def load(self, key: str) -> Kept | None:
        """Return what is kept, or nothing."""
        return self._kept.get(key)

    def save(self, key: str, kept: Kept) -> None:
        """Keep something."""
        self._kept[key] = kept

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold an identity for this thread."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield


PROCESS_MEMORY = MemoryVault()
"""Shared by every store of this process that may not write."""


class FileVault:
    """Keeps tokens in files that only this user can read, encrypted.

    :param fernet_keys: the first encrypts, all decrypt.
    :param sleep: waits between two tries to get the lock.
    :raises AltinnConfigurationError: a key is malformed.
    """

    def __init__(
        self,
        directory: Path,
        fernet_keys: Sequence[str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> None:
        self._directory = directory
        self._fernet = _fernet_of(fernet_keys)
        self._sleep = sleep
        self._lock_timeout = lock_timeout
        self._ready = False

    def load(self, key: str) -> Kept | None:
        """Return what is kept, or nothing.

        :raises UnreadableError: there is something that cannot be decrypted or is damaged.
        """
        path = self._file(key)
        with _explained(self._directory):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, "rb") as stream:
                sealed = stream.read()
        return _unsealed(self._fernet, sealed, key)

    def save(self, key: str, kept: Kept) -> None:
        """Replace what is kept, so that after a crash at any moment the old or the new is there, whole."""
        content = {"format": FORMAT, "key": key, **dataclasses.asdict(kept)}
        sealed = self._fernet.encrypt(json.dumps(content).encode())
        path = self._file(key)
        # The caller holds the lock, so nobody else writes this name; a killed writer's remains are overwritten.
        temporary = path.with_suffix(".new")
        with _explained(self._directory):
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(sealed)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
            _sync_directory(self._directory)

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold an identity for this thread of this process; the system lets go when the process dies.

        :raises AltinnTimeoutError: somebody else held it for too long.
        """
        path = self._file(key).with_suffix(".lock")
        with _explained(self._directory):
            # Opened anew each time: locks of two descriptors exclude each other also within one process.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._acquire(descriptor, path)
            yield
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int, path: Path) -> None:
        waited = 0.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waited >= self._lock_timeout:
                    raise AltinnTimeoutError(
                        f"another process has held the token lock {path} for {waited:.0f} s: "
                        "find it (fuser, lsof) and end it if it hangs"
                    ) from None
                self._sleep(_LOCK_POLL)
                waited += _LOCK_POLL
            else:
                return

    def _file(self, key: str) -> Path:
        if not self._ready:
            _make_private(self._directory)
            self._ready = True
        return self._directory / f"{key}.token"


def _fernet_of(keys: Sequence[str]) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        # Not chained: the message below says all, and the key stays out of any report of the error.
        raise AltinnConfigurationError(
            "Airflow's [core] fernet_key is not a Fernet key (32 bytes in base64): make one with "
            "cryptography.fernet.Fernet.generate_key()"
        ) from None


def _unsealed(fernet: MultiFernet, sealed: bytes, key: str) -> Kept:
    from cryptography.fernet import InvalidToken

    try:
        content = json.loads(fernet.decrypt(sealed))
    except InvalidToken as exc:
        raise UnreadableError("damaged, or written with another fernet_key") from exc
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT or content.pop("key", None) != key:
        raise UnreadableError("of another kind or version")
    try:
        return Kept(**content)
    except TypeError as exc:
        raise UnreadableError("of another kind or version") from exc


def _make_private(directory: Path) -> None:
    """Make the directory, or make sure that an existing one is ours alone."""
    with _explained(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise AltinnConfigurationError(
                f"token_dir {directory} must be a directory of Airflow's own user and no link: name another, or "
                "change its owner"
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            directory.chmod(0o700)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        raise AltinnLocalFileError(
            f"token_dir {directory} cannot be used ({why}): it must be writable for Airflow's user, and have room"
        ) from exc

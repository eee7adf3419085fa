"""One session and one token for all triggers of an event loop that use the same connection.

A triggerer runs a thousand waits in one loop. Were each to open its own HTTP session, read the connection and look up
the token, the loop would spend its time on that. Here the first wait opens the session, the others join it, and the
last one closes it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakKeyDictionary

from altinn.exceptions import AltinnLoginError, AltinnUnauthorizedError
from altinn.hooks.altinn_hook import AltinnHook
from altinn.protocol.settings import Settings
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import Flow, NeedToken
from altinn.transport import AwaitingDriver

T = TypeVar("T")
Identity = tuple[str, str, str]
"""Connection, organisation acted for, system user's reference."""

AT_ONCE = 32
"""Requests that one shared session has under way at the same time; further ones wait their turn."""

TOKEN_AGE = 60.0
"""Seconds for which a token is taken from memory before the token store is asked again, which knows its expiry."""

RENEW_AFTER = 900.0
"""Seconds after which the connection is read anew, so that a changed key or address is noticed."""


@dataclass(slots=True)
class TokenMemory:
    """Remembers a token for a short while, and lets one waiter at a time ask the token store.

    :param source: the token store; blocks, so it is asked in a thread.
    """

    source: Callable[[NeedToken], str]
    clock: Callable[[], float] = time.monotonic
    _kept: tuple[str, float] | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def token(self, need: NeedToken) -> str:
        """Return a token; only what a server has refused, or what is a minute old, is asked for again."""
        found = self._remembered(need)
        if found is not None:
            return found
        async with self._lock:
            found = self._remembered(need)
            if found is None:
                found = await asyncio.to_thread(self.source, need)
                if need.audience == "altinn":
                    self._kept = (found, self.clock())
            return found

    def _remembered(self, need: NeedToken) -> str | None:
        if self._kept is None or need.audience != "altinn" or need.min_validity:
            return None
        token, since = self._kept
        return token if token != need.rejected and self.clock() - since < TOKEN_AGE else None


@dataclass(slots=True)
class SharedSession:
    """What the waits of one loop and one identity share.

    :param users: waits that hold it; the last one to leave closes it.
    """

    driver: AwaitingDriver
    settings: Settings
    opened: float
    close: AsyncExitStack
    turns: asyncio.Semaphore
    users: int = 0
    retired: bool = False

    @property
    def storage(self) -> Storage:
        """Storage of the connection's environment."""
        return Storage(self.settings.environment.platform_url)

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow when it is its turn.

        :raises AltinnError: as the flow does. After a refused login the connection is read anew by who comes next.
        """
        async with self.turns:
            try:
                return await self.driver.run(flow)
            except (AltinnLoginError, AltinnUnauthorizedError):
                self.retired = True
                raise


_SESSIONS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Identity, SharedSession]] = WeakKeyDictionary()
_OPENING: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


@asynccontextmanager
async def shared_session(
    altinn_conn_id: str, on_behalf_of: str | None, external_ref: str | None
) -> AsyncIterator[SharedSession]:
    """Join the running loop's session for this identity, or open it.

    Hold it for one look, not for the whole wait: between looks an old one can be replaced.

    :raises AltinnError: the connection cannot be used.
    """
    identity = (altinn_conn_id, on_behalf_of or "", external_ref or "")
    session = await _joined(identity)
    try:
        yield session
    finally:
        session.users -= 1
        await _close_if_unused(identity, session)


async def _joined(identity: Identity) -> SharedSession:
    loop = asyncio.get_running_loop()
    sessions = _SESSIONS.setdefault(loop, {})
    async with _OPENING.setdefault(loop, asyncio.Lock()):
        found = sessions.get(identity)
        if found is not None and (found.retired or time.monotonic() - found.opened > RENEW_AFTER):
            found.retired = True
            sessions.pop(identity)
            if not found.users:
                await found.close.aclose()
            found = None
        if found is None:
            found = sessions[identity] = await _opened(identity)
        found.users += 1
        return found


async def _opened(identity: Identity) -> SharedSession:
    conn_id, on_behalf_of, external_ref = identity
    hook = AltinnHook(conn_id, on_behalf_of=on_behalf_of or None, external_ref=external_ref or None)
    stack = AsyncExitStack()
    try:
        settings, driver = await stack.enter_async_context(hook.awaiting_session(limit=AT_ONCE))
    except BaseException:
        await stack.aclose()
        raise
    memory = TokenMemory(driver.tokens)
    sharing = AwaitingDriver(
        session=driver.session,
        tokens=driver.tokens,
        async_tokens=memory.token,
        options=driver.options,
        report=driver.report,
    )
    return SharedSession(sharing, settings, time.monotonic(), stack, asyncio.Semaphore(AT_ONCE))


async def _close_if_unused(identity: Identity, session: SharedSession) -> None:
    """Close what was replaced when its last user leaves; the current one stays for the next look."""
    if session.retired and not session.users:
        sessions = _SESSIONS.get(asyncio.get_running_loop(), {})
        if sessions.get(identity) is session:
            sessions.pop(identity)
        await session.close.aclose()


_WAITS: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()


@asynccontextmanager
async def kept_open() -> AsyncIterator[None]:
    """Keep the loop's sessions between the looks of a wait; the last wait to leave closes them."""
    loop = asyncio.get_running_loop()
    _WAITS[loop] = _WAITS.get(loop, 0) + 1
    try:
        yield
    finally:
        _WAITS[loop] -= 1
        if not _WAITS[loop]:
            await close_sessions()


async def close_sessions() -> None:
    """Close the sessions of the running loop that nobody uses at the moment."""
    sessions = _SESSIONS.get(asyncio.get_running_loop(), {})
    for identity, session in list(sessions.items()):
        if not session.users:
            sessions.pop(identity)
            await session.close.aclose()

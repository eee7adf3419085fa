"""The token that all waits of a loop share: asked for once, and again when it is old or a server has refused it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from altinn.protocol.wire import NeedToken
from altinn.triggers.shared_session import TOKEN_AGE, TokenMemory


@dataclass
class Store:
    """A token store that gives another token each time, and holds its answer until it is let go."""

    asked: list[NeedToken] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)

    def token(self, need: NeedToken) -> str:
        self.asked.append(need)
        assert self.go.wait(30)
        return f"token {len(self.asked)}"


ALTINN = NeedToken(audience="altinn")


def test_fifty_waits_that_begin_together_ask_once() -> None:
    store = Store()
    memory = TokenMemory(store.token)

    async def scenario() -> list[str]:
        waits = [asyncio.create_task(memory.token(ALTINN)) for _ in range(50)]
        await asyncio.sleep(0)
        store.go.set()
        return await asyncio.gather(*waits)

    assert set(asyncio.run(scenario())) == {"token 1"}
    assert len(store.asked) == 1


def test_an_old_or_refused_token_is_asked_for_again() -> None:
    store, now = Store(), [1000.0]
    store.go.set()
    memory = TokenMemory(store.token, clock=lambda: now[0])

    async def scenario() -> list[str]:
        found = [await memory.token(ALTINN)]
        now[0] += TOKEN_AGE - 1
        found.append(await memory.token(ALTINN))
        now[0] += 1
        found.append(await memory.token(ALTINN))
        found.append(await memory.token(NeedToken(audience="altinn", rejected="token 2")))
        found.append(await memory.token(NeedToken(audience="altinn", rejected="token 2")))
        return found

    assert asyncio.run(scenario()) == ["token 1", "token 1", "token 2", "token 3", "token 3"]


def test_a_token_for_somebody_else_is_neither_kept_nor_given() -> None:
    store = Store()
    store.go.set()
    memory = TokenMemory(store.token)

    async def scenario() -> list[str]:
        other = NeedToken(audience="maskinporten")
        return [await memory.token(need) for need in (ALTINN, other, ALTINN, other)]

    assert asyncio.run(scenario()) == ["token 1", "token 2", "token 1", "token 3"]

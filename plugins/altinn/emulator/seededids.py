"""Ids of instances and data elements: random, or repeatable by a seed and never given twice in one kept state."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

from altinn.emulator.store import Store

DRAWN = "ids_drawn"


def id_source(seed: int | None, store: Store) -> Callable[[], uuid.UUID]:
    """Return a source of ids.

    With a seed, how many were drawn is kept with the state, so that a restart goes on where the last run left off.
    """
    if seed is None:
        return uuid.uuid4

    def draw() -> uuid.UUID:
        number = int(store.setting(DRAWN) or 0)
        while True:
            found = uuid.UUID(int=random.Random(f"{seed}/{number}").getrandbits(128), version=4)
            number += 1
            if not store.knows(str(found)):
                store.put_setting(DRAWN, str(number))
                return found

    return draw

"""Draws schedules of every kind."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.drawn_parts import anything
from tests.fuzz.pressed import (
    calm,
    contested,
    meddled,
    moving,
    overtaken,
    paged,
    replaced,
    unfinished,
    unseen,
)
from tests.fuzz.pressed_options import (
    approved,
    changed,
    halted,
    misled,
    redeployed,
    remembered,
    thrown_away,
    unstamped,
    withdrawn,
)
from tests.fuzz.schedules import Schedule


def schedules() -> st.SearchStrategy[Schedule]:
    """Draw a schedule: half of them of anything, half of them where the rules are known to be hard pressed."""
    pressed = (contested(), overtaken(), unseen(), unfinished(), replaced(), meddled(), paged(), moving(), calm())
    optional = (
        withdrawn(),
        redeployed(),
        remembered(),
        misled(),
        unstamped(),
        thrown_away(),
        changed(),
        approved(),
        halted(),
    )
    return st.one_of(*(anything() for _ in (*pressed, *optional)), *pressed, *optional)

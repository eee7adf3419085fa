"""What a mutant is: a rule, and what stands in its place."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fuzz.drawing import schedules
from tests.fuzz.schedules import Schedule

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Swap = tuple[Any, str, Any]


@dataclass(frozen=True)
class Mutant:
    """A rule, and what stands in its place.

    :param rule: in the words of the architecture.
    :param kinds: the violations that it is to be known by.
    :param swaps: owner, attribute, what it is instead.
    :param pressed: draws schedules in which the rule is what matters.
    """

    rule: str
    kinds: tuple[str, ...]
    swaps: tuple[Swap, ...]
    pressed: Callable[[], SearchStrategy[Schedule]] = schedules

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Have the rule switched off."""
        with contextlib.ExitStack() as stack:
            for owner, name, new in self.swaps:
                stack.callback(setattr, owner, name, owner.__dict__[name])
                setattr(owner, name, new)
            yield

"""`python -m tests.fuzz`: random schedules, plain HTTP tasks beside them, and this provider with each rule off."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, TextIO

from tests.fuzz.exploration import OUTCOMES, Hunt, Tally, explore, hunt
from tests.fuzz.judge import DOUBLED, LOST
from tests.fuzz.mutants import MUTANTS

if TYPE_CHECKING:
    from collections import Counter

SHARD = 125
"""Schedules that one process runs in a row."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--schedules", type=int, default=1000, help="how many; also each mutant's budget (default 1000)"
    )
    parser.add_argument("--seed", type=int, help="repeat what another run has drawn (default: by chance)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one for each core)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything, print what came out; return 1 if anything happened that must not, or a mutant got away."""
    options = _parser().parse_args(arguments)
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    say(f"seed {seed}, {options.schedules} schedules; repeat with: make fuzz SEED={seed} SCHEDULES={options.schedules}")
    sizes = [min(SHARD, options.schedules - begin) for begin in range(0, options.schedules, SHARD)]
    seeds = [seed * 1000 + number for number in range(len(sizes))]
    tally = Tally()
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        parts = pool.map(explore, sizes, seeds)
        hunting = [pool.submit(hunt, number, options.schedules, seed) for number in range(len(MUTANTS))]
        for done, part in enumerate(parts, 1):
            tally.add(part)
            say(f"  {done} of {len(sizes)} parts: {line(tally.inside)}", sys.stderr)
        hunts = [one.result() for one in hunting]
    show_mutants(hunts)
    show_found(tally)
    for reason, counted in sorted(tally.outside.items()):
        say(f"outside the conditions, {reason}: {line(counted)}")
    say(f"plain HTTP tasks, one client, same faults: {line(tally.plain)}")
    rest = {kind: n for kind, n in tally.kinds.items() if kind not in (DOUBLED, LOST)}
    say(f"other violations: {', '.join(f'{n} {kind}' for kind, n in sorted(rest.items())) or 'none'}")
    say(line(tally.inside))
    return int(bool(tally.kinds) or any(not hunted.kind for hunted in hunts))


def line(counted: Counter[str]) -> str:
    """Return a count in the one form that scripts read."""
    names = ("filed once", "clear errors", "doubled", "lost")
    parts = [f"{counted[outcome]} {name}" for outcome, name in zip(OUTCOMES, names, strict=True)]
    return ", ".join([f"{counted.total()} schedules", *parts])


def show_mutants(hunts: Sequence[Hunt]) -> None:
    """Print what became of each mutant."""
    say("\nEach rule switched off, and the smallest schedule that shows it:\n")
    say("| rule | found after | what happens | schedule | move by move |\n|---|---|---|---|---|")
    for one in hunts:
        found = f"{one.tried} schedules | {one.kind}" if one.kind else f"NOT FOUND in {one.tried} |"
        lived = f"found after {one.lived}" if one.lived else "not seen"
        say(f"| {one.rule} | {found} | {one.schedule} | {lived} |")
    say("")


def show_found(tally: Tally) -> None:
    """Print the schedules in which something happened that must not."""
    for schedule, kind, what in tally.found:
        say(f"VIOLATION, {kind}: {what}\n  schedule: {schedule}\n  {schedule!r}")


def say(text: str, where: TextIO = sys.stdout) -> None:
    """Write a line."""
    where.write(f"{text}\n")
    where.flush()


if __name__ == "__main__":
    sys.exit(main())

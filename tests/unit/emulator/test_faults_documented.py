"""The page about faults names each of them, with what it does and for how long, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from altinn.emulator.faults.fault_catalogue import KINDS

PAGE = Path(__file__).parents[3] / "docs" / "emulator-faults.md"


def test_the_page_lists_all_faults_as_they_are() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+) \| ([\w. ]*) \|$", PAGE.read_text("utf-8").partition("## The faults")[2], re.M
    )
    lasting = {None: "", 0.0: "no end"}
    told = {n: (k.effect, lasting.get(k.seconds, f"{k.seconds:g}" if k.seconds else "")) for n, k in KINDS.items()}
    assert {name: (effect, seconds.strip()) for name, effect, seconds in rows} == told
    assert len(rows) == len(KINDS)

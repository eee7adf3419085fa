"""Which rows somebody has to act on now."""

from __future__ import annotations

from datetime import date

import pytest

from altinn.filing_calendar import STATES, CalendarRow
from altinn.filing_calendar.watchdog import needing_attention

TODAY = date(2026, 12, 8)
IN_TIME = {"accepted", "filed", "filed_elsewhere"}


@pytest.mark.parametrize("state", sorted(STATES))
@pytest.mark.parametrize(("due", "near"), [("2026-10-12", True), ("2026-12-10", True), ("2026-12-11", True),
                                           ("2026-12-12", False)])  # fmt: skip
def test_what_is_not_with_the_authority_near_its_deadline(state: str, due: str, near: bool) -> None:
    row = CalendarRow("999999999", "", "2026-T5", state, due)
    assert needing_attention([row], TODAY, 3) == ([row] if near and state not in IN_TIME else [])

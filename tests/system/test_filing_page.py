"""The tab *Filing* of a run: what its tasks have left, as a person reads it."""

from __future__ import annotations

from typing import Any

import pytest

from altinn.ui.filing_page import filing_html

URL = "https://ttd.apps.altinn.no/ttd/basic/#/instance/1/a"
RECEIPT = {
    "instance_id": "1/a",
    "outcome": "accepted",
    "reason": "the process has ended",
    "period": "2026-T5",
    "instance_url": URL,
}


def page(*left: tuple[str, Any]) -> str:
    return filing_html([("filing.accepted", key, -1, value) for key, value in left])


def test_an_accepted_filing_is_shown_with_its_outcome() -> None:
    shown = page(("return_value", RECEIPT), ("altinn_instance_url", URL))
    assert "accepted" in shown
    assert "Not accepted yet" not in shown
    assert "only verified" not in shown


def test_a_run_that_only_verified_shows_what_it_found() -> None:
    """Its task ends as skipped, so it returns nothing; what it found is accepted all the same."""
    shown = page(("altinn_verified", RECEIPT), ("altinn_instance_url", URL))
    assert "<td>accepted</td>" in shown
    assert "only verified" in shown
    assert "Not accepted yet" not in shown


@pytest.mark.parametrize("left", [(), (("altinn_verified", "text"), ("return_value", 1))])
def test_a_run_without_a_filing_says_so(left: tuple[tuple[str, Any], ...]) -> None:
    assert "has filed nothing" in page(*left)


def test_of_many_filings_each_one_that_waits_is_shown() -> None:
    other = URL.replace("1/a", "2/b")
    shown = page(("altinn_instance_url", URL), ("altinn_instance_url", other), ("return_value", RECEIPT))
    assert shown.index("Not accepted yet") < shown.index(other) < shown.index("<td>accepted</td>")
    assert shown.count(f'href="{URL}"') == 1  # in its receipt


def test_what_is_left_out_is_told() -> None:
    shown = page(*[("altinn_instance_url", f"{URL}{number}") for number in range(203)])
    assert "and 3 more" in shown


def test_a_filing_that_waits_is_not_accepted_yet() -> None:
    assert "Not accepted yet" in page(("altinn_instance_url", URL))

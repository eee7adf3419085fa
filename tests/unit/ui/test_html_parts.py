"""The pages' parts: escaping, colours that can be read, links, ages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altinn.filing_calendar import STATES, CalendarRow
from altinn.ui.html_parts import COLOURS, age_of, document, grid, is_old, key_of_colours, state_cell

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_has_a_colour_that_can_be_read(state: str) -> None:
    lighter, darker = sorted((luminance(colour) for colour in COLOURS[state]), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
    assert f".s-{state} " in document("any", "")
    assert f'class="s-{state}"' in key_of_colours()


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


TEXTS = st.text(alphabet=st.sampled_from("<>&\"'=/ ascriptonx:;\n"), max_size=40)


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_nothing_from_outside_becomes_markup(company: str, reason: str, url: str, state: str, period: str) -> None:
    row = CalendarRow("999999999", company, period, state, "2026-12-10", reason, "main", "1/2", "", url)
    parser = Tags()
    parser.feed(grid([row], [period]))
    assert {tag for tag, _ in parser.seen} <= {"div", "table", "thead", "tbody", "tr", "th", "td", "small", "a"}
    allowed = {"class", "title", "href", "target", "rel"}
    assert all(set(attributes) <= allowed for _, attributes in parser.seen)


@pytest.mark.parametrize(("url", "linked"), [("https://a.no/#/x", True), ("javascript:alert(1)", False), ("", False)])
def test_only_web_addresses_become_links(url: str, linked: bool) -> None:
    row = CalendarRow("999999999", "", "2026-T5", "accepted", "2026-12-10", url=url)
    assert ("<a " in state_cell(row)) is linked


def test_a_company_without_a_row_has_an_empty_cell() -> None:
    rows = [CalendarRow("999999999", "A", "2026-T5", "accepted", "2026-12-10")]
    table = grid(rows, ["2026-T4", "2026-T5"])
    assert table.count("<td></td>") == 1
    assert "due 2026-12-10" in table
    assert "A<small>999999999</small>" in table


def test_deadlines_that_differ_stand_in_each_company_s_cell() -> None:
    rows = [
        CalendarRow(number, "", "2026-T5", "missing", due) for number, due in (("1", "2026-12-10"), ("2", "2026-12-31"))
    ]
    table = grid(rows, ["2026-T5"])
    assert "<small>deadlines differ</small>" in table
    assert [table.count(f"<small>due {row.due_date}</small></td>") for row in rows] == [1, 1]


@pytest.mark.parametrize(
    ("ago", "said", "old"),
    [
        (timedelta(seconds=10), "just now", False),
        (timedelta(minutes=1), "1 minute ago", False),
        (timedelta(hours=3, minutes=59), "3 hours ago", False),
        (timedelta(days=2), "2 days ago", False),
        (timedelta(days=9), "9 days ago", True),
        (timedelta(seconds=-5), "just now", False),
    ],
)
def test_a_result_says_its_age(ago: timedelta, said: str, old: bool) -> None:
    read_at = (NOW - ago).isoformat()
    assert (age_of(read_at, NOW), is_old(read_at, NOW)) == (said, old)


@pytest.mark.parametrize("read_at", ["", "yesterday", "2026-11-25T12:00:00"])
def test_an_age_that_cannot_be_told_counts_as_old(read_at: str) -> None:
    assert (age_of(read_at, NOW), is_old(read_at, NOW)) == ("at an unknown time", True)


def test_the_page_has_no_script() -> None:
    assert not re.search(r"<script|\son\w+=", document("t", grid([], [])))

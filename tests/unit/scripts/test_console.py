"""What the commands write, on a terminal and elsewhere."""

from __future__ import annotations

import io
from itertools import count

import pytest

from scripts.console import RED, Console, elapsed_text, printable, wants_colour


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00.0"), (9.99, "00:09.9"), (59.96, "00:59.9"), (60, "01:00.0"), (3725.5, "62:05.5")],
)
def test_durations_have_the_same_width(seconds: float, text: str) -> None:
    assert elapsed_text(seconds) == text


def test_colours_are_for_terminals_and_for_those_who_want_them() -> None:
    assert wants_colour(Terminal(), {})
    assert not wants_colour(io.StringIO(), {})
    assert not wants_colour(Terminal(), {"NO_COLOR": "1"})
    assert not wants_colour(Terminal(), {"TERM": "dumb"})


def test_outside_a_terminal_there_are_plain_lines_only() -> None:
    out, clock = io.StringIO(), count()
    console = Console(out, clock=lambda: float(next(clock)))
    console.waiting("waiting for Airflow")
    console.step("Airflow answers")
    console.line(console.paint("bad", RED))
    assert out.getvalue() == "00:01.0  Airflow answers\nbad\n"


def test_on_a_terminal_the_waiting_line_gives_way_to_the_next() -> None:
    out = Terminal()
    console = Console(out, colour=True, clock=lambda: 0.0)
    console.waiting("waiting")
    console.line(console.paint("bad", RED))
    assert out.getvalue() == "\r\x1b[K00:00.0  waiting\r\x1b[K\x1b[31mbad\x1b[0m\n"


def test_texts_from_elsewhere_cannot_steer_the_terminal() -> None:
    assert printable("Ærlig\x1b[2Jtekst\r\x9b") == "Ærlig?[2Jtekst??"

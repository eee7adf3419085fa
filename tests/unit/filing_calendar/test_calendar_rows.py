"""The calendar's rows as JSON and as CSV."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from altinn.filing_calendar import CalendarRow, as_csv

ROW = CalendarRow("999999999", "Ærlig & Sønn AS", "2026-T5", "accepted", "2026-12-10", "received", "main", "1/2")


def test_a_row_is_plain_json_and_back() -> None:
    assert CalendarRow.from_json(ROW.as_json()) == ROW
    assert CalendarRow.from_json({**ROW.as_json(), "a later field": 1}) == ROW


@given(st.text(max_size=30).filter(lambda text: "\r" not in text and "\0" not in text))
def test_csv_keeps_text_and_no_cell_is_a_formula(text: str) -> None:
    row = CalendarRow("999999999", text, "2026-T5", "missing", "2026-12-10", text)
    (read,) = csv.DictReader(io.StringIO(as_csv([row]), newline=""))
    assert read["company"].removeprefix("'") == text.removeprefix("'")
    assert not read["company"].startswith(("=", "+", "-", "@", "\t"))


def test_csv_has_a_header_and_a_line_for_each_row() -> None:
    lines = as_csv([ROW, ROW]).split("\r\n")
    assert lines[0] == "organisation_number,company,period,state,due_date,kind,instance_id,filed_at,reason,url"
    assert lines[1] == lines[2] == "999999999,Ærlig & Sønn AS,2026-T5,accepted,2026-12-10,main,1/2,,received,"

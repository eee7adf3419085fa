"""The receipt as text."""

from __future__ import annotations

import io
from typing import Any

from scripts.console import Console
from scripts.receipt_view import show_receipt
from scripts.run_folder import PROJECT

RECEIPT: dict[str, Any] = {
    "instance_id": "50999999/a590b2a1-2d25-4775-b253-93064f1bf85a",
    "app": "skd/mva-melding-innsending-v1",
    "period": "2022-T5",
    "organisation_number": "999999999",
    "outcome": "accepted",
    "already_filed": False,
    "documents": [
        {"data_type": "mvamelding", "file_name": "mva-melding.xml", "sha256": "b2" * 32, "size": 1995},
        {"data_type": "binaerVedlegg", "file_name": None, "sha256": "15" * 32, "size": None},
    ],
    "confirmed_by": "user 1337",
    "confirmed_at": "2026-11-24T18:15:53Z",
    "payment": {"kid": "34000009324568708", "account": "12345678903", "amount": "-29000", "due_date": "2022-12-12"},
    "files": [f"file://{PROJECT}/.run/files/kvittering.pdf", "s3://bucket/kvittering.pdf"],
    "instance_url": "http://127.0.0.1:25101/skd/mva-melding-innsending-v1/#/instance/1",
}


def shown(**changes: object) -> str:
    out = io.StringIO()
    show_receipt({**RECEIPT, **changes}, Console(out))
    return out.getvalue()


def test_it_shows_what_was_sent_who_confirmed_what_to_pay_and_where_the_files_lie() -> None:
    lines = [line.split(maxsplit=1) for line in shown().splitlines() if line.strip()]
    assert ["outcome", "accepted"] in lines
    assert ["instance", RECEIPT["instance_id"]] in lines
    assert ["confirmed", "by      user 1337 at 2026-11-24T18:15:53Z"] in lines
    assert ["sent", f"mva-melding.xml (1995 bytes)  sha256 {'b2' * 32}"] in lines
    assert ["binaerVedlegg", f"sha256 {'15' * 32}"] in lines
    assert ["payment", "amount -29000"] in lines
    assert ["kid", "34000009324568708"] in lines
    assert ["files", ".run/files/kvittering.pdf"] in lines
    assert ["s3://bucket/kvittering.pdf"] in lines


def test_all_values_stand_in_one_column() -> None:
    rows = [line for line in shown().splitlines() if line.startswith("  ")]
    assert all(line[20] != " " and line[19] == " " for line in rows)


def test_a_second_filing_says_that_nothing_was_sent() -> None:
    assert "2022-T5 is filed already; nothing was sent" in shown(already_filed=True)
    assert "filed already" not in shown()


def test_what_is_not_there_has_no_line_and_control_characters_are_harmless() -> None:
    text = shown(payment=None, documents=None, files=[], confirmed_by="", confirmed_at=None, outcome="rej\x1b[2Jected")
    assert "\x1b" not in text
    assert "rej?[2Jected" in text
    for label in ("payment", "sent", "files", "confirmed by"):
        assert label not in text

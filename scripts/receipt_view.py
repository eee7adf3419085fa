"""The receipt of a filing as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.console import BOLD, GREEN, RED, Console, printable
from scripts.run_folder import PROJECT

ACCEPTED = "accepted"
_LABEL = 18


def show_receipt(receipt: Mapping[str, Any], console: Console) -> None:
    """Write what was filed, what the authority answered, and where the files lie.

    :param receipt: what the DAG's last task returned.
    """
    outcome = printable(receipt.get("outcome", "unknown"))
    if receipt.get("already_filed"):
        console.line()
        console.line(f"{printable(receipt.get('period'))} is filed already; nothing was sent. This is its receipt:")
    console.line()
    console.line(console.paint("RECEIPT", BOLD))
    console.line(f"  {'outcome':<{_LABEL}}{console.paint(outcome, BOLD, GREEN if outcome == ACCEPTED else RED)}")
    for label, value in _rows(receipt):
        console.line(f"  {label:<{_LABEL}}{value}")


def _rows(receipt: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and value of each line; a label that repeats is left empty."""
    for key, label in (
        ("app", "app"),
        ("period", "period"),
        ("organisation_number", "organisation"),
        ("instance_id", "instance"),
        ("instance_url", "instance address"),
    ):
        yield from _optional(label, receipt.get(key))
    confirmed = " at ".join(printable(receipt[key]) for key in ("confirmed_by", "confirmed_at") if receipt.get(key))
    yield from _optional("confirmed by", confirmed)
    documents = receipt.get("documents") or ()
    yield from _list("sent", [_document(document) for document in documents if document.get("how") != _KEPT])
    yield from _list("kept by Altinn", [_document(document) for document in documents if document.get("how") == _KEPT])
    payment = receipt.get("payment") or {}
    yield from _list(
        "payment",
        [f"{name.replace('_', ' ')} {printable(payment[name])}" for name in _PAYMENT if payment.get(name)],
    )
    yield from _list("files", [_path(path) for path in receipt.get("files") or ()])


_KEPT = "delivered"
"""How a document is marked of which only what Altinn keeps can be told, not what was sent."""
_PAYMENT = ("amount", "due_date", "account", "kid")


def _document(document: Mapping[str, Any]) -> str:
    name = printable(document.get("file_name") or document.get("data_type"))
    size = document.get("size")
    shown = f" ({size} bytes)" if isinstance(size, int) else ""
    return f"{name}{shown}  sha256 {printable(document.get('sha256', '?'))}"


def _path(address: object) -> str:
    """Return a local file's path from the project's folder on, anything else as it is."""
    local = printable(address).removeprefix("file://")
    return local.removeprefix(f"{PROJECT}/")


def _optional(label: str, value: object) -> Iterator[tuple[str, str]]:
    if value:
        yield label, printable(value)


def _list(label: str, values: list[str]) -> Iterator[tuple[str, str]]:
    for number, value in enumerate(values):
        yield ("" if number else label), value

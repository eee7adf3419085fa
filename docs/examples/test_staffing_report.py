"""The authority's test: each verdict from the documents that the authority sends."""

from __future__ import annotations

import pytest
from staffing_report import AUTHORITY

from altinn.protocol.model import Instance


def filed(*, ended: bool = True, receipt: bool = True) -> Instance:
    """Return an instance as Storage shows it."""
    data = [{"id": "1", "dataType": "kvittering"}] if receipt else []
    process = {"ended": "2026-11-25T10:00:00Z"} if ended else {"currentTask": {"elementId": "Task_3"}}
    identity = "50001234/5a4d1c8f-0000-4000-8000-000000000000"
    return Instance.from_json({"id": identity, "appId": "dat/staffing-report", "data": data, "process": process})


def receipt(result: str) -> dict[str, bytes]:
    """Return a receipt with a result."""
    return {"kvittering": f"<kvittering><resultat>{result}</resultat><kode>A1</kode></kvittering>".encode()}


@pytest.mark.parametrize(
    ("instance", "result", "state"),
    [
        (filed(), "godkjent", "accepted"),
        (filed(), "avvist", "rejected"),
        (filed(), "noe nytt", "unknown"),
        (filed(receipt=False), "godkjent", "waiting_for_authority"),
        (filed(ended=False), "godkjent", "waiting_for_authority"),
    ],
)
def test_the_verdict(instance: Instance, result: str, state: str) -> None:
    assert AUTHORITY.verdict(instance, receipt(result)).state == state


def test_a_rejection_has_the_authoritys_code() -> None:
    assert AUTHORITY.verdict(filed(), receipt("avvist")).codes == ("A1: ",)

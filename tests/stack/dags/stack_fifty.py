"""Fifty acceptances at once, as fifty filings of one run would announce them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetAlias, task

ACCEPTANCES = AssetAlias("altinn_acceptances")

with DAG("stack_fifty", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):

    @task(outlets=[ACCEPTANCES])
    def announce(*, outlet_events: Any = None) -> None:
        """Tell of fifty accepted returns; one of them twice, and one of another report, which has nothing to pay."""
        told = [
            {
                "instance_id": f"5000{number:02d}/00000000-0000-4000-8000-0000000000{number:02d}",
                "organisation_number": f"9000000{number:02d}",
                "period": "2026-T5",
                "bundle": f"file:///receipts/{number}",
                "payment": {
                    "amount": f"{1000 + number}",
                    "kid": f"{number}",
                    "account": "12345678903",
                    "due_date": "x",
                },
            }
            for number in range(50)
        ]
        again = {**told[0], "announced": "again"}
        other: dict[str, Any] = {"instance_id": "1/other", "organisation_number": "9", "period": "2025", "bundle": "x"}
        for extra in (*told, again, other):
            outlet_events[ACCEPTANCES].add(Asset("altinn_accepted"), extra=extra)

    announce()

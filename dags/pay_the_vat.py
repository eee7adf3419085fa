"""Prepare the payment of each VAT return that Skatteetaten has accepted.

Starts from the asset `altinn_accepted`: every accepted filing fires one event, which carries what to pay, to whom, with
which reference and by when. A run takes all events that have come since the last one and maps over them, so that fifty
acceptances at once become fifty payments.

The event may come twice (a worker that died right after its success), so each payment order is written **once for each
filing**, named by the instance: a second event finds it there and does nothing. Replace `write_order` by a call of your
bank's or ERP's API, with the instance id as its idempotency key.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, get_current_context, task

FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))
ACCEPTED = Asset("altinn_accepted")

with DAG(
    dag_id="pay_the_vat",
    description="Prepare the payment of each accepted VAT return",
    doc_md=__doc__,
    schedule=[ACCEPTED],
    start_date=datetime(2022, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["altinn", "skatteetaten", "vat", "payment"],
) as dag:

    @task
    def accepted_filings() -> list[dict[str, Any]]:
        """Return what each event tells of a filing that has something to pay; other reports' events are passed by."""
        events = get_current_context()["triggering_asset_events"]
        told = [event.extra for fired in events.values() for event in fired]
        by_instance = {str(extra["instance_id"]): extra for extra in told if extra.get("payment")}
        return [by_instance[instance_id] for instance_id in sorted(by_instance)]

    @task(map_index_template="{{ filing['organisation_number'] }} {{ filing['period'] }}")
    def pay(filing: dict[str, Any]) -> dict[str, Any]:
        """Write one payment order, unless it is there already or there is nothing to pay."""
        payment = filing["payment"]
        order = {
            "instance_id": filing["instance_id"],
            "organisation_number": filing["organisation_number"],
            "period": filing["period"],
            "proof": filing["bundle"],
            **payment,
        }
        if float(payment["amount"]) <= 0:
            return {**order, "paid": "nothing to pay: money comes back"}
        return {**order, "paid": write_order(order)}

    def write_order(order: dict[str, Any]) -> str:
        """Write the order whole or not at all, and only once for each filing."""
        from altinn.documents import storage_path

        folder = storage_path(f"{FILES}/payments")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{order['instance_id'].replace('/', '_')}.json"
        if target.exists():
            return f"paid before: {target}"
        partial = folder / f".{target.name}.partial"
        partial.write_text(json.dumps(order, indent=1, ensure_ascii=False))
        partial.replace(target)
        return f"ordered: {target}"

    pay.expand(filing=accepted_filings())

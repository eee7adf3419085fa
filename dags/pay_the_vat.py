"""Prepare the payment of each VAT return that Skatteetaten has accepted.

Starts from the asset `altinn_accepted`: every accepted filing fires one event, which carries what to pay, to whom, with
which reference and by when. A run maps over every filing that has been accepted and not been paid yet, so that fifty
acceptances at once become fifty payments.

It looks at the events of the last month rather than at those alone that started it. Airflow notes the time at which the
first of several events came, and a run gets no event that is younger, so that the others of a burst would wait for the
next acceptance.

The event may come twice (a worker that died right after its success), so each payment order is written **once for each
filing**, named by the instance: a second event finds it there and does nothing. Replace `write_order` by a call of your
bank's or ERP's API, with the instance id as its idempotency key.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, get_current_context, task

FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))
ACCEPTED = Asset("altinn_accepted")

LOOK_BACK = timedelta(days=31)


def order_of(instance_id: str) -> Any:
    """Return where the payment order of a filing lies."""
    from altinn.documents import storage_path

    return storage_path(f"{FILES}/payments") / f"{instance_id.replace('/', '_')}.json"


def write_order(order: dict[str, Any]) -> str:
    """Write the order whole or not at all, and only once for each filing."""
    target = order_of(order["instance_id"])
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return f"there before: {target}"
    partial = target.parent / f".{target.name}.partial"
    partial.write_text(json.dumps(order, indent=1, ensure_ascii=False))
    partial.replace(target)
    return str(target)


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

    @task(inlets=[ACCEPTED])
    def accepted_filings() -> list[dict[str, Any]]:
        """Return what the events tell of each filing that has something to pay and has no payment order yet."""
        since = datetime.now(UTC) - LOOK_BACK
        events = get_current_context()["inlet_events"][ACCEPTED].after(since.isoformat())
        told = [dict(event.extra or {}) for event in events]
        by_instance = {str(extra["instance_id"]): extra for extra in told if extra.get("payment")}
        return [by_instance[one] for one in sorted(by_instance) if not order_of(one).exists()]

    @task(map_index_template="{{ filing['organisation_number'] }} {{ filing['period'] }}")
    def pay(filing: dict[str, Any]) -> dict[str, Any]:
        """Write one payment order, unless it is there already."""
        payment = filing["payment"]
        order = {
            "instance_id": filing["instance_id"],
            "organisation_number": filing["organisation_number"],
            "period": filing["period"],
            "proof": filing["bundle"],
            **payment,
        }
        order["paid"] = "ordered" if float(payment["amount"]) > 0 else "nothing to pay: money comes back"
        return {**order, "order": write_order(order)}

    pay.expand(filing=accepted_filings())

"""Prepare the payment of each VAT return that Skatteetaten has accepted.

Starts from the asset `altinn_accepted`: every accepted filing fires one event, which carries what to pay, to whom, with
which reference and by when. A run maps over every filing that has been accepted and not been paid yet, so that fifty
acceptances at once become fifty payments.

It looks at the events of the last three months rather than at those alone that started it: a payment that failed, or
that came while this DAG was paused, is ordered beside the next one. (Before you unpause it for the first time, see that
nothing of these months has been paid in another way.) Airflow notes the time at which the first of several events came,
and a run gets no event that is younger, so that the others of a burst would wait for the next acceptance.

The event may come twice (a worker that died right after its success), so each payment order is written **once for each
filing**, named by the instance: a second event finds it there and does nothing. Replace `write_order` by a call of your
bank's or ERP's API, with the instance id as its idempotency key.

A correction may state the whole amount of its period anew, so paying it as well could pay the period twice. It is not
ordered, and neither is a second filing of a period that has an order already: it is listed in `payments/to_decide`, and
its task says so. A person decides what is still due.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, get_current_context, task

FILES = os.environ.get("ALTINN_FILES", str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn"))
ACCEPTED = Asset("altinn_accepted")

LOOK_BACK = timedelta(days=93)
"""Longer than a term: a payment that failed, or came while this DAG was paused, is ordered beside the next one."""


def orders() -> Any:
    """Return the folder of the payment orders."""
    from altinn.documents import storage_path

    return storage_path(f"{FILES}/payments")


def order_of(instance_id: str) -> Any:
    """Return where the payment order of a filing lies."""
    return orders() / f"{instance_id.replace('/', '_')}.json"


def decision_of(instance_id: str) -> Any:
    """Return where a filing is listed about whose payment a person has to decide."""
    return orders() / "to_decide" / f"{instance_id.replace('/', '_')}.json"


def company_and_period(filing: dict[str, Any]) -> tuple[str, str]:
    """Return what is paid once."""
    return str(filing["organisation_number"]), str(filing["period"])


def written_orders() -> Iterator[tuple[tuple[str, str], str]]:
    """Return of each payment order what it pays, and the name of its file."""
    for path in orders().glob("*.json") if orders().exists() else []:
        yield company_and_period(json.loads(path.read_text())), path.name


def not_settled(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the filings that have something to pay and are neither ordered nor listed, each with what it needs.

    :return: what the events told, and `decide`: why a person has to decide; empty where the payment can be ordered.
    """
    by_instance = {str(extra["instance_id"]): extra for extra in told if extra.get("payment")}
    new = [by_instance[one] for one in by_instance if not (order_of(one).exists() or decision_of(one).exists())]
    if not new:
        return []
    ordered = dict(written_orders())
    found = []
    for filing in sorted(new, key=lambda one: (int(one.get("correction_number") or 0), str(one["instance_id"]))):
        why, before = "", ordered.get(company_and_period(filing))
        if filing.get("correction_number"):
            why = f"it is correction {filing['correction_number']}, which may state the whole amount anew"
        elif before is not None:
            why = f"this company's period is paid by {before}"
        else:
            ordered[company_and_period(filing)] = order_of(str(filing["instance_id"])).name
        found.append({**filing, "decide": why})
    return found


def paid_meanwhile(filing: dict[str, Any]) -> str:
    """Say which other order for the company's period was written after this run had begun; empty when none was."""
    own = order_of(str(filing["instance_id"])).name
    others = (name for paid, name in written_orders() if name != own and paid == company_and_period(filing))
    return next((f"this company's period is paid by {name}" for name in others), "")


def settle(filing: dict[str, Any]) -> dict[str, Any]:
    """Write the payment order of a filing, or list it for a person's decision."""
    payment, decide = filing["payment"], filing["decide"] or paid_meanwhile(filing)
    order = {
        "instance_id": filing["instance_id"],
        "organisation_number": filing["organisation_number"],
        "period": filing["period"],
        "proof": filing["bundle"],
        **payment,
    }
    if decide:
        order["paid"] = f"not ordered, a person has to decide: {decide}"
        return {**order, "order": write_order(order, decision_of(order["instance_id"]))}
    order["paid"] = "ordered" if float(payment["amount"]) > 0 else "nothing to pay: money comes back"
    return {**order, "order": write_order(order, order_of(order["instance_id"]))}


def write_order(order: dict[str, Any], target: Any) -> str:
    """Write the order whole or not at all, and only once for each filing."""
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
        """Return what the events tell of each filing that has something to pay and has not been settled yet."""
        since = datetime.now(UTC) - LOOK_BACK
        events = get_current_context()["inlet_events"][ACCEPTED].after(since.isoformat())
        return not_settled([dict(event.extra or {}) for event in events])

    @task(
        map_index_template="{{ filing['organisation_number'] }} {{ filing['period'] }}{{ filing['decide'] and ' ?' }}"
    )
    def pay(filing: dict[str, Any]) -> dict[str, Any]:
        """Write one payment order, or list what a person has to decide; what is there already stays."""
        settled = settle(filing)
        logging.getLogger(__name__).info("%s: %s", filing["instance_id"], settled["paid"])
        return settled

    pay.expand(filing=accepted_filings())

"""DAGs for the tests of `tests/stack`: filings of the emulator's made-up apps that end in a wait."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Param

from altinn.taskgroups import altinn_filing

FORM = "{{ params.form_path }}"
COMMON: dict[str, Any] = {
    "schedule": None,
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "render_template_as_native_obj": True,
    "params": {
        "period": Param("", type="string"),
        "form_path": Param("", type="string"),
        "timeout": Param(3600, type="number"),
    },
}
RECEIPTS = f"{os.environ.get('ALTINN_FILES', '/tmp')}/stack"
OWN: dict[str, Any] = {
    "period": "{{ params.period }}",
    "documents": [{"data_type": "model", "path": FORM}],
    "organisation_number": "950474084",
    "altinn_conn_id": "altinn_default",
    "receipts": RECEIPTS,
}
FAST: dict[str, Any] = {"poll_interval": 1.0, "max_poll_interval": 2.0, "retries": 0}

with DAG("stack_feedback", **COMMON):
    altinn_filing(app="ttd/basic-feedback", authority={"accepted_when": "ended"}, wait=FAST, **OWN)

with DAG("stack_short_wait", **COMMON):
    altinn_filing(app="ttd/basic-feedback", authority={"accepted_when": "ended"}, wait={**FAST, "timeout": 3.0}, **OWN)

with DAG("stack_signature", **COMMON):
    altinn_filing(
        app="ttd/basic-signing",
        authority={
            "accepted_when": "ended",
            "steps": [{"task": "data"}, {"task": "signing", "action": "sign", "by": "person"}],
        },
        wait=FAST,
        # The emulator's test person, who is manager of this company and so may sign for it.
        **{**OWN, "organisation_number": "897069650", "altinn_conn_id": "altinn_vat"},
    )

with DAG("stack_approval", **COMMON):
    altinn_filing(
        app="ttd/basic",
        authority={"accepted_when": "ended"},
        require_approval=True,
        wait=FAST,
        **OWN,
    )

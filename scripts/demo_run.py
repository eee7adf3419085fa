"""The demo: one VAT return filed by the DAG `vat_return`, from the trigger to the receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.airflow_api import AirflowApi
from scripts.console import Console
from scripts.failure import CommandError
from scripts.follow_run import RunFollower, show_failure
from scripts.receipt_view import ACCEPTED, show_receipt
from scripts.rest import wait_until
from scripts.run_folder import PROJECT
from scripts.stack import Endpoints, Stack

DAG_ID = "vat_return"
RECEIPT_TASK = "receipt"
IDLE_LIMIT = 15.0
PARSE_LIMIT = 90.0
"""Seconds for Airflow to read the DAG's file."""
CONF: dict[str, Any] = {
    "period": "2022-T5",
    "organisation_number": "999999999",
    "return_path": str(PROJECT / "include" / "samples" / "kompensasjon_mvamelding.xml"),
    "attachments": [],
    "altinn_conn_id": "altinn_vat",
}
"""A return that Skatteetaten published; the company is not real."""


def run_demo(stack: Stack, api: AirflowApi, endpoints: Endpoints) -> bool:
    """File the return, or find that it is filed, and show the receipt.

    :return: whether the authority accepted it.
    :raises CommandError: Airflow cannot load the DAG, or a process died.
    """
    console = stack.console
    await_dags(stack, api)
    run_id = _begin(api, console)
    state = RunFollower(api, console, stack.check_alive).follow(DAG_ID, run_id)
    receipt = api.xcom(DAG_ID, run_id, RECEIPT_TASK) if state == "success" else None
    if isinstance(receipt, dict):
        show_receipt(receipt, console)
    else:
        show_failure(api, console, DAG_ID, run_id)
        console.line(f"All logs: {stack.folder.airflow_home / 'logs'} (tasks), {stack.folder.logs} (processes)")
    # An acceptance starts further runs; they end before everything is stopped. One that waits for a person does not.
    wait_until(api.is_idle, IDLE_LIMIT, tick=lambda: console.waiting("waiting for the runs that the receipt started"))
    console.line()
    console.line(f"The run in Airflow (while `make up` is in effect): {endpoints.airflow}/dags/{DAG_ID}/runs/{run_id}")
    return isinstance(receipt, dict) and receipt.get("outcome") == ACCEPTED


def await_dags(stack: Stack, api: AirflowApi) -> None:
    """Wait until Airflow has read every file of the DAGs' folder, and let runs proceed that somebody starts.

    A DAG with a schedule of its own stays paused: switching it on would start a run by itself.

    :raises CommandError: Airflow cannot load one of them.
    """
    expected = {path.name for path in (PROJECT / "dags").glob("*.py")}

    def read() -> bool:
        return expected <= {Path(str(dag["fileloc"])).name for dag in api.dags()}

    def tick() -> None:
        stack.console.waiting("waiting for Airflow to read the example DAGs")
        stack.check_alive()
        for error in api.import_errors():
            raise CommandError(f"Airflow cannot load {error['filename']}:\n{error.get('stack_trace', '')}")

    if not wait_until(read, PARSE_LIMIT, tick=tick):
        logs = stack.folder.logs / "dag-processor.log"
        raise CommandError(f"Airflow has not read all DAGs after {PARSE_LIMIT:.0f} s; see {logs}")
    for dag in api.dags():
        if dag.get("is_paused") and not dag.get("next_dagrun_run_after"):
            api.unpause(str(dag["dag_id"]))


def _begin(api: AirflowApi, console: Console) -> str:
    """Start a run, or go on with the one that an interrupted demo left."""
    what = f"VAT return {CONF['period']} of organisation {CONF['organisation_number']}"
    for run in api.runs(DAG_ID, "queued", "running"):
        if (run.get("conf") or {}).get("period") == CONF["period"]:
            console.step(f"Going on with {what}: run {run['dag_run_id']} was interrupted")
            console.step("Airflow frees an interrupted task after about half a minute")
            return str(run["dag_run_id"])
    run_id = api.trigger(DAG_ID, CONF)
    console.step(f"Filing {what}: run {run_id}")
    return run_id

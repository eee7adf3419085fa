"""`python -m scripts.screenshot`: photograph the latest VAT run in the Airflow that `make up` left running."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.airflow_api import AirflowApi
from scripts.browser import airflow_page
from scripts.demo_run import DAG_ID, RECEIPT_TASK
from scripts.failure import CommandError
from scripts.rest import Service
from scripts.run_folder import PROJECT, RunFolder, read_json

TARGET = PROJECT / "docs" / "vat_return_run.png"


def photograph_run(url: str, token: str, run_id: str, target: Path) -> None:
    """Open a run's page as a logged-in user, wait for its last task, and write the picture."""
    with airflow_page(url, token) as page:
        page.goto(f"{url}/dags/{DAG_ID}/runs/{run_id}")
        page.get_by_text(RECEIPT_TASK, exact=True).last.wait_for()
        page.wait_for_load_state("networkidle")  # the graph is drawn after the list
        page.screenshot(path=target)


def main() -> int:
    """Photograph the latest successful run."""
    known = read_json(RunFolder(PROJECT / ".run").endpoints)
    try:
        if not isinstance(known, dict):
            raise CommandError("Airflow is not running: make up, make demo, then make screenshot")
        api = AirflowApi(Service("Airflow", known["airflow"]))
        token = api.log_in(known["username"], known["password"])
        runs = api.runs(DAG_ID, "success")
        if not runs:
            raise CommandError(f"{DAG_ID} has no successful run yet: make demo, then make screenshot")
        TARGET.parent.mkdir(exist_ok=True)
        photograph_run(known["airflow"], token, runs[-1]["dag_run_id"], TARGET)
    except CommandError as exc:
        sys.stderr.write(f"make screenshot: {exc}\n")
        return 1
    sys.stdout.write(f"Wrote {TARGET.relative_to(PROJECT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

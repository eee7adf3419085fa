"""`python -m scripts.filing_pictures`: photograph trigger form, filing calendar and a run's tab for `docs/`.

Needs `make up` and a filed return (`make demo`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.airflow_api import AirflowApi
from scripts.browser import airflow_page
from scripts.failure import CommandError
from scripts.rest import Service, wait_until
from scripts.run_folder import PROJECT, RunFolder, read_json

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Page

VAT_DAG, CALENDAR_DAG = "vat_return", "filing_calendar"
CALENDAR_PATH = "/plugin/altinn-calendar"
TARGET = PROJECT / "docs"
LIMIT = 600.0
_ENDED = ("success", "failed")


def await_dag(api: AirflowApi, dag_id: str) -> None:
    """Wait until Airflow has read a DAG, and let its runs proceed."""
    if not wait_until(lambda: api.dag(dag_id) is not None, 120.0):
        raise CommandError(f"Airflow has not read the DAG {dag_id}")
    api.unpause(dag_id)


def await_run(api: AirflowApi, dag_id: str, run_id: str) -> str:
    """Wait for a run's end and return its state."""
    if not wait_until(lambda: api.run_state(dag_id, run_id) in _ENDED, LIMIT, pause=0.5):
        raise CommandError(f"run {run_id} of {dag_id} has not ended")
    return api.run_state(dag_id, run_id)


def open_trigger_form(page: Page, url: str, dag_id: str) -> None:
    """Open a DAG's trigger form."""
    page.goto(f"{url}/dags/{dag_id}")
    page.get_by_role("button", name="Trigger Dag").click()
    page.locator("#element_period").wait_for()


def fill_in_trigger_form(page: Page, period: str) -> None:
    """Choose a period."""
    page.locator("#element_period").fill(period)
    page.locator("#element_period").blur()


def inner_page(page: Page) -> FrameLocator:
    """Return the page that Airflow shows inside its own."""
    return page.frame_locator("iframe")


def photograph(url: str, token: str, api: AirflowApi, target: Path) -> None:
    """Write the three pictures."""
    runs = api.runs(VAT_DAG, "success")
    if not runs:
        raise CommandError(f"{VAT_DAG} has no successful run yet: make demo")
    with airflow_page(url, token) as page:
        page.set_default_timeout(60_000)
        open_trigger_form(page, url, VAT_DAG)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=target / "trigger_form.png")
        page.goto(f"{url}{CALENDAR_PATH}")
        inner_page(page).get_by_role("heading").first.wait_for()
        page.screenshot(path=target / "filing_calendar.png")
        page.goto(f"{url}/dags/{VAT_DAG}/runs/{runs[-1]['dag_run_id']}")
        page.get_by_role("link", name="Filing", exact=True).click()
        inner_page(page).get_by_role("heading").first.wait_for()
        page.screenshot(path=target / "filing_tab.png")


def main() -> int:
    """Photograph what `make up` left running."""
    known = read_json(RunFolder(PROJECT / ".run").endpoints)
    try:
        if not isinstance(known, dict):
            raise CommandError("Airflow is not running: make up, then make demo")
        api = AirflowApi(Service("Airflow", known["airflow"]))
        token = api.log_in(known["username"], known["password"])
        photograph(known["airflow"], token, api, TARGET)
    except CommandError as exc:
        sys.stderr.write(f"filing pictures: {exc}\n")
        return 1
    sys.stdout.write(f"Wrote three pictures into {TARGET.relative_to(PROJECT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

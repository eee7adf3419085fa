"""`python -m scripts.screenshot_filings`: photograph an approval, a wait for a signature, an accepted run, for docs/.

Starts a stack of its own with the DAGs of `tests/stack/dags`, and needs Debian's `chromium`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.airflow_api import AirflowApi
from scripts.browser import airflow_page
from scripts.console import Console
from scripts.failure import CommandError
from scripts.rest import Service, wait_until
from scripts.run_folder import PROJECT, RunFolder
from scripts.stack import DEMO, Endpoints, Stack

if TYPE_CHECKING:
    from playwright.sync_api import Page

DOCS = PROJECT / "docs"
FORM = b"<model><property1>a</property1><property2>b</property2></model>"
LIMIT = 300.0
SIGNER = 1337


class Photographer:
    """Runs filings and photographs them.

    :param form: the document that is filed.
    """

    def __init__(self, stack: Stack, api: AirflowApi, endpoints: Endpoints, form: Path) -> None:
        self.stack, self.api, self.endpoints, self.form = stack, api, endpoints, form
        self.token = api.log_in(endpoints.username, endpoints.password)
        self.emulator = Service("the Altinn emulator", endpoints.emulator)

    def start(self, dag_id: str, task_id: str, state: str) -> str:
        """Start a run, wait until a task is in a state, and return the run's id."""
        self.until(lambda: self.api.dag(dag_id) is not None, f"Airflow to read {dag_id}")
        self.api.unpause(dag_id)
        run_id = self.api.trigger(dag_id, {"period": "2026-T5", "form_path": str(self.form)})
        self.until(lambda: self.state(dag_id, run_id, task_id) == state, f"{task_id} to be {state}")
        return run_id

    def state(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return a task's state."""
        states = {one["task_id"]: one.get("state") for one in self.api.task_instances(dag_id, run_id)}
        return str(states.get(task_id))

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait for something.

        :raises CommandError: it did not come.
        """
        if not wait_until(ready, LIMIT, tick=self.stack.check_alive, pause=1.0):
            raise CommandError(f"waited {LIMIT:.0f} s in vain for {what}")

    def photograph(self, path: str, shown: str, target: str) -> None:
        """Open a page, wait for a text on it, and write the picture."""
        with airflow_page(self.endpoints.airflow, self.token) as page:
            page.goto(f"{self.endpoints.airflow}{path}")
            _settled(page, shown)
            page.screenshot(path=DOCS / target)
        self.stack.console.line(f"Wrote docs/{target}")

    def approval(self) -> None:
        """Photograph what a person sees who has to approve."""
        dag_id, task_id = "stack_approval", "filing.approve"
        run_id = self.start(dag_id, task_id, "awaiting_input")
        self.photograph(f"/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/required_actions", "SHA-256", "approval.png")

    def signature(self) -> None:
        """Photograph a task that waits for a signature with its button, then the accepted run."""
        dag_id, task_id = "stack_signature", "filing.wait_2_signing"
        run_id = self.start(dag_id, task_id, "deferred")
        page = f"/dags/{dag_id}/runs/{run_id}"
        self.photograph(f"{page}/tasks/{task_id}/details", "Altinn instance", "waiting_for_signature.png")
        instance_id = self.api.service.call(
            "GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/filing.instantiate/xcomEntries/return_value"
        )["value"]
        self.emulator.call("POST", f"/_emulator/instances/{instance_id}/act", {"action": "sign", "person": SIGNER})
        self.until(lambda: self.api.run_state(dag_id, run_id) == "success", "the run to succeed")
        self.photograph(page, "filing.accepted", "accepted.png")


def _settled(page: Page, shown: str) -> None:
    page.get_by_text(shown).first.wait_for(timeout=60_000)
    page.wait_for_load_state("networkidle")


def main() -> int:
    """Start, photograph, stop."""
    console = Console(sys.stdout)
    with tempfile.TemporaryDirectory(prefix="altinn-pictures-") as name:
        folder = Path(name)
        form = folder / "form.xml"
        form.write_bytes(FORM)
        stack = Stack(RunFolder(folder / "run"), console, dags=PROJECT / "tests" / "stack" / "dags")
        try:
            endpoints = stack.start(DEMO)
            photographer = Photographer(stack, stack.connect(endpoints), endpoints, form)
            photographer.approval()
            photographer.signature()
        except CommandError as exc:
            console.line(f"screenshot_filings: {exc}")
            return 1
        finally:
            stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

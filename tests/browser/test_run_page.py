"""The page of a filed VAT return in Airflow, as the README shows it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from scripts.airflow_api import AirflowApi
from scripts.browser import airflow_page, browser
from scripts.demo_run import DAG_ID, RECEIPT_TASK
from scripts.screenshot import photograph_run
from scripts.stack import Endpoints
from tests.browser.conftest import run_command


def test_the_run_and_its_instance_s_page(
    run_folder: Path, endpoints: Endpoints, api: AirflowApi, tmp_path: Path
) -> None:
    run_command("demo", run_folder)
    run_id = str(api.runs(DAG_ID, "success")[-1]["dag_run_id"])
    token = api.log_in(endpoints.username, endpoints.password)

    photograph_run(endpoints.airflow, token, run_id, tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")

    instance_id = api.xcom(DAG_ID, run_id, RECEIPT_TASK)["instance_id"]
    with airflow_page(endpoints.airflow, token) as page:
        page.goto(f"{endpoints.airflow}/dags/{DAG_ID}/runs/{run_id}/tasks/instantiate/details")
        address = page.get_by_role("link", name="Altinn instance").get_attribute("href")
        assert address == f"{endpoints.emulator}/skd/mva-melding-innsending-v1/#/instance/{instance_id}"
        page.goto(address)
        expect(page.locator("tr:target")).to_contain_text(instance_id)


def test_logging_in_as_make_up_says(endpoints: Endpoints) -> None:
    with browser() as started:
        page = started.new_page()
        page.goto(endpoints.airflow)
        page.get_by_label("Username").fill(endpoints.username)
        page.locator("input[type=password]").fill(endpoints.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{endpoints.airflow}/**")
        expect(page.get_by_text("Dags", exact=True).first).to_be_visible()

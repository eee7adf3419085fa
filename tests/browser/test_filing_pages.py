"""The trigger form, the filing calendar and a run's tab, in a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from scripts.airflow_api import AirflowApi
from scripts.browser import airflow_page
from scripts.demo_run import CONF
from scripts.filing_pictures import (
    CALENDAR_DAG,
    CALENDAR_PATH,
    VAT_DAG,
    await_dag,
    await_run,
    fill_in_trigger_form,
    inner_page,
    open_trigger_form,
)
from scripts.stack import Endpoints

COMPANY = str(CONF["organisation_number"])
PERIOD = str(CONF["period"])
LIMIT_MS = 60_000


@pytest.fixture
def page(endpoints: Endpoints, api: AirflowApi) -> object:
    token = api.log_in(endpoints.username, endpoints.password)
    with airflow_page(endpoints.airflow, token) as opened:
        opened.set_default_timeout(LIMIT_MS)
        expect.set_options(timeout=LIMIT_MS)
        yield opened


def test_the_form_offers_periods_and_starts_a_run(page: Page, endpoints: Endpoints, api: AirflowApi) -> None:
    await_dag(api, VAT_DAG)
    open_trigger_form(page, endpoints.airflow, VAT_DAG)
    offered = page.locator("datalist#list_period option").evaluate_all("all => all.map(one => one.value)")
    assert len(offered) >= 6
    assert all(len(name) == 7 and name[4:6] == "-T" for name in offered)
    expect(page.get_by_text("Leave it empty in a backfill")).to_be_visible()

    before = {run["dag_run_id"] for run in api.runs(VAT_DAG, "queued", "running", "success", "failed")}
    fill_in_trigger_form(page, PERIOD)
    page.get_by_role("button", name="Trigger", exact=True).last.click()
    page.wait_for_url("**/runs/**")
    (run,) = [
        run for run in api.runs(VAT_DAG, "queued", "running", "success", "failed") if run["dag_run_id"] not in before
    ]
    assert run["logical_date"] is not None  # "now", as the form fills it in, beside the period that was chosen
    assert await_run(api, VAT_DAG, run["dag_run_id"]) == "success"
    receipt = api.xcom(VAT_DAG, run["dag_run_id"], "receipt")
    assert (receipt["period"], receipt["outcome"]) == (PERIOD, "accepted")

    page.goto(f"{endpoints.airflow}/dags/{VAT_DAG}/runs/{run['dag_run_id']}")
    page.get_by_role("link", name="Filing", exact=True).click()
    inside = inner_page(page)
    expect(inside.get_by_role("heading", name="Filing")).to_be_visible()
    expect(inside.get_by_text(receipt["instance_id"], exact=True)).to_be_visible()


def test_the_form_refuses_what_is_no_period(page: Page, endpoints: Endpoints, api: AirflowApi) -> None:
    before = len(api.runs(VAT_DAG, "queued", "running", "success", "failed"))
    open_trigger_form(page, endpoints.airflow, VAT_DAG)
    fill_in_trigger_form(page, "2022-T9")
    page.get_by_role("button", name="Trigger", exact=True).last.click()
    expect(page.get_by_text("Invalid input for param period: '2022-T9' does not match").first).to_be_visible()
    assert len(api.runs(VAT_DAG, "queued", "running", "success", "failed")) == before


def test_the_calendar_shows_what_is_filed(page: Page, endpoints: Endpoints, api: AirflowApi) -> None:
    await_dag(api, CALENDAR_DAG)
    companies = [{"organisation_number": COMPANY, "name": "<b>Eksempel</b> & Co"}]
    run_id = api.trigger(CALENDAR_DAG, {"companies": companies, "periods": ["2022-T4", PERIOD]})
    assert await_run(api, CALENDAR_DAG, run_id) == "success"
    page.goto(f"{endpoints.airflow}{CALENDAR_PATH}")
    inside = inner_page(page)
    expect(inside.get_by_role("row").filter(has_text=COMPANY)).to_contain_text("<b>Eksempel</b> & Co")
    cells = inside.get_by_role("row").filter(has_text=COMPANY).get_by_role("cell")
    expect(cells.first).to_have_text("missing")
    expect(cells.last).to_have_text("accepted")
    link = cells.last.get_by_role("link").get_attribute("href") or ""
    assert link.startswith(f"{endpoints.emulator}/skd/mva-melding-innsending-v1/#/instance/")
    expect(inside.get_by_text("read", exact=False).first).to_be_visible()


@pytest.mark.parametrize("path", ["/altinn-filings/calendar", f"/altinn-filings/filing?dag_id={VAT_DAG}&run_id=any"])
def test_nobody_reads_a_page_without_a_login(endpoints: Endpoints, path: str) -> None:
    answer = requests.get(f"{endpoints.airflow}{path}", timeout=60)
    assert answer.status_code in (401, 403)
    assert "2022" not in answer.text


def test_a_run_that_is_not_there_shows_nothing(endpoints: Endpoints, api: AirflowApi) -> None:
    token = api.log_in(endpoints.username, endpoints.password)
    headers = {"Authorization": f"Bearer {token}"}
    base = f"{endpoints.airflow}/altinn-filings/filing"
    nothing = requests.get(base, params={"dag_id": VAT_DAG, "run_id": "none"}, headers=headers, timeout=60)
    assert nothing.status_code == 200
    assert "has filed nothing" in nothing.text
    assert "script-src" not in nothing.headers["Content-Security-Policy"]
    assert json.dumps(nothing.headers["Cache-Control"]) == '"no-store"'


def test_the_pictures_of_the_documents(endpoints: Endpoints, api: AirflowApi, tmp_path: Path) -> None:
    from scripts.filing_pictures import photograph

    token = api.log_in(endpoints.username, endpoints.password)
    photograph(endpoints.airflow, token, api, tmp_path)
    for name in ("trigger_form.png", "filing_calendar.png", "filing_tab.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")

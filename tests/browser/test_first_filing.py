"""From an empty Airflow to a filed VAT return, as a person in front of a browser goes through it."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from scripts.airflow_api import AirflowApi
from scripts.browser import chromium
from scripts.console import Console
from scripts.demo_identity import PERSON_CLIENT, VAT_SCOPES, demo_identity
from scripts.demo_run import CONF, DAG_ID, PARSE_LIMIT, RECEIPT_TASK
from scripts.failure import CommandError
from scripts.rest import Service, wait_until
from scripts.run_folder import RunFolder, write_json
from scripts.stack import DEMO, Endpoints, Stack
from tests.free_ports import free_ports

CONN_ID = "altinn_vat"
PICTURES = os.environ.get("ALTINN_PICTURES", "")
"""A folder for the pictures; those in docs/ are made with ALTINN_PICTURES=docs."""
LIMIT = 180.0
"""Seconds for each step on a busy machine."""
PERSON_NUMBER = "01039012345"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    made = RunFolder(tmp_path_factory.mktemp("first-filing") / "run")
    made.prepare()
    return made


@pytest.fixture(scope="module")
def endpoints(folder: RunFolder) -> Iterator[Endpoints]:
    """Start an Airflow without a connection, and an emulator in which nobody has logged in."""
    try:
        chromium()
    except CommandError as exc:
        pytest.fail(str(exc))
    # The usual ports are everybody's: two stacks that start at the same moment would take the same ones.
    write_json(folder.ports, dict(zip(("airflow", "emulator"), free_ports(2), strict=True)))
    stack = Stack(folder, Console(io.StringIO()))
    try:
        yield stack.start(DEMO)
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(LIMIT * 1000)
    expect.set_options(timeout=LIMIT * 1000)
    yield context.new_page()
    context.close()


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def log_in_to_airflow(page: Page, endpoints: Endpoints) -> None:
    page.goto(f"{endpoints.airflow}/")
    page.locator("input[name=username]").fill(endpoints.username)
    page.locator("input[type=password]").fill(endpoints.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Admin")).to_be_visible()


def make_connection(page: Page, endpoints: Endpoints, folder: RunFolder) -> None:
    """Fill in the form as a person does."""
    identity = demo_identity(folder, endpoints.airflow)
    page.goto(f"{endpoints.airflow}/connections")
    page.get_by_role("button", name="Add Connection").first.click()
    form = page.get_by_role("dialog")
    form.locator("input[name=connection_id]").fill(CONN_ID)
    form.get_by_role("combobox").first.click()
    page.keyboard.type("altinn")
    page.get_by_role("option", name="Altinn 3").click()
    form.locator("input[name=host]").fill(endpoints.emulator)
    form.locator("input[name=login]").fill(PERSON_CLIENT)
    form.locator("input[name=port]").fill("0")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for number, value in ((1, "local"), (2, "idporten")):
        form.get_by_role("combobox").nth(number).click()
        page.keyboard.type(value)
        page.get_by_role("option", name=value, exact=True).click()
    form.locator("#element_private_key_file").fill("/run/secrets/idporten.pem")
    form.locator("#element_key_id").fill(identity.person.key_id)
    form.locator("#element_scopes").fill(" ".join(VAT_SCOPES))
    form.get_by_role("button", name="Extra Fields", exact=True).scroll_into_view_if_needed()
    picture(page, "connection_form")
    form.locator("#element_private_key_file").fill(str(identity.person.private_key_file))
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Test Connection")).to_be_visible()


def press_test(page: Page, endpoints: Endpoints) -> dict[str, Any]:
    """Press the form's Test button, and return what Airflow answers."""
    page.goto(f"{endpoints.airflow}/connections")
    with page.expect_response(re.compile("/connections/test")) as answered:
        page.get_by_role("button", name="Test Connection").click()
    answer = dict(answered.value.json())
    assert "message" in answer, f"{answered.value.status} {answer} to {answered.value.request.post_data}"
    return answer


def begin_filing(endpoints: Endpoints) -> tuple[AirflowApi, str]:
    api = AirflowApi(Service("Airflow", endpoints.airflow))
    api.log_in(endpoints.username, endpoints.password)
    assert wait_until(lambda: api.dag(DAG_ID) is not None, PARSE_LIMIT), api.import_errors()
    api.unpause(DAG_ID)
    return api, api.trigger(DAG_ID, CONF)


def state_of(api: AirflowApi, run_id: str, task_id: str) -> str:
    found = (task for task in api.task_instances(DAG_ID, run_id) if task["task_id"] == task_id)
    return str(next(found, {}).get("state"))


def log_in_with_idporten(page: Page, endpoints: Endpoints, run_id: str) -> str:
    """Follow the waiting task's button to the page, log in there, and return what the page then says."""
    page.goto(f"{endpoints.airflow}/dags/{DAG_ID}/runs/{run_id}/tasks/login/details")
    button = page.get_by_text("Log in with ID-porten").first
    expect(button).to_be_visible()
    picture(page, "waiting_for_login")
    address = button.evaluate("element => element.closest('a').href")
    assert address == f"{endpoints.airflow}/altinn-login/"
    page.goto(address)
    expect(page.get_by_text("login needed")).to_be_visible()
    picture(page, "login_page")
    page.get_by_role("button", name="Log in with ID-porten").click()
    expect(page.get_by_text("Log in as a test person")).to_be_visible()
    picture(page, "idporten")
    page.get_by_role("button", name=re.compile("SophieDDG")).click()
    expect(page.get_by_text("Waiting runs go on by themselves")).to_be_visible()
    picture(page, "logged_in")
    return page.inner_text("body")


def test_from_an_empty_airflow_to_a_filed_vat_return(folder: RunFolder, endpoints: Endpoints, page: Page) -> None:
    log_in_to_airflow(page, endpoints)
    make_connection(page, endpoints, folder)
    before = press_test(page, endpoints)
    assert before["status"] is False
    assert "login: failed." in before["message"]
    assert "key: ok." in before["message"]

    api, run_id = begin_filing(endpoints)
    assert wait_until(lambda: state_of(api, run_id, "login") == "deferred", LIMIT), state_of(api, run_id, "login")
    said = log_in_with_idporten(page, endpoints, run_id)
    assert "ready, user 1337 (SophieDDG)" in said

    assert wait_until(lambda: api.run_state(DAG_ID, run_id) in ("success", "failed"), 3 * LIMIT)
    assert api.run_state(DAG_ID, run_id) == "success"
    assert api.xcom(DAG_ID, run_id, RECEIPT_TASK)["outcome"] == "accepted"
    page.goto(f"{endpoints.airflow}/dags/{DAG_ID}/runs/{run_id}")
    expect(page.get_by_text("receipt", exact=True).first).to_be_visible()
    picture(page, "filed_after_login")

    after = press_test(page, endpoints)
    assert after["status"] is True, after["message"]
    nothing_secret_is_left_lying_around(folder, page, [before, after, said])


def nothing_secret_is_left_lying_around(folder: RunFolder, page: Page, shown: list[Any]) -> None:
    """Look for keys, tokens and the person's number in logs, database, browser storage and output."""
    identity = demo_identity(folder)
    key_lines = [line for line in identity.person.private_key_file.read_text().splitlines() if len(line) > 40]
    secrets = [re.compile(re.escape(line)) for line in key_lines]
    secrets += [re.compile(r"\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}"), re.compile(rf"\b{PERSON_NUMBER}\b")]
    secrets += [re.compile(re.escape(token)) for token in refresh_tokens(folder)]
    assert len(secrets) > 20

    own = {"_token"}  # Airflow's own session of this browser.
    storage = page.context.storage_state()
    kept = [cookie for cookie in storage["cookies"] if cookie["name"] not in own]
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    places = {"browser": json.dumps(kept) + stored + page.content(), "output": json.dumps(shown)}
    logs = [*folder.logs.rglob("*"), *(folder.airflow_home / "logs").rglob("*"), *folder.files.rglob("*")]
    places |= {str(path): path.read_text("utf-8", errors="replace") for path in logs if path.is_file()}
    with sqlite3.connect(folder.airflow_home / "airflow.db") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            places[f"table {table}"] = "\n".join(map(str, database.execute(f'SELECT * FROM "{table}"')))
    assert len(logs) > 10
    assert "table connection" in places
    found = [
        f"{place}: {secret.pattern[:12]}…"
        for place, text in places.items()
        for secret in secrets
        if secret.search(text)
    ]
    assert found == []


def refresh_tokens(folder: RunFolder) -> list[str]:
    """Return every refresh token that the installation holds, out of the encrypted store and the connection."""
    from cryptography.fernet import Fernet

    fernet = Fernet((folder.secrets / "fernet_key").read_text().strip())
    kept = [json.loads(fernet.decrypt(path.read_bytes())) for path in folder.airflow_home.rglob("*.token")]
    with sqlite3.connect(folder.airflow_home / "airflow.db") as database:
        (sealed,) = database.execute("SELECT extra FROM connection WHERE conn_id = ?", (CONN_ID,)).fetchone()
    extra = json.loads(fernet.decrypt(sealed.encode() if isinstance(sealed, str) else sealed))
    tokens = [entry["refresh_token"] for entry in kept if entry["refresh_token"]] + [extra["refresh_token"]]
    assert len(set(tokens)) >= 2, "the connection's own, and the one it rotated to"
    return sorted(set(tokens))

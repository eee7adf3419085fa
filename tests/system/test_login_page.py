"""The login page of a real API server: who may use it, what a login leaves behind, and attacks on it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from altinn.emulator import Emulator
from tests.contract.oidc_browser import changed, log_in, person_client, query_of
from tests.system.api_server import BINARIES, ApiServer, api_server
from tests.unit.login_samples import pem


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("api-server")) as running:
        yield running


@pytest.fixture(scope="module")
def emulator(server: ApiServer) -> Iterator[Emulator]:
    with Emulator(port=0, clients=[person_client(redirect_uris=[f"{server.url}/altinn-login/callback"])]) as running:
        yield running


@pytest.fixture
def person(server: ApiServer, emulator: Emulator) -> str:
    """Make a connection for which nobody has logged in."""
    extra = {"environment": "local", "auth_mode": "idporten", "private_key": pem(), "key_id": "key-1"}
    server.keep_connection("altinn_vat", host=emulator.base_url, login="person", extra=json.dumps(extra))
    return "altinn_vat"


def page(server: ApiServer, browser: requests.Session, below: str = "/") -> requests.Response:
    return browser.get(f"{server.url}/altinn-login{below}", timeout=60, allow_redirects=False)


def begin(server: ApiServer, browser: requests.Session, conn_id: str, origin: str = "") -> requests.Response:
    return browser.post(
        f"{server.url}/altinn-login/begin",
        data={"conn_id": conn_id, "next": "https://evil.example.com", "redirect_uri": "https://evil.example.com"},
        headers={"Origin": origin or server.url},
        timeout=60,
        allow_redirects=False,
    )


def answered(server: ApiServer, browser: requests.Session, conn_id: str = "altinn_vat") -> str:
    """Begin, log in at ID-porten, and return the address to which ID-porten sends the browser."""
    sent = begin(server, browser, conn_id)
    assert sent.status_code == 303, sent.text
    return log_in(sent.headers["Location"])


def extra_of(server: ApiServer, conn_id: str) -> dict[str, object]:
    """Read a connection's extra as Airflow's workers get it, out of the encrypted database."""
    command = [str(BINARIES / "airflow"), "connections", "export", "-", "--file-format", "json"]
    done = subprocess.run(command, env=server.environment, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout[done.stdout.index("{") :])
    extra = document[conn_id]["extra"]
    return dict(json.loads(extra) if isinstance(extra, str) else extra)


def test_a_login_from_the_list_to_the_list(server: ApiServer, person: str) -> None:
    browser = server.browser("anna")
    before = page(server, browser)
    assert "login needed" in before.text
    assert f"{server.url}/altinn-login/callback" in before.text
    answer = answered(server, browser)
    back = browser.get(answer, timeout=60, allow_redirects=False)
    assert back.status_code == 303, back.text
    assert back.headers["Location"] == f"{server.url}/altinn-login/?done=altinn_vat"
    after = browser.get(back.headers["Location"], timeout=60)
    assert "Logged in for <b>altinn_vat</b>" in after.text
    assert "ready, user 1337 (SophieDDG), expires in 90 days" in after.text

    extra = extra_of(server, person)
    refresh_token = str(extra["refresh_token"])
    assert len(refresh_token) > 30
    assert isinstance(extra["login_expires_at"], int)
    shown = before.text + after.text + back.text + str(dict(back.headers)) + json.dumps(browser.cookies.get_dict())
    for secret in (refresh_token, "01039012345", pem().splitlines()[3]):
        assert secret not in shown
        assert secret not in server.log.read_text()
    with sqlite3.connect(server.home / "airflow.db") as database:
        stored = " ".join(str(row) for row in database.execute("SELECT * FROM connection"))
    assert refresh_token not in stored, "the database holds it encrypted"


def test_nobody_gets_in_without_airflow_s_login(server: ApiServer, person: str) -> None:
    stranger = server.browser()
    assert page(server, stranger).status_code == 401
    assert begin(server, stranger, person).status_code == 401
    assert page(server, stranger, "/callback?code=x&state=y").status_code == 401


def test_a_viewer_neither_sees_nor_logs_in_for_a_connection(server: ApiServer, person: str) -> None:
    viewer = server.browser("vic")
    listed = page(server, viewer)
    assert listed.status_code == 200
    assert person not in listed.text
    refused = begin(server, viewer, person)
    assert (refused.status_code, "may not edit this connection" in refused.text) == (400, True)
    assert "Location" not in refused.headers


def test_a_login_needs_the_right_when_it_ends_too(server: ApiServer, person: str) -> None:
    """The viewer gets the administrator's cookie and answer, and is another user."""
    anna = server.browser("anna")
    answer = answered(server, anna)
    viewer = server.browser("vic")
    viewer.cookies.set("altinn_login", anna.cookies["altinn_login"], domain="127.0.0.1", path="/altinn-login/")
    refused = viewer.get(answer, timeout=60, allow_redirects=False)
    assert (refused.status_code, "another Airflow user began this login" in refused.text) == (400, True)
    assert "refresh_token" not in extra_of(server, person)


def test_an_answer_counts_only_in_the_browser_that_began(server: ApiServer, person: str) -> None:
    """Login CSRF: the attacker's answer, opened by somebody who began nothing, or something else."""
    answer = answered(server, server.browser("bo"))
    anna = server.browser("anna")
    refused = anna.get(answer, timeout=60, allow_redirects=False)
    assert (refused.status_code, "has begun no login here" in refused.text) == (400, True)
    assert begin(server, anna, person).status_code == 303
    refused = anna.get(answer, timeout=60, allow_redirects=False)
    assert (refused.status_code, "its state differs" in refused.text) == (400, True)
    assert "refresh_token" not in extra_of(server, person)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"state": "made-up"}, "its state differs"), ({"iss": "https://evil.example.com"}, "another login service")],
)
def test_a_falsified_answer_is_refused(server: ApiServer, person: str, change: dict[str, str], said: str) -> None:
    browser = server.browser("anna")
    refused = browser.get(changed(answered(server, browser), **change), timeout=60, allow_redirects=False)
    assert (refused.status_code, said in refused.text) == (400, True)
    assert "refresh_token" not in extra_of(server, person)


def test_a_replayed_answer_is_refused(server: ApiServer, person: str) -> None:
    browser = server.browser("anna")
    answer = answered(server, browser)
    sealed = browser.cookies["altinn_login"]
    assert browser.get(answer, timeout=60, allow_redirects=False).status_code == 303
    assert "altinn_login" not in browser.cookies
    again = browser.get(answer, timeout=60, allow_redirects=False)
    assert "has begun no login here" in again.text
    browser.cookies.set("altinn_login", sealed, domain="127.0.0.1", path="/altinn-login/")
    replayed = browser.get(answer, timeout=60, allow_redirects=False)
    assert (replayed.status_code, "used before" in replayed.text) == (400, True)


@pytest.mark.parametrize("value", ["", "nonsense", "gAAAAABmade-up"])
def test_a_made_up_cookie_is_refused(server: ApiServer, person: str, value: str) -> None:
    browser = server.browser("anna")
    answer = answered(server, browser)
    browser.cookies.clear(domain="127.0.0.1", path="/altinn-login/", name="altinn_login")
    refused = requests.get(
        answer,
        headers={"Cookie": f"_token={server.token('anna')}; altinn_login={value}"},
        timeout=60,
        allow_redirects=False,
    )
    assert (refused.status_code, "has begun no login here" in refused.text) == (400, True)


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://127.0.0.1:1"])
def test_another_site_begins_nothing(server: ApiServer, person: str, origin: str) -> None:
    refused = begin(server, server.browser("anna"), person, origin)
    assert (refused.status_code, "was not begun on this page" in refused.text) == (400, True)
    assert "altinn_login" not in refused.headers.get("Set-Cookie", "")


def test_no_redirect_leads_elsewhere(server: ApiServer, emulator: Emulator, person: str) -> None:
    """Neither a parameter nor a Host header decides where a browser is sent."""
    browser = server.browser("anna")
    sent = requests.post(
        f"{server.url}/altinn-login/begin?next=https://evil.example.com",
        data={"conn_id": person, "next": "https://evil.example.com"},
        headers={
            "Origin": server.url,
            "Host": "evil.example.com",
            "X-Forwarded-Host": "evil.example.com",
            "Cookie": f"_token={browser.cookies['_token']}",
        },
        timeout=60,
        allow_redirects=False,
    )
    assert sent.status_code == 303
    assert urlsplit(sent.headers["Location"]).netloc == urlsplit(emulator.base_url).netloc
    assert query_of(sent.headers["Location"])["redirect_uri"] == f"{server.url}/altinn-login/callback"
    sealed = sent.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    browser.cookies.set("altinn_login", sealed, domain="127.0.0.1", path="/altinn-login/")
    back = browser.get(
        log_in(sent.headers["Location"]) + "&next=https://evil.example.com", timeout=60, allow_redirects=False
    )
    assert back.headers["Location"] == f"{server.url}/altinn-login/?done=altinn_vat"


def test_the_cookie_is_the_server_s_alone(server: ApiServer, person: str) -> None:
    cookie = begin(server, server.browser("anna"), person).headers["Set-Cookie"]
    assert re.search(r"; HttpOnly", cookie)
    assert re.search(r"; Path=/altinn-login/", cookie)
    assert re.search(r"; SameSite=lax", cookie, re.IGNORECASE)
    assert "altinn_vat" not in cookie


def test_the_page_shows_what_it_is_given_as_text(server: ApiServer, person: str) -> None:
    shown = page(server, server.browser("anna"), "/?done=%3Cscript%3E")
    assert "<script" not in shown.text
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert shown.headers["X-Frame-Options"] == "DENY"
    assert shown.headers["Cache-Control"] == "no-store"


def test_a_broken_connection_stands_on_the_list_with_its_reason(server: ApiServer, person: str) -> None:
    server.keep_connection("altinn_broken", login="x", extra=json.dumps({"environment": "moon"}))
    server.keep_connection(
        "altinn_machine",
        login="x",
        extra=json.dumps({"environment": "tt02", "private_key": pem(), "key_id": "k", "on_behalf_of": "950474084"}),
    )
    listed = page(server, server.browser("anna")).text
    assert "environment &#x27;moon&#x27; is not known" in listed
    assert "no person needed" in listed
    assert begin(server, server.browser("anna"), "altinn_machine").status_code == 400
    assert begin(server, server.browser("anna"), "nowhere").status_code == 400


def test_the_menu_leads_there(server: ApiServer) -> None:
    headers = {"Authorization": f"Bearer {server.token('anna')}"}
    plugins = requests.get(f"{server.url}/api/v2/plugins", headers=headers, timeout=60).json()["plugins"]
    views = [view for plugin in plugins for view in plugin.get("external_views", [])]
    assert [view["href"] for view in views if view["name"] == "Altinn logins"] == ["/altinn-login/"]

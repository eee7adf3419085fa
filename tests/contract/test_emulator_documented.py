"""The emulator's page is true: its examples run, and it names every option, hook and control path there is."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Route

from altinn.emulator import Emulator
from altinn.emulator.behaviour import AppBehaviour
from altinn.emulator.control import control_routes
from altinn.emulator.server import _parser
from altinn.emulator.world import OWN_APPS
from tests.contract.emulator_caller import Caller, user

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "emulator.md").read_text("utf-8")
EXAMPLES = ROOT / "docs" / "examples"
XML = {"Content-Type": "application/xml"}


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """Serve the feedback app with the documented code in place of its own."""
    app = tmp_path / "app"
    shutil.copytree(OWN_APPS / "ttd" / "basic-feedback", app, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLES / "emulated_app" / "behaviour.py", app)
    with Emulator(apps=[app], authority_delay=60.0, think_time=0.0) as emulator:
        yield emulator


def push(caller: Caller, at: str, action: str) -> int:
    return caller("PUT", f"{at}/process/next", json={"action": action}).status_code


@pytest.mark.parametrize(("value", "verdict"), [("plenty", "accepted"), ("unlikely", "rejected")])
def test_the_documented_behaviour_judges_calculates_and_answers(emulator: Emulator, value: str, verdict: str) -> None:
    sophie = user(emulator.base_url, 1337)
    instance = sophie.create("ttd/basic-feedback")
    at, form = f"/ttd/basic-feedback/instances/{instance['id']}", instance["data"][0]["id"]
    sophie("PUT", f"{at}/data/{form}", data="<model><property1>0</property1></model>", headers=XML)
    assert [issue["code"] for issue in sophie("GET", f"{at}/validate").json()] == ["property1.zero"]
    assert push(sophie, at, "write") == 409
    content = f"<model><property1>{value}</property1><property2>kr</property2></model>"
    written = sophie("PUT", f"{at}/data/{form}", data=content, headers=XML)
    assert (written.status_code, written.json()["changedFields"]) == (200, {"property3": "KR"})
    assert [push(sophie, at, action) for action in ("write", "confirm")] == [200, 200]
    assert sophie("GET", "/_emulator/filings").json()[0]["outcome"] is None
    sophie("POST", "/_emulator/clock", json={"advance_seconds": 61})
    shown = sophie("GET", at).json()
    (receipt,) = (e["id"] for e in shown["data"] if e["dataType"] == "owner-note")
    assert sophie("GET", f"{at}/data/{receipt}").text == f"Your report is {verdict}."
    assert (shown["process"]["endEvent"], shown["completeConfirmations"][0]["stakeholderId"]) == ("EndEvent_1", "ttd")
    assert sophie("GET", "/_emulator/filings").json()[0]["outcome"] == verdict


def test_the_documented_filing_is_received(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "filing_to_an_emulator.py"))
    assert re.fullmatch(r"ttd/basic 501337/[0-9a-f-]{36} \{'period': '2026-T5'\}\n", capsys.readouterr().out)


def test_every_option_is_named() -> None:
    options = {name for action in _parser()._actions for name in action.option_strings if name.startswith("--")}
    assert {"--port", "--apps", "--state", "--seed", "--app-library"} <= options
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert named == options - {"--help"}


def test_every_app_is_named() -> None:
    with Emulator() as emulator:
        shipped = set(emulator.world.apps)
    assert {app for app in shipped if f"| `{app}` |" not in PAGE} == set()
    assert "## The nine apps" in PAGE
    assert len(shipped) == 9


def test_every_control_path_is_named() -> None:
    with Emulator() as emulator:
        paths = {route.path for route in control_routes(emulator.world) if isinstance(route, Route)}
    below = {path.removeprefix("/_emulator/").split("/")[0] for path in paths}
    assert {path for path in below if not re.search(rf"(GET|POST|DELETE) (/_emulator/)?{path}\b", PAGE)} == set()


def test_the_journal_leaves_out_what_the_page_says() -> None:
    with Emulator(think_time=0.0) as emulator:
        sophie = user(emulator.base_url, 1337)
        for path in ("/", "/_emulator/journal", "/_emulator/nothing", "/ttd/basic/api/v1/applicationmetadata"):
            sophie("GET", path)
        listed = [entry["path"] for entry in sophie("GET", "/_emulator/journal").json()]
    assert listed == ["/Home/GetTestUserToken/1337", "/ttd/basic/api/v1/applicationmetadata"]


def test_every_hook_is_named() -> None:
    hooks = {name for name in vars(AppBehaviour) if callable(getattr(AppBehaviour, name)) and not name.startswith("_")}
    assert {hook for hook in hooks if f"`{hook}" not in PAGE} == set()


def test_every_member_of_the_records_is_named() -> None:
    with Emulator(think_time=0.0) as emulator:
        sophie = user(emulator.base_url, 1337)
        at = f"/ttd/basic/instances/{sophie.create()['id']}"
        assert [push(sophie, at, action) for action in ("write", "confirm")] == [200, 200]
        entry, filing = sophie("GET", "/_emulator/journal").json()[0], sophie("GET", "/_emulator/filings").json()[0]
    assert set(entry) == {"n", "time", "method", "path", "status", "instance", "fault"}
    assert set(filing) == {
        "app", "party", "instance", "dataValues", "elements", "submitted", "deleted", "outcome"
    }  # fmt: skip
    assert {name for name in (*entry, *filing) if f"`{name}`" not in PAGE} == set()

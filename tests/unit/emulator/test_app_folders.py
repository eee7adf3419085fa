"""Apps load from folders, or are refused with the reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from altinn.emulator.appfolder import AppFolderError, load_app, load_apps
from altinn.emulator.behaviour import Settings
from altinn.emulator.world import OWN_APPS

PROCESS = "config/process/process.bpmn"
POLICY = "config/authorization/policy.xml"
METADATA = "config/applicationmetadata.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "app"
    shutil.copytree(OWN_APPS / "ttd" / "basic", target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def edit(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text("utf-8")
    changed = change(text)
    assert changed != text
    path.write_text(changed, "utf-8")


def test_the_apps_that_ship_load() -> None:
    apps = load_apps([OWN_APPS], Settings(), 8)
    assert {"ttd/basic", "ttd/basic-feedback", "ttd/basic-signing", "ssb/ra0000-01"} <= apps.keys()


def test_a_folder_may_be_flat_and_without_a_policy(folder: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    shutil.copy(folder / METADATA, flat)
    shutil.copy(folder / PROCESS, flat)
    assert load_app(flat, Settings(), 8).policy.level == 2


def test_a_repository_has_its_app_below_a_folder_named_app(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "repository" / "App")
    assert list(load_apps([tmp_path / "repository"], Settings(), 8)) == ["ttd/basic"]


def test_a_folder_says_which_version_its_app_has(folder: Path) -> None:
    assert load_app(folder, Settings(), 8).library == 8
    (folder / "emulator.json").write_text('{"appLibrary": 9}', "utf-8")
    assert load_app(folder, Settings(), 8).library == 9


@pytest.mark.parametrize(
    ("path", "change", "reason"),
    [
        (METADATA, lambda t: t.replace('"ttd/basic"', '"basic"'), 'not "org/app"'),
        (METADATA, lambda t: t[:-10], "applicationmetadata.json is not JSON"),
        (METADATA, lambda t: t.replace('"maxSize": 1,', '"maxSize": "big",'), "data type letter"),
        (PROCESS, lambda t: t.replace("startEvent", "intermediateEvent"), "intermediateEvent"),
        (PROCESS, lambda t: t.replace('targetRef="Task_2"', 'targetRef="Task_7"'), "'Task_7'"),
        (PROCESS, lambda t: t.replace("<altinn:taskType>data</altinn:taskType>", ""), "Task_1 has no altinn:taskType"),
        (PROCESS, lambda t: t + "<", "not well-formed"),
        (POLICY, lambda t: t.replace("urn:altinn:rolecode", "urn:example:mood"), "urn:example:mood"),
        (POLICY, lambda t: t.replace("deny-overrides", "first-applicable"), "first-applicable"),
        (
            POLICY,
            lambda t: t.replace("3.0:function:string-equal-ignore-case", "1.0:function:string-regexp-match"),
            "regexp",
        ),
        ("models/model.xsd", lambda t: t.replace("<xs:complexType>", "").replace("</xs:complexType>", ""), "no form"),
        ("behaviour.py", lambda t: t.replace("class Behaviour", "class Other"), "a class named Behaviour"),
        ("behaviour.py", lambda t: t + "\nraise RuntimeError('no')", "behaviour.py cannot be loaded"),
        ("behaviour.py", lambda t: t + "\n)", "behaviour.py cannot be loaded"),
    ],
)
def test_an_app_that_cannot_run_is_refused_with_the_reason(
    folder: Path, path: str, change: Callable[[str], str], reason: str
) -> None:
    edit(folder / path, change)
    with pytest.raises(AppFolderError, match=reason) as refusal:
        load_app(folder, Settings(), 8)
    assert str(folder) in str(refusal.value)


def test_a_gateway_with_an_unknown_expression_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "signing"
    shutil.copytree(OWN_APPS / "ttd" / "basic-signing", target, ignore=shutil.ignore_patterns("__pycache__"))
    edit(target / PROCESS, lambda t: t.replace('["gatewayAction"]', '["moonPhase"]'))
    with pytest.raises(AppFolderError, match="moonPhase"):
        load_app(target, Settings(), 8)


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(AppFolderError, match=r"config/applicationmetadata\.json"):
            load_apps([folder], Settings(), 8)


def test_a_version_that_there_is_not_is_refused(folder: Path) -> None:
    (folder / "emulator.json").write_text(json.dumps({"appLibrary": 7}), "utf-8")
    with pytest.raises(AppFolderError, match="appLibrary"):
        load_app(folder, Settings(), 8)


def test_metadata_may_hold_comments_and_stray_commas(folder: Path) -> None:
    edit(folder / METADATA, lambda t: t.replace('"org": "ttd",', '"org": "ttd", // the owner, "ttd",\n/* here */', 1))
    edit(folder / METADATA, lambda t: t.replace('"lastChangedBy": "altinn"', '"lastChangedBy": "a//b,}", /* last */'))
    assert load_app(folder, Settings(), 8).metadata["lastChangedBy"] == "a//b,}"

"""Real apps' configurations load as they are, and run to their end; whatever lies in a folder loads or is refused.

APP_CONFIGS names a folder with further configurations, flat or laid out, which are then tried as well.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from altinn.emulator import Emulator
from altinn.emulator.appfolder import AppFolderError, load_app
from altinn.emulator.behaviour import Settings
from altinn.emulator.lenientjson import loads
from tests.contract.emulator_caller import Caller, user

STUDIO = Path(__file__).parents[1] / "data" / "altinn-studio-apps"
APPS = sorted(folder.name for folder in STUDIO.iterdir() if folder.is_dir())
FURTHER = os.environ.get("APP_CONFIGS")
MODEL = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="{name}"><xs:complexType><xs:sequence>
<xs:element name="GwTargetTask" type="xs:string" minOccurs="0"/>
<xs:element name="UseCustomConfirm" type="xs:boolean" minOccurs="0"/>
</xs:sequence></xs:complexType></xs:element></xs:schema>"""
CODE = """from altinn.emulator.behaviour import AppBehaviour


class Behaviour(AppBehaviour):
    def create_form(self, owner, data_type, form):
        form["GwTargetTask"], form["UseCustomConfirm"] = "Task_5", "true"

    def choose_at_gateway(self, case, gateway, targets, action):
        if gateway == "Gateway_HasAuditor":
            return ["SigningTask_Auditor"]
        return ["EndEvent_1"] if gateway == "Gateway_1" and action == "pay" else None
"""
ACTIONS = {"confirmation": "confirm", "signing": "sign", "payment": "pay"}
ENDS = {
    "frontend-test": ["Task_1", "Task_5", "Task_Custom_Confirm"],
    "payment-test": ["Task_1", "Task_2"],
    "signering-brukerstyrt": ["Task_1", "SigningTask_Founders", "SigningTask_Auditor"],
    "signing-test": ["Task_1", "Task_2", "Task_3"],
    "stateless-app": ["Task_1", "Task_2", "Task_3"],
}


@pytest.fixture(scope="module", params=[8, 9], ids=["v8", "v9"])
def sophie(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """Serve all of them, with a small model for each form and with the code that some need at their gateways."""
    folder = tmp_path_factory.mktemp("apps")
    for name in APPS:
        app = folder / name
        shutil.copytree(STUDIO / name, app)
        (app / "behaviour.py").write_text(CODE, "utf-8")
        for data_type in loads((app / "applicationmetadata.json").read_text("utf-8-sig"))["dataTypes"]:
            model = ((data_type.get("appLogic") or {}).get("classRef") or "").rpartition(".")[2]
            if model:
                (app / f"{data_type['id']}.xsd").write_text(MODEL.format(name=model), "utf-8")
    with Emulator(apps=[folder], app_library=request.param, think_time=0.0) as emulator:
        yield user(emulator.base_url, 1337)


def create(caller: Caller, app: str) -> str:
    """Make an instance for whoever may have one; return its path."""
    for party in ("501337", "500000"):
        made = caller("POST", f"/{app}/instances", json={"instanceOwner": {"partyId": party}})
        if made.status_code == 201:
            return f"/{app}/instances/{made.json()['id']}"
    raise AssertionError(made.text)


@pytest.mark.parametrize("name", sorted(set(APPS) - {"subform-test"}))
def test_an_app_of_altinn_studio_runs_to_its_end(sophie: Caller, name: str) -> None:
    at = create(sophie, f"ttd/{name}")
    passed = []
    while (task := sophie("GET", f"{at}/process").json()["currentTask"]) is not None:
        passed.append(task["elementId"])
        action = ACTIONS.get(task["altinnTaskType"], "write")
        moved = sophie("PUT", f"{at}/process/next", json={"action": action})
        assert moved.status_code == 200, moved.text
        assert len(passed) < 10
    assert passed == ENDS.get(name, passed)
    assert sophie("GET", at).json()["status"]["isArchived"] is True


def test_an_app_that_wants_more_forms_says_so(sophie: Caller) -> None:
    at = create(sophie, "ttd/subform-test")
    refused = sophie("PUT", f"{at}/process/next", json={"action": "write"})
    codes = [(issue["field"], issue["code"]) for issue in refused.json()["validationIssues"]]
    assert codes == [("moped", "TooFewDataElementsOfType")]


def reason(folder: Path) -> str | None:
    """Load an app; return why it is refused, None when it is not."""
    try:
        load_app(folder, Settings(), 8)
    except AppFolderError as exc:
        return str(exc).removeprefix(f"{folder}").strip(": ")
    return None


def test_what_lies_in_a_further_folder_loads_or_is_refused_with_the_reason(tmp_path: Path) -> None:
    if FURTHER is None:
        pytest.skip("APP_CONFIGS names no folder with further configurations")
    tried = 0
    for metadata in sorted(Path(FURTHER).rglob("*applicationmetadata.json")):
        for process in sorted(Path(FURTHER).rglob("*.bpmn")):
            folder = tmp_path / "app"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            shutil.copy(metadata, folder / "applicationmetadata.json")
            shutil.copy(process, folder / "process.bpmn")
            tried += 1
            assert reason(folder) != ""
    assert tried

"""A signing task whose `process.bpmn` asks for the default validator: enough signatures, over what is still there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from altinn.emulator import Emulator
from altinn.emulator.world import OWN_APPS
from tests.contract.emulator_caller import Caller, user

FILE = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename=a.txt"}
FLAG = "<altinn:runDefaultValidator>true</altinn:runDefaultValidator></altinn:signatureConfig>"


def signing_app(folder: Path, needed: int, flag: bool) -> Path:
    """Lay out the signing app so that attachments are signed as well, with the rights of Studio's template."""
    app = folder / "app"
    shutil.copytree(OWN_APPS / "ttd" / "basic-signing", app, ignore=shutil.ignore_patterns("__pycache__"))
    process = app / "config" / "process" / "process.bpmn"
    text = process.read_text("utf-8").replace(">model<", ">attachment<")
    process.write_text(text.replace("</altinn:signatureConfig>", FLAG) if flag else text, "utf-8")
    path = app / "config" / "applicationmetadata.json"
    document = json.loads(path.read_text("utf-8"))
    for data_type in document["dataTypes"]:
        if data_type["id"] in ("attachment", "signature"):
            # Bound to no task: neither locked when one ends nor counted in one.
            data_type |= {"taskId": None, "minCount": needed if data_type["id"] == "signature" else 0}
    path.write_text(json.dumps(document), "utf-8")
    (app / "config" / "authorization" / "policy.xml").unlink()
    return app


class Signing:
    """An instance on its signing task, with one attachment to sign."""

    def __init__(self, emulator: Emulator) -> None:
        self.sophie: Caller = user(emulator.base_url, 1337)
        instance = self.sophie.create("ttd/basic-signing")
        self.at = f"/ttd/basic-signing/instances/{instance['id']}"
        made = self.sophie("POST", f"{self.at}/data?dataType=attachment", data=b"agreed", headers=FILE)
        self.attachment = f"{self.at}/data/{made.json()['id']}"
        assert self.push("write") == (200, [])

    def push(self, action: str) -> tuple[int, list[str]]:
        answer = self.sophie("PUT", f"{self.at}/process/next", json={"action": action})
        return answer.status_code, [i["code"] for i in answer.json().get("validationIssues") or ()]

    def sign(self) -> None:
        assert self.sophie("POST", f"{self.at}/actions", json={"action": "sign"}).status_code == 200

    def issues(self, **query: str) -> list[tuple[str, int, str]]:
        found = self.sophie("GET", f"{self.at}/validate", params=query).json()
        return [(i["code"], i["severity"], i["source"].rpartition(".")[2]) for i in found]


@pytest.fixture
def signing(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Signing]:
    needed, flag = request.param
    with Emulator(apps=[signing_app(tmp_path, needed, flag)], think_time=0.0) as emulator:
        yield Signing(emulator)


@pytest.mark.parametrize("signing", [(2, True)], indirect=True)
def test_nobody_leaves_before_enough_have_signed(signing: Signing) -> None:
    missing = ("MissingSignatures", 1, "SigningTaskValidator-*")
    assert signing.issues() == [missing]
    assert signing.issues(onlyIncrementalValidators="true") == []
    assert signing.push("write") == (409, ["MissingSignatures"])
    signing.sign()
    assert signing.issues() == [missing]
    signing.sign()
    assert signing.issues() == []
    assert signing.push("write") == (200, [])


@pytest.mark.parametrize("signing", [(2, True)], indirect=True)
def test_who_rejects_needs_no_signatures(signing: Signing) -> None:
    assert signing.push("reject") == (200, [])


@pytest.mark.parametrize("signing", [(1, True)], indirect=True)
def test_the_signature_of_the_push_itself_counts(signing: Signing) -> None:
    assert signing.push("sign") == (200, [])


@pytest.mark.parametrize("signing", [(1, False)], indirect=True)
def test_without_the_flag_an_unsigned_push_passes(signing: Signing) -> None:
    assert signing.issues() == []
    assert signing.push("write") == (200, [])


@pytest.mark.parametrize("signing", [(1, True), (0, False)], indirect=True)
@pytest.mark.parametrize("deletes", [False, True])
def test_what_was_signed_must_stay_as_it_was(signing: Signing, deletes: bool) -> None:
    signing.sign()
    assert signing.issues() == []
    if deletes:
        assert signing.sophie("DELETE", signing.attachment).status_code == 200
    else:
        assert signing.sophie("PUT", signing.attachment, data=b"changed", headers=FILE).status_code == 201
    assert signing.issues() == [("InvalidSignatureHash", 1, "SignatureHashValidator-*")]
    assert signing.push("write") == (409, ["InvalidSignatureHash"])

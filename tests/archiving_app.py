"""`ttd/basic` with a step of the app's own at its end, a service task that fails when it is told to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import altinn.emulator

APP = "ttd/archiving"
STEP = "Task_3"
HOLDS, WAITS = "holds", "waits"

_BASIC = Path(altinn.emulator.__file__).parent / "apps" / "ttd" / "basic"
_PROCESS, _POLICY = Path("config", "process", "process.bpmn"), Path("config", "authorization", "policy.xml")
_SERVICE_TASK = f"""<bpmn:serviceTask id="{STEP}" name="PDF">
      <bpmn:extensionElements><altinn:taskExtension><altinn:taskType>pdf</altinn:taskType></altinn:taskExtension></bpmn:extensionElements>
      <bpmn:incoming>F3</bpmn:incoming><bpmn:outgoing>F4</bpmn:outgoing>
    </bpmn:serviceTask>
    <bpmn:sequenceFlow id="F4" sourceRef="{STEP}" targetRef="EndEvent_1"></bpmn:sequenceFlow>
    <bpmn:endEvent"""
_BEHAVIOUR = """
from pathlib import Path
from altinn.emulator.behaviour import AppBehaviour, HookFailure, ServiceResult

class Behaviour(AppBehaviour):
    @property
    def told(self):
        broken = Path({broken!r})
        return broken.read_text() if broken.exists() else ""

    def on_task_end(self, case, task_id):
        if self.told == {holds!r} and task_id == "Task_1":
            raise HookFailure("not yet", retryable=True)

    def run_service_task(self, case, task_id, task_type):
        if self.told == {waits!r}:
            return ServiceResult(ok=False, waiting_reason="nobody has come for it")
        left = int(self.told) if self.told.isdigit() else 0
        if left:
            Path({broken!r}).write_text(str(left - 1))
        return ServiceResult(ok=not left)
"""


def process_text() -> str:
    """Return the process of `ttd/basic` with a service task between its confirmation and its end."""
    text = (_BASIC / _PROCESS).read_text("utf-8").replace("<bpmn:endEvent", _SERVICE_TASK, 1)
    return text.replace('sourceRef="Task_2" targetRef="EndEvent_1"', f'sourceRef="Task_2" targetRef="{STEP}"')


def policy_text() -> str:
    """Return the policy of `ttd/basic`; who may do something in its data task may do the same in the service task.

    :raises ValueError: it has no rule for the data task.
    """
    rules = (_BASIC / _POLICY).read_text("utf-8")
    first = re.search(r"<xacml:AllOf>(?:(?!</xacml:AllOf>).)*Task_1.*?</xacml:AllOf>", rules, re.DOTALL)
    if first is None:
        raise ValueError("the policy of ttd/basic has no rule for Task_1")
    return rules[: first.end()] + first[0].replace("Task_1", STEP) + rules[first.end() :]


def make_archiving_app(apps: Path, broken: Path) -> None:
    """Put the app into a folder of apps.

    :param broken: a file that says how often the service task will fail; it counts down there. While it says HOLDS, a
        push out of the data task does not get on, and while it says WAITS, the service task waits on purpose; version
        9's engine goes on by itself afterwards.
    """
    folder = apps / APP
    shutil.copytree(_BASIC, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / _PROCESS).write_text(process_text(), "utf-8")
    (folder / _POLICY).write_text(policy_text(), "utf-8")
    for path in [*folder.rglob("*.json"), *folder.rglob("*.xml")]:
        text = path.read_text("utf-8").replace("ttd/basic", APP).replace("app_ttd_basic", "app_ttd_archiving")
        path.write_text(text.replace(">basic<", ">archiving<"), "utf-8")
    (folder / "behaviour.py").write_text(_BEHAVIOUR.format(broken=str(broken), holds=HOLDS, waits=WAITS), "utf-8")

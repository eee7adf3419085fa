"""The app of the schedules with a step of its own at its end, which fails at first, or waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from altinn.emulator.appfolder import AppFolder
from altinn.emulator.behaviour import AppBehaviour, Case, ServiceResult, Settings
from altinn.emulator.bpmn import parse_process
from altinn.emulator.xacml import parse_policy
from tests.archiving_app import policy_text, process_text
from tests.fuzz.schedules import OWN_STEPS

STEP_FAILS, STEP_WAITS = OWN_STEPS
TIMES = {STEP_FAILS: (1, 2, 3, 1), STEP_WAITS: (1, 3, 30, 60)}
"""How often the step fails for each instance, or is found waiting; the engine asks every 30 s in the end."""


class OwnStep(AppBehaviour):
    """Does the step.

    :param how: STEP_FAILS or STEP_WAITS.
    :param times: for each instance.
    """

    def __init__(self, settings: Settings, how: str, times: int) -> None:
        super().__init__(settings)
        self._how, self._times = how, times
        self._asked: Counter[str] = Counter()

    def run_service_task(self, case: Case, task_id: str, task_type: str) -> ServiceResult:
        """Fail or wait, as often as it was told to."""
        self._asked[case.instance_id] += 1
        if self._asked[case.instance_id] > self._times:
            return ServiceResult()
        return ServiceResult(ok=False, waiting_reason="nobody has come for it" if self._how == STEP_WAITS else None)


def with_own_step(app: AppFolder, how: str, seed: int) -> AppFolder:
    """Return the app with a step after its confirmation."""
    times = TIMES[how][seed % len(TIMES[how])]
    text = process_text()
    return replace(
        app,
        process=parse_process(text),
        process_text=text,
        policy=parse_policy(policy_text()),
        behaviour=OwnStep(app.behaviour.settings, how, times),
    )

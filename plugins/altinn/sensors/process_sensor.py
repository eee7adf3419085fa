"""Wait until a process has come to a task, or to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from altinn.protocol.waiting import ENDED, REACHED, WaitFor
from altinn.sensors.waiting_sensor import AltinnWaitingSensor


class AltinnProcessSensor(AltinnWaitingSensor):
    """Wait until the instance is in a task or past it; without a task, until the process has ended.

    The other arguments are those of AltinnWaitingSensor.

    :param until_task: the task's element id ("Task_2") or type ("signing"); empty waits for the end.
    """

    template_fields: Sequence[str] = (*AltinnWaitingSensor.template_fields, "until_task")

    def __init__(self, *, until_task: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.until_task = until_task

    def wait_for(self) -> WaitFor:
        """Return the task, or the end."""
        return WaitFor(REACHED, self.until_task) if self.until_task else WaitFor(ENDED)

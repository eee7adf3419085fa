"""Wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from altinn.protocol.waiting import LEFT, WaitFor
from altinn.sensors.waiting_sensor import DAYS, AltinnWaitingSensor


class AltinnSignatureSensor(AltinnWaitingSensor):
    """Wait until a person has signed, confirmed or paid in Altinn: a step that no machine may take.

    The task's button leads to the exact instance, for as long as it waits and afterwards. A refusal, which leads the
    instance back to its data task, fails the task at once. The other arguments are those of AltinnWaitingSensor;
    reminders that count back from the legal deadline are `altinn.reminders.reminders()`.

    :param from_task: the step's task, by element id or type.
    """

    template_fields: Sequence[str] = (*AltinnWaitingSensor.template_fields, "from_task")
    done_text = "the person has taken the step"

    def __init__(
        self, *, from_task: str = "signing", poll_interval: float = 60.0, timeout: float = 60 * DAYS, **kwargs: Any
    ) -> None:
        super().__init__(poll_interval=poll_interval, timeout=timeout, **kwargs)
        self.from_task = from_task

    def begin(self, link: str) -> None:
        """Name the address where the person does it."""
        self.log.info("A person has to leave the task %r of %s; there: %s", self.from_task, self.instance_id, link)

    def wait_for(self) -> WaitFor:
        """Return the task that has to be left."""
        return WaitFor(LEFT, self.from_task)

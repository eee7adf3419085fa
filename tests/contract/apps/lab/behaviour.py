"""An app whose service task and hooks fail, wait or refuse on command, as the one that version 9 was recorded with."""

from __future__ import annotations

from altinn.emulator.behaviour import AppBehaviour, Case, HookFailure, ServiceResult, Settings


class Behaviour(AppBehaviour):
    """Does what `orders` says: for a hook or "service" one of "fail", "retry", "wait", "stay", "hang", "throw"."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.orders: dict[str, str] = {}

    def _obey(self, what: str) -> None:
        order = self.orders.get(what)
        if order in ("fail", "retry"):
            raise HookFailure("LAB hook failed, permanent" if order == "fail" else "LAB hook failed", order == "retry")

    def on_task_start(self, case: Case, task_id: str) -> None:
        self._obey(f"start {task_id}")

    def on_task_end(self, case: Case, task_id: str) -> None:
        self._obey(f"end {task_id}")

    def on_process_end(self, case: Case) -> None:
        self._obey("end process")

    def run_service_task(self, case: Case, task_id: str, task_type: str) -> ServiceResult:
        self._obey("service")
        order = self.orders.get("service")
        if order == "hang":
            return ServiceResult(busy=True)
        if order == "throw":
            return ServiceResult(ok=False, retryable=True, exception="LAB service threw")
        if order == "wait":
            return ServiceResult(waiting_reason="LAB waits for a delivery")
        return ServiceResult(move_on=order != "stay")

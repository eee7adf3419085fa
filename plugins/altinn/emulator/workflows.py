"""Version 9's workflow engine: transitions as steps that fail, are retried, wait, and go on by themselves."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from altinn.emulator.behaviour import HookFailure
from altinn.emulator.casefile import CaseFile
from altinn.emulator.identity import Principal
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

START_HOOK, END_HOOK, PROCESS_END_HOOK = "OnTaskStartingHook", "OnTaskEndingHook", "OnProcessEndingHook"
SERVICE, COMMIT, FORMS = "ExecuteServiceTask", "SaveProcessState", "CreateForms"
Steps = tuple[tuple[str, int], ...]
CREATION: Steps = ((START_HOOK, 2), (FORMS, 3))
TO_TASK: Steps = ((END_HOOK, 2), (COMMIT, 6), (START_HOOK, 8), (FORMS, 9))
TO_SERVICE: Steps = (*TO_TASK, (SERVICE, 11))
TO_END: Steps = ((END_HOOK, 2), (PROCESS_END_HOOK, 5), (COMMIT, 6))
TOTALS = {CREATION: 6, TO_TASK: 11, TO_SERVICE: 12, TO_END: 8}
FIRST_RETRY, PARKED_AFTER = 0.01, 0.03

Outcome = Literal["done", "failed", "waiting", "timeout", "unreachable"]


@dataclass(slots=True)
class Workflow:
    """One transition under way.

    :param target: the task or end event that it leads to; None when it creates the first task's data.
    :param steps: names, each with the number of steps that Altinn's engine has completed before it.
    :param read_status: of the instance as the app read it before the transition began; the commit writes it back.
    :param at: index of the step that is next.
    """

    id: str
    guid: str
    source: str
    target: str
    ends: bool
    action: str | None
    who: dict[str, Any]
    steps: list[list[Any]]
    total: int
    started: str
    read_status: int
    at: int = 0
    failed: bool = False
    retries: int = 0
    retrying: bool = False
    waiting_reason: str | None = None
    failure: dict[str, Any] | None = None
    prefill: dict[str, str] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)

    def status(self) -> dict[str, Any]:
        """Return the workflow as `GET process` shows it."""
        shown: dict[str, Any] = {"status": "failed" if self.failed else "processing"}
        if not self.ends:
            shown["targetTask"] = self.target
        if self.failed and self.failure:
            kept = ("kind", "workflowId", "occurredAt")
            return shown | {"failure": {k: self.failure[k] for k in kept if k in self.failure}}
        if self.retrying:
            shown["retrying"] = True
        if self.waiting_reason:
            shown["waitingReason"] = self.waiting_reason
        completed = self.steps[min(self.at, len(self.steps) - 1)][1]
        return shown | {"progress": {"completed": completed, "total": self.total}, "startedAt": self.started}


class StepRetry(Exception):
    """A step did not succeed and is to be tried again."""


class StepWaits(Exception):
    """A service task waits on purpose."""


class WorkflowEngine:
    """Runs workflows in the background; what is under way survives a restart.

    :ivar condition: "up", "down" (connections are refused) or "frozen" (no answer).
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.condition: Literal["up", "down", "frozen"] = "up"

    def scaled(self, seconds: float) -> float:
        """Return a time of the real engine, shortened as the emulator was told to."""
        return seconds * self._world.options.workflow_wait / 100

    def current(self, guid: str) -> Workflow | None:
        """Return the workflow of an instance that has not come to its end."""
        text = self._world.store.workflow(guid)
        return Workflow(**json.loads(text)) if text else None

    def _save(self, workflow: Workflow) -> None:
        self._world.store.put_workflow(workflow.guid, json.dumps(asdict(workflow)))

    def submit(
        self,
        record: Record,
        who: Principal,
        source: str,
        target: str,
        action: str | None,
        prefill: dict[str, str] | None = None,
    ) -> Workflow:
        """Enqueue a transition, or the creation of the first task's data when `source` is the start event."""
        app = self._app(record)
        ends = target in app.process.ends
        steps = TO_END if ends else TO_SERVICE if app.process.tasks[target].service else TO_TASK
        if source == app.process.start:
            steps = CREATION
        caller = asdict(who) | {"scopes": sorted(who.scopes)}
        workflow = Workflow(
            id=self._world.instances.new_guid(),
            guid=record["guid"],
            source=source,
            target=target,
            ends=ends,
            action=action,
            who=caller,
            steps=[list(s) for s in steps],
            total=TOTALS[steps],
            started=self._world.clock.stamp().replace("Z", "+00:00"),
            read_status=record["status"]["readStatus"],
            prefill=prefill or {},
        )
        self._save(workflow)
        self.run(record["guid"])
        return workflow

    def _app(self, record: Record) -> AppFolder:
        return self._world.apps[record["appId"].lower()]

    def run(self, guid: str) -> None:
        """Work on an instance's workflow in the background."""
        if guid not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._work(guid))
            self._tasks[guid] = task
            task.add_done_callback(lambda _: self._tasks.pop(guid, None))

    def recover(self) -> None:
        """Go on with what was under way when the process ended."""
        for guid in self._world.store.workflow_guids():
            workflow = self.current(guid)
            if workflow is not None and not workflow.failed:
                self.run(guid)

    def resume(self, workflow: Workflow) -> None:
        """Try a failed workflow again from the step that failed."""
        workflow.failed, workflow.failure = False, None
        self._save(workflow)
        self.run(workflow.guid)

    async def _work(self, guid: str) -> None:
        delay = self.scaled(100 * FIRST_RETRY)
        while (workflow := self.current(guid)) is not None and not workflow.failed:
            while self.condition != "up":
                await asyncio.sleep(FIRST_RETRY)
            await asyncio.sleep(self._world.options.think_time)
            if self._advance(workflow):
                self._world.store.commit()
                await asyncio.sleep(delay)
                delay = min(delay * 2, self.scaled(30))
            self._world.store.commit()

    def _advance(self, workflow: Workflow) -> bool:
        """Do a workflow's steps; return True when one has to be tried again later."""
        record = self._world.instances.get(workflow.guid)
        if record is None:
            self._world.store.delete_workflow(workflow.guid)
            return False
        try:
            while workflow.at < len(workflow.steps):
                self._step(workflow, record)
                workflow.at, workflow.retrying, workflow.waiting_reason = workflow.at + 1, False, None
                self._save(workflow)
        except (StepRetry, StepWaits):
            workflow.retries += 1
            self._save(workflow)
            return True
        except HookFailure as exc:
            self._failed(workflow, exc)
            return False
        self._finish(workflow, record)
        return False

    def _step(self, workflow: Workflow, record: Record) -> None:
        name = workflow.steps[workflow.at][0]
        app, engine, who = self._app(record), self._world.engine, _principal(workflow.who)
        record.update(self._world.instances.get(workflow.guid) or record)
        try:
            if name == END_HOOK and workflow.action != "reject":
                engine.leave(app, record, workflow.source)
            elif name == PROCESS_END_HOOK:
                app.behaviour.on_process_end(CaseFile(self._world, app, workflow.guid))
            elif name == COMMIT:
                self._commit(workflow, app, record, who)
            elif name == START_HOOK:
                engine.start_hook(app, record, workflow.target)
            elif name == FORMS:
                engine.create_forms(app, record, who, workflow.target, workflow.prefill)
            elif name == SERVICE:
                self._service(workflow, app, record)
        except HookFailure as exc:
            if not exc.retryable:
                raise
            workflow.retrying = True
            raise StepRetry from exc

    def _commit(self, workflow: Workflow, app: AppFolder, record: Record, who: Principal) -> None:
        """Write the transition with the owner's rights, which the policy must give it."""
        engine, owner = self._world.engine, self._world.engine.writer(app, who)
        kind = app.process.tasks[workflow.source].kind
        if not self._world.may_leave(owner, app, record, kind):
            workflow.retrying = True
            raise StepRetry
        if workflow.ends:
            engine.commit_end(app, record, who, workflow.target, workflow.action)
        else:
            engine.commit_task(app, record, who, workflow.target, workflow.action)
        record["status"]["readStatus"] = workflow.read_status
        self._world.instances.save(record)

    def _service(self, workflow: Workflow, app: AppFolder, record: Record) -> None:
        task = app.process.tasks[workflow.target]
        result = app.behaviour.run_service_task(CaseFile(self._world, app, workflow.guid), task.id, task.kind)
        if result.waiting_reason or result.busy:
            workflow.waiting_reason, workflow.retrying = result.waiting_reason, False
            raise StepWaits
        if not result.ok:
            raise HookFailure(result.exception or f"Service task {task.kind} failed", result.retryable)
        workflow.passed = [*workflow.passed, workflow.target] if result.move_on else []

    def _failed(self, workflow: Workflow, error: HookFailure) -> None:
        workflow.failed, workflow.retrying = True, False
        workflow.failure = {
            "kind": "stepFailed",
            "workflowId": workflow.id,
            "workflowOperationId": f"Process next: {workflow.source} -> {workflow.target}",
            "stepOperationId": workflow.steps[workflow.at][0],
            "commandType": "app",
            "retryCount": 0,
            "occurredAt": self._world.clock.stamp().replace("Z", "+00:00"),
            "message": str(error),
            "retryAction": "resumeWorkflow",
            "retryTargetWorkflowId": workflow.id,
        }
        self._save(workflow)

    def _finish(self, workflow: Workflow, record: Record) -> None:
        """Forget a finished workflow; from a service task that is done, go on to what follows it."""
        self._world.store.delete_workflow(workflow.guid)
        if workflow.passed and workflow.passed[-1] == workflow.target:
            app = self._app(record)
            target = self._world.engine.target(app, record, workflow.target, None)
            follower = self.submit(record, _principal(workflow.who), workflow.target, target, None)
            follower.passed = workflow.passed
            self._save(follower)

    async def wait(self, guid: str) -> Outcome:
        """Wait, as long as the app does, for an instance's workflow to come to its end.

        :returns: "unreachable" as soon as the engine cannot be asked.
        """
        limit = self._world.options.workflow_wait + self.scaled(1.3)
        parked = self.scaled(100 * PARKED_AFTER)
        waited = 0.0
        while (workflow := self.current(guid)) is not None:
            if self.condition != "up":
                return "unreachable"
            if workflow.failed:
                return "failed"
            if workflow.waiting_reason and waited >= parked:
                return "waiting"
            if waited >= limit:
                return "timeout"
            task = self._tasks.get(guid)
            pause = min(0.05, max(limit - waited, 0.001))
            if task is None:
                await asyncio.sleep(pause)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(task), pause)
            waited += pause
        return "done"


def _principal(stored: dict[str, Any]) -> Principal:
    return Principal(**{**stored, "scopes": frozenset(stored["scopes"])})

"""What a schedule says, how schedules are drawn, and which of them lie outside what is promised."""

from __future__ import annotations

from dataclasses import dataclass, field

SETTLE = 30.0
RETRY_DELAY = 60.0
DELAYS = (0.0, 0.0, 0.01, 0.05, 1.0, 7.0, 40.0, 200.0)
"""Seconds between two steps of a client."""

CREATE, NEXT, QUERY = ("POST", r"/instances$"), ("PUT", r"/process/next$"), ("GET", r"/storage/api/v1/instances$")
UPLOAD, FORM = ("POST", r"/data$"), ("PUT", r"/data/[0-9a-f-]{36}$")
PROCESS, HISTORY, READ = ("GET", r"/process$"), ("GET", r"/history$"), ("GET", r"/storage/api/v1/instances/\d+/")
DOWNLOAD = ("GET", r"/data/[0-9a-f-]{36}$")
LOCK = ("*", r"/lock$")
RESUME = ("POST", r"/process/resume$")
ANY = ("*", r"/instances")

WIRE = (
    "reset_before_body",
    "reset_in_request_body",
    "timeout_before",
    "500",
    "502",
    "503",
    "504",
    "429",
    "html_before",
    "token_expired",
    "token_revoked",
    "403",
    "404",
    "answer_lost",
    "reset_in_body",
    "timeout",
    "slow_answer",
    "truncated_json",
    "html",
    "401_after_commit",
    "500_after_commit",
    "502_after_commit",
    "503_after_commit",
    "504_after_commit",
    "late_duplicate",
    "stuck_in_proxy",
)
CREATING = ("creation_slow", "creation_cleanup", "created_earlier", "query_lag")
PUSHING = (
    "409_lock",
    "409_validation",
    "409_ended",
    "409_empty",
    "409_string",
    "409_xml",
    "409_retrying",
    "409_resume_required",
    "service_task_failed",
    "lock_held",
    "lock_race",
)
LOCKING = ("lock_unavailable", "409_lock", "answer_lost", "500", "stuck_in_proxy", "late_duplicate", "slow_answer")
ASKING = ("empty_page", "rows_move")
PERSON = (
    "person_edits",
    "person_adds_file",
    "person_removes_file",
    "person_deletes",
    "person_pushes",
    "person_confirms",
    "person_files",
)
THROWN_AWAY = "person_deletes_filed"
"""A person throws away what was delivered, softly as the archive does."""
DEEDS = (*PERSON, THROWN_AWAY)
REDEPLOYED = ("task_removed", "task_renamed")
STAMPS_DROPPED = "stamps_dropped"
"""The app's own code leaves `dataValues` out of what it makes."""
OWN_STEPS = ("step_fails", "step_waits")
"""The app ends with a step of its own, which fails at first, or (version 9) waits."""
REGIMES = (
    "small_pages",
    "rights_not_split",
    "library_8_10",
    "version_9",
    "task_removed",
    "no_read_after_end",
    *OWN_STEPS,
)
HELD_UP = frozenset({"late_duplicate", "stuck_in_proxy"})
LAGS = frozenset({"created_earlier", "query_lag"})


@dataclass(frozen=True)
class Strike:
    """One fault: which request it strikes, counted over all clients, and for how long it lasts."""

    where: tuple[str, str]
    fault: str
    occurrence: int = 1
    seconds: float = 5.0


@dataclass(frozen=True)
class Disturbance:
    """What befalls the process of a task.

    :param kind: "kill": the process is gone, and a retry comes; "orphan": it stops for `seconds` and then goes on,
        while a retry has begun meanwhile; "pause": it stops, and nobody notices; "mark": it stops, a user marks the
        task as failed, and the process goes on.
    :param step: before which of the client's requests, counted from 0 over all its tasks.
    :param sent: that request has left already.
    :param where: counts only requests of this method to this path; every one when left out.
    """

    kind: str
    step: int
    seconds: float = 60.0
    sent: bool = False
    where: tuple[str, str] = ANY


@dataclass(frozen=True)
class Deed:
    """What a person does by hand, whatever the clients are about.

    :param at: seconds after the beginning.
    :param act: one of DEEDS.
    """

    at: float
    act: str


@dataclass(frozen=True)
class Plan:
    """One client: when it begins, what befalls it, and how often somebody clears its run afterwards.

    :param retry: seconds until Airflow tries a task again.
    :param documents: which version of the documents is meant, in the first pass and after each clear; the last one
        stays.
    :param approval: "given": the draft is made to be approved, and a person approves; "asked": nobody answers; empty:
        the run knows of no approval.
    :param misled: its local record names an instance that was made for another period.
    :param lock: it holds Storage's instance lock during its last look.
    """

    start: float = 0.0
    disturbances: tuple[Disturbance, ...] = ()
    clears: int = 0
    retry: float = RETRY_DELAY
    documents: tuple[int, ...] = (0,)
    on_changed: str = "fail"
    on_foreign: str = "fail"
    approval: str = ""
    misled: bool = False
    lock: bool = False


@dataclass(frozen=True)
class Schedule:
    """Everything that may differ between two runs.

    :param delays: indexes into DELAYS, used up one by one by whatever client makes its next step.
    :param regimes: what holds for the app from the beginning.
    """

    plans: tuple[Plan, ...] = (Plan(),)
    strikes: tuple[Strike, ...] = ()
    delays: tuple[int, ...] = ()
    regimes: frozenset[str] = field(default_factory=frozenset)
    seed: int = 0
    deeds: tuple[Deed, ...] = ()

    @property
    def own_step(self) -> str:
        """How the app's own last step goes; empty where it has none."""
        return next(iter(sorted(self.regimes.intersection(OWN_STEPS))), "")

    @property
    def outside(self) -> str:
        """Why the schedule lies outside what is promised; empty when it does not."""
        if any(s.fault in LAGS and s.seconds > SETTLE for s in self.strikes):
            return "a creation shows later than settle"
        if "no_read_after_end" in self.regimes:
            return "what was delivered cannot be seen by its sender"
        if self._deletes and self._holds_up and self._is_shared:
            return "a person deletes what is being pushed, where a push that comes late can deliver"
        return ""

    @property
    def _deletes(self) -> bool:
        return "person_deletes" in {*(s.fault for s in self.strikes), *(d.act for d in self.deeds)}

    @property
    def _holds_up(self) -> bool:
        """Whether a push may be sent, or arrive, long after its process has looked."""
        stopped = any(d.kind != "kill" for plan in self.plans for d in plan.disturbances)
        return stopped or bool(HELD_UP & {s.fault for s in self.strikes})

    @property
    def _is_shared(self) -> bool:
        """Whether the action of the data task leaves another task as well."""
        return "rights_not_split" in self.regimes or (bool(self.own_step) and "version_9" not in self.regimes)

    def __str__(self) -> str:
        told = [_of_plan(number, plan) for number, plan in enumerate(self.plans, 1)]
        told += [f"{s.fault} at {s.where[0]} {s.where[1]} no. {s.occurrence} ({s.seconds:g} s)" for s in self.strikes]
        told += [f"{d.act} at {d.at:g} s" for d in self.deeds]
        told += sorted(self.regimes)
        delays = [f"{DELAYS[d]:g}" for d in self.delays]
        return "; ".join([*told, *([f"steps after {' '.join(delays)} s"] if any(self.delays) else [])])


def _of_plan(number: int, plan: Plan) -> str:
    parts = [f"client {number} at {plan.start:g} s"]
    for one in plan.disturbances:
        request = "request" if one.where == ANY else " ".join(one.where)
        place = f"{'in' if one.sent else 'before'} {request} no. {one.step + 1}"
        parts.append(f"{one.kind} {place}" + (f" for {one.seconds:g} s" if one.kind != "kill" else ""))
    if plan.clears:
        parts.append(f"cleared {plan.clears} times")
    for option in ("retry", "documents", "on_changed", "on_foreign", "approval", "misled", "lock"):
        if (value := getattr(plan, option)) != getattr(PLAIN, option):
            parts.append(f"{option} {'-'.join(map(str, value)) if isinstance(value, tuple) else value}")
    return ", ".join(parts)


PLAIN = Plan()


def paused(where: tuple[str, str], number: int, seconds: float) -> tuple[Disturbance, ...]:
    """Let a process stop before a request, counted from 0, without anybody noticing."""
    return (Disturbance("pause", number, seconds, where=where),)

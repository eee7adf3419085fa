"""The cells of the matrix: operator x crash point x fault x rights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests import archiving_app

GUID = "[0-9a-f-]{36}"
_QUERY = "^/storage/api/v1/instances$"
_INSTANCE = f"^/storage/api/v1/instances/[0-9]+/{GUID}$"
TARGETS: dict[str, tuple[str, str, str]] = {
    "instantiate": ("instantiate", "POST", "^/ttd/basic/instances$"),
    "upload form": ("upload", "PUT", f"/data/{GUID}$"),
    "upload file": ("upload", "POST", "/data$"),
    "validate": ("validate", "GET", "/validate$"),
    "push": ("push", "PUT", "/process/next$"),
    "push with lock": ("push", "PUT", "/process/next$"),
    "lock": ("push", "POST", "/lock$"),
    "confirm": ("confirm", "PUT", "/process/next$"),
    "feedback": ("feedback", "GET", _INSTANCE),
    "download": ("download", "GET", f"/data/{GUID}$"),
    "delete": ("delete", "DELETE", f"/instances/[0-9]+/{GUID}$"),
    "multipart": ("instantiate", "POST", "^/ttd/basic/instances$"),
    "find": ("instantiate", "GET", _QUERY),
    "plan": ("plan", "GET", _QUERY),
    "ask": ("ask", "POST", "/mva-melding/valider$"),
    "process sensor": ("wait", "GET", _INSTANCE),
    "signature sensor": ("wait", "GET", _INSTANCE),
    "receipt": ("receipt", "GET", _INSTANCE),
    "calendar": ("calendar", "GET", _QUERY),
}
"""Each operator: its task, and the request at which it crashes and the fault strikes. Not here: the check of documents
and the approval, which send Altinn nothing, and the doctor, which files nothing."""

CHANGES: dict[str, tuple[str, str, str]] = {
    f"{story} {operator}": TARGETS[operator]
    for story, operators in (
        ("change after", ("upload form", "push", "confirm")),
        ("correct at", ("instantiate", "push", "confirm")),
    )
    for operator in operators
}
"""The documents change. "change after": the run crashes, other documents take the place of the first ones, and somebody
clears it. "correct at": it was delivered, and the run that files the correction crashes."""

HALTS: dict[str, tuple[str, str, str]] = {
    "confirm, step fails": TARGETS["confirm"],
    "push past it": TARGETS["push"],
    "resume it": ("push", "POST", "/process/resume$"),
}
"""The app ends with a step of its own, which fails. "confirm, step fails": the crash is in the push that makes it fail.
The others: it has failed before, the run was red and is cleared, and the crash is in what makes it go on (its first
push that finds it there), in version 8 and in version 9."""

PLAIN: dict[str, tuple[str, str, str]] = {
    "plain create": ("create", "POST", "^/ttd/basic/instances$"),
    "plain push": ("next", "PUT", "/process/next$"),
    "plain confirm": ("confirm_next", "PUT", "/process/next$"),
}
"""The same with Airflow's HttpOperator and retries alone."""

POINTS = ("none", "mark", "before", "commit", "answer", "store", "xcom", "stop")
_SENSORS = {"feedback", "process sensor", "signature sensor"}
_READS = {"validate", "download", "find", "plan", "ask", "receipt", "calendar", *_SENSORS}
_WITHOUT_MARK = {"upload form", "upload file", "change after upload form", "multipart", *_READS}
_NOTING = {"instantiate", "correct at instantiate"}
"""They note in the task's state store what the request has made. What others note comes before it."""
_WITHOUT_XCOM = {"plan", "confirm, step fails", *_SENSORS}
"""They return nothing: the plan is a dry run, the sensors find at their first look what they wait for, and the first
try over a step that fails is red."""


REFUSALS = (
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
    "409_validation",
    "409_lock",
    "409_ended",
    "409_empty",
    "409_string",
    "409_xml",
    "409_retrying",
    "409_resume_required",
    "service_task_failed",
    "stuck_in_proxy",
)
OUTCOMES = (
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
)
CREATIONS = ("creation_slow", "creation_cleanup", "created_earlier", "query_lag")
QUERIES = ("small_pages", "empty_page", "rows_move")
PUSHES = ("lock_held", "lock_race")
REGIMES = ("task_removed", "task_renamed", "version_9", "library_8_10")
PERSONS = (
    "person_edits",
    "person_adds_file",
    "person_removes_file",
    "person_deletes",
    "person_deletes_for_good",
    "person_pushes",
    "person_confirms",
    "person_files",
)
CHANGING = ("none", "403", "500", "503", "409_lock", "reset_before_body", "stuck_in_proxy", *OUTCOMES)
"""The faults of the rows in which the documents change: the write happened, did not, or happens later."""

HALTING = ("none", *REFUSALS, *OUTCOMES, *PUSHES, "version_9")
"""The faults of the rows in which a step of the app's own fails."""

_REAL_SECONDS = {"timeout_before": 0.2, "timeout": 0.2, "slow_answer": 0.2, "lock_race": 0.2}
"""What a waiting client has to sit out; the emulator's clock moves everything else."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    :param inside: within the conditions under which exactly one filing is promised.
    :param seconds: the fault's, if not its own.
    """

    operator: str
    point: str
    fault: str
    split: bool
    inside: bool = True
    seconds: float | None = None

    @property
    def target(self) -> tuple[str, str, str]:
        """The task, and the request it is about."""
        return (TARGETS | CHANGES | HALTS | PLAIN)[self.operator]

    @property
    def app(self) -> str:
        """The app that it files with."""
        return archiving_app.APP if self.operator in HALTS else "ttd/basic"

    def __str__(self) -> str:
        rights = "split" if self.split else "not split"
        return f"{self.operator} | {self.point} | {self.fault} | {rights}"

    @property
    def story(self) -> str:
        """What happens around the crash: "plain", "delete", "change", "correct", "halt", or "file"."""
        if self.operator in PLAIN:
            return "plain"
        if self.operator in CHANGES:
            return self.operator.partition(" ")[0]
        if self.operator in HALTS:
            return "file" if self.operator == "confirm, step fails" else "halt"
        return "delete" if self.operator == "delete" else "file"

    @property
    def lasting(self) -> list[dict[str, Any]]:
        """The orders of what holds from the beginning: the app's rights, and its library."""
        faults = ["rights_by_task" if self.split else "rights_not_split"]
        if self.operator == "resume it":
            faults.append("version_9")
        return [{"fault": fault, "path": f"^/{self.app}/"} for fault in faults]

    @property
    def failures(self) -> int:
        """How often the app's own step fails; version 9's is resumed once within the try in which it failed."""
        return 0 if self.operator not in HALTS else 2 if self.operator == "resume it" else 1

    def orders(self) -> list[dict[str, Any]]:
        """Return the faults to order from the emulator right before the task."""
        if self.fault == "none":
            return []
        _, method, path = self.target
        fault: dict[str, Any] = {"fault": self.fault, "method": method, "path": path}
        if self.fault in QUERIES:
            fault |= {"method": "GET", "path": _QUERY}
            if self.fault != "empty_page":  # The rows are on the page that it leads to.
                fault["occurrence"] = "every"
        if self.fault in REGIMES or self.fault == "no_read_after_end":
            fault = {"fault": self.fault, "path": f"^/{self.app}/"}
        seconds = self.seconds if self.seconds is not None else _REAL_SECONDS.get(self.fault)
        if seconds is not None:
            fault["seconds"] = seconds
        return [fault]


def _faults_of(operator: str) -> tuple[str, ...]:
    if operator in CHANGES:
        return CHANGING
    if operator in HALTS:
        return HALTING
    faults: tuple[str, ...] = ("none", *REFUSALS, *OUTCOMES, *REGIMES)
    if operator == "instantiate":
        faults += (*CREATIONS, *QUERIES)
    if operator in ("find", "plan", "calendar"):
        faults += QUERIES
    if operator in ("push", "push with lock", "confirm"):
        faults += (*PUSHES, *QUERIES)
    if operator == "lock":
        faults += ("lock_unavailable",)
    return faults


def _points_of(operator: str) -> tuple[str, ...]:
    left_out = {"mark"} if operator in _WITHOUT_MARK else set()
    if operator not in _NOTING:
        left_out.add("store")
    if operator in _READS:
        left_out.add("stop")
    if operator in _WITHOUT_XCOM:
        left_out.add("xcom")
    return tuple(point for point in POINTS if point not in left_out)


def cells() -> Iterator[Cell]:
    """Return the cells inside the conditions, then those outside of them, then the plain ones."""
    for split in (True, False):
        for operator in (*TARGETS, *CHANGES, *HALTS):
            for fault in _faults_of(operator):
                for point in _points_of(operator):
                    yield Cell(operator, point, fault, split)
    yield from _cells_outside()


def _cells_outside() -> Iterator[Cell]:
    for split in (True, False):
        for fault in CREATIONS:
            for point in ("none", "commit", "stop"):
                yield Cell("instantiate", point, fault, split, inside=False, seconds=20.0)
        for operator in ("upload file", "push", "confirm"):
            for fault in (*PERSONS, "no_read_after_end"):
                for point in ("none", "commit", "stop"):
                    yield Cell(operator, point, fault, split, inside=False)


def plain_cells() -> Iterator[Cell]:
    """Return the cells of the chain without guards."""
    for split in (True, False):
        for operator in PLAIN:
            for fault in ("none", *REFUSALS, *OUTCOMES):
                for point in ("none", "before", "commit", "answer"):
                    if (fault, point) != ("none", "none"):
                        yield Cell(operator, point, fault, split)

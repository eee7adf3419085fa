"""The names of the faults, when each of them acts, and what it does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """When a fault acts on the request that it strikes."""

    REFUSAL = "nothing is done"
    OUTCOME = "the work is done, its answer is not what it should be"
    WORK = "the work itself goes another way"
    REGIME = "holds from this request on, for its app"
    BYSTANDER = "somebody else comes first"


@dataclass(frozen=True, slots=True)
class Kind:
    """One fault.

    :param effect: what it does, for the documentation.
    :param seconds: the default of `seconds`; None where the fault takes none, 0 for a regime without an end.
    """

    stage: Stage
    effect: str
    seconds: float | None = None


KINDS: dict[str, Kind] = {
    "reset_before_body": Kind(Stage.REFUSAL, "the connection is reset before the request's body has been read"),
    "reset_in_request_body": Kind(Stage.REFUSAL, "the connection is reset while the request's body is read"),
    "timeout_before": Kind(Stage.REFUSAL, "no answer for `seconds`, then the connection is closed", 60.0),
    "500": Kind(Stage.REFUSAL, "500 with problem details"),
    "502": Kind(Stage.REFUSAL, "502 with a gateway's HTML page"),
    "503": Kind(Stage.REFUSAL, "503 with a gateway's HTML page and `Retry-After: seconds`", 1.0),
    "504": Kind(Stage.REFUSAL, "504 with a gateway's HTML page"),
    "429": Kind(Stage.REFUSAL, "429 with `Retry-After: seconds`", 1.0),
    "html_before": Kind(Stage.REFUSAL, "200 with an HTML page, as a proxy's login page has it"),
    "token_expired": Kind(Stage.REFUSAL, "the bearer token has expired: 401 now and whenever it comes again"),
    "token_revoked": Kind(Stage.REFUSAL, "the bearer token is revoked: 401 now and whenever it comes again"),
    "403": Kind(Stage.REFUSAL, "403 with an empty body, though the instance is there"),
    "404": Kind(Stage.REFUSAL, "404 as Storage answers any exception of its own, though the instance is there"),
    "409_validation": Kind(Stage.REFUSAL, "409 with a list in `validationIssues`"),
    "409_lock": Kind(Stage.REFUSAL, "409 without `validationIssues`, as while somebody else's push is under way"),
    "409_ended": Kind(Stage.REFUSAL, '409 with the detail "Process is ended."'),
    "409_empty": Kind(Stage.REFUSAL, "409 with an empty body"),
    "409_string": Kind(Stage.REFUSAL, "409 with a JSON string, as an authority's own check answers"),
    "409_xml": Kind(Stage.REFUSAL, "409 with the authority's XML, as a return that its XSD refuses"),
    "409_retrying": Kind(Stage.REFUSAL, "version 9's 409 `processNextState: retrying`"),
    "409_resume_required": Kind(Stage.REFUSAL, "version 9's 409 `processNextState: resumeRequired`"),
    "service_task_failed": Kind(Stage.REFUSAL, 'version 8\'s 500 "Service task failed!"'),
    "lock_unavailable": Kind(Stage.REFUSAL, "403, as a gateway that lets no sender reach Storage's lock"),
    "stuck_in_proxy": Kind(
        Stage.REFUSAL, "the connection is reset, and the request arrives `seconds` later all the same", 5.0
    ),
    "answer_lost": Kind(Stage.OUTCOME, "the connection is reset in place of an answer"),
    "reset_in_body": Kind(Stage.OUTCOME, "the connection is reset in the middle of the answer's body"),
    "timeout": Kind(Stage.OUTCOME, "no answer for `seconds`, then the connection is closed", 60.0),
    "slow_answer": Kind(Stage.OUTCOME, "the right answer, `seconds` late", 2.0),
    "truncated_json": Kind(Stage.OUTCOME, "a whole answer, with half of its JSON"),
    "html": Kind(Stage.OUTCOME, "an HTML page in place of the body, with the right status"),
    "401_after_commit": Kind(Stage.OUTCOME, "401, as when the token expires on the way"),
    "500_after_commit": Kind(Stage.OUTCOME, "500 in place of the answer"),
    "502_after_commit": Kind(Stage.OUTCOME, "502 in place of the answer"),
    "503_after_commit": Kind(Stage.OUTCOME, "503 with `Retry-After: seconds` in place of the answer", 1.0),
    "504_after_commit": Kind(Stage.OUTCOME, "504 in place of the answer"),
    "late_duplicate": Kind(Stage.OUTCOME, "the right answer; a copy of the request arrives `seconds` later", 5.0),
    "lock_held": Kind(Stage.WORK, "another caller holds the instance's lock, for `seconds` from now on", 5.0),
    "lock_race": Kind(
        Stage.WORK,
        "a push waits, up to `seconds`, until another push of the instance is through, and goes on as well: two at"
        " once, both let through",
        1.0,
    ),
    "creation_slow": Kind(
        Stage.WORK, "a creation shows in the query `seconds` before its process and its forms are made", 5.0
    ),
    "creation_cleanup": Kind(
        Stage.WORK,
        "a creation fails after its insert: the instance shows for `seconds`, then the app deletes it for good,"
        " whatever became of it, and answers 500",
        5.0,
    ),
    "created_earlier": Kind(
        Stage.WORK,
        "a creation takes its `created` and commits `seconds` later: others may come in between",
        5.0,
    ),
    "query_lag": Kind(Stage.WORK, "a created instance does not show in the query for `seconds`", 5.0),
    "small_pages": Kind(Stage.WORK, "the query answers with pages of one row"),
    "empty_page": Kind(Stage.WORK, "the query answers with an empty page and a `next` that leads to the rows"),
    "rows_move": Kind(
        Stage.WORK,
        "when a page of the query is cut, the first row of the next page changes and moves to the end",
    ),
    "no_read_after_end": Kind(
        Stage.REGIME, "senders may not read what has ended: the instance vanishes from the query, GET is 403", 0.0
    ),
    "rights_not_split": Kind(Stage.REGIME, "who may write, confirm or sign in one task may do so in every task", 0.0),
    "rights_by_task": Kind(
        Stage.REGIME, "each task grants senders its own action only, system users too, and feedback none", 0.0
    ),
    "task_removed": Kind(Stage.REGIME, "the app is redeployed without its confirmation tasks", 0.0),
    "task_renamed": Kind(
        Stage.REGIME,
        "the app is redeployed with other task ids: `next` of what stands in a task is 500",
        0.0,
    ),
    "version_9": Kind(Stage.REGIME, "the app runs on version 9 of the library, with its workflow engine", 0.0),
    "library_8_10": Kind(Stage.REGIME, "the app runs on library 8.10, whose `process/next` takes no lock", 0.0),
    "person_edits": Kind(Stage.BYSTANDER, "a person changes the instance's form"),
    "person_adds_file": Kind(Stage.BYSTANDER, "a person uploads a file to the instance"),
    "person_removes_file": Kind(Stage.BYSTANDER, "a person removes the instance's newest file"),
    "person_deletes": Kind(Stage.BYSTANDER, "a person deletes the instance, softly as the inbox does"),
    "person_deletes_for_good": Kind(Stage.BYSTANDER, "a person deletes the instance for good"),
    "person_pushes": Kind(Stage.BYSTANDER, "a person moves the instance out of the task that it is in"),
    "person_confirms": Kind(Stage.BYSTANDER, "a person confirms or signs the instance, if it is there"),
    "person_files": Kind(
        Stage.BYSTANDER, "a person files the same form in an instance of their own, without any stamp"
    ),
}

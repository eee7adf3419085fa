"""Storage's instance lock: made for apps, who hold it while they move a process on (InstanceLockController)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from altinn.emulator.answers import JSON, default_problem, empty, json_answer
from altinn.emulator.guards import Refused
from altinn.emulator.requestbody import not_valid
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.storageapi import ONE, allowed_to_move, body_object, find_stored
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from starlette.responses import Response

LOCK_TOKEN = "Altinn-Storage-Lock-Token"


def add_lock_routes(table: RouteTable) -> None:
    """Register the lock's path."""
    table.add("POST", f"{ONE}/lock", post_lock)
    table.add("PATCH", f"{ONE}/lock", patch_lock)


def _lock_problem(status: int, detail: str) -> Refused:
    return Refused(default_problem(status, JSON, detail=detail))


def _seconds(ask: Ask) -> int:
    """Return the time that a lock is wanted for.

    :raises Refused: 400.
    """
    seconds = body_object(ask).get("ttlSeconds", 0)
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise not_valid({"$.ttlSeconds": ["The JSON value could not be converted to System.Int32. Path: $.ttlSeconds"]})
    if seconds < 0:
        raise _lock_problem(400, "TtlSeconds cannot be negative.")
    return seconds


def _instance_to_lock(ask: Ask) -> Record:
    """Return the instance; of the lock's paths alone Storage says 404 for one that is not there.

    :raises Refused: 404.
    """
    try:
        return find_stored(ask)
    except Refused as exc:
        raise _lock_problem(404, "Instance not found.") from exc


async def post_lock(ask: Ask) -> Response:
    """Take the instance's lock for a number of seconds."""
    seconds = _seconds(ask)
    record = _instance_to_lock(ask)
    try:
        allowed_to_move(ask)
    except Refused as exc:
        raise _lock_problem(403, "Not authorized to acquire instance lock.") from exc
    token = ask.world.locks.acquire(record["guid"], seconds)
    if token is None:
        raise _lock_problem(409, "Lock is already held for this instance.")
    return json_answer({"lockToken": token})


async def patch_lock(ask: Ask) -> Response:
    """Give the lock another time; 0 seconds release it."""
    token = ask.header(LOCK_TOKEN)
    if not token:
        raise _lock_problem(401, f"{LOCK_TOKEN} header is missing.")
    try:
        base64.b64decode(token, validate=True)
    except binascii.Error as exc:
        raise _lock_problem(401, "Could not parse lock token.") from exc
    seconds = _seconds(ask)
    outcome = ask.world.locks.change(_instance_to_lock(ask)["guid"], token, seconds)
    if outcome == "unknown":
        raise _lock_problem(404, "Lock not found.")
    if outcome == "expired":
        raise _lock_problem(422, "Lock has expired.")
    return empty(204)

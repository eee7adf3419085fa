"""The rules of a signing task that the app library checks by itself: enough signatures, over what is still there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from altinn.emulator.bpmn import Task
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

SIGNING = "signing"


def signature_faults(world: World, app: AppFolder, record: Record, task: Task) -> Iterator[tuple[str, str]]:
    """Yield the validator's name and the code of what is wrong with a signing task's signatures.

    How many must have signed is the `minCount` of the signatures' data type, and is asked for by
    `runDefaultValidator` in `process.bpmn` alone (SigningTaskValidator). What was signed must be unchanged in any case
    (SignatureHashValidator).
    """
    data_type = app.types.get(task.signature_type or "")
    if task.kind != SIGNING or data_type is None:
        return
    signatures = [e for e in world.instances.elements(record["guid"]) if e["dataType"] == data_type.id]
    if task.default_validator and len(signatures) < data_type.min_count:
        yield "SigningTaskValidator", "MissingSignatures"
    if not all(_unchanged(world, record["guid"], signature) for signature in signatures):
        yield "SignatureHashValidator", "InvalidSignatureHash"


def _unchanged(world: World, guid: str, signature: Record) -> bool:
    present = {e["id"] for e in world.instances.elements(guid)}
    try:
        signed = json.loads(world.store.content(signature["id"]))["dataElementSignatures"]
        hashes = {str(entry["dataElementId"]): entry["sha256Hash"] for entry in signed}
    except (ValueError, KeyError, TypeError):
        return False  # somebody uploaded it who did not sign
    return all(name in present and world.sha256(name) == digest for name, digest in hashes.items())

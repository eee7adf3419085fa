"""What an app copies from its forms to the instance: `dataFields` to data values, `presentationFields` to texts.

The values are merged into what the instance has; an empty field takes nothing away (Storage merges old and new).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from altinn.emulator.behaviour import Form
from altinn.emulator.formcodec import field_at
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from altinn.emulator.appfolder import AppFolder
    from altinn.emulator.world import World

COPIED = (("dataFields", "dataValues"), ("presentationFields", "presentationTexts"))


def _found(metadata: Mapping[str, Any], member: str, data_type: str, form: Form) -> dict[str, str]:
    fields = [f for f in metadata.get(member) or () if f.get("dataTypeId") == data_type]
    values = {str(field["id"]): field_at(form, str(field.get("path") or "")) for field in fields}
    return {name: value for name, value in values.items() if isinstance(value, str) and value}


def copy_fields(world: World, app: AppFolder, record: Record, data_type: str, form: Form) -> None:
    """Copy a written form's named fields to the instance, in `record` too; it does not count as a change of it."""
    stored = world.instances.store.instance(record["guid"])
    for member, target in COPIED:
        found = _found(app.metadata, member, data_type, form)
        if found and stored is not None:
            stored[target] = record[target] = {**(stored[target] or {}), **found}
            world.instances.save(stored)

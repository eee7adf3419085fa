"""What others have done to the company's instances, or do to them while clients are at work."""

from __future__ import annotations

from altinn.emulator.events import record_event
from altinn.emulator.faults.bystander import Bystander
from altinn.emulator.identity import Principal
from altinn.emulator.ownerwork import Commission, make_instance
from altinn.emulator.world import World
from tests.fuzz.clients import APP, PARTY
from tests.fuzz.schedules import SETTLE, THROWN_AWAY

SENDER, PERSON = 1337, 1001
ANOTHER_PERIOD = {"filingversion": "1", "filingperiod": "2026-T4", "filingkind": "main"}


def act(world: World, name: str) -> None:
    """Let a person of the company do something now."""
    if name == THROWN_AWAY:
        _throw_away(world)
    else:
        Bystander(world, world.apps[APP], None, world.register.party(PARTY)).act(name)


def _throw_away(world: World) -> None:
    """Delete what was delivered last, softly, as a person does in the archive."""
    filed = [
        r
        for r in world.store.instances()
        if r["party"] == PARTY and world.store.filing(r["guid"]) and not r["status"]["isSoftDeleted"]
    ]
    if not filed:
        return
    record = world.instances.get(max(filed, key=lambda r: r["lastChanged"])["guid"])
    if record is None:
        return
    who = Principal("user", user_id=PERSON, party_id=PARTY, auth_level=3)
    world.instances.delete(record, who, hard=False)
    world.note_deletion(record["guid"])
    record_event(world.instances, record, "Deleted", who)
    world.store.commit()


def made_earlier(world: World) -> str:
    """Make an instance of another period that the query does not show until `settle` is over; return its id."""
    party = world.register.party(PARTY)
    if party is None:
        raise LookupError(f"there is no party {PARTY}")
    sender = Principal("user", user_id=SENDER, party_id=PARTY, auth_level=3)
    made = make_instance(world, Commission(world.apps[APP], party, ANOTHER_PERIOD, {}, None), sender)
    world.hidden[made["guid"]] = world.clock.seconds() + SETTLE - 1.0
    world.store.commit()
    return f"{PARTY}/{made['guid']}"

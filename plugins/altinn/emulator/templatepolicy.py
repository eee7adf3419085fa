"""The policy of an app whose folder has none: the rights that Altinn Studio's template gives."""

from __future__ import annotations

from altinn.emulator.bpmn import Process
from altinn.emulator.xacml import ACTION, ACTION_ID, RESOURCE, SUBJECT, Match, Policy, Rule

ROLES = ("regna", "dagl", "priv")
EVERYWHERE = ("read", "write", "instantiate", "delete")
BY_KIND = {"confirmation": ("confirm",), "signing": ("sign", "reject"), "payment": ("pay",)}
LEVEL = 2


def _alternatives(category: str, attribute: str, values: tuple[str, ...]) -> tuple[tuple[Match, ...], ...]:
    return tuple((Match(category, attribute, value, True),) for value in values)


def template_policy(org: str, app: str, process: Process) -> Policy:
    """Return the template's policy: managers and the person itself may do everything, the owner its part."""
    here = (Match(RESOURCE, "urn:altinn:org", org, False), Match(RESOURCE, "urn:altinn:app", app, False))
    actions = {
        a for task in process.tasks.values() for a in (*(n for n, _ in task.actions), *BY_KIND.get(task.kind, ()))
    }
    every = (*EVERYWHERE, *sorted(actions - set(EVERYWHERE)))
    people = Rule(
        True, (_alternatives(SUBJECT, "urn:altinn:rolecode", ROLES), (here,), _alternatives(ACTION, ACTION_ID, every))
    )
    owner = Rule(
        True,
        (
            _alternatives(SUBJECT, "urn:altinn:org", (org,)),
            (here,),
            _alternatives(ACTION, ACTION_ID, (*every, "complete")),
        ),
    )
    return Policy((people, owner), LEVEL, LEVEL)

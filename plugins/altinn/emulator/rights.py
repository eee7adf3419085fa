"""Who may do what with an instance: the policy decision of an app's XACML for the caller of a request."""

from __future__ import annotations

from dataclasses import dataclass

from altinn.emulator.appfolder import AppFolder
from altinn.emulator.identity import Principal
from altinn.emulator.parties import Register
from altinn.emulator.store import Record
from altinn.emulator.xacml import ACTION, ACTION_ID, LEVEL, LEVEL_ORG, RESOURCE, SUBJECT, Attributes

LEAVING = {
    "data": ("write",),
    "feedback": ("write",),
    "pdf": ("write",),
    "eFormidling": ("write",),
    "fiksArkiv": ("write",),
    "subformPdf": ("write",),
    "confirmation": ("confirm",),
    "signing": ("sign", "write"),
    "payment": ("pay", "write"),
}


TASK, END = "urn:altinn:task", "urn:altinn:end-event"
OF_TASKS = frozenset({"write", "confirm", "sign", "pay"})


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of the policy decision point.

    :param obligations: what the caller lacks although the policy permits, such as an authentication level.
    """

    permitted: bool
    obligations: dict[str, str] | None = None


def actions_to_leave(task_kind: str) -> tuple[str, ...]:
    """Return the actions of which one lets a caller end a task without naming an action (ProcessEngineAuthorizer)."""
    return LEAVING.get(task_kind, (task_kind,))


def place_of(record: Record) -> tuple[str, str] | None:
    """Return where an instance is: the attribute and the id of its task or end event."""
    process = record["process"] or {}
    if process.get("currentTask"):
        return TASK, process["currentTask"]["elementId"]
    if process.get("endEvent"):
        return END, process["endEvent"]
    return None


def withheld(app: AppFolder, action: str, place: tuple[str, str] | None) -> bool:
    """Say whether a fault takes an action from senders at a place."""
    if place is None:
        return False
    if place[0] == END:
        return action == "read" and "no_read_after_end" in app.regimes
    task = app.process.tasks.get(place[1])
    if "rights_by_task" not in app.regimes or task is None or action not in OF_TASKS:
        return False
    return task.kind == "feedback" or action not in actions_to_leave(task.kind)


@dataclass(frozen=True, slots=True)
class Rights:
    """Decides with the register's roles.

    LocalTest's own system user has a fixed list of actions everywhere (recorded); one that a customer has approved was
    given the app, and may do what its policy gives to end users, by task.
    """

    register: Register

    def decide(
        self, who: Principal, app: AppFolder, party_id: int, action: str, place: tuple[str, str] | None
    ) -> Decision:
        """Decide about one action on a party's instance of an app, at a task or an end event."""
        sender = who.kind in ("user", "system_user")
        if sender and app.regimes and withheld(app, action, place):
            return Decision(False)
        if sender and action in OF_TASKS and place and place[0] == TASK and "rights_not_split" in app.regimes:
            places = [(TASK, task_id) for task_id in app.process.tasks]
            return max((self._decide(who, app, party_id, action, p) for p in places), key=lambda d: d.permitted)
        return self._decide(who, app, party_id, action, place)

    def _decide(
        self, who: Principal, app: AppFolder, party_id: int, action: str, place: tuple[str, str] | None
    ) -> Decision:
        if who.kind == "system_user":
            behaviour = app.behaviour
            if not behaviour.accepts_system_users or action in behaviour.refused_to_system_users:
                return Decision(False)
            known = self.register.system_users.get(who.system_user_id or "")
            if known is not None:
                return Decision(self._acts_for(who, party_id) and action in known.actions)
        subject = self._subject(who, app, party_id)
        if not subject:
            return Decision(False)
        request: Attributes = {
            **subject,
            (RESOURCE, "urn:altinn:org"): frozenset({app.org}),
            (RESOURCE, "urn:altinn:app"): frozenset({app.app}),
            (RESOURCE, "urn:altinn:partyid"): frozenset({str(party_id)}),
            (RESOURCE, "urn:altinn:appresource"): frozenset({"events"} if action == "subscribe" else ()),
            (ACTION, ACTION_ID): frozenset({action}),
            **({(RESOURCE, place[0]): frozenset({place[1]})} if place else {}),
        }
        if not app.policy.permits(request):
            return Decision(False)
        owner = who.kind == "service_owner"
        needed = app.policy.level_org if owner else app.policy.level
        if who.auth_level < needed:
            return Decision(False, {LEVEL_ORG if owner else LEVEL: str(needed)})
        return Decision(True)

    def may(self, who: Principal, app: AppFolder, record: Record, action: str) -> bool:
        """Say whether the caller may do an action with an instance where it is now."""
        return self.decide(who, app, record["party"], action, place_of(record)).permitted

    def _subject(self, who: Principal, app: AppFolder, party_id: int) -> dict[tuple[str, str], frozenset[str]]:
        if who.kind == "system_user":
            return app.policy.end_users() if self._acts_for(who, party_id) else {}
        if who.kind == "user" and who.user_id is not None:
            roles = self.register.roles(who.user_id, party_id)
            return {(SUBJECT, "urn:altinn:rolecode"): roles} if roles else {}
        if who.kind == "service_owner" and who.org_code:
            return {(SUBJECT, "urn:altinn:org"): frozenset({who.org_code})}
        return {}

    def _acts_for(self, who: Principal, party_id: int) -> bool:
        party = self.register.party(party_id)
        return party is not None and party.organisation_number == who.system_user_org

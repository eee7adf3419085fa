"""Rights by role, task and end event: the XACML that Altinn's policies use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

XACML = "{urn:oasis:names:tc:xacml:3.0:core:schema:wd-17}"
SUBJECT = "urn:oasis:names:tc:xacml:1.0:subject-category:access-subject"
RESOURCE = "urn:oasis:names:tc:xacml:3.0:attribute-category:resource"
ACTION = "urn:oasis:names:tc:xacml:3.0:attribute-category:action"
ACTION_ID = "urn:oasis:names:tc:xacml:1.0:action:action-id"
EQUAL = "urn:oasis:names:tc:xacml:1.0:function:string-equal"
EQUAL_ANY_CASE = "urn:oasis:names:tc:xacml:3.0:function:string-equal-ignore-case"
LEVEL = "urn:altinn:minimum-authenticationlevel"
LEVEL_ORG = "urn:altinn:minimum-authenticationlevel-org"
END_USERS = ("urn:altinn:rolecode", "urn:altinn:accesspackage")
COMBINING = "deny-overrides"
KNOWN_ATTRIBUTES = {
    SUBJECT: {
        "urn:altinn:rolecode",
        "urn:altinn:org",
        "urn:altinn:accesspackage",
        "urn:altinn:userid",
        "urn:altinn:partyid",
        "urn:altinn:systemuser:uuid",
    },
    RESOURCE: {
        "urn:altinn:org",
        "urn:altinn:app",
        "urn:altinn:task",
        "urn:altinn:end-event",
        "urn:altinn:partyid",
        "urn:altinn:appresource",
        "urn:altinn:resource",
    },
    ACTION: {ACTION_ID},
}

Attributes = Mapping[tuple[str, str], frozenset[str]]


class PolicyError(ValueError):
    """The policy uses something that the emulator does not know; the text says what."""


@dataclass(frozen=True, slots=True)
class Match:
    """One attribute that a request must have with one value."""

    category: str
    attribute: str
    value: str
    any_case: bool

    def holds(self, request: Attributes) -> bool:
        """Say whether the request has the attribute with the value."""
        values = request.get((self.category, self.attribute), frozenset())
        if self.any_case:
            return self.value.lower() in {v.lower() for v in values}
        return self.value in values


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: every group must have one alternative of which all matches hold."""

    permit: bool
    groups: tuple[tuple[tuple[Match, ...], ...], ...]

    def applies(self, request: Attributes) -> bool:
        """Say whether the rule's target fits the request."""
        return all(any(all(m.holds(request) for m in every) for every in some) for some in self.groups)


@dataclass(frozen=True, slots=True)
class Policy:
    """An app's policy, with the authentication levels that it demands of people and of organisations."""

    rules: tuple[Rule, ...]
    level: int
    level_org: int

    def end_users(self) -> dict[tuple[str, str], frozenset[str]]:
        """Return every role and access package that the policy gives a right: what one has who was given the app."""
        held: dict[tuple[str, str], set[str]] = {}
        matches = (m for r in self.rules if r.permit for some in r.groups for every in some for m in every)
        for match in matches:
            if match.category == SUBJECT and match.attribute in END_USERS:
                held.setdefault((SUBJECT, match.attribute), set()).add(match.value)
        return {attribute: frozenset(values) for attribute, values in held.items()}

    def permits(self, request: Attributes) -> bool:
        """Decide: permitted by a rule, and denied by none."""
        fitting = [rule for rule in self.rules if rule.applies(request)]
        return any(rule.permit for rule in fitting) and all(rule.permit for rule in fitting)


def parse_policy(text: str) -> Policy:
    """Read a policy.

    :raises PolicyError: not XACML, or a construct that Altinn's policies do not use.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as exc:
        raise PolicyError(f"policy.xml is not well-formed XML: {exc}") from exc
    if root.tag != f"{XACML}Policy":
        raise PolicyError(f"policy.xml: the root is {root.tag}, not an XACML 3.0 Policy")
    if not root.get("RuleCombiningAlgId", "").endswith(COMBINING):
        raise PolicyError(f"policy.xml: rules are combined by {root.get('RuleCombiningAlgId')}, not {COMBINING}")
    target = root.find(f"{XACML}Target")
    if target is not None and len(target):
        raise PolicyError("policy.xml: the Policy itself has a Target; Altinn's policies have it in each Rule")
    rules = tuple(_rule(element) for element in root.findall(f"{XACML}Rule"))
    levels = _levels(root)
    return Policy(rules, levels.get(LEVEL, 0), levels.get(LEVEL_ORG, levels.get(LEVEL, 0)))


def _rule(element: ElementTree.Element) -> Rule:
    name = element.get("RuleId", "?")
    for child in element:
        if child.tag not in (f"{XACML}Target", f"{XACML}Description"):
            raise PolicyError(f"policy.xml: rule {name} holds {child.tag.rpartition('}')[2]}, which is not known")
    target = element.find(f"{XACML}Target")
    groups = (
        []
        if target is None
        else [
            tuple(tuple(_match(m, name) for m in every) for every in some) for some in target.findall(f"{XACML}AnyOf")
        ]
    )
    return Rule(element.get("Effect") == "Permit", tuple(groups))


def _match(element: ElementTree.Element, rule: str) -> Match:
    function = element.get("MatchId")
    value = element.find(f"{XACML}AttributeValue")
    designator = element.find(f"{XACML}AttributeDesignator")
    if function not in (EQUAL, EQUAL_ANY_CASE) or value is None or designator is None:
        raise PolicyError(f"policy.xml: rule {rule} has a match by {function}; only string equality is known")
    category, attribute = designator.get("Category", ""), designator.get("AttributeId", "")
    if attribute not in KNOWN_ATTRIBUTES.get(category, set()):
        raise PolicyError(f"policy.xml: rule {rule} asks for attribute {attribute!r} of {category!r}: not known")
    return Match(category, attribute, (value.text or "").strip(), function == EQUAL_ANY_CASE)


def _levels(root: ElementTree.Element) -> dict[str, int]:
    levels = {}
    for assignment in root.iter(f"{XACML}AttributeAssignmentExpression"):
        value = assignment.find(f"{XACML}AttributeValue")
        if value is not None and value.text:
            levels[assignment.get("Category", "")] = int(value.text)
    return levels

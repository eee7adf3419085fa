"""What is particular to one report, behind one interface: steps, waits, verdict, period, results.

A new authority is one file with a subclass and a constant `AUTHORITY`; docs/authorities.md makes one step by step.
Tasks and triggers name it by its module, or by an import path outside this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from altinn.exceptions import AltinnConfigurationError
from altinn.protocol.model import Instance
from altinn.protocol.outcome import Awaited, Outcome

MACHINE, PERSON, CHOICE = "machine", "person", "choice"


@dataclass(frozen=True, slots=True)
class Step:
    """One task of the process that the sender's side leaves.

    :param task: the task's element id or type.
    :param action: the action that leaves it; empty for the one that belongs to the task's type.
    :param by: "machine" (the login that files, whatever `machine_confirms` says), "person" (nobody else is let), or
        "choice" (what the filing's `machine_confirms` says).
    :param default_by: who takes a step that is left to choice where the filing does not say: "machine" or "person".
    :raises AltinnConfigurationError: `by` or `default_by` is something else. Whoever is not a person would file.
    """

    task: str
    action: str = ""
    by: str = MACHINE
    default_by: str = PERSON

    def __post_init__(self) -> None:
        for name, allowed in (("by", (MACHINE, PERSON, CHOICE)), ("default_by", (MACHINE, PERSON))):
            if getattr(self, name) not in allowed:
                raise AltinnConfigurationError(
                    f"step {self.task!r}: {name} must be one of {', '.join(map(repr, allowed))}, "
                    f"not {getattr(self, name)!r}"
                )


class Authority:
    """One report of one authority. The defaults are those of a report whose authority sends nothing back.

    :cvar app_ids: the app in each environment, by the environment's name.
    :cvar steps: the sender's steps in their order.
    :cvar receipt_types: data types that the authority adds, in the order in which they are kept.
    :cvar period_types: data types of the documents that tell the period, the most telling first.
    :cvar makes_instances: the authority makes and prefills the instances itself, one for each period, and nobody files
        any other way; they carry no stamp of ours.
    """

    name = ""
    app_ids: Mapping[str, str] = {}
    steps: tuple[Step, ...] = (Step("data"), Step("confirmation", by=CHOICE, default_by=MACHINE))
    receipt_types: tuple[str, ...] = ()
    period_types: tuple[str, ...] = ()
    makes_instances: bool = False

    def awaited(self) -> Awaited:
        """Return what must be there before a verdict can be read."""
        return Awaited(self.receipt_types)

    def verdict(self, instance: Instance, documents: Mapping[str, bytes]) -> Outcome:
        """Decide from a fresh read of the instance, and from what the authority added.

        :param documents: content of the receipts that are there, by data type.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say when a report counts as accepted")

    def results(self, documents: Mapping[str, bytes]) -> dict[str, Any]:
        """Return what later tasks need of an accepted report, as plain JSON by name (payment information …)."""
        return {}

    def period_of(self, content: bytes) -> str | None:
        """Return the period's normalised name from a document of `period_types`; None when it cannot be told."""
        return None

    def types_that_tell(self, instance: Instance) -> tuple[str, ...]:
        """Return the data types of an instance's documents that tell its period; by default `period_types`."""
        return self.period_types

    def app_id(self, environment: str) -> str:
        """Return the id of the report's app in an environment.

        :raises AltinnConfigurationError: the authority has no such app there.
        """
        try:
            return self.app_ids[environment]
        except KeyError as exc:
            known = ", ".join(self.app_ids) or "no environment"
            raise AltinnConfigurationError(
                f"{self.name} has no app in the environment {environment!r}; it has one in {known}"
            ) from exc


def load_authority(named: Authority | str | Mapping[str, Any]) -> Authority:
    """Return the authority that a task's argument names.

    :param named: a module of this package ("skatteetaten_vat"), an import path of a module with a constant `AUTHORITY`
        or of the object itself ("my_company.reports.my_report"), or the generic one's settings
        ({"accepted_when": "ended"}).
    :raises AltinnConfigurationError: there is none of this name, or it is no authority.
    """
    if isinstance(named, Authority):
        return named
    if isinstance(named, Mapping):
        from altinn.authorities.generic import GenericAuthority

        return GenericAuthority.from_settings(named)
    text = str(named).strip()
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", text):
        raise AltinnConfigurationError(f"{text[:80]!r} names no authority: write a module, such as 'skatteetaten_vat'")
    own = f"altinn.authorities.{text}"
    path = own if "." not in text and find_spec(own) is not None else text
    found = _imported(path)
    authority = getattr(found, "AUTHORITY", found)
    if not isinstance(authority, Authority):
        raise AltinnConfigurationError(
            f"{path} is no authority: its module needs a constant AUTHORITY of a class derived from Authority"
        )
    return authority


def _imported(path: str) -> object:
    try:
        return import_module(path)
    except ModuleNotFoundError as exc:
        parent, _, name = path.rpartition(".")
        if exc.name not in (path, parent, *_parents(path)):
            raise
        if exc.name == path and parent:
            found = getattr(import_module(parent), name, None)
            if found is not None:
                return found
        raise AltinnConfigurationError(f"there is no authority {path!r}: check the name") from exc


def _parents(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]

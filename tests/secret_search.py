"""Looks for what must never be written down: keys, tokens, passwords, person numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from scripts.run_folder import RunFolder

TEST_DATA = Path(__file__).resolve().parents[1] / "plugins" / "altinn" / "emulator" / "testdata.json"
JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
PEM = re.compile(r"BEGIN (?:RSA |EC |ENCRYPTED )?PRIVATE KEY")


def secrets_of(folder: RunFolder) -> dict[str, str]:
    """Return every secret of an embedded stack, each with a name for it: lines of keys, passwords, person numbers."""
    found = {}
    for path in sorted(folder.secrets.iterdir()):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if len(line) >= 12 and not line.startswith("-----"):
                found[f"{path.name} line {number}"] = line
    for party in json.loads(TEST_DATA.read_text("utf-8"))["parties"]:
        if party["ssn"]:
            found[f"person number of party {party['partyId']}"] = party["ssn"]
    return found


def found_in(text: str, secrets: dict[str, str], allowed: Iterable[str] = ()) -> list[str]:
    """Name the secrets that a text holds, and whatever looks like a signed token or a private key.

    :param allowed: names of secrets that may stand there.
    """
    named = [name for name, secret in secrets.items() if secret in text and name not in set(allowed)]
    return [*named, *(["a token"] if JWT.search(text) else []), *(["a private key"] if PEM.search(text) else [])]

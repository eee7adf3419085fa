"""Hides what must not be shown in texts that came from elsewhere."""

from __future__ import annotations

import re

from altinn.protocol.check_digits import fits_modulus_11

_TOKEN = re.compile(r"eyJ[\w-]*(?:\.[\w-]*){1,4}")
_DAY = "(?:0[1-9]|[12][0-9]|3[01]|4[1-9]|[56][0-9]|7[01])"
_MONTH = "0[1-9]|1[0-2]|4[1-9]|5[0-2]|6[5-9]|7[0-6]|8[1-9]|9[0-2]"
_DIGITS = re.compile(
    # GUIDs and W3C trace ids are shown: eleven digits inside of one are chance.
    r"(?P<id>(?<![0-9A-Za-z])(?=[0-9-]*[a-f])"
    r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}(?:-[0-9a-f]{16})?)(?![0-9A-Za-z]))"
    r"|(?<![0-9])[0-9]{6}[ \u00a0-]?[0-9]{5}(?![0-9])"
    # Written in groups only where they begin with a birth date (day or month raised for D-numbers and test persons):
    # amounts are grouped by three.
    rf"|(?<![0-9.])(?:{_DAY}([ \u00a0.])(?:{_MONTH})\2[0-9]{{2}}[ \u00a0.-]?[0-9]{{5}}"
    rf"|{_DAY}(?:{_MONTH})[0-9]{{2}}(?:\.[0-9]{{5}}|[ \u00a0][0-9]{{3}}[ \u00a0][0-9]{{2}}))(?![0-9])"
)


_WEIGHTS = ((3, 7, 6, 1, 8, 9, 4, 5, 2), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2))
_BIRTH_DATE = re.compile(f"{_DAY}[ \u00a0.]?(?:{_MONTH})")


def may_hold_person_number(text: str) -> bool:
    """Say whether eleven digits that `mask` hides are a person's number: a birth date and the right control digits."""
    return any(
        not found["id"] and _BIRTH_DATE.match(found[0]) is not None and _control_digits_fit(re.sub(r"\D", "", found[0]))
        for found in _DIGITS.finditer(text)
    )


def _control_digits_fit(number: str) -> bool:
    """Check both control digits. Source: Skatteetaten, "Kontrollsiffer i fødselsnummer" (modulus 11)."""
    return all(fits_modulus_11(number, weights) for weights in _WEIGHTS)


def mask(text: str) -> str:
    """Hide person numbers and tokens that a server's or a user's text may repeat."""
    return _TOKEN.sub("<token>", _DIGITS.sub(lambda found: found["id"] or "<eleven digits>", text))

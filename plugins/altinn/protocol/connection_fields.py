"""Reading the fields of a connection's `extra`, with errors that name the field.

Airflow's form stores what it likes: numbers as text or as numbers, an empty field as null, an object as JSON text.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping, Sequence

from altinn.exceptions import AltinnConfigurationError, AltinnInputError
from altinn.protocol.identifiers import check_organisation_number

SECRET_KEYS = frozenset(
    {
        "private_key",
        "private_key_passphrase",
        "refresh_token",
        "altinn_token",
        "person_number",
        "token_person_number",
    }
)
"""Keys whose values never appear in a text."""

WRITTEN_BY_LOGIN = frozenset({"login_expires_at"})
"""Keys that a login writes beside its refresh token; nobody fills them in."""

KNOWN_KEYS = (
    SECRET_KEYS
    | WRITTEN_BY_LOGIN
    | {
        "acr_values",
        "auth_mode",
        "environment",
        "external_ref",
        "idporten_url",
        "key_id",
        "ledger",
        "login_store",
        "maskinporten_url",
        "on_behalf_of",
        "organisation_number",
        "person_number_file",
        "private_key_file",
        "proxies",
        "refresh_token_file",
        "scopes",
        "settle",
        "signer",
        "test_authentication_level",
        "test_party_id",
        "test_system_user_id",
        "test_user_id",
        "timeout",
        "token_dir",
        "verify",
    }
)
"""Every key of `extra` that means something."""

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def unknown_key_text(key: str) -> str:
    """Say that a key is not known, and which one may have been meant."""
    similar = difflib.get_close_matches(key.lower(), KNOWN_KEYS, n=1, cutoff=0.7)
    hint = f": did you mean '{similar[0]}'?" if similar else ""
    return f"extra field '{key[:40]}' is not known and has no effect{hint}"


class Fields:
    """A connection's `extra`, read field by field.

    :param conn_id: for the messages.
    """

    def __init__(self, conn_id: str, extra: Mapping[str, object]) -> None:
        self.conn_id = conn_id
        self._extra = extra

    def error(self, name: str, what: str) -> AltinnConfigurationError:
        """Make the error for one field, with a hint if a similar but unknown field is there."""
        similar = difflib.get_close_matches(name, self.unknown(), n=1, cutoff=0.75)
        hint = f" (there is '{similar[0][:40]}', which is not a field: is that what you meant?)" if similar else ""
        return AltinnConfigurationError(f"connection '{self.conn_id}': {name} {what}{hint}")

    def unknown(self) -> tuple[str, ...]:
        """Return the keys that mean nothing here, sorted."""
        return tuple(sorted(str(key) for key in self._extra if key not in KNOWN_KEYS))

    def text(self, name: str) -> str:
        """Return a field as stripped text; empty when absent."""
        value = self._extra.get(name)
        if value is None:
            return ""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self.error(name, "must be text")
        return value.strip()

    def secret(self, name: str) -> str:
        """Return a token or number that has no white space inside."""
        value = self.text(name)
        if re.search(r"\s", value):
            raise self.error(name, "has white space inside: paste it again as one line")
        return value

    def key(self, name: str) -> str:
        """Return a private key's text; a JWK may also be written as an object."""
        value = self._extra.get(name)
        return json.dumps(dict(value)) if isinstance(value, Mapping) else self.text(name)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Return one of the allowed words."""
        value = self.text(name) or default
        if value not in allowed:
            raise self.error(name, f"'{value[:40]}' is not known: choose one of {', '.join(allowed)}")
        return value

    def digits(self, name: str) -> str:
        """Return a whole number as text."""
        value = self.text(name)
        if value and not (value.isascii() and value.isdigit()):
            raise self.error(name, "must be a whole number")
        return value

    def person_number(self, name: str) -> str:
        """Return a national identity number of eleven digits, or nothing; no error shows any of it."""
        value = "".join(self.text(name).split())
        if value and not re.fullmatch(r"[0-9]{11}", value):
            raise self.error(name, "must be a person's number of 11 digits")
        return value

    def organisation_number(self, name: str, *, strict: bool) -> str:
        """Return nine digits, or nothing; `strict` demands a right check digit."""
        value = "".join(self.text(name).split())
        if value:
            try:
                check_organisation_number(value, strict=strict)
            except AltinnInputError as exc:
                raise self.error(name, f"is wrong: {exc}") from exc
        return value

    def number(self, name: str, *, default: float, minimum: float, maximum: float) -> float:
        """Return a number of seconds within limits."""
        value = self._extra.get(name)
        if value is None or value == "":
            return default
        try:
            number = math.nan if isinstance(value, bool) else float(str(value))
        except ValueError:
            number = math.nan
        if not minimum <= number <= maximum:
            raise self.error(name, f"must be a number of seconds from {minimum:g} to {maximum:g}")
        return number

    def words(self, name: str) -> tuple[str, ...]:
        """Return scopes in the order given and without repeats, from a list or from text with blanks or commas."""
        value = self._extra.get(name)
        if value is None:
            return ()
        parts = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value
        if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
            raise self.error(name, "must be scopes with blanks between them")
        words = tuple(dict.fromkeys(part for part in parts if part))
        odd = next((word for word in words if not _SCOPE.fullmatch(word)), None)
        if odd is not None:
            raise self.error(name, f"holds '{odd[:40]}', which cannot be a scope: write them with blanks between")
        return words

    def verify(self, name: str) -> bool | str:
        """Return whether to check certificates, or a path of trusted ones."""
        value = self._extra.get(name)
        if value is None or value == "":
            return True
        if isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise self.error(name, "must be true, false or the path of a file with trusted certificates")
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else value.strip()

    def mapping(self, name: str) -> dict[str, str]:
        """Return texts by name, from an object or its JSON text."""
        value = self._extra.get(name)
        if value is None or value == "":
            return {}
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        if not isinstance(value, Mapping) or not all(isinstance(part, str) for part in value.values()):
            raise self.error(name, 'must be an object such as {"https": "http://proxy.example.com:3128"}')
        return {str(key): str(part) for key, part in value.items()}

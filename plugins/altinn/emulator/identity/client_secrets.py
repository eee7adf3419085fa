"""Client authentication at ID-porten with a secret: `client_secret_basic`, `client_secret_post` (RFC 6749, 2.3.1)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote_plus

from altinn.emulator.identity.assertion_rules import Find, Rules
from altinn.emulator.identity.client_registry import Client

BASIC, POST = "client_secret_basic", "client_secret_post"


def basic_credentials(authorization: str | None) -> tuple[str, str] | None:
    """Give client id and secret of a header `Authorization: Basic ...`, None when there is none or it is unreadable."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, separator, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError:
        return None
    return (unquote_plus(name), unquote_plus(secret)) if separator else None


def client_by_secret(form: Mapping[str, str], basic: tuple[str, str] | None, rules: Rules, find: Find) -> Client:
    """Give the client that a secret belongs to.

    :param basic: id and secret of the header; the form's count when there are none.
    :raises OAuthRefusal: sent twice, unknown client, a client registered with keys, or another secret.
    """
    if basic is not None and "client_secret" in form:
        raise rules.refuse("The client authenticates in two ways at once.")
    name, secret = basic or (form.get("client_id", ""), form["client_secret"])
    client = find(name)
    if client is None or form.get("client_id", name) != name:
        raise rules.refuse("Client not found.")
    if not client.client_secret:
        raise rules.refuse("private_key_jwt is required.")
    if not hmac.compare_digest(client.client_secret.encode(), secret.encode()):
        raise rules.refuse("Invalid client secret.")
    return replace(client, authenticated_by=BASIC if basic else POST)

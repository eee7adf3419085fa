"""The page on which a test person is chosen, in place of BankID and its like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from altinn.emulator.identity.idporten_login import AuthorizationRequest
from altinn.emulator.identity.oauth_refusal import OAuthRefusal
from altinn.emulator.identity.principal import Person

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 34rem; padding: 0 1rem; color: #1e2b3c; }
h1 { font-size: 1.5rem; } form { margin: .5rem 0; }
button { font: inherit; width: 100%; text-align: left; padding: .7rem 1rem; border: 1px solid #1e2b3c;
border-radius: 6px; background: #fff; cursor: pointer; } button:hover { background: #e5f0fa; }
.note { color: #5b6675; } code { font-size: .85em; }
"""


def choice_page(request: AuthorizationRequest, people: Iterable[Person], query: Mapping[str, str]) -> str:
    """Return the page that lets somebody be one of the test persons, or go back without logging in."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in query.items()
    )
    buttons = "".join(
        f'<form method="post">{hidden}<button name="user_id" value="{person.user_id}">'
        f"{escape(person.username)} <span class=note>(user {person.user_id})</span></button></form>"
        for person in people
    )
    scopes = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in request.scope.split())
    return page(
        "Log in as a test person",
        f"<p class=note>This is the emulator's ID-porten; nobody here is real. Level: {escape(request.acr)}.</p>"
        f"<p><b>{escape(request.client_id)}</b> asks for</p><ul>{scopes}</ul>{buttons}"
        f'<form method="post">{hidden}<button name="user_id" value="">Cancel</button></form>',
    )


def refusal_page(refusal: OAuthRefusal) -> str:
    """Return the page for a request whose sender cannot be trusted with an answer."""
    return page("Error", f"<p><code>{escape(refusal.error)}</code></p><p>{escape(refusal.description)}</p>")


def page(title: str, body: str) -> str:
    """Return a page of the emulator's login services; the body is HTML."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} (emulator)'
        f'</title><meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )

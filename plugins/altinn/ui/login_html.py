"""The login page's HTML. Everything that comes from outside is escaped; there is no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2.5rem auto; max-width: 60rem; padding: 0 1rem; color: #1e2b3c; }
h1 { font-size: 1.5rem; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .5rem .7rem; border-bottom: 1px solid #d2d5d8; vertical-align: middle; }
button { font: inherit; padding: .35rem 1rem; border: 1px solid #0062ba; border-radius: 5px; background: #0062ba;
color: #fff; cursor: pointer; } .note { color: #5b6675; }
.state { white-space: nowrap; } .ready { color: #17682f; } .login-needed, .broken { color: #b3253a; }
.ends-soon { color: #8a5a00; } .done { background: #e3f5e8; padding: .6rem 1rem; border-radius: 6px; }
.refused { background: #fbe4e8; padding: .6rem 1rem; border-radius: 6px; } code { font-size: .9em; }
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One connection on the page.

    :param state: one word for the colour; `text` says it whole.
    :param may_log_in: show the button.
    """

    conn_id: str
    environment: str
    state: str
    text: str
    may_log_in: bool


def list_page(rows: Sequence[Row], *, begin: str, done: str = "", redirect_uri: str = "") -> str:
    """Return the page that lists the connections.

    :param begin: address to which the buttons post.
    :param done: a connection for which somebody has just logged in.
    """
    told = f'<p class="done">Logged in for <b>{escape(done)}</b>. Waiting runs go on by themselves.</p>' if done else ""
    if not rows:
        body = '<p class="note">There is no connection of type Altinn 3 that you may see.</p>'
    else:
        cells = "".join(_row(row, begin) for row in rows)
        heads = "<tr><th>Connection</th><th>Environment</th><th>State</th><th></th></tr>"
        body = f"<table><thead>{heads}</thead><tbody>{cells}</tbody></table>"
    note = (
        '<p class="note">Only connections in Airflow\'s database are listed. The client must be registered with the '
        f"redirect address <code>{escape(redirect_uri)}</code>.</p>"
    )
    return _page("Altinn logins", told + body + note)


def refusal_page(text: str, back: str) -> str:
    """Return the page that says why a login did not succeed."""
    link = f'<p><a href="{escape(back)}">Back to the connections</a></p>'
    return _page("Not logged in", f'<p class="refused">{escape(text)}</p>{link}')


def _row(row: Row, begin: str) -> str:
    button = (
        f'<form method="post" action="{escape(begin)}"><button name="conn_id" value="{escape(row.conn_id)}">'
        "Log in with ID-porten</button></form>"
        if row.may_log_in
        else ""
    )
    kind = row.state.replace(" ", "-")
    return (
        f"<tr><td><b>{escape(row.conn_id)}</b></td><td>{escape(row.environment)}</td>"
        f'<td class="{escape(kind)}">{escape(row.text)}</td><td>{button}</td></tr>'
    )


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )

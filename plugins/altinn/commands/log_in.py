"""Let a person log in with ID-porten for an Airflow connection."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import TYPE_CHECKING, TextIO

from altinn.commands.command import NOT_OK, OK, cannot

if TYPE_CHECKING:
    from collections.abc import Callable

    from altinn.hooks.altinn_hook import AltinnHook
    from altinn.person_login.login_place import LoginPlace
    from altinn.person_login.oidc_login import OidcLogin, PersonLogin

WAIT = 600.0
"""Seconds for the person in the browser."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--conn-id", default="altinn_default")
    parser.add_argument(
        "--port", type=int, default=8471, help="of the redirect address http://127.0.0.1:PORT/callback (default 8471)"
    )
    parser.add_argument("--no-browser", action="store_true", help="show the address, and paste what comes back")
    parser.add_argument(
        "--redirect-uri", default="", help="another registered redirect address; what comes back is pasted"
    )
    parser.add_argument("--acr", default="", metavar="LEVEL", help="level of assurance, such as idporten-loa-high")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Log in and return 0 (done), 1 (refused, or kept but not taken by Altinn) or 2 (could not be started)."""
    from altinn.exceptions import AltinnError, AltinnLoginRefusedError, AltinnTimeoutError
    from altinn.hooks.altinn_hook import AltinnHook

    hook = AltinnHook(options.conn_id)
    login, place = hook.person_login()
    place.check()
    if hook.settings.environment.is_production and not options.redirect_uri:
        return cannot(
            "ID-porten allows no redirect address on this machine in production: log in on Airflow's page Altinn "
            "logins, or give a registered https address with --redirect-uri and paste what comes back"
        )
    pasted = bool(options.no_browser or options.redirect_uri)
    try:
        person = _by_paste(options, login, out) if pasted else _by_loopback(options, login, out)
        return _kept(hook, place, person, out)
    except (AltinnLoginRefusedError, AltinnTimeoutError) as exc:
        sys.stderr.write(f"altinn: {exc}\n")
        return NOT_OK
    except AltinnError as exc:
        return cannot(str(exc))


def _by_loopback(options: argparse.Namespace, login: OidcLogin, out: TextIO) -> PersonLogin:
    import webbrowser

    from altinn.person_login.loopback import LoopbackListener

    with LoopbackListener(options.port) as listener:
        url, pending = login.begin(listener.redirect_uri, level=options.acr)
        out.write(f"Log in at this address, in a browser on this machine:\n\n  {url}\n\n")
        out.flush()
        webbrowser.open(url)
        found: list[PersonLogin] = []
        listener.wait(lambda answer: found.append(login.finish(pending, answer)), WAIT)
        return found[0]


def _by_paste(
    options: argparse.Namespace, login: OidcLogin, out: TextIO, ask: Callable[[str], str] | None = None
) -> PersonLogin:
    """Let the person log in elsewhere and bring back the address, which is read without showing it."""
    from altinn.person_login.loopback import LOOPBACK, PATH

    redirect_uri = options.redirect_uri or f"http://{LOOPBACK}:{options.port}{PATH}"
    url, pending = login.begin(redirect_uri, level=options.acr)
    out.write(
        f"Open this address in any browser and log in:\n\n  {url}\n\n"
        f"The browser then goes to {redirect_uri}?code=..., which may show an error page. Paste that whole address, or "
        "the code in it.\n"
    )
    out.flush()
    return login.finish(pending, pending.answer_from((ask or getpass.getpass)("Address or code (not shown): ")))


def _kept(hook: AltinnHook, place: LoginPlace, person: PersonLogin, out: TextIO) -> int:
    import time

    from altinn.exceptions import AltinnError
    from altinn.person_login.login_state import until_text

    try:
        kept = place.keep(person, hook.run)
    except AltinnError as exc:
        sys.stderr.write(f"altinn: {exc}\n")
        return NOT_OK
    out.write(
        f"Logged in: {kept.person}, level {person.level or 'unknown'}, "
        f"{until_text(kept.refresh_expires_at, time.time())}.\nScopes: {person.scope}\nKept in {place.name()}.\n"
    )
    return OK

"""What is known of a connection's login without asking anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from altinn.exceptions import AltinnError
from altinn.protocol.settings import IDPORTEN, Settings
from altinn.token_store import TokenStore

READY, ENDING, NEEDED, NO_PERSON, BROKEN = "ready", "ends soon", "login needed", "no person needed", "broken"
SOON = 72 * 3600.0
"""Seconds before its end at which a login is said to end soon."""


@dataclass(frozen=True, slots=True)
class LoginState:
    """How a connection's login stands.

    :param expires_at: seconds since 1970; 0 when it is not known.
    :param person: Altinn's ids of whoever logged in; empty when not known.
    """

    state: str
    expires_at: float = 0.0
    person: str = ""
    detail: str = ""

    def text(self, now: float) -> str:
        """Say it in a few words."""
        whose = f", {self.person}" if self.person else ""
        if not self.expires_at or self.state not in (READY, ENDING):
            return f"{self.state}{whose}{': ' + self.detail if self.detail else ''}"
        return f"{self.state}{whose}, {until_text(self.expires_at, now)}"


def until_text(expires_at: float, now: float) -> str:
    """Say until when a login is good."""
    if not expires_at:
        return "until an unknown time"
    return f"expires in {left_text(expires_at - now)} ({datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d %H:%M} UTC)"


def left_text(seconds: float) -> str:
    """Write a span as people say it."""
    hours = seconds / 3600
    if hours >= 72:
        return f"{hours / 24:.0f} days"
    return f"{hours:.0f} hours" if hours >= 2 else f"{max(0.0, seconds / 60):.0f} minutes"


def login_state(settings: Settings, store: TokenStore, now: float) -> LoginState:
    """Judge by what is kept; only a use of the login can tell whether ID-porten still takes it."""
    if settings.auth_mode != IDPORTEN:
        return LoginState(NO_PERSON, detail=f"logs in with {settings.auth_mode}")
    try:
        kept = store.kept_login(settings)
    except AltinnError as exc:
        return LoginState(BROKEN, detail=str(exc))
    if kept is not None and kept.ended:
        return LoginState(NEEDED, person=kept.person, detail="the login has ended")
    if not settings.refresh_token and not (kept and kept.refresh_token):
        return LoginState(NEEDED, detail="nobody has logged in")
    ends = (kept.refresh_expires_at if kept else 0.0) or settings.login_expires_at
    person = kept.person if kept else ""
    if ends and ends <= now:
        return LoginState(NEEDED, ends, person, "the login has expired")
    return LoginState(ENDING if ends and ends - now < SOON else READY, ends, person)

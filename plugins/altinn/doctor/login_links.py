"""The links of the login, and which of them a refusal means."""

from __future__ import annotations

from dataclasses import dataclass

from altinn.doctor.findings import (
    ALTINN,
    CLIENT_OWNER,
    CUSTOMER,
    EDITOR,
    FAILED,
    OK,
    PERSON,
    SKIPPED,
    WARNING,
    YOU,
    Finding,
    Pages,
)
from altinn.exceptions import (
    AltinnError,
    AltinnHttpError,
    AltinnLoginEndedError,
    AltinnLoginNeededError,
    AltinnTransportError,
    AltinnUnavailableError,
)
from altinn.protocol.login_refusals import CLIENT, CLOCK, KEY, SCOPES, SYSTEM_USER, refused_link
from altinn.protocol.settings import IDPORTEN, MASKINPORTEN, Settings
from altinn.protocol.tokens import claims_of, expiry_of

KEY_FORM, LOGIN, EXCHANGE = "key", "login", "exchange"
REGISTERED = "registered key"
MASKINPORTEN_LINKS = (CLIENT, REGISTERED, SCOPES, SYSTEM_USER)
_LINK_OF = {KEY: REGISTERED}


@dataclass(frozen=True, slots=True)
class Mending:
    """Who can mend a link, and where."""

    who: str
    where: str


def check_key(settings: Settings) -> Finding:
    """Read the key, and have it sign something."""
    if settings.auth_mode not in (MASKINPORTEN, IDPORTEN):
        return Finding(KEY_FORM, SKIPPED, f"auth_mode '{settings.auth_mode}' needs none")
    try:
        key = settings.signing_key
        key.sign({"aud": "nobody"})
    except AltinnError as exc:
        return Finding(KEY_FORM, FAILED, str(exc), EDITOR, "fields private_key, private_key_file, key_id, signer")
    return Finding(KEY_FORM, OK, key.kind)


def refusal(exc: AltinnError, settings: Settings) -> Finding:
    """Return the finding for the link that an error of the login means."""
    pages = Pages.of(settings.environment)
    if isinstance(exc, AltinnLoginNeededError | AltinnLoginEndedError):
        return Finding(LOGIN, FAILED, str(exc), PERSON, "altinn login, or Airflow's page Altinn logins")
    if isinstance(exc, AltinnHttpError) and "exchange" in exc.what:
        who = CLIENT_OWNER if exc.status == 403 else ALTINN
        return Finding(EXCHANGE, FAILED, str(exc), who, pages.clients if exc.status == 403 else pages.status)
    if isinstance(exc, AltinnUnavailableError | AltinnTransportError):
        return Finding("connection", FAILED, str(exc), ALTINN, pages.status)
    if not isinstance(exc, AltinnHttpError):
        return Finding(LOGIN, FAILED, str(exc), EDITOR, "the connection's form")
    link = refused_link(exc.problem)
    mending = {
        CLOCK: Mending(YOU, "NTP"),
        SYSTEM_USER: Mending(CUSTOMER, pages.system_users),
    }.get(link, Mending(CLIENT_OWNER, pages.clients))
    return Finding(_LINK_OF.get(link, link), FAILED, str(exc), mending.who, mending.where)


def accepted(settings: Settings, scope: str) -> list[Finding]:
    """Return the findings for a token that Maskinporten gave: every link of the login holds."""
    missing = [one for one in settings.scopes if scope and one not in scope.split()]
    granted = Finding(SCOPES, OK, scope or "as asked for")
    if missing:
        pages = Pages.of(settings.environment)
        text = f"asked for and not given: {' '.join(missing)}"
        granted = Finding(SCOPES, WARNING, text, CLIENT_OWNER, pages.clients)
    whose = Finding(SYSTEM_USER, OK, f"of organisation {settings.on_behalf_of}")
    if not settings.on_behalf_of:
        text = "none: this login can authenticate but not file, unless a task names on_behalf_of"
        whose = Finding(SYSTEM_USER, WARNING, text, EDITOR, "field on_behalf_of")
    return [
        Finding(CLIENT, OK, f"'{settings.client_id}' is known"),
        Finding(REGISTERED, OK, "the server knows the key"),
        granted,
        whose,
    ]


def token_finding(token: str, now: float) -> Finding:
    """Return the finding for Altinn's token: whose it is, and for how long."""
    minutes = (expiry_of(token) - now) / 60
    return Finding(EXCHANGE, OK, f"Altinn token for {identity_in(token)}, valid for {minutes:.0f} minutes")


def identity_in(token: str) -> str:
    """Name the kind of identity a token gives, as an app tells them apart (Authenticated in Altinn's app library)."""
    claims = claims_of(token)
    owner = system_user_owner(token)
    if owner:
        return f"the system user of organisation {owner}"
    if "urn:altinn:userid" in claims:
        return f"a person, user {claims['urn:altinn:userid']}"
    if "urn:altinn:org" in claims:
        return f"service owner '{claims['urn:altinn:org']}'"
    number = str(claims.get("urn:altinn:orgNumber", "unknown"))
    return f"organisation {number} without a system user (it can authenticate, but not file)"


def system_user_owner(token: str) -> str:
    """Return the organisation whose system user a token is; empty when it is none."""
    details = claims_of(token).get("authorization_details")
    first = details[0] if isinstance(details, list) and details else details
    if not isinstance(first, dict) or first.get("type") != "urn:altinn:systemuser":
        return ""
    owner = first.get("systemuser_org")
    number = str(owner.get("ID", "")) if isinstance(owner, dict) else ""
    return number.rpartition(":")[2] or "unknown"

"""Walks all links in their order, and stops at the first that is broken: what lies behind it cannot be judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from altinn.doctor.app_links import APP_LINKS, VALUES, AppLinks, asker
from altinn.doctor.findings import EDITOR, FAILED, OK, SKIPPED, WARNING, Finding
from altinn.doctor.login_links import (
    EXCHANGE,
    KEY_FORM,
    LOGIN,
    MASKINPORTEN_LINKS,
    accepted,
    check_key,
    refusal,
    token_finding,
)
from altinn.doctor.network_links import Resolve, check_clock, check_names, check_reach, system_resolve
from altinn.exceptions import AltinnError, AltinnInputError
from altinn.protocol.identifiers import AppId
from altinn.protocol.owners import choose_owner
from altinn.protocol.session import Session
from altinn.protocol.settings import IDPORTEN, MASKINPORTEN, Settings
from altinn.protocol.tokens import ORGANISATION_PROVIDER, exchanged, external_token, login
from altinn.protocol.wire import NeedToken
from altinn.transport import BlockingDriver

if TYPE_CHECKING:
    import requests

    from altinn.token_store import TokenStore

NETWORK_LINKS = ("name resolution", "proxy", "TLS", "clock")


@dataclass(frozen=True, slots=True)
class Question:
    """What to look at beside the login.

    :param app: "org/app"; empty leaves the app out.
    :param organisation_number: for whom; by default what the connection says.
    :param try_draft: create a draft and delete it again, to see whether the app keeps `dataValues`.
    """

    app: str = ""
    organisation_number: str = ""
    try_draft: bool = False


@dataclass(slots=True)
class Doctor:
    """Examines one connection.

    :param http: a session with the connection's proxies and certificates.
    :param store: the installation's token store: it alone may spend a refresh token.
    """

    settings: Settings
    http: requests.Session
    store: TokenStore
    clock: Callable[[], float] = time.time
    resolve: Resolve = system_resolve
    sleep: Callable[[float], None] = time.sleep
    _token: str = field(default="", repr=False)

    def examine(self, question: Question | None = None) -> list[Finding]:
        """Look at every link; what lies behind a broken one is listed as skipped."""
        asked = question or Question()
        findings = [Finding("connection form", OK, _where(self.settings))]
        findings += [Finding("connection form", WARNING, line, EDITOR) for line in self.settings.warnings()]
        for finding in self._links(asked):
            findings.append(finding)
            if finding.status == FAILED:
                break
        seen = {finding.link for finding in findings}
        broken = findings[-1].link
        behind = [link for link in self._expected(asked) if link not in seen]
        return findings + [Finding(link, SKIPPED, f"not looked at: {broken} is broken") for link in behind]

    def _expected(self, question: Question) -> list[str]:
        mode = self.settings.auth_mode
        of_login = MASKINPORTEN_LINKS if mode == MASKINPORTEN else (LOGIN,)
        behind = [link for link in APP_LINKS if question.try_draft or link != VALUES] if question.app else []
        return [*NETWORK_LINKS, KEY_FORM, *of_login, EXCHANGE, *behind]

    def _links(self, question: Question) -> Iterator[Finding]:
        yield from self._network(question)
        yield check_key(self.settings)
        yield from self._login()
        if question.app:
            yield from self._app(question)

    def _network(self, question: Question) -> Iterator[Finding]:
        try:
            urls = self._urls(question)
        except AltinnInputError as exc:
            yield Finding("app", FAILED, str(exc), EDITOR, "--app")
            return
        yield check_names(urls, self.http, self.resolve)
        reached, dates = check_reach(urls, self.http, self.settings.timeout)
        yield from reached
        yield check_clock(dates, self.clock())

    def _urls(self, question: Question) -> tuple[str, ...]:
        environment = self.settings.environment
        urls = [f"{environment.platform_url}/authentication/api/v1/openid/.well-known/openid-configuration"]
        if self.settings.auth_mode == MASKINPORTEN:
            urls.append(f"{environment.maskinporten_issuer}.well-known/oauth-authorization-server")
        elif self.settings.auth_mode == IDPORTEN:
            urls.append(f"{environment.idporten_issuer}/.well-known/openid-configuration")
        if question.app:
            app = AppId.parse(question.app)
            urls.append(f"{environment.app_url(app.org)}/{app}/api/v1/applicationmetadata")
        return tuple(urls)

    def _login(self) -> Iterator[Finding]:
        driver = self._driver()
        settings = self.settings
        try:
            if settings.auth_mode == MASKINPORTEN:
                external = driver.run(external_token(settings, clock=self.clock))
                yield from accepted(settings, external.scope)
                self._token = driver.run(exchanged(settings, ORGANISATION_PROVIDER, external.access_token))
            elif settings.auth_mode == IDPORTEN:
                # A kept token proves an earlier login only, so that it is handed back and another one is wanted.
                kept = self.store.token(settings, NeedToken(), driver.run)
                self._token = self.store.token(settings, NeedToken(rejected=kept), driver.run)
                yield Finding(LOGIN, OK, "ID-porten takes the login")
            else:
                self._token = driver.run(login(settings, clock=self.clock)).altinn_token
                yield Finding(LOGIN, OK, settings.auth_mode)
        except AltinnError as exc:
            yield refusal(exc, settings)
            return
        yield token_finding(self._token, self.clock())

    def _app(self, question: Question) -> Iterator[Finding]:
        driver = self._driver()
        session = Session(now=lambda: datetime.fromtimestamp(self.clock(), UTC))
        try:
            number = question.organisation_number
            named = {"organisation_number": number} if number else {"owner": "self"}
            owner = choose_owner(
                self.settings,
                **{"organisation_number": None, "party_id": None, "username": None, "owner": None, **named},
            )
            links = AppLinks(self.settings, AppId.parse(question.app), owner, asker(driver.run, session), self._token)
        except AltinnInputError as exc:
            yield Finding("party", FAILED, str(exc), EDITOR, "--org-number, or field organisation_number")
            return
        found, metadata = links.metadata()
        yield found
        yield links.version(metadata)
        yield links.party()
        yield links.rights()
        yield links.data_types(metadata)
        if question.try_draft:
            yield links.data_values()

    def _driver(self) -> BlockingDriver:
        return BlockingDriver(session=self.http, tokens=lambda _need: self._token, sleep=self.sleep)


def _where(settings: Settings) -> str:
    return f"environment {settings.environment.name} ({settings.environment.platform_url}), {settings.auth_mode}"

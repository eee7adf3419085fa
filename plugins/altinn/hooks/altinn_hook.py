"""AltinnHook: a connection, its login, and a driver that runs the protocol's flows."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseHook

from altinn.exceptions import (
    AltinnConnectionMissingError,
    AltinnError,
    AltinnNotFoundError,
    AltinnUnknownNameError,
)
from altinn.installation import option, own_vault, signers
from altinn.protocol.app_api import App
from altinn.protocol.identifiers import AppId, InstanceId, InstanceOwner, check_organisation_number
from altinn.protocol.session import Session
from altinn.protocol.settings import Settings, settings_from, with_files_read
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import Flow, HttpRequest, NeedToken
from altinn.transport import AwaitingDriver, BlockingDriver

if TYPE_CHECKING:
    import requests

    from altinn.doctor.examination import Question
    from altinn.doctor.findings import Finding
    from altinn.person_login.login_place import LoginPlace
    from altinn.person_login.login_state import LoginState
    from altinn.person_login.oidc_login import OidcLogin
    from altinn.token_store import TokenStore

T = TypeVar("T")


class AltinnHook(BaseHook):
    """Log in to Altinn and run calls.

    Proxies, certificates and keep-alive work as users of the HTTP provider know them. Nothing else of the connection
    reaches the session: extras are never sent as headers.

    :param altinn_conn_id: the connection, of type `altinn`.
    :param on_behalf_of: organisation number whose system user acts; by default what the connection says.
    :param external_ref: which of that organisation's system users.
    """

    conn_name_attr = "altinn_conn_id"
    default_conn_name = "altinn_default"
    conn_type = "altinn"
    hook_name = "Altinn 3"

    def __init__(
        self,
        altinn_conn_id: str = default_conn_name,
        *,
        on_behalf_of: str | None = None,
        external_ref: str | None = None,
    ) -> None:
        super().__init__()
        self.altinn_conn_id = altinn_conn_id
        self.on_behalf_of = on_behalf_of
        self.external_ref = external_ref
        self.sleep: Callable[[float], None] = time.sleep
        self.check: Callable[[HttpRequest], None] = lambda _request: None
        self._masked: set[str] = set()

    @cached_property
    def settings(self) -> Settings:
        """The checked connection. Its secrets are registered with Airflow's log masking.

        :raises AltinnConfigurationError: a field is wrong; the text says which and what to write.
        """
        connection = self.require_connection()
        settings = self._settings_of(connection, connection.extra_dejson)
        _mask(settings.secrets)
        for warning in settings.warnings():
            self.log.warning("%s", warning)
        return settings

    def require_connection(self) -> Any:
        """Return Airflow's connection as it is, unchecked.

        :raises AltinnConnectionMissingError: Airflow has none of that name.
        """
        from airflow.sdk.exceptions import AirflowNotFoundException

        try:
            return self.get_connection(self.altinn_conn_id)
        except AirflowNotFoundException as exc:
            raise self._no_connection() from exc

    def _settings_of(self, connection: Any, extra: Mapping[str, Any]) -> Settings:
        settings = settings_from(
            self.altinn_conn_id,
            host=connection.host,
            port=connection.port,
            login=connection.login,
            password=connection.password,
            extra=with_files_read(self.altinn_conn_id, extra, _read_text),
            signers=signers() if extra.get("signer") else None,
        )
        return settings.acting_for(self.on_behalf_of or None, self.external_ref)

    @cached_property
    def session(self) -> Session:
        """The rules for calls, with the real clock."""
        return Session(now=lambda: datetime.now(UTC))

    @cached_property
    def driver(self) -> BlockingDriver:
        """The blocking driver; one TCP connection and one token serve every call of this hook."""
        return BlockingDriver(
            session=http_session(self.settings),
            tokens=lambda need: self._token(self.settings, need),
            sleep=lambda seconds: self.sleep(seconds),
            report=lambda line: self.log.info("%s", line),
            check=lambda request: self.check(request),
        )

    def run(self, flow: Flow[T]) -> T:
        """Run a flow and return its result."""
        return self.driver.run(flow)

    @asynccontextmanager
    async def awaiting_session(self, limit: int = 100) -> AsyncIterator[tuple[Settings, AwaitingDriver]]:
        """Open a driver for an event loop, together with the checked connection it belongs to.

        :param limit: TCP connections at the same time.
        """
        import aiohttp

        settings = await self.asettings()
        options: dict[str, Any] = {}
        proxy = settings.proxies.get("https") or settings.proxies.get("http")
        if proxy:
            options["proxy"] = proxy
        headers = {"User-Agent": settings.user_agent}
        connector = aiohttp.TCPConnector(ssl=_ssl_of(settings.verify), limit=limit)
        async with aiohttp.ClientSession(headers=headers, trust_env=True, connector=connector) as client:
            driver = AwaitingDriver(
                session=client,
                tokens=lambda need: self._token(settings, need),
                options=options,
                report=lambda line: self.log.info("%s", line),
            )
            yield settings, driver

    async def asettings(self) -> Settings:
        """Return the checked connection, read without blocking the event loop."""
        from airflow.sdk.exceptions import AirflowNotFoundException

        try:
            connection = await self.aget_connection(self.altinn_conn_id)
        except AirflowNotFoundException as exc:
            raise self._no_connection() from exc
        extra = await connection.aextra_dejson()
        # Keys may lie in files, on whatever the installation mounts.
        settings = await asyncio.to_thread(self._settings_of, connection, extra)
        _mask(settings.secrets)
        return settings

    def _no_connection(self) -> AltinnConnectionMissingError:
        return AltinnConnectionMissingError(
            f"Airflow has no connection {self.altinn_conn_id!r}, or could not read it: make one of type 'Altinn 3' "
            "under Admin > Connections, or name another one in altinn_conn_id"
        )

    def app(self, app_id: str) -> App:
        """Return the address of an app, "org/app"."""
        return app_of(self.settings, app_id)

    def metadata(self, app_id: str) -> Mapping[str, Any]:
        """Read what the app says of itself: data types, limits, library version.

        :raises AltinnUnknownNameError: the environment has no such app.
        """
        try:
            return self.run(self.session.perform(self.app(app_id).metadata()))
        except AltinnNotFoundError as exc:
            hint = f"environment {self.settings.environment.name} has no app {app_id}: check app id and connection"
            raise AltinnUnknownNameError(exc.what, exc.problem, hint) from exc

    @property
    def storage(self) -> Storage:
        """Storage of the connection's environment."""
        return Storage(self.settings.environment.platform_url)

    def owner(
        self,
        *,
        organisation_number: str | None = None,
        party_id: str | None = None,
        username: str | None = None,
        owner: str | None = None,
    ) -> InstanceOwner:
        """Choose who files, and check the number before anything is sent.

        :param owner: "self" takes the connection's organisation, or its person for a connection of a person.
        :raises AltinnInputError: no or more than one identifier, or a malformed number.
        """
        from altinn.protocol.owners import choose_owner

        chosen = choose_owner(
            self.settings, organisation_number=organisation_number, party_id=party_id, username=username, owner=owner
        )
        if chosen.organisation_number:
            warning = check_organisation_number(
                chosen.organisation_number, strict=self.settings.environment.is_production
            )
            if warning:
                self.log.warning("%s", warning)
        return chosen

    def external_token(self) -> str:
        """Return the raw Maskinporten or ID-porten token, for an authority's own API. Never log or return it."""
        return self._token(self.settings, NeedToken("external"))

    def instance_link(self, app_id: str, instance_id: InstanceId) -> str:
        """Return the address where a person sees the instance."""
        return f"{self.app(app_id).base}/#/instance/{instance_id}"

    def test_connection(self) -> tuple[bool, str]:
        """Walk the login and name the link that broke. Used by the connection form's Test button."""
        from altinn.doctor.findings import as_text, nothing_failed

        findings = self.examine()
        return nothing_failed(findings), as_text(findings, short=True)

    def examine(self, question: Question | None = None) -> list[Finding]:
        """Have the doctor look at every link between this machine and a filing."""
        from altinn.doctor.examination import Doctor
        from altinn.doctor.findings import EDITOR, FAILED, Finding

        try:
            settings = self.settings
            return Doctor(settings, http_session(settings), token_store(settings)).examine(question)
        except AltinnError as exc:
            return [Finding("connection form", FAILED, str(exc), EDITOR, "the connection's form")]

    def as_vendor(self) -> AltinnHook:
        """Return a hook for the same client as the system vendor it belongs to: its token names no system user.

        :raises AltinnInputError: the connection does not log in with Maskinporten.
        """
        from altinn.protocol.system_user_api import vendor_settings

        vendor = AltinnHook(self.altinn_conn_id)
        vendor.__dict__["settings"] = vendor_settings(self.settings)
        return vendor

    @property
    def login_state(self) -> LoginState:
        """How the connection's login stands, by what is kept; asks nobody."""
        from altinn.person_login.login_state import login_state

        return login_state(self.settings, token_store(self.settings), time.time())

    def use_login(self, settings: Settings, min_validity: float = 0.0) -> tuple[bool, str]:
        """Use the login if there is one, and say how it stands; False when a person has to log in.

        :param settings: the connection as it is now.
        :param min_validity: seconds for which the token must still be valid.
        """
        from altinn.exceptions import AltinnLoginEndedError, AltinnLoginNeededError
        from altinn.person_login.login_state import login_state

        try:
            self._token(settings, NeedToken(min_validity=min_validity))
        except (AltinnLoginNeededError, AltinnLoginEndedError) as exc:
            return False, str(exc)
        now = time.time()
        return True, login_state(settings, token_store(settings), now).text(now)

    def person_login(self) -> tuple[OidcLogin, LoginPlace]:
        """Return what logs a person in, and where the login will be kept.

        :raises AltinnConfigurationError: the connection does not log in with ID-porten.
        """
        from altinn.person_login.login_place import LoginPlace
        from altinn.person_login.oidc_login import OidcLogin

        settings = self.settings
        return OidcLogin(settings, http_session(settings)), LoginPlace(settings, token_store(settings))

    def _token(self, settings: Settings, need: NeedToken) -> str:
        return token_store(settings, self._mask_once).token(
            settings, need, lambda login: BlockingDriver(http_session(settings)).run(login)
        )

    def _mask_once(self, secret: str) -> None:
        """Hide a token from the logs; only once, because each time is a message to Airflow's supervisor."""
        if secret not in self._masked:
            _mask([secret])
            self._masked.add(secret)


def token_store(settings: Settings, mask: Callable[[str], None] | None = None) -> TokenStore:
    """Return the store that all tasks of this installation share.

    :param mask: hides a token from the logs; by default every time it is given out.
    """
    from altinn.token_store import TokenStore

    return TokenStore(
        settings.token_dir or default_token_dir(),
        fernet_keys(),
        mask=mask or (lambda secret: _mask([secret])),
        vault=own_vault(),
    )


def app_of(settings: Settings, app_id: str) -> App:
    """Return the address of an app in a connection's environment."""
    parsed = AppId.parse(app_id)
    return App(f"{settings.environment.app_url(parsed.org)}/{parsed}")


def http_session(settings: Settings) -> requests.Session:
    """Build a session with the connection's proxies and certificates, and the keep-alive of the HTTP provider's hook.

    Not through that hook: its module imports aiohttp, which costs each task a tenth of a second.
    """
    import requests
    from requests_toolbelt.adapters.socket_options import TCPKeepAliveAdapter  # type: ignore[import-untyped]

    session = requests.Session()
    session.proxies = dict(settings.proxies)
    session.verify = settings.verify
    for scheme in ("http://", "https://"):
        session.mount(scheme, TCPKeepAliveAdapter(idle=120, count=20, interval=30))
    session.headers["User-Agent"] = settings.user_agent
    return session


def default_token_dir() -> str:
    """Return where tokens are shared between this installation's task processes."""
    return option("token_dir") or str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "altinn-tokens")


def fernet_keys() -> list[str]:
    """Return Airflow's Fernet keys, newest first; empty when the installation has none."""
    from airflow.sdk.configuration import conf

    return [key.strip() for key in str(conf.get("core", "fernet_key", fallback="")).split(",") if key.strip()]


def _read_text(path: str) -> str:
    """Read a file's text; PKCS#12, which is none, comes in base64."""
    from altinn.protocol.pkcs12_keys import looks_like_pkcs12

    content = Path(path).expanduser().read_bytes()
    return base64.b64encode(content).decode("ascii") if looks_like_pkcs12(content) else content.decode("utf-8")


def _mask(secrets: Any) -> None:
    from airflow.sdk.log import mask_secret

    for secret in secrets:
        # The secret itself whatever its length, a person number has eleven digits; of a key's lines, no short ends.
        lines = [line for line in secret.splitlines() if len(line) >= 12 and not line.startswith("-----")]
        for form in {secret, secret.replace("\n", "\\n"), *lines}:
            mask_secret(form)


def _ssl_of(verify: bool | str) -> Any:
    import ssl

    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    return bool(verify)

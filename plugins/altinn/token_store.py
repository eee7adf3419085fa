"""Tokens shared by the task processes of one installation: encrypted, and renewed by one process at a time.

One file per identity (`cache_key`) holds the latest tokens and, for ID-porten, the latest refresh token. Whoever needs
a token reads the file; whoever finds it missing or about to expire takes a lock, looks again, and only then logs in.
A rotated refresh token is on disk before the access token that came with it is used.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from altinn.exceptions import (
    AltinnConfigurationError,
    AltinnError,
    AltinnLoginEndedError,
    AltinnLoginNeededError,
)
from altinn.protocol.login_refusals import LOG_IN, LOG_IN_AGAIN
from altinn.protocol.settings import ALTINN_TOKEN, IDPORTEN, Settings
from altinn.protocol.tokens import TokenSet, cache_key, login
from altinn.protocol.wire import Flow, HttpResponse, KeepRefreshToken, NeedToken
from altinn.token_vault import PROCESS_MEMORY, FileVault, Kept, UnreadableError, Vault

log = logging.getLogger(__name__)

EARLY = 30.0
"""Seconds before its expiry at which a token counts as expired."""

_WORTHWHILE = 0.9
"""A token with this share of its life left is as good as a new one."""

Runner = Callable[[Flow[TokenSet]], TokenSet]


class TokenStore:
    """Gives tokens, and logs in no more often than needed.

    Safe for threads and processes. Without a Fernet key nothing is written: tokens then live as long as the process,
    and ID-porten logins are refused, because their refresh tokens must survive it.

    :param directory: made with mode 0700 when it is missing. For ID-porten all machines must share it.
    :param fernet_keys: the first encrypts, all decrypt; text with commas between keys as in Airflow's configuration.
    :param clock: seconds since 1970.
    :param mask: told every token before it is used, so that logs can hide it.
    :param vault: the installation's own place instead of the directory; see `altinn.token_vault.Vault`.
    """

    def __init__(
        self,
        directory: str | Path,
        fernet_keys: str | Sequence[str] = (),
        *,
        clock: Callable[[], float] = time.time,
        mask: Callable[[str], None] | None = None,
        vault: Vault | None = None,
    ) -> None:
        given = fernet_keys.split(",") if isinstance(fernet_keys, str) else fernet_keys
        keys = [key.strip() for key in given if key.strip()]
        self._durable = bool(keys) or vault is not None
        self._vault: Vault = vault or (FileVault(Path(directory), keys) if keys else PROCESS_MEMORY)
        self._clock = clock
        self._mask = mask or (lambda _secret: None)

    def token(self, settings: Settings, need: NeedToken, run: Runner) -> str:
        """Return a token that is valid long enough, logging in if there is none.

        :param need: which token, for how long, and which one a server has just refused.
        :param run: drives a login to its end; it need not know `KeepRefreshToken`.
        :raises AltinnConfigurationError: this login cannot be kept, or has no such token.
        :raises AltinnError: the login failed.
        """
        if settings.auth_mode == ALTINN_TOKEN:
            return self._ready_made(settings, need, run)
        if settings.auth_mode == IDPORTEN:
            self.check_durable(settings)
        key = cache_key(settings)
        kept = self._load(settings, key)
        if kept is None or not self._serves(kept, need):
            with self._vault.locked(key):
                kept = self._load(settings, key)
                if kept is None or not self._serves(kept, need):
                    kept = self._renewed(settings, key, kept, run)
        return self._answer(settings, need, kept.altinn if need.audience == "altinn" else kept.external)

    def check_durable(self, settings: Settings) -> None:
        """Make sure that a login can be kept at all.

        :raises AltinnConfigurationError: it would end with this process.
        """
        if not self._durable:
            raise AltinnConfigurationError(
                f"connection '{settings.conn_id}': an ID-porten login must be kept encrypted between tasks, which "
                "needs Airflow's [core] fernet_key: set it (the same on all machines) and try again"
            )

    def keep_login(self, settings: Settings, login: Kept) -> None:
        """Keep a person's new login, over whatever was kept under this connection.

        :param settings: as the connection will be from now on, so that its tasks find the login.
        """
        self.check_durable(settings)
        key = cache_key(settings)
        with self._vault.locked(key):
            self._vault.save(key, login)

    def kept_login(self, settings: Settings) -> Kept | None:
        """Return what is known of a connection's login, without asking anybody and without waiting.

        :raises AltinnConfigurationError: it cannot be read.
        """
        return self._load(settings, cache_key(settings))

    def _ready_made(self, settings: Settings, need: NeedToken, run: Runner) -> str:
        token = run(login(settings, clock=self._clock)).altinn_token
        if token == need.rejected:
            raise AltinnConfigurationError(
                f"connection '{settings.conn_id}': the server refuses altinn_token: get a new one for environment "
                f"'{settings.environment.name}', or use another auth_mode"
            )
        return self._answer(settings, need, token if need.audience == "altinn" else "")

    def _answer(self, settings: Settings, need: NeedToken, token: str) -> str:
        if not token:
            raise AltinnConfigurationError(
                f"connection '{settings.conn_id}': a login with '{settings.auth_mode}' gives no {need.audience} token: "
                "use 'maskinporten' or 'idporten'"
            )
        self._mask(token)
        return token

    def _serves(self, kept: Kept, need: NeedToken) -> bool:
        """Tell whether a kept token will do.

        A demand that no token meets (longer than its whole life) is met by one that is nearly new; otherwise every
        request would log in.
        """
        token, expires_at = (
            (kept.altinn, kept.altinn_expires_at)
            if need.audience == "altinn"
            else (kept.external, kept.external_expires_at)
        )
        if not kept.altinn or token == need.rejected:
            return False
        if not token:
            return True
        life = expires_at - kept.obtained_at
        wanted = min(EARLY + need.min_validity, life * _WORTHWHILE)
        return expires_at - self._clock() >= wanted

    def _load(self, settings: Settings, key: str) -> Kept | None:
        try:
            return self._vault.load(key)
        except UnreadableError as exc:
            if settings.auth_mode == IDPORTEN:
                raise AltinnConfigurationError(
                    f"connection '{settings.conn_id}': the stored login cannot be read ({exc}), and with it the latest "
                    f"refresh token is gone: if Airflow's fernet_key has changed, add the old one; else {LOG_IN_AGAIN}"
                ) from exc
            log.warning("Connection '%s': stored tokens cannot be read (%s); logging in anew", settings.conn_id, exc)
            return None

    def _renewed(self, settings: Settings, key: str, kept: Kept | None, run: Runner) -> Kept:
        """Log in and keep the result; the caller holds the lock."""
        before = kept or Kept()
        if settings.auth_mode == IDPORTEN:
            _check_usable(settings, before)
            # Proves that the place can be written before the refresh token is spent, and leaves a trace of it.
            self._vault.save(key, dataclasses.replace(before, spending=True))
        flow = _Keeping(self._vault, key, before, self._mask, self._clock)
        try:
            tokens = run(flow.around(login(settings, refresh_token=before.refresh_token or None, clock=self._clock)))
        except AltinnLoginEndedError as exc:
            self._vault.save(key, Kept(ended=True, person=before.person))
            if before.spending:
                raise _interrupted(exc) from exc
            raise
        renewed = dataclasses.replace(
            flow.kept,
            altinn=tokens.altinn_token,
            altinn_expires_at=tokens.altinn_expires_at,
            external=tokens.external_token,
            external_expires_at=tokens.external_expires_at,
            obtained_at=self._clock(),
            spending=False,
        )
        self._vault.save(key, renewed)
        log.info(
            "Connection '%s' logged in (%s, environment %s); the token is valid for %d s",
            settings.conn_id,
            settings.auth_mode,
            settings.environment.name,
            renewed.altinn_expires_at - renewed.obtained_at,
        )
        return renewed


def _check_usable(settings: Settings, kept: Kept) -> None:
    """Refuse what is known to be of no use, so that a person's wait asks nobody."""
    if kept.ended or not (kept.refresh_token or settings.refresh_token):
        told = f"the login has ended: {LOG_IN_AGAIN}" if kept.ended else f"nobody has logged in: {LOG_IN}"
        raise AltinnLoginNeededError(f"connection '{settings.conn_id}': {told}")


def _interrupted(exc: AltinnLoginEndedError) -> AltinnLoginEndedError:
    hint = (
        "an earlier renewal was interrupted after the refresh token was used and before its successor was stored "
        f"(a killed process, or a lost answer), and a refresh token is good for one use: {LOG_IN_AGAIN}"
    )
    return AltinnLoginEndedError(exc.what, exc.problem, hint)


class _Keeping:
    """Answers a login's `KeepRefreshToken` on the spot, so that no driver can come between."""

    def __init__(
        self, vault: Vault, key: str, kept: Kept, mask: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self.kept = kept
        self._vault = vault
        self._key = key
        self._mask = mask
        self._clock = clock

    def around(self, flow: Flow[TokenSet]) -> Flow[TokenSet]:
        """Pass a flow's steps on, except the ones answered here."""
        answer: HttpResponse | str | None = None
        error: AltinnError | None = None
        while True:
            try:
                step = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as stop:
                result: TokenSet = stop.value
                return result
            answer = error = None
            try:
                if isinstance(step, KeepRefreshToken):
                    self._keep(step)
                else:
                    answer = yield step
            except AltinnError as exc:
                error = exc

    def _keep(self, step: KeepRefreshToken) -> None:
        self._mask(step.refresh_token)
        ends = self._clock() + step.expires_in if step.expires_in else 0.0
        self.kept = Kept(refresh_token=step.refresh_token, refresh_expires_at=ends, person=self.kept.person)
        self._vault.save(self._key, self.kept)

"""Where a person's login goes: a file, the Airflow connection, or the installation's token store."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from altinn.exceptions import AltinnConfigurationError, AltinnError
from altinn.person_login.oidc_login import PersonLogin
from altinn.protocol.settings import SHARED_STORE, Settings
from altinn.protocol.tokens import PERSON_PROVIDER, claims_of, exchanged, expiry_of
from altinn.protocol.wire import Flow
from altinn.token_store import TokenStore
from altinn.token_vault import Kept

Runner = Callable[[Flow[str]], str]


class LoginPlace:
    """The place that a connection names for its login.

    :param store: the installation's token store.
    """

    def __init__(self, settings: Settings, store: TokenStore) -> None:
        self._settings = settings
        self._store = store

    def name(self) -> str:
        """Say where, in words."""
        if self._settings.refresh_token_file:
            return f"the file {self._settings.refresh_token_file}"
        if self._settings.login_store == SHARED_STORE:
            return "the installation's token store"
        return f"the Airflow connection '{self._settings.conn_id}'"

    def check(self) -> None:
        """Make sure that a login can be kept, before a person takes the trouble.

        :raises AltinnConfigurationError: it cannot; says why.
        """
        self._store.check_durable(self._settings)
        if self._settings.refresh_token_file:
            folder = Path(self._settings.refresh_token_file).expanduser().parent
            if not os.access(folder, os.W_OK | os.X_OK):
                raise AltinnConfigurationError(
                    f"connection '{self._settings.conn_id}': refresh_token_file: {folder} is no folder that Airflow's "
                    "user can write"
                )
        elif self._settings.login_store != SHARED_STORE:
            _change_connection(self._settings.conn_id, {})

    def keep(self, login: PersonLogin, run: Runner, clock: Callable[[], float] = time.time) -> Kept:
        """Keep a login, then prove it with Altinn's exchange.

        The refresh token is safe before anything else is asked: a failed exchange loses no login.

        :param run: drives a flow.
        :raises AltinnConfigurationError: the login cannot be kept.
        :raises AltinnError: it is kept, and Altinn does not take it; says why.
        """
        new = dataclasses.replace(self._settings, refresh_token=self._own_token(login))
        kept = Kept(refresh_token=login.refresh_token, refresh_expires_at=login.refresh_expires_at)
        self._store.keep_login(new, kept)
        self._write(login)
        token = run(exchanged(new, PERSON_PROVIDER, login.access_token))
        kept = dataclasses.replace(
            kept,
            altinn=token,
            altinn_expires_at=expiry_of(token),
            external=login.access_token,
            external_expires_at=expiry_of(login.access_token),
            obtained_at=clock(),
            person=person_in(token),
        )
        self._store.keep_login(new, kept)
        return kept

    def _own_token(self, login: PersonLogin) -> str:
        """Return the refresh token as the connection will show it: none where the store alone has it."""
        stored = self._settings.login_store == SHARED_STORE and not self._settings.refresh_token_file
        return "" if stored else login.refresh_token

    def _write(self, login: PersonLogin) -> None:
        if self._settings.refresh_token_file:
            write_private_file(Path(self._settings.refresh_token_file).expanduser(), login.refresh_token)
        elif self._settings.login_store != SHARED_STORE:
            new = {"refresh_token": login.refresh_token, "login_expires_at": int(login.refresh_expires_at) or None}
            _change_connection(self._settings.conn_id, new)


def person_in(altinn_token: str) -> str:
    """Name whose token this is by Altinn's own ids; a national identity number is never among them."""
    claims = claims_of(altinn_token)
    user, name = claims.get("urn:altinn:userid"), claims.get("urn:altinn:username")
    return f"user {user}" + (f" ({str(name)[:60]})" if name else "")


def write_private_file(path: Path, content: str) -> None:
    """Replace a file, readable for its owner alone, so that the old or the new is there, whole, at any moment.

    :raises AltinnConfigurationError: it cannot be written.
    """
    try:
        # Made with mode 0600 and a name that nobody can have put a link under.
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except OSError as exc:
        raise AltinnConfigurationError(f"{path} cannot be written ({exc.strerror or type(exc).__name__})") from exc


def _change_connection(conn_id: str, changes: dict[str, Any]) -> None:
    """Change fields of a connection's `extra` in Airflow's database; an empty change proves that it can be done.

    :raises AltinnConfigurationError: it is not in the database, or the database cannot be reached from here.
    """
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    elsewhere = "set login_store to 'shared', or name a refresh_token_file"
    try:
        with create_session() as session:
            found = session.scalar(select(Connection).where(Connection.conn_id == conn_id).with_for_update())
            if found is None:
                raise AltinnConfigurationError(
                    f"connection '{conn_id}' is not in Airflow's database (it comes from the environment or a secrets "
                    f"backend), so that a login cannot be written into it: {elsewhere}"
                )
            if changes:
                merged = {**found.extra_dejson, **changes}
                found.set_extra(json.dumps({name: value for name, value in merged.items() if value is not None}))
    except AltinnError:
        raise
    except (SQLAlchemyError, RuntimeError, ImportError) as exc:
        # Not chained: the statement's parameters hold the token.
        raise AltinnConfigurationError(
            f"Airflow's database cannot be reached from here ({type(exc).__name__}): log in on the machine of the "
            f"api-server, or {elsewhere}"
        ) from None

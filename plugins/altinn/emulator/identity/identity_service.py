"""The whole of the emulator's identity part, put together."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from altinn.emulator.identity.altinn_tokens import AltinnTokens
from altinn.emulator.identity.assertion_rules import JTI_KIND
from altinn.emulator.identity.client_registry import CLIENT_KIND, ClientRegistry
from altinn.emulator.identity.identity_store import IdentityStore, SqliteIdentityStore
from altinn.emulator.identity.idporten_grant import FAMILY_KIND, REFRESH_KIND, IdPortenGrant
from altinn.emulator.identity.idporten_login import CODE_KIND, IdPortenLogin
from altinn.emulator.identity.maskinporten_grant import MaskinportenGrant
from altinn.emulator.identity.principal import Directory, Principal
from altinn.emulator.identity.signing_keys import SigningKeys
from altinn.emulator.identity.system_register import REQUEST_KIND, SYSTEM_KIND, SystemRegister


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long tokens live, in seconds of real time; the emulator's movable clock does not touch them."""

    maskinporten: int = 600
    altinn: int = 1800
    idporten_access: int = 28_800
    idporten_refresh: int = 7_776_000
    idporten_authorization: int = 7_776_000
    idporten_code: int = 120

    @classmethod
    def from_text(cls, text: str) -> Lifetimes:
        """Read "altinn=60,idporten_refresh=300".

        :raises ValueError: an unknown name, or a value that is not a positive whole number.
        """
        given: dict[str, int] = {}
        names = {field.name for field in dataclasses.fields(cls)}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = part.partition("=")
            if name.strip() not in names or not value.strip().isdigit() or int(value) < 1:
                raise ValueError(f"lifetimes: '{part}' is not NAME=SECONDS with NAME one of {', '.join(sorted(names))}")
            given[name.strip()] = int(value)
        return cls(**given)


class Identity:
    """Maskinporten, ID-porten and Altinn's authentication, over one store.

    :param directory: the people and organisations of the test data.
    :param clients: registrations as in `--clients FILE`.
    :param store: where used assertions, refresh tokens, keys and later registrations are kept; in memory by default.
    :param clock: seconds since 1970, real time.
    :raises ClientError: when a registration is malformed.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        clients: Iterable[Mapping[str, object]] = (),
        store: IdentityStore | None = None,
        lifetimes: Lifetimes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        lives = lifetimes or Lifetimes()
        self.clock = clock
        self.store = store if store is not None else SqliteIdentityStore()
        self.keys = SigningKeys(self.store)
        self.clients = ClientRegistry(self.store, clients)
        self.tokens = AltinnTokens(self.keys, directory, lives.altinn)
        self.systems = SystemRegister(self.store)
        self.maskinporten = MaskinportenGrant(
            self.store, self.clients, self.keys, lives.maskinporten, system_users=self.systems.grants
        )
        self.directory = directory
        self.logins = IdPortenLogin(self.store, self.clients, lives.idporten_code)
        self.idporten = IdPortenGrant(
            self.store,
            self.clients,
            self.keys,
            directory,
            lives.idporten_access,
            lives.idporten_refresh,
            lives.idporten_authorization,
        )

    def authenticate(self, bearer: str | None) -> Principal | None:
        """Tell who sends a request.

        :param bearer: the token, with or without "Bearer " before it.
        :returns: None for 401; kind "external" for a token that was not exchanged.
        """
        if not bearer:
            return None
        token = bearer[7:] if bearer[:7].lower() == "bearer " else bearer
        return self.tokens.principal(token.strip(), self.clock())

    def reset(self) -> None:
        """Forget logins, used assertions and later registrations; the keys stay, so that JWKS caches stay right."""
        self.store.forget(JTI_KIND, REFRESH_KIND, FAMILY_KIND, CODE_KIND, CLIENT_KIND, SYSTEM_KIND, REQUEST_KIND)

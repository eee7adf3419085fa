"""What a connection says, checked once and in one place.

`settings_from` turns the raw fields of a connection into `Settings`, or explains which field is wrong and what to
write there. Secrets are kept out of every text and `repr`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from altinn.exceptions import AltinnConfigurationError, AltinnInputError, AltinnLocalFileError
from altinn.protocol.connection_fields import Fields, unknown_key_text
from altinn.protocol.environments import LOCAL, PRODUCTION, Environment, resolve_environment
from altinn.protocol.identifiers import check_organisation_number
from altinn.protocol.keys import Signer, SigningKey, external_key, load_key

MASKINPORTEN = "maskinporten"
IDPORTEN = "idporten"
ALTINN_TOKEN = "altinn_token"
LOCALTEST = "localtest"
TOKEN_GENERATOR = "token_generator"
AUTH_MODES = (MASKINPORTEN, IDPORTEN, ALTINN_TOKEN, LOCALTEST, TOKEN_GENERATOR)
"""The ways to log in, as written in the connection."""

DEFAULT_SCOPES = ("altinn:instances.read", "altinn:instances.write")
"""What an end-user system needs to file ("Scopes" on docs.altinn.studio)."""

CONNECTION_STORE, SHARED_STORE = "connection", "shared"
LOGIN_STORES = (CONNECTION_STORE, SHARED_STORE)
"""Where a person's login goes, unless the connection names a `refresh_token_file`."""

LEVEL = "idporten-loa-substantial"
"""The level of assurance that a login asks for; Skatteetaten and Altinn demand no more to file."""

SETTLE = 30.0
"""Seconds until a new instance is sure to show in Altinn's query."""
SETTLE_LOCAL = 1.0
TIMEOUT = 60.0
USER_AGENT = "airflow-provider-altinn"


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked connection: where to go, who logs in, how, and for whom.

    :param client_id: the Maskinporten or ID-porten client; the token generator's user name.
    :param on_behalf_of: organisation number of the system user's owner; empty without a system user.
    :param external_ref: the reference with which that system user was requested; empty if it had none.
    :param organisation_number: the owner that `self` means; `on_behalf_of` if the connection names no other.
    :param person_number: the same for a person who files for himself or herself.
    :param test_user_id: user id for LocalTest or the token generator.
    :param timeout: seconds to wait for an ordinary answer.
    :param settle: seconds within which a new instance shows in Altinn's query; they pass before the first push.
    :param ledger: folder for the ledger of decisions and effects; empty keeps none.
    :param verify: as in `requests`: whether to check certificates, or a path of certificates to trust.
    :param passphrase: opens an encrypted key or a PKCS#12 file.
    :param signer: signs in place of a private key.
    :param refresh_token_file: where the refresh token was read from, and where a new login goes.
    :param login_store: "connection" or "shared", where a login goes without such a file.
    :param login_expires_at: when the connection's login ends, in seconds since 1970; 0 if it does not say.
    :param acr_values: level of assurance that a login asks for.
    :param unknown_extras: keys of `extra` that mean nothing here; see `warnings`.
    """

    conn_id: str
    environment: Environment
    auth_mode: str
    client_id: str = ""
    key_id: str = ""
    private_key: str = field(default="", repr=False)
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    on_behalf_of: str = ""
    external_ref: str = ""
    refresh_token: str = field(default="", repr=False)
    altinn_token: str = field(default="", repr=False)
    organisation_number: str = ""
    person_number: str = field(default="", repr=False)
    test_user_id: str = ""
    test_party_id: str = ""
    token_person_number: str = field(default="", repr=False)
    test_system_user_id: str = ""
    test_authentication_level: str = ""
    generator_password: str = field(default="", repr=False)
    timeout: float = TIMEOUT
    settle: float = SETTLE
    token_dir: str = ""
    ledger: str = ""
    verify: bool | str = True
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    user_agent: str = USER_AGENT
    passphrase: str = field(default="", repr=False)
    signer: Signer | None = field(default=None, repr=False)
    refresh_token_file: str = ""
    login_store: str = CONNECTION_STORE
    login_expires_at: float = 0.0
    acr_values: str = LEVEL
    unknown_extras: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret text of this connection, for masking in logs."""
        found = (
            self.private_key,
            self.passphrase,
            self.refresh_token,
            self.altinn_token,
            self.person_number,
            self.token_person_number,
            self.generator_password,
        )
        return tuple(secret for secret in found if secret)

    @property
    def signing_key(self) -> SigningKey:
        """What signs this connection's assertions.

        :raises AltinnConfigurationError: the key is of no use.
        """
        if self.signer is not None:
            return external_key(self.signer, self.key_id)
        return load_key(self.private_key, self.key_id, self.passphrase)

    def acting_for(self, on_behalf_of: str | None = None, external_ref: str | None = None) -> Settings:
        """Return the same login for another organisation's system user.

        None keeps what the connection says. Another organisation drops the connection's `external_ref`, because that
        belongs to the connection's own system user.

        :raises AltinnInputError: malformed number, or a way to log in that knows no system users.
        """
        if not on_behalf_of and external_ref is None:
            return self
        if self.auth_mode not in (MASKINPORTEN, TOKEN_GENERATOR):
            raise AltinnInputError(
                f"on_behalf_of and external_ref select a system user, which needs auth_mode 'maskinporten'; "
                f"connection '{self.conn_id}' logs in with '{self.auth_mode}': leave them out"
            )
        organisation = on_behalf_of or self.on_behalf_of
        if organisation:
            check_organisation_number(organisation, strict=self.environment.is_production)
        kept = self.external_ref if organisation == self.on_behalf_of else ""
        own = self.organisation_number
        return dataclasses.replace(
            self,
            on_behalf_of=organisation,
            external_ref=kept if external_ref is None else external_ref.strip(),
            organisation_number=organisation if own in ("", self.on_behalf_of) else own,
        )

    def warnings(self) -> tuple[str, ...]:
        """Return what is odd about the connection without being wrong, one line each, for the log."""
        unknown = [unknown_key_text(key) for key in self.unknown_extras]
        numbers = {self.on_behalf_of, self.organisation_number} - {""}
        odd = [check_organisation_number(number, strict=False) for number in sorted(numbers)]
        return tuple(f"connection '{self.conn_id}': {line}" for line in (*unknown, *odd) if line)


def with_files_read(conn_id: str, extra: Mapping[str, object], read: Callable[[str], str]) -> dict[str, object]:
    """Return `extra` with the contents of `private_key_file` and the other files in place of their names.

    :param read: returns a file's text, or raises OSError or UnicodeError.
    :raises AltinnConfigurationError: a file cannot be read or is empty, or both the file and its content are given.
    """
    fields = dict(extra)
    for name in ("private_key", "refresh_token", "person_number"):
        # The refresh token's file is remembered: a new login goes there.
        path = fields.get(f"{name}_file") if name == "refresh_token" else fields.pop(f"{name}_file", None)
        if not path:
            continue
        where = f"connection '{conn_id}': {name}_file"
        if fields.get(name):
            raise AltinnConfigurationError(f"{where} and {name} are both given: remove one of them")
        if not isinstance(path, str):
            raise AltinnConfigurationError(f"{where} must be the path of a file, as text")
        try:
            content = read(path)
        except FileNotFoundError as exc:
            if name == "refresh_token":
                continue  # Nobody has logged in yet.
            raise _unreadable(where, path, exc) from exc
        except OSError as exc:
            raise _unreadable(where, path, exc) from exc
        except UnicodeError:
            # Not chained: the decoder's exception carries the bytes, which are the key.
            raise AltinnConfigurationError(
                f"{where}: {path} is not text: give a PEM, JWK or PKCS#12 file for a key, text for the others"
            ) from None
        if not content.strip():
            raise AltinnConfigurationError(f"{where}: {path} is empty")
        fields[name] = content
    return fields


def _unreadable(where: str, path: str, exc: OSError) -> AltinnLocalFileError:
    why = exc.strerror or type(exc).__name__
    return AltinnLocalFileError(
        f"{where}: {path} cannot be read here ({why}): it must exist on every machine that runs tasks, "
        "readable for Airflow's user"
    )


def settings_from(
    conn_id: str,
    *,
    host: str | None = None,
    port: int | None = None,
    login: str | None = None,
    password: str | None = None,
    extra: Mapping[str, object] | None = None,
    signers: Mapping[str, Signer] | None = None,
) -> Settings:
    """Check a connection's fields.

    :param host: address of LocalTest or the emulator; empty for Altinn's own environments.
    :param port: its port, if the connection keeps it apart from the host (one written as a URI does).
    :param login: client id (user name for the token generator).
    :param signers: what the field `signer` can name.
    :param password: only for the token generator.
    :param extra: the other fields; files are read already (`with_files_read`).
    :raises AltinnConfigurationError: says which field is wrong and what to write.
    """
    fields = Fields(conn_id, extra or {})
    environment = _environment(fields, f"{host.strip()}:{port}" if host and port else host)
    mode = fields.choice("auth_mode", AUTH_MODES, default=MASKINPORTEN)
    strict = environment.is_production
    on_behalf_of = fields.organisation_number("on_behalf_of", strict=strict)
    settings = Settings(
        conn_id=conn_id,
        environment=environment,
        auth_mode=mode,
        client_id=(login or "").strip(),
        key_id=fields.text("key_id"),
        private_key=fields.key("private_key"),
        scopes=fields.words("scopes") or DEFAULT_SCOPES,
        on_behalf_of=on_behalf_of,
        external_ref=fields.text("external_ref"),
        refresh_token=fields.secret("refresh_token"),
        altinn_token=fields.secret("altinn_token"),
        organisation_number=fields.organisation_number("organisation_number", strict=strict) or on_behalf_of,
        person_number=fields.person_number("person_number"),
        test_user_id=fields.digits("test_user_id"),
        test_party_id=fields.digits("test_party_id"),
        token_person_number=fields.person_number("token_person_number"),
        test_system_user_id=fields.text("test_system_user_id"),
        test_authentication_level=fields.digits("test_authentication_level"),
        generator_password=(password or "") if mode == TOKEN_GENERATOR else "",
        timeout=fields.number("timeout", default=TIMEOUT, minimum=1, maximum=600),
        settle=fields.number(
            "settle", default=SETTLE_LOCAL if environment.is_local else SETTLE, minimum=0, maximum=600
        ),
        token_dir=fields.text("token_dir"),
        ledger=fields.text("ledger"),
        verify=fields.verify("verify"),
        proxies=fields.mapping("proxies"),
        passphrase=fields.text("private_key_passphrase"),
        signer=_signer(fields, signers or {}),
        refresh_token_file=fields.text("refresh_token_file"),
        login_store=fields.choice("login_store", LOGIN_STORES, default=CONNECTION_STORE),
        login_expires_at=fields.number("login_expires_at", default=0.0, minimum=0, maximum=1e11),
        acr_values=" ".join(fields.words("acr_values")) or LEVEL,
        unknown_extras=fields.unknown(),
    )
    _check_mode(fields, settings, password or "")
    return settings


def _signer(fields: Fields, signers: Mapping[str, Signer]) -> Signer | None:
    name = fields.text("signer")
    if not name:
        return None
    if name not in signers:
        known = f"known are {', '.join(sorted(signers))}" if signers else "none is set there"
        raise fields.error("signer", f"'{name[:40]}' is not among [altinn] signers of Airflow's configuration: {known}")
    return signers[name]


def _environment(fields: Fields, host: str | None) -> Environment:
    name = fields.text("environment")
    if not name:
        raise fields.error("environment", "is missing: choose prod, tt02, at22, at23, at24, yt01 or local")
    try:
        return resolve_environment(
            name, (host or "").strip(), fields.text("maskinporten_url"), fields.text("idporten_url")
        )
    except AltinnConfigurationError as exc:
        raise AltinnConfigurationError(f"connection '{fields.conn_id}': {exc}") from exc


def _check_mode(fields: Fields, settings: Settings, password: str) -> None:
    """Refuse a connection that lacks what its way to log in needs, before anything is sent."""
    checks: dict[str, Callable[[], None]] = {
        MASKINPORTEN: lambda: _check_client(fields, settings, password),
        IDPORTEN: lambda: _check_idporten(fields, settings, password),
        ALTINN_TOKEN: lambda: _check_altinn_token(fields, settings),
        LOCALTEST: lambda: _check_localtest(fields, settings),
        TOKEN_GENERATOR: lambda: _check_generator(fields, settings),
    }
    checks[settings.auth_mode]()


def _check_client(fields: Fields, settings: Settings, password: str) -> None:
    if not settings.client_id:
        raise fields.error("login", "is missing: write the client id")
    if settings.signer is not None:
        if settings.private_key:
            raise fields.error("signer", "and private_key are both given: remove one of them")
    elif not settings.private_key:
        secret = "; a client secret in the password field is not used" if password else ""
        raise fields.error(
            "private_key",
            "is missing: paste the client's private key (PEM or JWK), or name its file in private_key_file" + secret,
        )
    if settings.external_ref and not settings.on_behalf_of and settings.auth_mode == MASKINPORTEN:
        raise fields.error(
            "external_ref", "selects one system user of the organisation in on_behalf_of, which is missing: write both"
        )


def _check_idporten(fields: Fields, settings: Settings, password: str) -> None:
    _check_client(fields, settings, password)
    if settings.on_behalf_of or settings.external_ref:
        raise fields.error(
            "on_behalf_of", "selects a system user, which only Maskinporten knows: remove it (and external_ref)"
        )


def _check_altinn_token(fields: Fields, settings: Settings) -> None:
    if settings.environment.name == PRODUCTION:
        raise fields.error(
            "auth_mode", "'altinn_token' is for test environments: production needs 'maskinporten' or 'idporten'"
        )
    if not settings.altinn_token:
        raise fields.error("altinn_token", "is missing: paste a token that Altinn issued for this environment")


def _check_localtest(fields: Fields, settings: Settings) -> None:
    if settings.environment.name != LOCAL:
        raise fields.error("auth_mode", "'localtest' exists in environment 'local' only: choose another")
    if bool(settings.test_user_id) == bool(settings.test_system_user_id):
        raise fields.error(
            "test_user_id", "or test_system_user_id must be given, and not both: LocalTest's test data lists them"
        )


def _check_generator(fields: Fields, settings: Settings) -> None:
    if settings.environment.name in (PRODUCTION, LOCAL):
        raise fields.error("auth_mode", "'token_generator' serves at22, at23, at24, yt01 and tt02 only: choose another")
    if not (settings.client_id and settings.generator_password):
        raise fields.error("login", "and password must hold the token generator's user name and password")
    if not settings.test_system_user_id and not settings.test_user_id:
        raise fields.error("test_user_id", "or test_system_user_id is missing: say whose token to make")
    if settings.test_system_user_id and not settings.on_behalf_of:
        raise fields.error("on_behalf_of", "is missing: write the organisation that owns the system user")

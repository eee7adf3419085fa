"""The Altinn environments and the login services that belong to each.

A connection names one environment and everything follows from it, so that a production key never signs for a test
service and a test connection never reaches production. Only `local` (LocalTest or the emulator) takes its address
from the connection.

Sources: "Environments" on docs.altinn.studio; well-known documents of maskinporten.no and idporten.no.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from altinn.exceptions import AltinnConfigurationError, AltinnInputError

LOCAL = "local"
PRODUCTION = "prod"

_ORG = re.compile(r"[a-z][a-z0-9-]{1,40}")
_DOMAINS = {
    PRODUCTION: "altinn.no",
    "tt02": "tt02.altinn.no",
    "at22": "at22.altinn.cloud",
    "at23": "at23.altinn.cloud",
    "at24": "at24.altinn.cloud",
    "yt01": "yt01.altinn.cloud",
}
NAMES = (*_DOMAINS, LOCAL)
"""Every environment a connection can name."""

_LOCALTEST_HOST = "local.altinn.cloud"
_PUBLIC_DOMAINS = ("altinn.no", "altinn.cloud", "maskinporten.no", "idporten.no")


@dataclass(frozen=True, slots=True)
class Environment:
    """Where one environment's services are. No address ends with a slash, except Maskinporten's issuer.

    :param maskinporten_issuer: goes into an assertion as `aud`, exactly as written here.
    :param app_url_template: an organisation's app server, with `{org}` where its short name goes.
    """

    name: str
    platform_url: str
    maskinporten_issuer: str
    maskinporten_token_url: str
    idporten_issuer: str
    idporten_token_url: str
    app_url_template: str

    @property
    def is_production(self) -> bool:
        """Whether a filing here is a legal act."""
        return self.name == PRODUCTION

    @property
    def is_local(self) -> bool:
        """Whether this is LocalTest or the emulator."""
        return self.name == LOCAL

    def app_url(self, org: str) -> str:
        """Return the base address of an organisation's apps, such as `https://skd.apps.altinn.no`.

        :raises AltinnInputError: `org` is not a short name; it becomes part of a host name, so nothing else passes.
        """
        if not _ORG.fullmatch(org):
            raise AltinnInputError(
                f"'{org[:60]}' is not the short name of an app's owner: write lower case letters as in the app id, "
                "for example 'skd' in 'skd/mva-melding-innsending-v1'"
            )
        return self.app_url_template.format(org=org)


def resolve_environment(
    name: str,
    host: str | None = None,
    maskinporten_url: str | None = None,
    idporten_url: str | None = None,
) -> Environment:
    """Return the environment a connection means.

    :param host: required for `local`; elsewhere empty, or the environment's own platform address.
    :param maskinporten_url: where a local Maskinporten is, if not under `host`; only for `local`.
    :param idporten_url: the same for ID-porten.
    :raises AltinnConfigurationError: unknown name, or an address that belongs elsewhere.
    """
    if name == LOCAL:
        return _local(host or "", maskinporten_url or "", idporten_url or "")
    if name not in _DOMAINS:
        raise AltinnConfigurationError(f"environment '{name[:40]}' is not known: choose one of {', '.join(NAMES)}")
    environment = _public(name, _DOMAINS[name])
    if host:
        _same_host(environment, host)
    for field, given in (("maskinporten_url", maskinporten_url), ("idporten_url", idporten_url)):
        if given:
            raise AltinnConfigurationError(
                f"{field} can only be set for environment 'local'; '{name}' always uses its own: remove the field"
            )
    return environment


def _public(name: str, domain: str) -> Environment:
    test = "" if name == PRODUCTION else "test."
    return Environment(
        name=name,
        platform_url=f"https://platform.{domain}",
        maskinporten_issuer=f"https://{test}maskinporten.no/",
        maskinporten_token_url=f"https://{test}maskinporten.no/token",
        idporten_issuer=f"https://{test}idporten.no",
        idporten_token_url=f"https://{test}idporten.no/token",
        app_url_template=f"https://{{org}}.apps.{domain}",
    )


def _local(host: str, maskinporten_url: str, idporten_url: str) -> Environment:
    if not host:
        raise AltinnConfigurationError(
            "host is missing: environment 'local' needs the address of LocalTest or of the emulator, "
            "for example http://local.altinn.cloud"
        )
    base = _local_address("host", host)
    maskinporten = _local_address("maskinporten_url", maskinporten_url) if maskinporten_url else f"{base}/maskinporten"
    idporten = _local_address("idporten_url", idporten_url) if idporten_url else f"{base}/idporten"
    return Environment(
        name=LOCAL,
        platform_url=base,
        maskinporten_issuer=f"{maskinporten}/",
        maskinporten_token_url=f"{maskinporten}/token",
        idporten_issuer=idporten,
        idporten_token_url=f"{idporten}/token",
        app_url_template=base.replace("{", "{{").replace("}", "}}"),
    )


def _local_address(field: str, given: str) -> str:
    parts = _split(field, given, default_scheme="http")
    if parts.scheme not in ("http", "https"):
        raise AltinnConfigurationError(f"{field} must start with http:// or https://, not '{parts.scheme}://'")
    hostname = parts.hostname or ""
    if hostname != _LOCALTEST_HOST and _is_below(hostname, _PUBLIC_DOMAINS):
        raise AltinnConfigurationError(
            f"{field} '{hostname}' is a public service, but the environment is 'local': "
            f"choose the environment {_owner_of(hostname)} and leave the field empty"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _same_host(environment: Environment, host: str) -> None:
    parts = _split("host", host, default_scheme="https")
    own = urlsplit(environment.platform_url)
    if (parts.scheme, parts.netloc.lower().removesuffix(":443"), parts.path.strip("/")) != ("https", own.netloc, ""):
        raise AltinnConfigurationError(
            f"host '{parts.scheme}://{parts.netloc}{parts.path}' does not belong to environment "
            f"'{environment.name}': leave host empty, or write {environment.platform_url}; "
            "LocalTest and the emulator are environment 'local'"
        )


def _split(field: str, given: str, default_scheme: str) -> SplitResult:
    """Split an address, and refuse what has no business in one (a user name, a query, white space)."""
    text = given.strip()
    if "://" not in text:
        text = f"{default_scheme}://{text}"
    try:
        parts = urlsplit(text)
        well_formed = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        well_formed = False
    if not well_formed or re.search(r"[\s\\]", text):
        raise AltinnConfigurationError(f"{field} is not an address: write it like http://127.0.0.1:8000")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise AltinnConfigurationError(f"{field} must be a plain address without user name, password, '?' or '#'")
    return parts


def _is_below(hostname: str, domains: tuple[str, ...]) -> bool:
    return any(hostname == domain or hostname.endswith(f".{domain}") for domain in domains)


def _owner_of(hostname: str) -> str:
    """Name the environment that a public host belongs to, for the message."""
    by_length = sorted(_DOMAINS.items(), key=lambda item: -len(item[1]))
    return next((f"'{name}'" for name, domain in by_length if _is_below(hostname, (domain,))), "it belongs to")

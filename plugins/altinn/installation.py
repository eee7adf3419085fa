"""The section `[altinn]` of Airflow's configuration: what an administrator decides for all connections.

Code is named here and never in a connection, because who may edit a connection may not choose what is run.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

from altinn.exceptions import AltinnConfigurationError
from altinn.protocol.keys import Signer
from altinn.token_vault import Vault

SECTION = "altinn"
LOGIN_PREFIX = "/altinn-login"
"""Where the login page hangs in Airflow's web server."""


def option(name: str, fallback: str = "") -> str:
    """Return one option's text; empty when it is not set."""
    from airflow.sdk.configuration import conf

    return str(conf.get(SECTION, name, fallback=fallback) or "").strip()


def signers() -> Mapping[str, Signer]:
    """Return what the connections' field `signer` can name: `signers = kms = my_company.kms:sign`, commas between.

    :raises AltinnConfigurationError: malformed, or there is no such function.
    """
    found: dict[str, Signer] = {}
    for entry in filter(None, (part.strip() for part in option("signers").split(","))):
        name, _, target = entry.partition("=")
        found[name.strip()] = cast("Signer", _imported("signers", target.strip()))
    return found


def own_vault() -> Vault | None:
    """Return the installation's own place for tokens, or nothing where the encrypted files serve.

    :raises AltinnConfigurationError: there is no such class, or it cannot be made without arguments.
    """
    target = option("token_vault")
    if not target:
        return None
    made: Any = _imported("token_vault", target)()
    missing = [name for name in ("load", "save", "locked") if not callable(getattr(made, name, None))]
    if missing:
        raise AltinnConfigurationError(
            f"[altinn] token_vault {target} has no {', '.join(missing)}: see its description"
        )
    return cast("Vault", made)


def login_page_is_on() -> bool:
    """Tell whether the api-server offers the page where people log in; on unless it is switched off."""
    return option("login_page", "True").lower() not in ("false", "no", "off", "0")


def airflow_address() -> str:
    """Return Airflow's own address, without a slash at the end; empty when it is not set."""
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def login_page_address() -> str:
    """Return the address of the page where people log in; empty when it is off or Airflow does not know its own."""
    base = airflow_address()
    return f"{base}{LOGIN_PREFIX}/" if base and login_page_is_on() else ""


def _imported(name: str, target: str) -> Any:
    module, colon, attribute = target.partition(":")
    if not colon:
        module, _, attribute = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as exc:
        raise AltinnConfigurationError(
            f"[altinn] {name} names '{target}', which cannot be imported here ({type(exc).__name__}): write "
            "module:name of something that is installed on every machine"
        ) from exc
    if not callable(found):
        raise AltinnConfigurationError(f"[altinn] {name} names '{target}', which is not callable")
    return found

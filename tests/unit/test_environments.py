"""Where each environment's services are, and which addresses a connection may not name."""

from __future__ import annotations

import pytest

from altinn.exceptions import AltinnConfigurationError, AltinnInputError
from altinn.protocol.environments import NAMES, resolve_environment


def test_production_is_where_altinn_documents_it() -> None:
    prod = resolve_environment("prod")

    assert prod.platform_url == "https://platform.altinn.no"
    assert prod.app_url("skd") == "https://skd.apps.altinn.no"
    assert (prod.maskinporten_issuer, prod.maskinporten_token_url) == (
        "https://maskinporten.no/",
        "https://maskinporten.no/token",
    )
    assert (prod.idporten_issuer, prod.idporten_token_url) == ("https://idporten.no", "https://idporten.no/token")
    assert prod.is_production


@pytest.mark.parametrize(
    ("name", "platform", "app"),
    [
        ("tt02", "https://platform.tt02.altinn.no", "https://skd.apps.tt02.altinn.no"),
        ("at22", "https://platform.at22.altinn.cloud", "https://skd.apps.at22.altinn.cloud"),
        ("at23", "https://platform.at23.altinn.cloud", "https://skd.apps.at23.altinn.cloud"),
        ("at24", "https://platform.at24.altinn.cloud", "https://skd.apps.at24.altinn.cloud"),
        ("yt01", "https://platform.yt01.altinn.cloud", "https://skd.apps.yt01.altinn.cloud"),
    ],
)
def test_test_environments_use_the_test_issuers(name: str, platform: str, app: str) -> None:
    environment = resolve_environment(name)

    assert (environment.platform_url, environment.app_url("skd")) == (platform, app)
    assert environment.maskinporten_issuer == "https://test.maskinporten.no/"
    assert environment.idporten_token_url == "https://test.idporten.no/token"
    assert not environment.is_production


def test_local_serves_everything_from_one_host() -> None:
    local = resolve_environment("local", "http://127.0.0.1:8123/")

    assert local.platform_url == local.app_url("ttd") == "http://127.0.0.1:8123"
    assert local.maskinporten_issuer == "http://127.0.0.1:8123/maskinporten/"
    assert local.maskinporten_token_url == "http://127.0.0.1:8123/maskinporten/token"
    assert local.idporten_issuer == "http://127.0.0.1:8123/idporten"
    assert local.idporten_token_url == "http://127.0.0.1:8123/idporten/token"


def test_local_login_services_can_be_elsewhere() -> None:
    local = resolve_environment("local", "emulator:8000", "http://mp:1/x/", "http://idp:2")

    assert local.platform_url == "http://emulator:8000"
    assert local.maskinporten_issuer == "http://mp:1/x/"
    assert local.maskinporten_token_url == "http://mp:1/x/token"
    assert local.idporten_token_url == "http://idp:2/token"


@pytest.mark.parametrize("host", ["http://local.altinn.cloud", "local.altinn.cloud:8000", "https://localhost"])
def test_localtest_addresses_are_local(host: str) -> None:
    assert resolve_environment("local", host).is_local


@pytest.mark.parametrize(
    ("host", "belongs_to"),
    [
        ("https://platform.altinn.no", "'prod'"),
        ("platform.tt02.altinn.no", "'tt02'"),
        ("http://skd.apps.at22.altinn.cloud", "'at22'"),
        ("https://test.maskinporten.no", "public service"),
        ("https://PLATFORM.ALTINN.NO", "'prod'"),
    ],
)
def test_local_refuses_public_services(host: str, belongs_to: str) -> None:
    with pytest.raises(AltinnConfigurationError, match=belongs_to):
        resolve_environment("local", host)


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1:8000",
        "https://platform.altinn.no",
        "http://platform.tt02.altinn.no",
        "https://platform.tt02.altinn.no.example.com",
        "https://platform.tt02.altinn.no:8443",
        "https://platform.tt02.altinn.no/other",
    ],
)
def test_a_named_environment_refuses_a_foreign_host(host: str) -> None:
    with pytest.raises(AltinnConfigurationError, match=r"does not belong to environment 'tt02'.*platform\.tt02"):
        resolve_environment("tt02", host)


@pytest.mark.parametrize(
    "host", ["platform.tt02.altinn.no", "https://platform.tt02.altinn.no/", "https://platform.tt02.altinn.no:443"]
)
def test_a_named_environment_takes_its_own_host(host: str) -> None:
    assert resolve_environment("tt02", host) == resolve_environment("tt02")


def test_a_named_environment_keeps_its_own_issuer() -> None:
    with pytest.raises(AltinnConfigurationError, match="maskinporten_url can only be set for environment 'local'"):
        resolve_environment("tt02", None, "http://127.0.0.1/maskinporten")


@pytest.mark.parametrize(
    "host",
    [
        "http://user:secret@127.0.0.1:8000",
        "http://127.0.0.1:8000?token=secret",
        "http://127.0.0.1:8000#secret",
        "http://127.0.0.1:secret",
        "http://",
        "http://a b",
        "ftp://127.0.0.1",
    ],
)
def test_malformed_addresses_are_refused_without_being_shown(host: str) -> None:
    with pytest.raises(AltinnConfigurationError) as caught:
        resolve_environment("local", host)
    assert "secret" not in str(caught.value)


def test_unknown_and_missing_names_are_explained() -> None:
    with pytest.raises(AltinnConfigurationError, match="choose one of prod, tt02"):
        resolve_environment("production")
    with pytest.raises(AltinnConfigurationError, match="host is missing"):
        resolve_environment("local")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("org", ["", "SKD", "skd.example.com", "evil.com/", "skd@x", "-skd", "s" * 60])
def test_an_owner_that_would_change_the_host_is_refused(name: str, org: str) -> None:
    environment = resolve_environment(name, "http://127.0.0.1:8000" if name == "local" else None)
    with pytest.raises(AltinnInputError, match="short name"):
        environment.app_url(org)

"""The page about connecting says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from altinn.cli import COMMANDS
from altinn.doctor.app_links import APP_LINKS
from altinn.doctor.examination import NETWORK_LINKS
from altinn.doctor.login_links import EXCHANGE, KEY_FORM, MASKINPORTEN_LINKS
from altinn.protocol.environments import NAMES, resolve_environment
from altinn.protocol.settings import Settings, settings_from
from altinn.provider_info import get_provider_info
from tests.unit.login_samples import pem

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "connecting.md").read_text("utf-8")
EXAMPLES = ROOT / "docs" / "examples"


def test_the_table_of_addresses_is_the_code_s() -> None:
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.M)}
    assert set(rows) == set(NAMES)
    for name in set(NAMES) - {"local"}:
        found = resolve_environment(name)
        urls = (found.platform_url, found.app_url_template, found.maskinporten_issuer, found.idporten_issuer)
        assert rows[name] == tuple(f"`{url}`" for url in urls)


def _settings(login: str | None, extra: dict[str, Any]) -> Settings:
    assert extra.pop("private_key_file") == "/run/secrets/maskinporten.pem"
    return settings_from("c", login=login, extra={**extra, "private_key": pem()})


def test_both_forms_of_a_connection_mean_the_same() -> None:
    document = json.loads((EXAMPLES / "connection_maskinporten.json").read_text())
    assert document["conn_type"] == "altinn"
    uri = urlsplit((EXAMPLES / "connection_maskinporten.uri").read_text().strip())
    assert uri.scheme == "altinn"
    from_json = _settings(document["login"], document["extra"])
    from_uri = _settings(uri.username, dict(parse_qsl(uri.query)))
    assert from_json == from_uri
    assert from_json.unknown_extras == ()
    assert from_json.warnings() == ()


def test_every_command_it_names_is_there() -> None:
    named = set(re.findall(r"\baltinn ([a-z-]+) ", PAGE)) - {"login-page"}
    assert {"doctor", "login", "system-user"} <= named
    assert {name for name in named if name in COMMANDS} >= {"doctor", "login", "system-user"}


def test_every_option_of_the_configuration_is_explained() -> None:
    for name in get_provider_info()["config"]["altinn"]["options"]:
        assert name in PAGE, name


def test_every_link_of_the_doctor_is_listed() -> None:
    listed = PAGE.split("One line for each link:")[1].split("The first broken one")[0].replace("\n", " ")
    for link in (*NETWORK_LINKS, KEY_FORM, *MASKINPORTEN_LINKS, EXCHANGE, *APP_LINKS[:-1]):
        assert link in listed, link

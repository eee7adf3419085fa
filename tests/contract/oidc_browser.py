"""A person with a browser, as the emulator's ID-porten sees one, and the client that the person logs in to."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from jwt.algorithms import RSAAlgorithm

from altinn.protocol.settings import Settings, settings_from
from tests.unit.login_samples import pem, private_key

BACK = "http://127.0.0.1:8471/callback"
SCOPES = ["altinn:instances.read", "altinn:instances.write", "skatteetaten:mvameldinginnsending"]


def person_client(**more: Any) -> dict[str, Any]:
    """Return the registration of the ID-porten client "person"."""
    public = {**RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True), "kid": "key-1"}
    return {
        "client_id": "person",
        "integration": "idporten",
        "jwks": {"keys": [public]},
        "scopes": SCOPES,
        "org_number": "991825827",
        "redirect_uris": [BACK],
        **more,
    }


def person_settings(host: str, conn_id: str = "person", **extra: Any) -> Settings:
    """Return the settings of a connection for that client, without a login."""
    fields = {
        "environment": "local",
        "auth_mode": "idporten",
        "private_key": pem(),
        "key_id": "key-1",
        "scopes": SCOPES,
        **extra,
    }
    return settings_from(conn_id, host=host, login="person", extra=fields)


def plain_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def changed(url: str, **query: str) -> str:
    """Return an address with other values in its query."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **query})).geturl()


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def log_in(url: str, user_id: str = "1337") -> str:
    """Open the page, choose a person, and return the address to which the browser is sent."""
    with plain_session() as browser:
        page = browser.get(url, timeout=10, allow_redirects=False)
        if page.status_code == 302:
            return page.headers["Location"]
        assert page.status_code == 200, page.text
        assert "Log in as a test person" in page.text
        parts = urlsplit(url)
        sent = browser.post(
            f"{parts.scheme}://{parts.netloc}{parts.path}",
            data={**dict(parse_qsl(parts.query)), "user_id": user_id},
            timeout=10,
            allow_redirects=False,
        )
        return sent.headers["Location"]

"""Paths that Altinn has and the emulator does not: they answer 501 with their name, not 404."""

from __future__ import annotations

import re

APP_INSTANCE = r"/[^/]+/[^/]+/instances/-?\d+/[0-9a-f-]{32,36}"
KNOWN = [
    ("Register", r"/register/api/.*"),
    ("Profile", r"/profile/api/.*"),
    ("Events", r"/events/api/.*"),
    ("Correspondence", r"/correspondence/api/.*"),
    ("Broker", r"/broker/api/.*"),
    ("Notifications", r"/notifications/api/.*"),
    ("Authorization", r"/authorization/api/.*"),
    ("Access management", r"/accessmanagement/api/.*"),
    ("Resource registry", r"/resourceregistry/api/.*"),
    ("Dialogporten", r"/dialogporten/api/.*"),
    ("Receipt", r"/receipt/api/.*"),
    ("Authentication: system register and system users", r"/authentication/api/v1/system.*"),
    ("Authentication", r"/authentication/api/v1/(authentication|logout|openid|introspection).*"),
    ("Storage: message box", r"/storage/api/v1/sbl/.*"),
    ("Storage: applications", r"/storage/api/v1/applications.*"),
    ("Storage: data elements", r"/storage/api/v1/instances/-?\d+/[0-9a-f-]{32,36}/(data|dataelements|sign|process).*"),
    ("App: patch of form data", rf"{APP_INSTANCE}/data(/[0-9a-f-]{{32,36}})?"),
    ("App: tags and metadata of data elements", rf"{APP_INSTANCE}/data/[0-9a-f-]{{32,36}}/(tags|user-defined-metadata).*"),
    ("App: signing, payment, notifications, PDF", rf"{APP_INSTANCE}/(signing|payment|notifications?|pdf|events|options|pages|dynamics|datalists|print|data/.*/pdf|filescanresult|copy|enriched).*"),
    ("App: copy of an instance", r"/[^/]+/[^/]+/legacy/instances/.*"),
    ("App: stateless data", r"/[^/]+/[^/]+/v1/data.*"),
    ("App: OpenAPI document", r"/[^/]+/[^/]+/(v1/customOpenapi\.json|swagger.*)"),
    ("App: resources for the browser", r"/[^/]+/[^/]+/api/(options|datalists|layouts?|layoutsets?|layoutsettings|rulehandler|ruleconfiguration|resource|v1/(texts|parties|profile|options|logo|footer|pages|eventsreceiver|applicationlanguages|authentication|keepAlive|lookup).*).*"),
]
PATTERNS = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in KNOWN]


def known_path(path: str) -> str | None:
    """Return the name of the part of Altinn that a path belongs to, None when Altinn has no such path."""
    return next((name for name, pattern in PATTERNS if pattern.fullmatch(path)), None)

"""Paths that Altinn has and the emulator does not: they answer 501 with their name, not 404."""

from __future__ import annotations

import re

APP_INSTANCE = r"/[^/]+/[^/]+/instances/-?\d+/[0-9a-f-]{32,36}"
PLATFORM = {
    "Register": "register",
    "Profile": "profile",
    "Events": "events",
    "Correspondence": "correspondence",
    "Broker": "broker",
    "Notifications": "notifications",
    "Authorization": "authorization",
    "Access management": "accessmanagement",
    "Resource registry": "resourceregistry",
    "Dialogporten": "dialogporten",
    "Receipt": "receipt",
}
BELOW_INSTANCE = (
    "api/external",
    "signing",
    "payment",
    "notifications?",
    "pdf",
    "events",
    "options",
    "pages",
    "dynamics",
    "datalists",
    "print",
    "copy",
)
BELOW_APP = (
    "authentication",
    "authorization",
    "options",
    "datalists",
    "layouts?",
    "layoutsets?",
    "layoutsettings",
    "rulehandler",
    "ruleconfiguration",
    "resource",
    "validationconfig",
    "v1/applicationsettings",
    "v1/meta/authorizationpolicy",
    "v1/redirect",
    "v1/texts",
    "v1/parties",
    "v1/profile",
    "v1/options",
    "v1/logo",
    "v1/footer",
    "v1/pages",
    "v1/eventsreceiver",
    "xsdschema",
    "v1/applicationlanguages",
    "v1/authentication",
    "v1/lookup",
)
STORED = r"/storage/api/v1/instances/-?\d+/[0-9a-f-]{32,36}"
ELEMENT = "[0-9a-f-]{32,36}"
KNOWN = [
    *((name, f"/{path}/api/.*") for name, path in PLATFORM.items()),
    ("Authentication: system register and system users", r"/authentication/api/v1/system.*"),
    ("Authentication", r"/authentication/api/v1/(authentication|logout|openid|introspection).*"),
    ("Storage: message box", r"/storage/api/v1/sbl/.*"),
    ("Storage: applications", r"/storage/api/v1/applications.*"),
    ("Storage: data elements", rf"{STORED}/(data|dataelements|sign|process).*"),
    ("Storage: one event", rf"{STORED}/events/.+"),
    ("App: tags, metadata, PDF of data elements", rf"{APP_INSTANCE}/data/{ELEMENT}/(tags|user-defined-metadata|pdf).*"),
    ("App: signing, payment, notifications, PDF", rf"{APP_INSTANCE}/({'|'.join(BELOW_INSTANCE)}).*"),
    ("App: copy of an instance", r"/[^/]+/[^/]+/legacy/instances/.*"),
    ("App: stateless data", r"/[^/]+/[^/]+/v1/(data|pages).*"),
    ("App: front end", r"/[^/]+/[^/]+/set-query-params"),
    ("App: OpenAPI document", r"/[^/]+/[^/]+/(v1/customOpenapi\.json|swagger.*)"),
    ("App: resources for the browser", rf"/[^/]+/[^/]+/api/({'|'.join(BELOW_APP)}).*"),
]
PATTERNS = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in KNOWN]
# On paths that the emulator serves with other methods.
OTHER_METHODS = [
    ("App: patch of form data", "PATCH", rf"{APP_INSTANCE}/data(/{ELEMENT})?"),
    ("Storage: instances made by apps", "POST", r"/storage/api/v1/instances"),
    ("Storage: events written by apps", "POST", rf"{STORED}/events"),
    ("Storage: data elements written by apps", "PUT", rf"{STORED}/data/{ELEMENT}"),
    ("Storage: data elements deleted by apps", "DELETE", rf"{STORED}/data/{ELEMENT}"),
    ("Storage: applications", "PUT", r"/storage/api/v1/applications/[^/]+/[^/]+"),
    ("Storage: applications", "DELETE", r"/storage/api/v1/applications/[^/]+/[^/]+"),
]
METHOD_PATTERNS = [(name, method, re.compile(pattern, re.IGNORECASE)) for name, method, pattern in OTHER_METHODS]


def known_path(path: str) -> str | None:
    """Return the name of the part of Altinn that a path belongs to, None when Altinn has no such path."""
    return next((name for name, pattern in PATTERNS if pattern.fullmatch(path)), None)


def known_method(method: str, path: str) -> str | None:
    """Return the name of what Altinn does with this method on a path that the emulator serves with others."""
    return next((n for n, m, pattern in METHOD_PATTERNS if m == method and pattern.fullmatch(path.rstrip("/"))), None)

"""The links behind the login: the party, the app, and what the caller may do there; nothing is created unasked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from altinn.doctor.findings import (
    ALTINN,
    APP_OWNER,
    CUSTOMER,
    EDITOR,
    FAILED,
    OK,
    SKIPPED,
    WARNING,
    Finding,
    Pages,
)
from altinn.doctor.login_links import system_user_owner
from altinn.exceptions import AltinnError, AltinnForbiddenError, AltinnNotFoundError
from altinn.protocol.app_api import App
from altinn.protocol.identifiers import AppId, InstanceOwner
from altinn.protocol.model import Instance
from altinn.protocol.session import Session
from altinn.protocol.settings import Settings
from altinn.protocol.storage_api import Storage
from altinn.protocol.wire import Call

T = TypeVar("T")
Ask = Callable[[Call[Any]], Any]

PARTY, APP, VERSION, RIGHTS, TYPES, VALUES = "party", "app", "app library", "rights", "data types", "dataValues"
APP_LINKS = (PARTY, APP, VERSION, RIGHTS, TYPES, VALUES)
SYSTEM_USER_VERSION = (8, 6, 0)
"""App libraries from this version on know system users ("System user" on docs.altinn.studio)."""
_PROBE = {"filingprobe": "doctor"}


class AppLinks:
    """Looks at one app as one owner.

    :param ask: sends one call with the connection's token.
    :param token: the connection's Altinn token.
    """

    def __init__(self, settings: Settings, app_id: AppId, owner: InstanceOwner, ask: Ask, token: str) -> None:
        self._settings = settings
        self._owner = owner
        self._app_id = app_id
        self._app = App(f"{settings.environment.app_url(app_id.org)}/{app_id}")
        self._storage = Storage(settings.environment.platform_url)
        self._ask = ask
        self._token = token
        self._pages = Pages.of(settings.environment)

    def party(self) -> Finding:
        """Find whether the login may act for the owner at all."""
        number = self._owner.organisation_number
        owner = system_user_owner(self._token)
        if owner:
            if number and number != owner:
                text = f"the system user belongs to organisation {owner} and cannot act for {number}"
                return Finding(PARTY, FAILED, text, EDITOR, "field on_behalf_of, or --org-number")
            return Finding(PARTY, OK, f"organisation {owner}")
        if not number:
            return Finding(PARTY, SKIPPED, "no organisation was named (--org-number)")
        try:
            parties = self._ask(self._app.parties())
        except AltinnError as exc:
            return Finding(PARTY, WARNING, f"the app does not say whom the person may represent ({type(exc).__name__})")
        if number not in {str(party.get("orgNumber")) for party in parties}:
            text = f"the person holds no role in organisation {number}"
            return Finding(PARTY, FAILED, text, CUSTOMER, self._pages.system_users.rpartition("/ui/")[0])
        return Finding(PARTY, OK, f"organisation {number}")

    def metadata(self) -> tuple[Finding, Mapping[str, Any]]:
        """Reach the app and read what it says of itself."""
        try:
            found = self._ask(self._app.metadata())
        except AltinnNotFoundError:
            text = f"environment {self._settings.environment.name} has no app {self._app_id}"
            return Finding(APP, FAILED, text, EDITOR, "--app, and the connection's environment"), {}
        except AltinnError as exc:
            return Finding(APP, FAILED, str(exc), APP_OWNER, self._app.base), {}
        return Finding(APP, OK, f"{self._app_id} answers"), found

    def version(self, metadata: Mapping[str, Any]) -> Finding:
        """Compare the app's library with what the login needs."""
        version = str(metadata.get("altinnNugetVersion") or "")
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
        if not numbers:
            return Finding(VERSION, WARNING, "the app does not say its library's version", APP_OWNER, self._app.base)
        if system_user_owner(self._token) and numbers < SYSTEM_USER_VERSION:
            needed = ".".join(map(str, SYSTEM_USER_VERSION))
            text = f"version {version} knows no system users (from {needed} on): a person must file here"
            return Finding(VERSION, FAILED, text, APP_OWNER, self._app.base)
        return Finding(VERSION, OK, f"version {version}")

    def rights(self) -> Finding:
        """Read what may be done where an instance is; without one, rights do not show."""
        try:
            page = self._ask(self._storage.query(self._app_id, self._owner))
            instance = next(
                (one for one in page.instances if not one.process.is_ended and not one.is_soft_deleted), None
            )
            if instance is None:
                text = "no open instance: whether one may be created shows only when it is"
                return Finding(RIGHTS, SKIPPED, text)
            return self._rights_in(instance)
        except AltinnForbiddenError as exc:
            return Finding(RIGHTS, FAILED, str(exc), CUSTOMER, self._pages.system_users)
        except AltinnError as exc:
            return Finding(RIGHTS, WARNING, str(exc), ALTINN, self._pages.status)

    def _rights_in(self, instance: Instance) -> Finding:
        process = self._ask(self._app.get_process(instance.id))
        allowed = sorted(name for name, may in (process.actions or {}).items() if may)
        where = f"instance {instance.id} in {process.task_id or 'no task'}"
        if not allowed:
            text = f"nothing may be done with {where}"
            return Finding(RIGHTS, FAILED, text, CUSTOMER, self._pages.system_users)
        return Finding(RIGHTS, OK, f"{', '.join(allowed)} on {where}")

    def data_types(self, metadata: Mapping[str, Any]) -> Finding:
        """List what can be filed."""
        known = [one for one in metadata.get("dataTypes") or () if isinstance(one, Mapping)]
        forms = [str(one.get("id")) for one in known if one.get("appLogic")]
        others = [str(one.get("id")) for one in known if not one.get("appLogic")]
        if not forms:
            text = "the app has no form: look whether it is the right one"
            return Finding(TYPES, WARNING, text, APP_OWNER, self._app.base)
        return Finding(TYPES, OK, f"forms {', '.join(forms)}; others {', '.join(others) or 'none'}")

    def data_values(self) -> Finding:
        """Create a draft with `dataValues`, look whether they are kept, and delete it; never in production."""
        if self._settings.environment.is_production:
            return Finding(VALUES, SKIPPED, "never tried in production: try it in tt02, with the same app")
        try:
            draft: Instance = self._ask(self._app.create(self._owner, _PROBE))
        except AltinnForbiddenError as exc:
            return Finding(RIGHTS, FAILED, f"no draft may be created: {exc}", CUSTOMER, self._pages.system_users)
        except AltinnError as exc:
            return Finding(VALUES, FAILED, f"no draft could be created: {exc}", APP_OWNER, self._app.base)
        kept = all(draft.stamps.get(name) == value for name, value in _PROBE.items())
        try:
            self._ask(self._app.delete(draft.id))
        except AltinnError as exc:
            text = f"the draft {draft.id} could not be deleted; delete it by hand ({type(exc).__name__})"
            return Finding(VALUES, WARNING, text, EDITOR, f"{self._app.base}/#/instance/{draft.id}")
        if not kept:
            text = "the app does not keep dataValues, so that a filing must be found by its form (find)"
            return Finding(VALUES, FAILED, text, APP_OWNER, self._app.base)
        return Finding(VALUES, OK, f"kept; the draft {draft.id} is deleted")


def asker(run: Callable[[Any], Any], session: Session) -> Ask:
    """Return what sends one call."""
    return lambda call: run(session.perform(call))

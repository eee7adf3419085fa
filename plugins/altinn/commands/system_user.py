"""Ask a company for a system user, see whether it has approved, and list what there is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from altinn.commands.command import NOT_OK, OK, cannot

if TYPE_CHECKING:
    from altinn.hooks.altinn_hook import AltinnHook
    from altinn.protocol.system_user_api import SystemUsers, UserRequest

PAGES = 200
"""Pages of a list that are read at most."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("request", "status", "list"))
    parser.add_argument("--conn-id", default="altinn_default", help="the vendor's Maskinporten client")
    parser.add_argument("--system", required=True, metavar="ID", help="the system's id, VENDOR_NAME")
    parser.add_argument("--org-number", default="", metavar="N", help="request, status: the company")
    parser.add_argument("--external-ref", default="", metavar="REF", help="request, status: the vendor's own reference")
    parser.add_argument(
        "--right",
        action="append",
        default=[],
        metavar="ORG/APP",
        help="request: an app, or a resource's id; repeatable",
    )
    parser.add_argument(
        "--access-package", action="append", default=[], metavar="URN", help="request: an access package; repeatable"
    )
    parser.add_argument("--redirect-url", default="", metavar="URL", help="request: where the approval page leads")
    parser.add_argument(
        "--register", default="", metavar="NAME", help="request: register the system under this name if it is not there"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Do it and return 0 (there is a system user), 1 (there is none yet) or 2 (could not be asked)."""
    from altinn.hooks.altinn_hook import AltinnHook
    from altinn.protocol.system_user_api import SystemUsers

    if options.action != "list" and not options.org_number:
        return cannot(f"system-user {options.action} needs --org-number")
    if options.action == "request" and not (options.right or options.access_package):
        return cannot("system-user request needs --right or --access-package: what the system user may do")
    hook = AltinnHook(options.conn_id).as_vendor()
    api = SystemUsers(hook.settings.environment.platform_url)
    actions: dict[str, Callable[[argparse.Namespace, AltinnHook, SystemUsers, TextIO], int]] = {
        "request": _request,
        "status": _status,
        "list": _list,
    }
    return actions[options.action](options, hook, api, out)


def _ask(hook: AltinnHook, call: Any) -> Any:
    return hook.run(hook.session.perform(call))


def _request(options: argparse.Namespace, hook: AltinnHook, api: SystemUsers, out: TextIO) -> int:
    """Look first: a company that has approved is asked for nothing."""
    from altinn.exceptions import AltinnNotFoundError
    from altinn.protocol.identifiers import check_organisation_number

    check_organisation_number(options.org_number, strict=hook.settings.environment.is_production)
    _registered(options, hook, api, out)
    by_reference = api.request_by_reference(options.system, options.org_number, options.external_ref)
    try:
        known = _ask(hook, by_reference)
    except AltinnNotFoundError:
        known = None
    if known is None or known.status not in ("New", "Accepted"):
        known = _ask(
            hook,
            api.ask(
                options.system,
                options.org_number,
                external_ref=options.external_ref,
                resources=options.right,
                access_packages=options.access_package,
                redirect_url=options.redirect_url,
            ),
        )
    return _show(options, known, out)


def _registered(options: argparse.Namespace, hook: AltinnHook, api: SystemUsers, out: TextIO) -> None:
    from altinn.exceptions import AltinnInputError, AltinnNotFoundError
    from altinn.protocol.system_user_api import system_document

    client = hook.settings.client_id
    try:
        system = _ask(hook, api.system(options.system))
    except AltinnNotFoundError as exc:
        if not options.register:
            raise AltinnInputError(
                f"system {options.system} is not in the register: register it with --register NAME"
            ) from exc
        document = system_document(
            options.system,
            options.register,
            client,
            resources=options.right,
            access_packages=options.access_package,
            redirect_urls=[options.redirect_url] if options.redirect_url else [],
        )
        _ask(hook, api.register(document))
        if not options.json:
            out.write(f"Registered system {options.system}\n")
        return
    if client not in (system.get("clientId") or []) and not options.json:
        out.write(f"Note: system {options.system} does not list client {client}, which will get no tokens for it\n")


def _status(options: argparse.Namespace, hook: AltinnHook, api: SystemUsers, out: TextIO) -> int:
    call = api.request_by_reference(options.system, options.org_number, options.external_ref)
    return _show(options, _ask(hook, call), out)


def _show(options: argparse.Namespace, request: UserRequest, out: TextIO) -> int:
    accepted = request.status == "Accepted"
    if options.json:
        out.write(json.dumps({name: getattr(request, name) for name in request.__slots__}, indent=1) + "\n")
        return OK if accepted else NOT_OK
    out.write(f"{request.organisation_number}: {request.status} (request {request.request_id})\n")
    if request.status == "New":
        out.write(f"Somebody with the right to approve it must open\n\n  {request.confirm_url}\n\n")
    if accepted:
        reference = request.external_ref if request.external_ref != request.organisation_number else ""
        also = f" and external_ref='{reference}'" if reference else ""
        out.write(f"File with on_behalf_of='{request.organisation_number}'{also}\n")
    return OK if accepted else NOT_OK


def _list(options: argparse.Namespace, hook: AltinnHook, api: SystemUsers, out: TextIO) -> int:
    users = _all(hook, lambda after: api.users(options.system, after))
    waiting = [one for one in _all(hook, lambda after: api.requests(options.system, after)) if one.status == "New"]
    if options.json:
        shown = [{name: getattr(one, name) for name in one.__slots__} for one in (*users, *waiting)]
        out.write(json.dumps(shown, indent=1) + "\n")
        return OK
    for user in users:
        out.write(f"{user.organisation_number}  {user.external_ref}  approved, {user.system_user_id}\n")
    for one in waiting:
        out.write(f"{one.organisation_number}  {one.external_ref}  waits for approval, {one.confirm_url}\n")
    if not users and not waiting:
        out.write(f"system {options.system} has no system users and no requests\n")
    return OK


def _all(hook: AltinnHook, page: Callable[[str], Any]) -> list[Any]:
    found: list[Any] = []
    after = ""
    for _ in range(PAGES):
        listed, after = _ask(hook, page(after))
        found += listed
        if not after:
            return found
    from altinn.exceptions import AltinnAnswerError

    raise AltinnAnswerError(f"the list has more than {PAGES} pages: it was not read to its end")

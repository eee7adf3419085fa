"""Storage's query for instances: who may ask, for whom, and how the pages are linked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from altinn.emulator.answers import empty, json_answer
from altinn.emulator.guards import Refused
from altinn.emulator.requestbody import flag, not_valid
from altinn.emulator.routing import Ask, RouteTable
from altinn.emulator.storageapi import BASE, shown
from altinn.emulator.storagequery import (
    Page,
    QueryError,
    check_token,
    filters_of,
    first_token,
    page_of,
    shown_to_end_users,
)
from altinn.emulator.store import Record

if TYPE_CHECKING:
    from starlette.responses import Response

OWNER_HEADER = "X-Ai-InstanceOwnerIdentifier"
NO_OWNER = "Either InstanceOwnerPartyId or InstanceOwnerIdentifier need to be defined."
READ_SCOPES = {"altinn:serviceowner/instances.read", "altinn:serviceowner"}


def add_search_routes(table: RouteTable) -> None:
    """Register the query's path."""
    table.add("GET", BASE, query)


def _owner(ask: Ask) -> int | None:
    """Return the party whose instances are asked for, -1 for one that nobody knows.

    :raises Refused: 400, named twice or not readable.
    """
    party, header = ask.query.get("instanceowner.partyid") or None, ask.header(OWNER_HEADER)
    if party is not None and header:
        raise Refused(
            json_answer(
                "Both InstanceOwner.PartyId and InstanceOwnerIdentifier cannot be present at the same time.", 400
            )
        )
    if party is not None:
        if not party.isdigit():
            raise not_valid({"instanceOwner.partyId": [f"The value '{party}' is not valid for instanceOwner.partyId."]})
        return int(party)
    if not header:
        return None
    kind, separator, number = header.partition(":")
    if not separator or kind.lower() not in ("organisation", "person"):
        raise Refused(json_answer(f"Invalid InstanceOwnerIdentifier: {kind}", 400))
    register = ask.world.register
    found = register.organisation(number) if kind.lower() == "organisation" else register.person(number)
    return found.party_id if found else -1


def _check_caller(ask: Ask, owner: int | None) -> None:
    who = ask.principal
    if who.kind in ("user", "system_user"):
        if owner is None:
            raise Refused(json_answer(NO_OWNER, 400))
        return
    if who.kind != "service_owner":
        raise Refused(empty(400))
    if not who.scopes & READ_SCOPES:
        raise Refused(empty(403))
    org = ask.query.get("org") or ask.query.get("appid", "").partition("/")[0]
    if not org:
        raise Refused(json_answer("Org or AppId must be defined.", 400))
    if org.lower() != who.org_code:
        raise Refused(empty(403))


def _wanted(ask: Ask, owner: int | None) -> list[Record]:
    app_id, org = ask.query.get("appid"), ask.query.get("org")
    end_user = ask.principal.kind != "service_owner"
    pairs = parse_qsl(ask.request.url.query, keep_blank_values=True)
    filters = filters_of(pairs, ask.principal.org_code)
    found = []
    for known in ask.world.store.instances():
        if owner is not None and known["party"] != owner:
            continue
        if (app_id and known["appId"] != app_id) or (org and known["org"] != org):
            continue
        if (end_user and known["status"]["isHardDeleted"]) or not ask.world.shows(known["guid"]):
            continue
        record = ask.world.instances.get(known["guid"])
        if record is not None and all(fits(record) for fits in filters):
            found.append(record)
    return found


def _link(ask: Ask, token: str | None) -> str:
    pairs = [
        (k, v) for k, v in parse_qsl(ask.request.url.query, keep_blank_values=True) if k.lower() != "continuationtoken"
    ]
    if token:
        pairs.append(("continuationToken", token))
    return f"{ask.base}{BASE}" + (f"?{urlencode(pairs)}" if pairs else "")


def _page(ask: Ask, owner: int | None) -> Page:
    """Cut the page that is asked for, or the one that a fault makes of it.

    :raises QueryError: a parameter that Storage refuses.
    """
    wanted = ask.query | ({"size": "1"} if ask.fault("small_pages") else {})
    check_token(wanted.get("continuationtoken"))
    records = _wanted(ask, owner)
    page = page_of(records, wanted)
    if ask.fault("empty_page"):
        return Page([], wanted.get("continuationtoken") or first_token(wanted))
    if page.token and ask.fault("rows_move"):
        following = page_of(records, wanted | {"continuationtoken": page.token}).records[0]
        following["lastChanged"] = ask.world.clock.stamp()
        ask.world.instances.save(following)
    return page


async def query(ask: Ask) -> Response:
    """Find instances; the page is cut before the caller's rights are looked at."""
    owner = _owner(ask)
    _check_caller(ask, owner)
    end_user = ask.principal.kind != "service_owner"
    with_elements = flag(ask, "includeDataElements", default=True)
    self_link = _link(ask, ask.query.get("continuationtoken"))
    answer: dict[str, Any] = {"totalHits": 0, "count": 0, "self": self_link, "next": None, "instances": []}
    if end_user and not shown_to_end_users(ask.query):
        return json_answer(answer)
    try:
        page = _page(ask, owner)
    except QueryError as exc:
        if exc.parameter is not None:
            raise not_valid({exc.parameter: [str(exc)]}) from exc
        return json_answer(str(exc), 400)
    for record in page.records:
        app = ask.world.apps.get(record["appId"].lower())
        if app is None or not ask.world.rights.may(ask.principal, app, record, "read"):
            continue
        entry = shown(ask, record)
        if not with_elements:
            entry["data"] = []
        answer["instances"].append(entry)
    answer["count"] = len(answer["instances"])
    answer["next"] = _link(ask, page.token) if page.token else None
    return json_answer(answer)

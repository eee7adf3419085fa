"""Storage's endpoints. Base address: `https://platform.altinn.no/storage/api/v1`.

Source: InstancesController and InstanceEventsController of Altinn's public Storage,
https://docs.altinn.studio/api/storage/.
"""

from __future__ import annotations

import email.utils
import json
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime

from altinn.exceptions import AltinnAnswerError, AltinnInputError
from altinn.protocol.identifiers import AppId, InstanceId, InstanceOwner
from altinn.protocol.model import Instance, InstanceEvent, Page, as_object, events_from_json
from altinn.protocol.wire import Call, HttpRequest, HttpResponse

LOCK_IS_LOST = frozenset({404, 422})
_ACCEPT_JSON = {"Accept": "application/json"}
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_KNOWN_INSTANCE = frozenset({403, 404})


@dataclass(frozen=True, slots=True)
class Dated:
    """An instance and when the server said so; None when the answer has no date."""

    instance: Instance
    moment: datetime | None


def _date_of(response: HttpResponse) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Storage:
    """Storage's address.

    :param platform: `https://platform.altinn.no`, without a trailing slash.
    """

    platform: str

    def get_instance(self, instance_id: InstanceId) -> Call[Instance]:
        """`GET instances/{party}/{guid}`: unlike the app's GET it marks nothing as read."""
        return Call(
            f"GET instance {instance_id}",
            HttpRequest("GET", f"{self.platform}/storage/api/v1/instances/{instance_id}", _ACCEPT_JSON),
            lambda response: Instance.from_json(response.json()),
            harmless=True,
            ask_again=_KNOWN_INSTANCE,
        )

    def get_dated(self, instance_id: InstanceId) -> Call[Dated]:
        """Get an instance together with the server's own time, against which its `created` can be held."""
        call = self.get_instance(instance_id)
        return Call(
            call.name,
            call.request,
            lambda response: Dated(Instance.from_json(response.json()), _date_of(response)),
            harmless=True,
            ask_again=_KNOWN_INSTANCE,
        )

    def lock(self, instance_id: InstanceId, seconds: int) -> Call[str]:
        """`POST instances/{id}/lock`: take the instance's lock for a time; 409 when somebody holds it.

        Made for apps; whether a sender is let through is the platform's decision (InstanceLockController).

        :return: the token with which it is released.
        """
        return Call(
            f"POST lock of instance {instance_id}",
            HttpRequest("POST", self._lock_url(instance_id), _JSON, json.dumps({"ttlSeconds": seconds}).encode()),
            lambda response: str(as_object(response.json(), "lock")["lockToken"]),
        )

    def unlock(self, instance_id: InstanceId, token: str) -> Call[bool]:
        """`PATCH instances/{id}/lock` with no time left: release it.

        :return: False when it was no longer held with this token: it has run out (422), or another is held (404).
        """
        headers = {**_JSON, "Altinn-Storage-Lock-Token": token}
        return Call(
            f"PATCH lock of instance {instance_id}",
            HttpRequest("PATCH", self._lock_url(instance_id), headers, json.dumps({"ttlSeconds": 0}).encode()),
            lambda response: response.status not in LOCK_IS_LOST,
            accept=frozenset({200, 204}) | LOCK_IS_LOST,
        )

    def _lock_url(self, instance_id: InstanceId) -> str:
        return f"{self.platform}/storage/api/v1/instances/{instance_id}/lock"

    def query(self, app_id: AppId, owner: InstanceOwner) -> Call[Page]:
        """First page of the owner's instances of one app, oldest change first, deleted ones included.

        No time filter and no state filter: what was delivered or soft-deleted counts when a filing is looked for.
        """
        query = {"appId": str(app_id), "order": "asc:lastChanged"}
        if owner.party_id:
            query["instanceOwner.partyId"] = owner.party_id
        url = f"{self.platform}/storage/api/v1/instances?{urllib.parse.urlencode(query)}"
        return self._page(url, _headers(owner), f"GET instances of {app_id} for {owner.label}")

    def following(self, page: Page, owner: InstanceOwner) -> Call[Page]:
        """Ask for the page after `page`, by the address that the server gave.

        :raises AltinnAnswerError: the address leads to another host; a token is never sent there.
        """
        given, own = urllib.parse.urlsplit(page.next), urllib.parse.urlsplit(self.platform)
        if (given.scheme, given.netloc) != (own.scheme, own.netloc):
            raise AltinnAnswerError(
                f"the next page of the instance query lies on {given.netloc!r}, expected {own.netloc!r}: not followed"
            )
        return self._page(page.next, _headers(owner), f"GET a further page of instances for {owner.label}")

    def events(self, instance_id: InstanceId) -> Call[tuple[InstanceEvent, ...]]:
        """`GET instances/{party}/{guid}/events`: what really happened, and which user or system did it."""
        return Call(
            f"GET events of {instance_id}",
            HttpRequest("GET", f"{self.platform}/storage/api/v1/instances/{instance_id}/events", _ACCEPT_JSON),
            lambda response: events_from_json(response.json()),
            harmless=True,
        )

    def _page(self, url: str, headers: dict[str, str], name: str) -> Call[Page]:
        return Call(
            name, HttpRequest("GET", url, headers), lambda response: Page.from_json(response.json()), harmless=True
        )


def _headers(owner: InstanceOwner) -> dict[str, str]:
    """Name the owner by header where no party id is known; a person number so stays out of the address."""
    if owner.party_id:
        return dict(_ACCEPT_JSON)
    kind, value = next(iter(owner.template().items()))
    names = {"organisationNumber": "Organisation", "personNumber": "Person"}
    if kind not in names:
        raise AltinnInputError(
            f"Storage cannot look for {owner.label}: give the party id instead of the user name to look for instances"
        )
    return {**_ACCEPT_JSON, "X-Ai-InstanceOwnerIdentifier": f"{names[kind]}:{value}"}

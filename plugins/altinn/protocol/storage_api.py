"""Storage's endpoints. Base address: `https://platform.altinn.no/storage/api/v1`.

Source: InstancesController and InstanceEventsController of Altinn's public Storage,
https://docs.altinn.studio/api/storage/.
"""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

from altinn.exceptions import AltinnAnswerError, AltinnInputError
from altinn.protocol.identifiers import AppId, InstanceId, InstanceOwner
from altinn.protocol.model import Instance, InstanceEvent, Page, events_from_json
from altinn.protocol.wire import Call, HttpRequest

_ACCEPT_JSON = {"Accept": "application/json"}


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
        )

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

"""A document to be filed, the same as it lies in an instance, and when two names mean the same file."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from altinn.protocol.app_api import App, ascii_name
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import DataElement
from altinn.protocol.readback import sha256_of
from altinn.protocol.session import Session
from altinn.protocol.wire import Flow, StreamBody


@dataclass(frozen=True, slots=True)
class Document:
    """A document to be filed.

    :param size: bytes.
    :param sha256: lower-case hex digest of the bytes.
    :param open: gives a new binary stream of the bytes.
    """

    data_type: str
    file_name: str
    content_type: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)

    @property
    def body(self) -> StreamBody:
        """The document as a request body."""
        return StreamBody(self.open, self.size, self.sha256, self.label)

    def content(self) -> bytes:
        """Read the whole document; forms only, an attachment may have gigabytes."""
        with self.open() as stream:
            return stream.read()

    @property
    def label(self) -> str:
        """The document for logs."""
        return f"{self.data_type} {self.file_name}".strip()


@dataclass(frozen=True, slots=True)
class Placed:
    """A document as it lies in the instance.

    :param document: its size and hash are those of what was sent; of what Altinn keeps, if it was delivered before.
    :param how: "replaced", "added", "kept" (it lay there already) or "delivered" (nothing may change any more).
    :param meaning: of a form: the hash over the meaning of what the app keeps (`meaning_sha256`), by which the push
        task sees that it still says the same.
    """

    document: Document
    element_id: str
    how: str
    meaning: str = ""

    def as_json(self) -> dict[str, str | int]:
        """Return the plain JSON that goes to XCom."""
        return {
            "data_type": self.document.data_type,
            "file_name": self.document.file_name,
            "content_type": self.document.content_type,
            "size": self.document.size,
            "sha256": self.document.sha256,
            "element_id": self.element_id,
            "how": self.how,
            **({"meaning_sha256": self.meaning} if self.meaning else {}),
        }


def form_types(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Return the data types that the app reads as forms and writes anew (`appLogic.classRef`)."""
    return frozenset(
        str(item.get("id")) for item in metadata.get("dataTypes") or () if (item.get("appLogic") or {}).get("classRef")
    )


def has_content(
    session: Session, app: App, instance_id: InstanceId, element: DataElement, document: Document
) -> Flow[bool]:
    """Download an element and say whether its bytes are the document's."""
    digest = yield from sha256_of(session, app, instance_id, element.id)
    return digest == document.sha256


def same_name(kept: str, sent: str) -> bool:
    """Compare file names as Altinn may have changed them.

    Storage decodes them twice and takes '+' for a space; the app reads only the ASCII form when a file is replaced.
    """
    return loose_name(kept) in (loose_name(sent), loose_name(ascii_name(sent)))


def loose_name(name: str) -> str:
    """Return a name in the form in which names are compared."""
    for _ in range(2):
        name = urllib.parse.unquote_plus(name)
    return name.strip().casefold()

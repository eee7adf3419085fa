"""Check an XML document against an XSD from a trusted folder.

The document is looked over first (`altinn.protocol.xml_prescan`), then judged by `xmlschema`. What comes back has
the path and line of each problem and what the schema expects there; it repeats nothing that stands in the document
unless asked to, because reports hold amounts and names and issues end up in logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from altinn.exceptions import AltinnDocumentError, AltinnInputError, Issue
from altinn.protocol.xml_prescan import XmlLimits, prescan

MAX_ISSUES = 100
"""Issues after which the check stops; more of them help nobody."""


@dataclass(frozen=True, slots=True)
class SchemaSource:
    """An XSD and the folder that it may include and import from; nothing outside is read, nothing is fetched.

    :param directory: the trusted folder.
    :param entry: path of the XSD inside it.
    """

    directory: Path
    entry: str

    @property
    def path(self) -> Path:
        """Where the XSD lies."""
        return self.directory / self.entry


def check_xml(
    data: bytes,
    schema: SchemaSource | Path,
    *,
    limits: XmlLimits | None = None,
    max_issues: int = MAX_ISSUES,
    show_values: bool = False,
) -> list[Issue]:
    """Return what is wrong with the document; no error among the issues means that it is valid.

    Issues with a code that begins with "refused-" say that the document was not judged at all. Takes about one second
    for each megabyte, and 10 times the document's size in memory.

    :param schema: an XSD; a bare path trusts the folder it lies in.
    :param max_issues: stop after so many.
    :param show_values: repeat the values found, shortened, in the messages. They may be secret.
    :raises AltinnInputError: the schema itself cannot be used.
    """
    from altinn.validation.xsd_engine import built_schema, find_issues

    source = schema if isinstance(schema, SchemaSource) else SchemaSource(schema.parent, schema.name)
    if not source.path.is_file():
        raise AltinnInputError(f"there is no schema {source.path}; check the path")
    built = built_schema(source.directory, source.entry)
    try:
        seen = prescan(data, limits)
    except AltinnDocumentError as exc:
        return list(exc.issues)
    return find_issues(data, seen, built, max_issues=max_issues, show_values=show_values)

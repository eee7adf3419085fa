"""Check an XML document against an XSD from a trusted folder.

The document is looked over first (`altinn.protocol.xml_prescan`), then judged by `xmlschema`. With the extra `[fast]`
lxml judges it as well, and the stricter of the two counts; a large document is left to lxml alone. What comes back has
the path and line of each problem and what the schema expects there; it repeats nothing that stands in the document
unless asked to, because reports hold amounts and names and issues end up in logs.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from altinn.exceptions import AltinnDocumentError, AltinnInputError, Issue
from altinn.protocol.xml_prescan import XmlLimits, prescan
from altinn.validation.compatibility import Compatibility, adapted_document, adapted_schema
from altinn.validation.schema_folder import SchemaSource
from altinn.validation.two_engines import stricter

__all__ = ["ENGINES", "MAX_ISSUES", "SchemaSource", "check_xml"]

MAX_ISSUES = 100
"""Issues after which the check stops; more of them help nobody."""

ENGINES = ("auto", "pure", "fast")
MEGABYTE = 1_000_000
COMPARED_UP_TO = 2 * MEGABYTE
"""Bytes up to which both engines judge if both are there; above, the second opinion would take too long."""
SLOW_FROM = 5 * MEGABYTE
"""Bytes from which on the slow engine is told to be slow: about a second a megabyte."""
PURE_UP_TO = 50 * MEGABYTE
"""Bytes up to which the slow engine is used at all; it takes 10 times the document's size in memory."""
LIMITS = XmlLimits(size=256 * 1024 * 1024)


def check_xml(
    data: bytes,
    schema: SchemaSource | Path,
    *,
    limits: XmlLimits | None = None,
    max_issues: int = MAX_ISSUES,
    show_values: bool = False,
    engine: str = "auto",
    compatibility: Compatibility | None = None,
) -> list[Issue]:
    """Return what is wrong with the document; no error among the issues means that it is valid.

    Issues with a code that begins with "refused-" say that the document was not judged at all.

    :param schema: an XSD; a bare path trusts the folder it lies in.
    :param max_issues: stop after so many.
    :param show_values: repeat the values found, shortened, in the messages. They may be secret.
    :param engine: "auto" takes both if lxml is installed, and lxml alone above 2 MB; "pure" takes `xmlschema` alone,
        "fast" lxml alone.
    :param compatibility: what the check may overlook; nothing by default.
    :raises AltinnInputError: the schema itself cannot be used, or "fast" is not installed.
    """
    source = schema if isinstance(schema, SchemaSource) else SchemaSource(schema.parent, schema.name)
    if not source.path.is_file():
        raise AltinnInputError(f"there is no schema {source.path}; check the path")
    if engine not in ENGINES:
        raise AltinnInputError(f"engine must be one of {', '.join(ENGINES)}, not {engine[:40]!r}")
    try:
        with adapted_schema(source, compatibility or Compatibility()) as (used, traces):
            return [
                *traces,
                *_judged(data, used, limits or LIMITS, max_issues, show_values, engine, compatibility),
            ]
    except AltinnDocumentError as exc:
        return list(exc.issues)


def _judged(
    data: bytes,
    source: SchemaSource,
    limits: XmlLimits,
    max_issues: int,
    show_values: bool,
    engine: str,
    compatibility: Compatibility | None,
) -> list[Issue]:
    traces: list[Issue] = []
    if compatibility is not None and (compatibility.assume_namespace or compatibility.strip_altinn_row_id):
        from altinn.validation.xsd_engine import built_schema

        prescan(data, limits)
        namespace = built_schema(source.directory, source.entry).schema.target_namespace
        data, traces = adapted_document(data, namespace, compatibility)
    fast = None
    if has_fast(engine, "lxml"):
        fast = _fast(data, source, limits, max_issues, show_values)
        if fast is not None and (engine == "fast" or len(data) > COMPARED_UP_TO):
            return traces + fast
    pure = _slow_notes(data) + _pure(data, source, limits, max_issues, show_values)
    return traces + (pure if fast is None else stricter(fast, pure))


def has_fast(engine: str, module: str) -> bool:
    """Say whether the fast engine may be used and is there.

    :raises AltinnInputError: it is asked for and not installed.
    """
    installed = engine != "pure" and find_spec(module) is not None
    if engine == "fast" and not installed:
        raise AltinnInputError(
            f"engine='fast' needs {module}, which is not installed: pip install 'airflow-provider-altinn[fast]'"
        )
    return installed


def _slow_notes(data: bytes) -> list[Issue]:
    """Warn of a long check, and refuse one that would take the worker's memory.

    :raises AltinnDocumentError: the document is too large for the slow engine.
    """
    megabytes = len(data) / MEGABYTE
    how = "install airflow-provider-altinn[fast], which is 40 times as fast"
    if len(data) > PURE_UP_TO:
        message = f"{megabytes:.0f} MB are too much for the pure Python engine; {how}"
        raise AltinnDocumentError(message, (Issue("error", "refused-engine", "", message, "xsd"),))
    if len(data) > SLOW_FROM:
        text = f"{megabytes:.0f} MB take about {megabytes:.0f} s and {megabytes * 11:.0f} MB of memory; {how}"
        return [Issue("information", "slow-engine", "", text, "xsd")]
    return []


def _fast(
    data: bytes, source: SchemaSource, limits: XmlLimits, max_issues: int, show_values: bool
) -> list[Issue] | None:
    """Return what lxml says; None if the schema or the document is not for it."""
    from altinn.validation import lxml_engine

    try:
        return lxml_engine.find_issues(data, source, limits=limits, max_issues=max_issues, show_values=show_values)
    except lxml_engine.Unsuitable:
        return None


def _pure(data: bytes, source: SchemaSource, limits: XmlLimits, max_issues: int, show_values: bool) -> list[Issue]:
    from altinn.validation.xsd_engine import built_schema, find_issues

    built = built_schema(source.directory, source.entry)
    return find_issues(data, prescan(data, limits), built, max_issues=max_issues, show_values=show_values)

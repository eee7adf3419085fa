"""`python -m scripts.corpus_attack FILE`: give one hostile file to every reader we have, under limits.

Meant to be run in a process of its own. Ends with 0 when every reader refused it or judged it without harm: no file
read but those that belong to it, no address asked, no more memory and time than the limits give.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMORY = 3 << 30
CPU_SECONDS = 40
HARMLESS_XSD = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="r"><xs:complexType>
<xs:sequence><xs:any processContents="lax" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
<xs:anyAttribute processContents="lax"/></xs:complexType></xs:element></xs:schema>"""
_ALLOWED = (sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/usr", str(Path(__file__).parents[1]))


def watch(own: Path) -> list[str]:
    """Note every address asked, and every file read that is neither ours nor the file's own."""
    seen: list[str] = []
    trusted = (*_ALLOWED, str(own), tempfile.gettempdir())

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
            seen.append(f"{event} {arguments[-1]!r}"[:200])
        elif event == "open" and isinstance(arguments[0], str) and not arguments[0].startswith(trusted):
            seen.append(f"read {arguments[0]}"[:200])

    sys.addaudithook(hook)
    return seen


def readers(path: Path) -> list[tuple[str, Callable[[], object]]]:
    """Return everything that may meet such a file."""
    from altinn.protocol.meaning import compare_forms
    from altinn.protocol.xml_prescan import parse_xml
    from altinn.validation.document_check import CheckOptions, check_content, schema_source

    data = path.read_bytes()
    is_json = path.suffix == ".json" or data.lstrip()[:1] in (b"{", b"[")
    if path.suffix == ".xsd" or path.name.endswith(".schema.json"):
        document = b"{}" if is_json else b"<r/>"
        return [
            (engine, lambda engine=engine: check_content(document, schema_source(path, None), CheckOptions(engine)))  # type: ignore[misc]
            for engine in ("pure", "auto")
        ]
    folder = Path(tempfile.mkdtemp())
    schema = folder / ("s.json" if is_json else "s.xsd")
    schema.write_bytes(b'{"type": "object"}' if is_json else HARMLESS_XSD)
    own = [] if is_json else [("tree", lambda: parse_xml(data))]
    return [
        *own,
        ("pure", lambda: check_content(data, schema_source(schema, None), CheckOptions("pure"))),
        ("auto", lambda: check_content(data, schema_source(schema, None), CheckOptions("auto"))),
        ("comparison", lambda: compare_forms(b"{}" if is_json else b"<r/>", data)),
    ]


def main(file: str) -> int:
    """Run the readers and return 0, or 1 with the harm on standard output."""
    path = Path(file).resolve()
    found = readers(path)
    for engine in ("altinn.validation.xsd_engine", "altinn.validation.json_engine"):
        __import__(engine)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    from altinn.exceptions import AltinnInputError

    seen = watch(path.parent)
    for name, read in found:
        try:
            read()
        except AltinnInputError:
            continue
        except Exception as exc:  # Anything untyped is what this looks for.
            sys.stdout.write(f"{name}: {type(exc).__name__} instead of a finding\n")
            return 1
    if seen:
        sys.stdout.write("\n".join(seen) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""`python -m scripts.corpus_attack FILE...`: give hostile files to every reader we have, under limits.

Each is read in a process of its own. Ends with 0 when every reader refused it or judged it without harm: no file read
but those that belong to it, no address asked, no more memory and time than the limits give.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
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


def attacked(path: Path) -> str:
    """Run the readers under the limits and return "harmless", or the harm. Limits and watch stay: the last act."""
    from altinn.exceptions import AltinnInputError

    found = readers(path)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    seen = watch(path.parent)
    for name, read in found:
        try:
            read()
        except AltinnInputError:
            continue
        except Exception as exc:  # Anything untyped is what this looks for.
            return f"{name}: {type(exc).__name__} instead of a finding"
    return "; ".join(seen) or "harmless"


def in_child(path: Path) -> str:
    """Do it in a child, so that the limits and a crash hit nobody else."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as answer:
            answer.write(attacked(path))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    return said if said and not status else f"ended with status {status}"


def main(files: list[str]) -> int:
    """Write a line for each file, its path and what it did; return 0 if all were harmless."""
    for module in ("altinn.validation.xsd_engine", "altinn.validation.json_engine", "altinn.protocol.meaning"):
        import_module(module)
    outcomes = {file: in_child(Path(file).resolve()) for file in files}
    sys.stdout.writelines(f"{file}\t{outcome}\n" for file, outcome in outcomes.items())
    return 0 if set(outcomes.values()) == {"harmless"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

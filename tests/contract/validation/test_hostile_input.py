"""Hostile documents are refused or harmless, each in a process of its own with limits on memory and time."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from altinn.validation.document_check import check_content, schema_source

ROOT = Path(__file__).parents[3]
SECONDS = 300
XSD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
ELEVEN_MB = 11_000_000


def laughs() -> str:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    return f'<!DOCTYPE r [<!ENTITY e0 "ha">{entities}]><r>&e9;</r>'


DOCUMENTS = {
    "billion laughs": laughs(),
    "quadratic blow-up": f'<!DOCTYPE r [<!ENTITY e "{"x" * 50_000}">]><r>{"&e;" * 50_000}</r>',
    "a file as an entity": '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>',
    "an address as an entity": '<!DOCTYPE r [<!ENTITY e SYSTEM "http://127.0.0.1:9/x">]><r>&e;</r>',
    "an external document type": '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>',
    "an entity that crashed lxml": '<!DOCTYPE r [<!ENTITY e "x">]><r><a>&e;</a></r>',
    "a document type after a comment": '<!-- a --><?b c?>\n<!DOCTYPE r [<!ENTITY e "x">]><r>&e;</r>',
    "20,000 namespaces": "<r " + " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(20_000)) + "/>",
    "a namespace on each of many elements": "<r>" + '<a xmlns:p="urn:x"/>' * 20_000 + "</r>",
    "20,000 attributes": "<r " + " ".join(f'a{n}=""' for n in range(20_000)) + "/>",
    "100,000 levels": "<r>" * 100_000 + "</r>" * 100_000,
    "11 MB of text": f"<r>{'x' * ELEVEN_MB}</r>",
    "11 MB in an attribute": f'<r a="{"x" * ELEVEN_MB}"/>',
    "a place for its schema": '<r xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
    'i:schemaLocation="urn:x http://127.0.0.1:9/x.xsd" i:noNamespaceSchemaLocation="file:///etc/passwd"/>',
    "XInclude": '<r xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="file:///etc/passwd" parse="text"/></r>',
    "a type that is none": '<r xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="no:such"/>',
    "a comment without end": "<r/><!--" + "-" * 100_000,
    "a prolog of many parts": "<!--a-->" * 200_000 + "<r/>",
}
BYTES = {
    "UTF-16": "<r/>".encode("utf-16"),
    "UTF-7": b'<?xml version="1.0" encoding="utf-7"?><r>+ADw-a/+AD4-</r>',
    "zeros": b"\x00" * 1000,
    "compressed": gzip.compress(b"<r>" + b"x" * 1_000_000 + b"</r>"),
    "broken UTF-8": b"<r>\xff\xfe\xfa</r>",
}
SCHEMAS = {
    "a schema from an address": f'{XSD}<xs:import namespace="urn:x" schemaLocation="http://127.0.0.1:9/x.xsd"/></xs:schema>',
    "a schema from a file": f'{XSD}<xs:include schemaLocation="/etc/passwd"/><xs:element name="r"/></xs:schema>',
    "a schema above its folder": f'{XSD}<xs:include schemaLocation="../../../etc/passwd"/></xs:schema>',
    "a schema that includes itself": f'{XSD}<xs:include schemaLocation="own.xsd"/><xs:element name="r"/></xs:schema>',
    "a type that is its own base": f'{XSD}<xs:simpleType name="t"><xs:restriction base="t"/></xs:simpleType>'
    "</xs:schema>",
    "a document type in a schema": '<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]><s>&e;</s>',
}
JSON = {
    "deep": "[" * 100_000,
    "deep objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "a number of a million digits": '{"a": ' + "9" * 1_000_000 + "}",
    "an exponent without end": '{"a": 1e999999999}',
    "a name twice": '{"a": 1, "a": 2}',
    "not a number": '{"a": NaN}',
}


FILES = {
    **{f"{name}.xml": text.encode() for name, text in DOCUMENTS.items()},
    **{f"{name}.xml": content for name, content in BYTES.items()},
    **{f"{name}.xsd": text.encode() for name, text in SCHEMAS.items()},
    **{f"{name}.json": text.encode() for name, text in JSON.items()},
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give each file to every reader, in a process of its own with limits; return what each did."""
    folder = tmp_path_factory.mktemp("hostile")
    paths = []
    for name, content in FILES.items():
        path = folder / name.replace(" ", "-").replace(",", "") / "own"
        path = path.with_suffix(Path(name).suffix)
        path.parent.mkdir()
        path.write_bytes(content)
        paths.append(path)
    command = [sys.executable, "-m", "scripts.corpus_attack", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS * len(paths), check=False)
    lines = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    return {name: lines.get(str(path), f"no word: {done.stderr}") for name, path in zip(FILES, paths, strict=True)}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_does_no_harm(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == "harmless"


def test_the_watch_sees_what_it_is_there_for(tmp_path: Path) -> None:
    """A reader that did open a foreign file would be found out."""
    code = (
        "import sys; from pathlib import Path; from scripts.corpus_attack import watch\n"
        "seen = watch(Path(sys.argv[1]))\n"
        "open('/etc/hostname').close()\n"
        "import socket\n"
        "try: socket.create_connection(('127.0.0.1', 9), timeout=1)\n"
        "except OSError: pass\n"
        "sys.stdout.write(repr(seen))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert "read /etc/hostname" in done.stdout
    assert "socket.connect" in done.stdout


SLOW_PATTERN = """
import sys
from pathlib import Path
from altinn.validation.document_check import CheckOptions, check_content, schema_source

schema = schema_source(Path(sys.argv[1]), None)
[issue] = check_content(Path(sys.argv[2]).read_bytes(), schema, CheckOptions("pure", time_limit=2.0))
sys.stdout.write(issue.code)
"""


@pytest.mark.parametrize("kind", ["xsd", "json"])
def test_a_pattern_that_takes_for_ever_is_stopped(tmp_path: Path, kind: str) -> None:
    """Python's patterns can take exponential time."""
    schema, document = tmp_path / f"own.{kind}", tmp_path / "document"
    letters = "a" * 60
    if kind == "xsd":
        schema.write_text(
            f'{XSD}<xs:element name="r"><xs:simpleType><xs:restriction base="xs:string">'
            '<xs:pattern value="(a+)+b"/></xs:restriction></xs:simpleType></xs:element></xs:schema>'
        )
        document.write_text(f"<r>{letters}</r>")
    else:
        schema.write_text('{"properties": {"a": {"pattern": "^(a+)+b$"}}}')
        document.write_text(f'{{"a": "{letters}"}}')
    done = subprocess.run(
        [sys.executable, "-c", SLOW_PATTERN, str(schema), str(document)],
        cwd=ROOT / "plugins",
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout == "refused-time", done.stderr


def test_a_check_in_time_leaves_nothing_behind(tmp_path: Path) -> None:
    """The timer of the check is not the one of Airflow's execution_timeout, and ends with the check."""
    schema = tmp_path / "own.json"
    schema.write_text('{"type": "object"}')
    before = signal.getsignal(signal.SIGVTALRM)
    assert check_content(b"{}", schema_source(schema, None)) == []
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) is before
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(check_content(b"[]", schema_source(schema, None))[0].code))
    thread.start()
    thread.join()
    assert done == ["json-type"]

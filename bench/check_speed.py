"""The local check of XML: ours, bare lxml and bare xmlschema, at several sizes."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import PROJECT, Report, in_child, in_turns

SCHEMA = PROJECT / "include/schemas/skatteetaten-mva"
SCHEMA = SCHEMA / "no.skatteetaten.fastsetting.avgift.mva.skattemeldingformerverdiavgift.v1.0.xsd"
SAMPLE = PROJECT / "tests/data/skatteetaten-mva/valid/eksempelMedAlleTilfeller.xml"
LINE_END = b"</mvaSpesifikasjonslinje>"
SIZES = {"10 kB": 10_000, "1 MB": 1_000_000, "10 MB": 10_000_000, "50 MB": 50_000_000, "100 MB": 100_000_000}
SLOW_UP_TO = {"quick": 10_000_000, "full": 50_000_000}
GOAL = 4.0


def a_return(size: int) -> bytes:
    """Make a valid VAT return of about this size by repeating its last line."""
    content = SAMPLE.read_bytes()
    start, end = content.rindex(b"<mvaSpesifikasjonslinje>"), content.rindex(LINE_END) + len(LINE_END)
    line = content[start:end]
    return content[:start] + line * max(1, (size - len(content)) // len(line)) + content[end:]


def run(mode: str) -> Report:
    """Measure each engine at each size, each time in a process of its own, with the schema built before."""
    report = Report("Local check of a VAT return: seconds (schema built, document in memory) and peak memory")
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            path = Path(folder) / "return.xml"
            path.write_bytes(a_return(size))
            _at_size(report, name, size, path, mode)
    return report


def _at_size(report: Report, name: str, size: int, path: Path, mode: str) -> None:
    engines = ["ours [fast]", "lxml"]
    if size <= SLOW_UP_TO[mode]:
        engines += ["ours", "xmlschema"]
    rounds = {"quick": 3, "full": 5}[mode] if size <= 1_000_000 else 3
    fast = [engine for engine in engines if engine in ("ours [fast]", "lxml")]
    slow = [engine for engine in engines if engine not in fast]
    taken = dict(zip(fast, in_turns(rounds, *(_measure(engine, path) for engine in fast)), strict=True))
    few = rounds if size <= 1_000_000 else 1
    taken |= dict(zip(slow, in_turns(few, *(_measure(engine, path) for engine in slow)), strict=True))
    for engine in engines:
        report.add(f"{name}, {engine}", "s", [one["seconds"] for one in taken[engine]])
        report.add(f"{name}, {engine}, peak", "MB", [one["peak"] for one in taken[engine]])
    if size == 10_000_000:
        ours, theirs = ([one["seconds"] for one in taken[engine]] for engine in fast)
        report.ratio(f"{name}, ours [fast] against lxml", ours, theirs, GOAL)


def _measure(engine: str, path: Path) -> Callable[[], dict[str, Any]]:
    return lambda: in_child("bench.check_speed", engine, path)


def _child(engine: str, path: Path) -> dict[str, float]:
    judge = {"lxml": _lxml, "xmlschema": _xmlschema, "ours": _ours("pure"), "ours [fast]": _ours("fast")}[engine]
    small = SAMPLE.read_bytes()
    check = judge(small)
    data = path.read_bytes()
    start = time.perf_counter()
    is_valid = check(data)
    seconds = time.perf_counter() - start
    if not is_valid:
        raise SystemExit(f"{engine} calls a valid return invalid")
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


def _lxml(_small: bytes) -> Callable[[bytes], bool]:
    from lxml import etree

    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    parser = etree.XMLParser(huge_tree=True)
    return lambda data: bool(schema.validate(etree.fromstring(data, parser)))


def _xmlschema(_small: bytes) -> Callable[[bytes], bool]:
    import io

    import xmlschema
    from xmlschema import limits

    limits.MAX_XML_ELEMENTS = 5_000_000
    schema = xmlschema.XMLSchema(str(SCHEMA))
    return lambda data: not list(schema.iter_errors(xmlschema.XMLResource(io.BytesIO(data))))


def _ours(engine: str) -> Callable[[bytes], Callable[[bytes], bool]]:
    def prepared(small: bytes) -> Callable[[bytes], bool]:
        from altinn.validation.xml_check import check_xml

        def check(data: bytes) -> bool:
            return not [issue for issue in check_xml(data, SCHEMA, engine=engine) if issue.severity == "error"]

        if not check(small):
            raise SystemExit("the sample is invalid")
        return check

    return prepared


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_child(sys.argv[1], Path(sys.argv[2]))) + "\n")

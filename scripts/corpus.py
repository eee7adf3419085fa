"""`python -m scripts.corpus [FOLDER...]`: hold the local checks to a corpus of real, mutated and hostile documents.

A corpus is a folder with a `manifest.json`: files with their kind, schema, and the verdict of each engine that judged
them. Where engines differ, the stricter one counts. Where our verdict is another one on purpose, the rule that says so
is printed with its reason; a rule looks at verdicts and findings, never at names.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from scripts.run_folder import PROJECT

COPIED = PROJECT / "tests" / "data" / "corpus"
SECONDS = 600
"""After so long a hostile document is taken to hang; a busy machine is slow, so the limit proper is processor time."""

Entry = Mapping[str, Any]


@dataclass
class Tally:
    """What was found."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return the line that ends the run."""
        named = [f"{self.counts[name]} {name}" for name in ("valid", "invalid", "attacks")]
        return ", ".join([*named, f"{len(self.wrong)} wrong"])


def check_corpus(folder: Path, tally: Tally) -> None:
    """Judge every file of a corpus that has a verdict, and run every attack."""
    for entry in json.loads((folder / "manifest.json").read_bytes())["files"]:
        judge = _JUDGES.get(str(entry["kind"]))
        if not (folder / entry["file"]).is_file():
            _wrong(entry, tally, "the manifest names it, and it is not there")
        elif str(entry["kind"]).startswith("attack"):
            _attack(folder, entry, tally)
        elif judge is not None:
            judge(folder, entry, tally)


def _wrong(entry: Entry, tally: Tally, text: str) -> None:
    tally.wrong.append(f"{entry['file']}: {text}")


def _sample_xml(folder: Path, entry: Entry, tally: Tally) -> None:
    if not entry.get("schema"):
        _well_formed(folder, entry, tally)
        return
    verdicts = [entry.get("lxml"), entry.get("xmlschema")]
    for engine in ("pure", *(["fast", "auto"] if find_spec("lxml") else [])):
        _judge(folder, entry, tally, verdicts, engine)


def _sample_json(folder: Path, entry: Entry, tally: Tally) -> None:
    verdicts = [entry.get(name) for name in ("jsonschema", "fastjsonschema", "jsonschema_rs")]
    if entry.get("schema") and any(verdicts):
        for engine in ("pure", *(["fast"] if find_spec("jsonschema_rs") else [])):
            _judge(folder, entry, tally, verdicts, engine)


def _judge(folder: Path, entry: Entry, tally: Tally, verdicts: list[Any], engine: str) -> None:
    from altinn.exceptions import AltinnError
    from altinn.validation.document_check import CheckOptions, check_content, schema_source

    expected = "valid" if all(verdict == "valid" for verdict in verdicts if verdict) else "invalid"
    if engine == "pure":
        tally.counts[expected] += 1
    try:
        source = schema_source(folder / entry["schema"], _root_of(folder, entry["schema"]))
        issues = check_content((folder / entry["file"]).read_bytes(), source, CheckOptions(engine=engine))
    except AltinnError as exc:
        _wrong(entry, tally, f"expected {expected}, but it could not be checked ({engine}): {exc}")
        return
    errors = [issue for issue in issues if issue.severity == "error"]
    if ("invalid" if errors else "valid") == expected:
        return
    reason = next((reason for rule, reason in EXCEPTIONS if rule(entry, expected, issues)), "")
    if reason:
        line = f"{entry['file']}: {'invalid' if errors else 'valid'} where an engine says {expected}: {reason}"
        if line not in tally.exceptions:
            tally.exceptions.append(line)
    else:
        found = f"{errors[0].code} {errors[0].where}" if errors else "nothing"
        _wrong(entry, tally, f"expected {expected} ({engine}), found {found}")


def _root_of(folder: Path, schema: str) -> Path | None:
    """Let a schema of the corpus read from its own folder; it is trusted."""
    return None if ".." in schema else folder / Path(schema).parent


def _is_refused(entry: Entry, expected: str, issues: list[Any]) -> bool:
    return expected == "valid" and any(issue.code.startswith("refused-") for issue in issues)


def _is_space_around_a_value(entry: Entry, expected: str, issues: list[Any]) -> bool:
    """Recognise libxml2's own complaint about white space, which XSD tells every reader to pass over."""
    quoted = str(entry.get("lxml_first", "")).partition("': '")[2]
    value = quoted.partition("' is not a valid value of the atomic type")[0]
    only_libxml2 = expected == "invalid" and entry.get("xmlschema") == "valid" and not issues
    return only_libxml2 and bool(value.strip()) and value != value.strip(" \t\r\n")


def _is_unwrapped(entry: Entry, expected: str, issues: list[Any]) -> bool:
    return expected == "valid" and any(issue.code == "schema-changed" for issue in issues)


EXCEPTIONS: list[tuple[Callable[[Entry, str, list[Any]], bool], str]] = [
    (
        _is_refused,
        "refused before any engine sees it: Altinn reads UTF-8 and XML 1.0 whatever a document declares, and no report "
        "needs a document type",
    ),
    (_is_space_around_a_value, "XSD passes over white space around such a value; libxml2 alone does not"),
    (_is_unwrapped, "the app's schema describes a wrapper that its forms never have, and so passes everything"),
]


def _well_formed(folder: Path, entry: Entry, tally: Tally) -> None:
    """Read a document that has no schema, as receipts and process files are read."""
    from altinn.exceptions import AltinnDocumentError
    from altinn.protocol.xml_prescan import prescan

    if not str(entry.get("lxml", "")).startswith("well-formed"):
        return
    tally.counts["without a schema"] += 1
    try:
        prescan((folder / entry["file"]).read_bytes())
    except AltinnDocumentError as exc:
        if not exc.issues or not exc.issues[0].code.startswith("refused-"):
            _wrong(entry, tally, f"expected well-formed XML, found: {exc}")


def _xsd(folder: Path, entry: Entry, tally: Tally) -> None:
    from altinn.exceptions import AltinnInputError
    from altinn.validation.xsd_engine import built_schema

    if not entry.get("xmlschema"):
        return
    tally.counts["schemas"] += 1
    expected = entry["xmlschema"] == "schema ok"
    path = folder / entry["file"]
    try:
        built_schema(path.parent.resolve(), path.name)
        works, why = True, ""
    except AltinnInputError as exc:
        works, why = False, str(exc)
    if works != expected:
        _wrong(entry, tally, f"a schema that {'works' if expected else 'does not work'}, found otherwise {why}")


def _metadata(folder: Path, entry: Entry, tally: Tally) -> None:
    """Hold a plan against the app's metadata: whatever it says, the check ends with findings."""
    from altinn.exceptions import AltinnDocumentError
    from altinn.validation.json_strict import load_json
    from altinn.validation.preflight import PlannedDocument, check_plan

    tally.counts["app metadata"] += 1
    try:
        metadata = load_json((folder / entry["file"]).read_bytes())
    except AltinnDocumentError:
        return
    if isinstance(metadata, dict):
        document = PlannedDocument("no such type", "a.pdf", "application/pdf", 1)
        if "unknown-data-type" not in {issue.code for issue in check_plan(metadata, [document], required=True)}:
            _wrong(entry, tally, "a data type that the app does not have was not found out")


_JUDGES: Mapping[str, Callable[[Path, Entry, Tally], None]] = {
    "sample-xml": _sample_xml,
    "sample-json": _sample_json,
    "xsd": _xsd,
    "bpmn": _well_formed,
    "codelist": _well_formed,
    "xacml": _well_formed,
    "applicationmetadata": _metadata,
}


def _attack(folder: Path, entry: Entry, tally: Tally) -> None:
    """Give a hostile file to every reader, in a process of its own with limits: it is refused, or does no harm."""
    tally.counts["attacks"] += 1
    command = [sys.executable, "-m", "scripts.corpus_attack", str(folder / entry["file"])]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        _wrong(entry, tally, f"did not end within {SECONDS} s")
        return
    if done.returncode:
        lines = (done.stdout or done.stderr).strip().splitlines()
        _wrong(entry, tally, lines[-1].rpartition("\t")[2] if lines else f"ended with {done.returncode}")


def _folders(named: list[Path], out: TextIO) -> Iterator[Path]:
    yield COPIED
    for folder in named:
        inside = folder / "corpus"
        found = inside if (inside / "manifest.json").is_file() else folder
        if (found / "manifest.json").is_file():
            yield found
        else:
            out.write(f"There is no corpus in {folder}: only the samples in tests/data/corpus were checked\n")


def main(arguments: list[str] | None = None, out: TextIO = sys.stdout) -> int:
    """Check the copied samples and each corpus named; return 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m scripts.corpus", description=str(__doc__).splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders that hold a corpus/ or are one")
    options = parser.parse_args(arguments)
    failed = False
    for folder in _folders(options.folders, out):
        tally = Tally()
        check_corpus(folder, tally)
        out.writelines(f"exception  {line}\n" for line in tally.exceptions)
        out.writelines(f"WRONG      {line}\n" for line in tally.wrong)
        more = ", ".join(
            f"{n} {name}" for name, n in tally.counts.items() if name not in ("valid", "invalid", "attacks")
        )
        place = folder.relative_to(PROJECT) if folder.is_relative_to(PROJECT) else folder
        out.write(f"{place}{f' (and {more})' if more else ''}\n{tally.summary()}\n")
        failed = failed or bool(tally.wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

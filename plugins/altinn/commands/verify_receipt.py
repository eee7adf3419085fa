"""Check offline that a receipt bundle is whole and unchanged."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from altinn.commands.command import NOT_OK, OK

if TYPE_CHECKING:
    from altinn.evidence import Folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", help="the bundle's folder: local, or anything ObjectStoragePath knows (s3://…)")
    parser.add_argument("--sha256", default="", help="the manifest's digest, as the run or the asset event told it")


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Check, print what is wrong, and return 0 (whole and unchanged), 1 (not) or 2 (no bundle there)."""
    from altinn.evidence import problems_of, read_manifest

    folder = _folder(options.bundle)
    problems = problems_of(folder, expected_sha256=options.sha256)
    for problem in problems:
        out.write(f"{problem}\n")
    bundle = read_manifest(folder)
    told = bundle.manifest if bundle else {}
    what = f"{told.get('app')} {told.get('period') or ''} of {told.get('instance_id')}: {told.get('outcome')}"
    out.write(f"{options.bundle}: {f'{len(problems)} problem(s)' if problems else f'whole and unchanged; {what}'}\n")
    return NOT_OK if problems else OK


def _folder(address: str) -> Folder:
    if "://" not in address:
        return Path(address).absolute()
    from altinn.documents import storage_path

    return storage_path(address)

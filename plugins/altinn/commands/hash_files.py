"""Print the SHA-256 of files, as receipts show it."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TextIO

from altinn.commands.command import NOT_DONE, OK, content_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("documents", nargs="+", type=Path)


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Print one line for each file and return 0, or 2 if one could not be read."""
    status = OK
    for path in options.documents:
        content = content_of(path)
        if content is None:
            status = NOT_DONE
        else:
            out.write(f"{hashlib.sha256(content).hexdigest()}  {path}\n")
    return status

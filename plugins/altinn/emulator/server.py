"""The command `altinn-emulator`."""

from __future__ import annotations

import argparse
import json
import logging
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from altinn.emulator.appfolder import AppFolderError
from altinn.emulator.identity import ClientError, Lifetimes
from altinn.emulator.library import Emulator

DEFAULT_PORT = 5101
LAST_PORT = 65535


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"{port} is no port; ports are 0 (any free one) to {LAST_PORT}")
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="altinn-emulator", description="An Altinn in a box, for tests and trials.")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help=f"port to listen on (default {DEFAULT_PORT})")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument(
        "--apps",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder with apps, laid out like an app's repository; repeatable",
    )
    parser.add_argument("--state", type=Path, metavar="FOLDER", help="where to keep the state; without it none is kept")
    parser.add_argument("--seed", type=int, help="make ids repeatable")
    parser.add_argument(
        "--app-library",
        type=int,
        choices=(8, 9),
        default=8,
        help="version of the app library for apps whose folder does not say (default 8)",
    )
    parser.add_argument(
        "--workflow-wait",
        type=float,
        default=100.0,
        metavar="SECONDS",
        help="how long a version 9 app waits for its workflow engine; its other times shrink with it (default 100)",
    )
    parser.add_argument("--clients", type=Path, metavar="FILE", help="JSON list of registered clients")
    parser.add_argument(
        "--authority-delay",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="simulated seconds that an authority takes to answer (default 2)",
    )
    parser.add_argument(
        "--lifetimes",
        default="",
        metavar="NAME=SECONDS,...",
        help="shorter lives of tokens, in real time: maskinporten, altinn, idporten_access, idporten_refresh, "
        "idporten_authorization, idporten_code",
    )
    parser.add_argument(
        "--scan-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="simulated seconds that a virus scan takes (default 0)",
    )
    return parser


def _clients(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as exc:
        raise ValueError(f"{path}: not JSON: {exc}") from exc
    if not isinstance(document, list):
        raise ValueError(f"{path}: expected a JSON list of clients")
    return document


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; return 2 when something given cannot be used."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        emulator = Emulator(
            options.port,
            host=options.host,
            apps=options.apps,
            state=options.state,
            seed=options.seed,
            app_library=options.app_library,
            clients=_clients(options.clients),
            authority_delay=options.authority_delay,
            workflow_wait=options.workflow_wait,
            scan_delay=options.scan_delay,
            lifetimes=Lifetimes.from_text(options.lifetimes),
        )
        log = logging.getLogger("altinn.emulator")
        emulator.serve(lambda address: log.info("serving on %s", address))
    except (AppFolderError, ClientError, ValueError, OSError, sqlite3.Error) as exc:
        sys.stderr.write(f"altinn-emulator: {exc}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

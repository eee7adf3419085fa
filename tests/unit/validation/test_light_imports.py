"""A DAG file that names the checks and the adapters does not pay for their engines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODULES = (
    "altinn.authorities.skatteetaten_vat",
    "altinn.evidence_pdf",
    "altinn.periods",
    "altinn.validation.json_check",
    "altinn.validation.preflight",
    "altinn.validation.xml_check",
)
SLOW = ("airflow", "holidays", "jsonschema", "requests", "xmlschema")


def test_no_engine_is_imported_with_the_modules_that_use_it() -> None:
    program = f"import sys, {', '.join(MODULES)}; print(*(name for name in {SLOW} if name in sys.modules))"
    plugins = Path(__file__).parents[3] / "plugins"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(plugins)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == []

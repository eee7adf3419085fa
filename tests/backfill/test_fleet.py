"""Fifty companies in one mapped run, three of which fail in different ways; then the failed ones are cleared."""

from __future__ import annotations

import csv
import os
from datetime import date
from pathlib import Path
from typing import Any

from altinn.periods import report_calendar
from tests.backfill.conftest import Installation

FLEET = "fleet"
COUNT = int(os.environ.get("ALTINN_FLEET_SIZE", "50"))
"""A smaller fleet, of eight companies or more, shows the same on a slow machine."""
FORM = "<model><property1>{}</property1><property2>b</property2></model>"
PERIOD = report_calendar("vat_terms").latest_ended(date.today()).name
FIRST = 313_000_000
NO_FILE, WRONG_DATA, NO_RIGHT = 2, 4, 6
"""Which companies fail, each in its own way."""


def number(index: int) -> str:
    return str(FIRST + index)


def write_form(folder: Path, index: int, text: str | None = None) -> None:
    (folder / f"{number(index)}.xml").write_text(FORM.format(text or f"company {index}"), "utf-8")


def set_up(installation: Installation, folder: Path) -> tuple[str, dict[str, str]]:
    """Make the companies and their documents; return the path of the list, and each party's organisation number."""
    wanted: list[dict[str, Any]] = [{"organisation_number": number(i), "name": f"Company {i}"} for i in range(COUNT)]
    wanted[NO_RIGHT]["roles"] = ["NONE"]
    made = installation.emulator.call("POST", "/_emulator/companies", {"user_id": 1337, "companies": wanted})
    target = folder / "companies.csv"
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["organisation_number", "name", "path"])
        writer.writerows([number(i), f"Company {i}", f"{folder}/{{organisation_number}}.xml"] for i in range(COUNT))
    for index in range(COUNT):
        write_form(folder, index)
    (folder / f"{number(NO_FILE)}.xml").unlink()
    (folder / f"{number(WRONG_DATA)}.xml").write_text("<model><property1>not closed</model>", "utf-8")
    return str(target), {str(party["partyId"]): str(party["orgNumber"]) for party in made}


def clear_failed(installation: Installation, run_id: str) -> None:
    body = {
        "dry_run": False, "dag_run_id": run_id, "only_failed": True, "only_running": False, "reset_dag_runs": True,
        "include_downstream": True,
    }  # fmt: skip
    installation.airflow.call("POST", f"/api/v2/dags/{FLEET}/clearTaskInstances", body)


def filed(installation: Installation, parties: dict[str, str]) -> list[str]:
    """Return who has filed, as the authority has it."""
    found = [parties.get(str(one["party"])) for one in installation.filings() if one["app"] == "ttd/basic"]
    return sorted(number for number in found if number)


def test_fifty_companies_in_one_run(installation: Installation, tmp_path: Path) -> None:
    installation.enable(FLEET)
    listed, parties = set_up(installation, tmp_path)
    conf = {"period": PERIOD, "companies": listed}
    everybody = [number(index) for index in range(COUNT)]
    failing = {number(index) for index in (NO_FILE, WRONG_DATA, NO_RIGHT)}

    run = installation.run(FLEET, conf)
    assert run["state"] == "failed"  # green means that all are accepted
    assert filed(installation, parties) == sorted(set(everybody) - failing)
    failed = [
        one
        for one in installation.task_instances(FLEET, run["dag_run_id"])
        if one["state"] == "failed" and one["map_index"] >= 0
    ]
    assert {one["rendered_map_index"] for one in failed} == {f"{company} {PERIOD}" for company in failing}
    assert len({one["task_id"] for one in failed}) >= 2

    write_form(tmp_path, NO_FILE)
    write_form(tmp_path, WRONG_DATA)
    rights = {"user_id": 1337, "companies": [{"organisation_number": number(NO_RIGHT)}]}
    installation.emulator.call("POST", "/_emulator/companies", rights)
    clear_failed(installation, run["dag_run_id"])
    again = installation.await_run(FLEET, run["dag_run_id"])
    assert again["state"] == "success"
    assert filed(installation, parties) == everybody
    summary = installation.api.xcom(FLEET, run["dag_run_id"], "summary")
    assert summary["counts"] == {"accepted": COUNT}

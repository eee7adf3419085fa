"""docker-compose.yaml, held against the compose specification and against what Airflow knows.

No Docker engine is needed. The specification's JSON schema comes with the package check-jsonschema.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator

from scripts.compose_env import compose_variables
from scripts.connect import VARIABLES
from scripts.run_folder import PROJECT
from tests.airflow_options import unknown_variables

TEXT = (PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (PROJECT / "docker" / "Dockerfile").read_text(encoding="utf-8")
REFERENCE = re.compile(r"(?<!\$)\$\{(\w+)([^}]*)\}")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|FERNET|AUTH$|PASS\b")
ONE_SHOT = {"airflow-init", "altinn-connections"}


@cache
def specification() -> Draft202012Validator:
    vendored = importlib.resources.files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json"
    return Draft202012Validator(json.loads(vendored.read_text(encoding="utf-8")))


def environment(service: str) -> dict[str, str]:
    found: dict[str, str] = SERVICES[service].get("environment", {})
    return found


def test_it_follows_the_compose_specification() -> None:
    assert [error.message for error in specification().iter_errors(COMPOSE)] == []


def test_the_specification_would_find_a_mistake() -> None:
    broken = {**COMPOSE, "services": {**SERVICES, "redis": {**SERVICES["redis"], "helthcheck": {}}}}
    assert len(list(specification().iter_errors(broken))) == 1


def test_every_airflow_variable_sets_something() -> None:
    names = {name for service in SERVICES for name in environment(service)}
    assert len([name for name in names if name.startswith("AIRFLOW__")]) > 10
    assert unknown_variables(names) == set()


def test_all_of_airflow_and_its_helpers_are_there() -> None:
    assert set(SERVICES) == {
        "postgres",
        "redis",
        "airflow-init",
        "airflow-api-server",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
        "airflow-worker",
        "altinn-emulator",
        "altinn-connections",
    }


def test_the_browser_and_the_containers_find_the_emulator_and_airflow_at_the_same_addresses() -> None:
    emulator = urlsplit(environment("altinn-connections")["EMULATOR_URL"])
    assert emulator.hostname
    assert emulator.hostname in SERVICES["altinn-emulator"]["networks"]["default"]["aliases"]
    assert emulator.hostname.endswith(".localhost")  # browsers take such names for this machine (RFC 6761)
    assert f"127.0.0.1:{emulator.port}:{emulator.port}" in SERVICES["altinn-emulator"]["ports"]
    airflow = environment("altinn-connections")["AIRFLOW_BROWSER_URL"]
    assert airflow == environment("airflow-api-server")["AIRFLOW__API__BASE_URL"]
    assert f"127.0.0.1:{urlsplit(airflow).port}:8080" in SERVICES["airflow-api-server"]["ports"]


def test_what_it_requires_is_exactly_what_the_script_writes() -> None:
    used = {match[1] for match in REFERENCE.finditer(TEXT)}
    assert used == set(compose_variables())


def test_a_missing_variable_stops_it_with_a_message() -> None:
    for match in REFERENCE.finditer(TEXT):
        assert match[2] == ":?is missing, run `make compose-env`", match[0]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_secret_is_written_down(service: str) -> None:
    for name, value in environment(service).items():
        if SECRET_NAME.search(name):
            assert REFERENCE.fullmatch(value), name
        # Nor inside an address: user:password@host with the password from a variable.
        for password in re.findall(r"://[^:/]*:([^@]*)@", REFERENCE.sub("${}", value)):
            assert password == "${}", name


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_images_are_pinned(service: str) -> None:
    image = SERVICES[service]["image"]
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+(\.\d+)?(-\w+)?", image), image


def test_the_image_is_airflows_of_the_locked_version_with_the_checkout_installed() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    locked = re.search(r"^apache-airflow==(\S+)", lock, re.MULTILINE)
    assert locked is not None
    assert f"FROM apache/airflow:{locked[1]}-python3.12\n" in DOCKERFILE
    assert SERVICES["airflow-worker"]["image"].endswith(f":{locked[1]}")
    assert "COPY --chown=airflow:root plugins ./plugins" in DOCKERFILE


def test_what_the_image_needs_reaches_docker() -> None:
    ignore = (PROJECT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignore[1] == "*"
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    copied = {
        word for line in re.findall(r"^COPY --chown=\S+ (.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    }
    assert copied == allowed
    assert all((PROJECT / name).exists() for name in copied)


@pytest.mark.parametrize("service", sorted(set(SERVICES) - ONE_SHOT))
def test_every_lasting_service_tells_whether_it_is_well(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert SERVICES[service]["restart"] == "unless-stopped"


def test_services_wait_for_what_exists_and_can_tell() -> None:
    for name, service in SERVICES.items():
        for needed, rule in service.get("depends_on", {}).items():
            assert needed in SERVICES, name
            if rule["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed], name
            else:
                assert rule["condition"] == "service_completed_successfully"
                assert needed in ONE_SHOT


def test_every_volume_is_declared_and_used() -> None:
    mounted = {
        mount.split(":")[0]
        for service in SERVICES.values()
        for mount in service.get("volumes", ())
        if not mount.startswith(".")
    }
    assert mounted == set(COMPOSE["volumes"])


def test_all_that_talk_to_altinn_share_tokens_and_keys() -> None:
    for service in ("airflow-api-server", "airflow-worker", "airflow-triggerer"):
        assert {"altinn-tokens:/opt/airflow/altinn-tokens", "altinn-files:/var/lib/altinn"} <= set(
            SERVICES[service]["volumes"]
        )
    assert environment("altinn-connections")["ALTINN_SHARED"] == "/var/lib/altinn"


def test_ports_are_open_on_this_machine_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_connections_service_gets_what_its_script_asks_for() -> None:
    assert set(environment("altinn-connections")) == set(VARIABLES)

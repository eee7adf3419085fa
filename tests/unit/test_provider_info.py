"""What Airflow is told about this provider, and that the form and the code mean the same fields."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import altinn
from altinn.protocol.connection_fields import KNOWN_KEYS, SECRET_KEYS, WRITTEN_BY_LOGIN
from altinn.protocol.environments import NAMES
from altinn.protocol.settings import AUTH_MODES
from altinn.provider_info import get_provider_info

INFO = get_provider_info()
CONNECTION = INFO["connection-types"][0]
FIELDS: dict[str, dict[str, Any]] = CONNECTION["conn-fields"]


def _schema(name: str) -> dict[str, Any]:
    """Read one of Airflow's schemas without importing Airflow."""
    found = importlib.util.find_spec("airflow")
    if found is None or not found.submodule_search_locations:
        pytest.skip("Airflow is not installed")
    for folder in found.submodule_search_locations:
        path = Path(folder) / name
        if path.exists():
            schema: dict[str, Any] = json.loads(path.read_text())
            return schema
    raise AssertionError(f"Airflow has no {name}")


def test_it_fits_airflows_schema() -> None:
    jsonschema.validate(INFO, _schema("provider_info.schema.json"))


def test_the_form_fits_airflows_schema() -> None:
    properties = _schema("provider.yaml.schema.json")["properties"]
    jsonschema.validate(INFO["connection-types"], properties["connection-types"])


def test_the_form_has_exactly_the_fields_that_mean_something() -> None:
    # Airflow's API shows the value of a field of this name, so the form offers a file instead.
    assert set(FIELDS) == KNOWN_KEYS - {"person_number"} - WRITTEN_BY_LOGIN


def test_the_drop_downs_offer_every_choice() -> None:
    assert set(FIELDS["environment"]["schema"]["enum"]) == set(NAMES)
    assert set(FIELDS["auth_mode"]["schema"]["enum"]) == set(AUTH_MODES)
    for name in ("environment", "auth_mode"):
        assert FIELDS[name]["schema"]["default"] in FIELDS[name]["schema"]["enum"]


def test_only_the_drop_downs_are_required() -> None:
    required = {name for name, field in FIELDS.items() if "null" not in field["schema"]["type"]}
    assert required == {"environment", "auth_mode"}


def test_secrets_are_hidden_and_the_key_keeps_its_lines() -> None:
    formats = {name: FIELDS[name]["schema"].get("format") for name in SECRET_KEYS - {"person_number"}}
    assert formats.pop("private_key") == "multiline"
    assert set(formats.values()) == {"password"}


def test_every_field_is_explained_in_words() -> None:
    for name, field in FIELDS.items():
        assert field["label"], name
        assert field["description"].endswith("."), name


def _modules() -> list[str]:
    listed = [entry["python-modules"] for kind in ("hooks", "operators", "sensors", "triggers") for entry in INFO[kind]]
    classes = [*INFO.get("extra-links", ()), CONNECTION["hook-class-name"]]
    return [module for modules in listed for module in modules] + [name.rpartition(".")[0] for name in classes]


@pytest.mark.parametrize("module", _modules())
def test_every_module_it_names_is_there(module: str) -> None:
    package = Path(altinn.__file__).parent.parent
    assert (package / (module.replace(".", "/") + ".py")).is_file()


@pytest.mark.parametrize("kind", ["operators", "sensors", "triggers", "hooks"])
def test_every_module_there_is_named(kind: str) -> None:
    folder = Path(altinn.__file__).parent / kind
    with_classes = {
        f"altinn.{kind}.{path.stem}"
        for path in folder.glob("*.py")
        if path.stem != "__init__" and "class Altinn" in path.read_text()
    }
    # The base classes of the others.
    with_classes -= {"altinn.operators.altinn_operator", "altinn.sensors.waiting_sensor"}
    assert with_classes <= {module for entry in INFO[kind] for module in entry["python-modules"]}


def test_reading_it_imports_nothing_of_airflow() -> None:
    script = (
        "import sys; from altinn.provider_info import get_provider_info; get_provider_info();"
        "sys.exit(sorted(name for name in sys.modules if name.split('.')[0] in ('airflow', 'requests', 'jwt')) != [])"
    )
    folder = str(Path(altinn.__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": folder}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()

"""The environment of the embedded Airflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.airflow_settings import airflow_environment, base_environment
from scripts.local_secrets import LocalSecrets
from tests.airflow_options import unknown_variables

SECRETS = LocalSecrets("jwt", "api", "fernet", "password", Path("/run/passwords.json"))


@pytest.fixture
def environment() -> dict[str, str]:
    base = base_environment({"PATH": "/usr/bin", "HOME": "/home/kari"}, Path("/venv/bin"))
    return airflow_environment(
        base, home=Path("/run/airflow"), dags=Path("/dags"), files=Path("/run/files"), port=28080, secrets=SECRETS
    )


def test_every_setting_is_one_that_airflow_has(environment: dict[str, str]) -> None:
    assert len([name for name in environment if name.startswith("AIRFLOW__")]) > 10
    assert unknown_variables(set(environment)) == set()


def test_the_check_for_unknown_settings_finds_a_misspelt_one() -> None:
    names = {
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW__CORE__EXECUTER",
        "AIRFLOW__NOWHERE__EXECUTOR",
        "AIRFLOW__CELERY__BROKER_URL",
    }
    assert unknown_variables(names) == {"AIRFLOW__CORE__EXECUTER", "AIRFLOW__NOWHERE__EXECUTOR"}


def test_it_listens_on_this_machine_only_and_all_addresses_agree(environment: dict[str, str]) -> None:
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:28080"
    assert environment["AIRFLOW__API__PORT"] == "28080"


def test_all_state_is_below_the_given_home(environment: dict[str, str]) -> None:
    assert environment["AIRFLOW_HOME"] == "/run/airflow"
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "sqlite:////run/airflow/airflow.db?timeout=20"


def test_the_users_own_airflow_and_python_settings_do_not_reach_it() -> None:
    inherited = {
        "PATH": "/usr/bin",
        "AIRFLOW_HOME": "/home/kari/airflow",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW_CONN_ALTINN_VAT": "{}",
        "PYTHONPATH": "/elsewhere",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "nb_NO.UTF-8",
    }
    base = base_environment(inherited, Path("/venv/bin"))
    assert base["PATH"] == "/venv/bin:/usr/bin"
    assert base["LANG"] == "nb_NO.UTF-8"
    assert not set(inherited) - {"PATH", "LANG"} & set(base)


def test_local_addresses_never_go_through_a_proxy() -> None:
    base = base_environment({"no_proxy": "intern.example", "https_proxy": "http://proxy:3128"}, Path("/venv/bin"))
    assert base["no_proxy"] == "intern.example,127.0.0.1,localhost"
    assert base["NO_PROXY"] == "127.0.0.1,localhost"
    assert base["https_proxy"] == "http://proxy:3128"

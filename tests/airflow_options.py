"""Airflow's configuration options as its own files list them, read without importing Airflow."""

from __future__ import annotations

import configparser
import re
from importlib.util import find_spec
from pathlib import Path

import yaml

VARIABLE = re.compile(r"AIRFLOW__(?P<section>[A-Z_]+?)__(?P<option>[A-Z0-9_]+)")


def known_options() -> set[tuple[str, str]]:
    """Return section and option of everything that Airflow's core, and its copy of the providers' defaults, know.

    The copy lists Celery's options too, whose provider is part of Airflow's container image but not of this project.
    """
    spec = find_spec("airflow")
    assert spec is not None
    assert spec.origin is not None
    templates = Path(spec.origin).parent / "config_templates"
    core = yaml.safe_load((templates / "config.yml").read_text(encoding="utf-8"))
    known = {(section, option) for section, content in core.items() for option in content["options"]}
    fallback = configparser.ConfigParser(interpolation=None)
    fallback.read(templates / "provider_config_fallback_defaults.cfg", encoding="utf-8")
    return known | {(section, option) for section in fallback.sections() for option in fallback.options(section)}


def unknown_variables(names: set[str]) -> set[str]:
    """Return the variables among `names` that look like Airflow's settings but set nothing."""
    known = known_options()
    unknown = set()
    for name in names:
        if name.startswith("AIRFLOW__"):
            match = VARIABLE.fullmatch(name)
            if match is None or (match["section"].lower(), match["option"].lower()) not in known:
                unknown.add(name)
    return unknown

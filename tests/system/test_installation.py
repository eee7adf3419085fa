"""Both forms of installation, each in a clean process: the built wheel, and the package dropped into plugins/."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LOOK = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
import airflow
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()
from airflow.providers_manager import ProvidersManager
import altinn, types, http
from altinn.plugin import AltinnPlugin
hooks = {name: hook.hook_class_name for name, hook in ProvidersManager().hooks.items() if hook and name == "altinn"}
loaded, _ = plugins_manager._get_plugins()
print(json.dumps({
    "errors": plugins_manager.get_import_errors(),
    "plugins": [type(plugin).__module__ if not isinstance(plugin, type) else plugin.__module__
                for plugin in loaded if plugin.name == "altinn"],
    "package": altinn.__file__,
    "standard_library": [types.__file__, http.__file__],
    "hooks": hooks,
    "stray": sorted(name for name in ("operators", "hooks", "protocol", "wire", "model") if name in sys.modules),
}))
"""


@pytest.fixture
def site_packages(tmp_path: Path) -> Path:
    """Link every installed distribution but this project, as an environment that does not have it."""
    mirror = tmp_path / "site-packages"
    mirror.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.suffix != ".pth" and "altinn" not in entry.name.lower():
            (mirror / entry.name).symlink_to(entry)
    return mirror


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release would."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    result = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    (built,) = folder.glob("*.whl")
    return built


def _look(home: Path, paths: list[Path]) -> dict[str, object]:
    home.mkdir(exist_ok=True)
    (home / "plugins").mkdir(exist_ok=True)
    standard = [path for path in sys.path if path and "site-packages" not in path and Path(path) not in PROJECT.parents]
    standard = [path for path in standard if not Path(path).is_relative_to(PROJECT)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    environment |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    result = subprocess.run(
        [sys.executable, "-S", "-c", LOOK, json.dumps([*standard, *map(str, paths)])],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found: dict[str, object] = json.loads(result.stdout.strip().splitlines()[-1])
    return found


def test_dropped_into_the_plugins_folder(tmp_path: Path, site_packages: Path) -> None:
    home = tmp_path / "airflow"
    (home / "plugins").mkdir(parents=True)
    shutil.copy(PROJECT / "plugins" / "altinn_plugin.py", home / "plugins")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "plugins" / "altinn", home / "plugins" / "altinn", ignore=ignore)

    found = _look(home, [site_packages])

    assert found["errors"] == {}
    assert found["plugins"] == ["altinn.plugin"]
    assert str(found["package"]).startswith(str(home / "plugins"))
    assert found["stray"] == []
    assert all("plugins" not in str(path) for path in found["standard_library"])  # type: ignore[attr-defined]


def test_installed_from_the_wheel(tmp_path: Path, site_packages: Path, wheel: Path) -> None:
    target = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)

    found = _look(tmp_path / "airflow", [target, site_packages])

    assert found["errors"] == {}
    assert found["plugins"] == ["altinn.plugin"]
    assert str(found["package"]).startswith(str(target))
    assert found["hooks"] == {"altinn": "altinn.hooks.altinn_hook.AltinnHook"}


def test_the_wheel_carries_what_runs_need(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "altinn/.airflowignore" in names
    assert "altinn/emulator/testdata.json" in names
    assert any(name.startswith("altinn/emulator/apps/") and name.endswith("policy.xml") for name in names)
    assert not any(name.startswith(("tests/", "dags/", "scripts/")) for name in names)

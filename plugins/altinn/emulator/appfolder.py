"""Apps from folders that are laid out like a real app's repository."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altinn.emulator.annotations import Annotation, read_annotations
from altinn.emulator.behaviour import AppBehaviour, Settings
from altinn.emulator.bpmn import Process, ProcessError, parse_process
from altinn.emulator.formschema import FormModel, FormSchemaError, load_form_model
from altinn.emulator.lenientjson import loads
from altinn.emulator.metadata import VERSIONS, DataType, MetadataError, app_id, data_types
from altinn.emulator.templatepolicy import template_policy
from altinn.emulator.xacml import Policy, PolicyError, parse_policy

LOG = logging.getLogger("altinn.emulator")
LIBRARIES = (8, 9)
OLD_LIBRARY = "8.10.4.0"
MAX_DEPTH = 4


class AppFolderError(ValueError):
    """A folder holds no app, or one that the emulator cannot run; the text names the folder and the reason."""


@dataclass(slots=True)
class AppFolder:
    """One app: what its folder says, and its own code."""

    org: str
    app: str
    folder: Path
    metadata: dict[str, Any]
    types: dict[str, DataType]
    process: Process
    process_text: str
    policy: Policy
    behaviour: AppBehaviour
    library: int
    models: dict[str, FormModel] = field(default_factory=dict)
    annotations: dict[str, list[Annotation]] = field(default_factory=dict)
    schemas: dict[str, str] = field(default_factory=dict)
    regimes: frozenset[str] = frozenset()
    """Faults that hold for the whole app at present, by name."""

    @property
    def version(self) -> str:
        """The version of the app library, as the metadata tells it."""
        return OLD_LIBRARY if "library_8_10" in self.regimes else VERSIONS[self.library]

    @property
    def takes_lock(self) -> bool:
        """Whether `process/next` takes Storage's lock of the instance; libraries before 8.11 do not."""
        return "library_8_10" not in self.regimes

    @property
    def id(self) -> str:
        """`org/app`."""
        return f"{self.org}/{self.app}"


def _first(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _json(path: Path) -> Any:
    try:
        return loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError as exc:
        raise AppFolderError(f"{path} is not JSON: {exc}") from exc


def _roots(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Yield the folders at or below `folder` that hold an app."""
    metadata = ("config/applicationmetadata.json", "App/config/applicationmetadata.json", "applicationmetadata.json")
    if _first(folder, *metadata):
        yield folder / "App" if (folder / "App" / "config").is_dir() else folder
    elif depth < MAX_DEPTH:
        for child in sorted(p for p in folder.iterdir() if p.is_dir()):
            yield from _roots(child, depth + 1)


def load_apps(folders: Iterable[Path], settings: Settings, library: int) -> dict[str, AppFolder]:
    """Read every app at or below the folders.

    :param library: version of the app library for apps whose folder does not say.
    :raises AppFolderError: a folder without an app, or an app that cannot be run.
    """
    apps: dict[str, AppFolder] = {}
    for folder in folders:
        roots = list(_roots(folder)) if folder.is_dir() else []
        if not roots:
            raise AppFolderError(f"{folder}: no app here; an app has config/applicationmetadata.json")
        for root in roots:
            app = load_app(root, settings, library)
            apps[app.id.lower()] = app
    return apps


def load_app(root: Path, settings: Settings, library: int) -> AppFolder:
    """Read one app's folder.

    :raises AppFolderError: with the reason why the app cannot be run.
    """
    try:
        return _load(root, settings, library)
    except (MetadataError, ProcessError, PolicyError, FormSchemaError, json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise AppFolderError(f"{root}: {exc}") from exc


def _load(root: Path, settings: Settings, library: int) -> AppFolder:
    found = _first(root, "config/applicationmetadata.json", "applicationmetadata.json")
    process_file = _first(root, "config/process/process.bpmn", "process.bpmn")
    if found is None or process_file is None:
        raise AppFolderError(
            f"{root}: {'config/process/process.bpmn' if found else 'config/applicationmetadata.json'} is missing"
        )
    document = _json(found)
    org, name = app_id(document)
    process_text = process_file.read_text("utf-8-sig")
    process = parse_process(process_text)
    policy_file = _first(root, "config/authorization/policy.xml", "policy.xml")
    policy = parse_policy(policy_file.read_text("utf-8-sig")) if policy_file else template_policy(org, name, process)
    options = _options(root)
    app = AppFolder(
        org=org,
        app=name,
        folder=root,
        metadata=document,
        types=data_types(document),
        process=process,
        process_text=process_text,
        policy=policy,
        behaviour=_behaviour(root, settings),
        library=options.get("appLibrary", library),
    )
    _load_models(app, root / "models" if (root / "models").is_dir() else root)
    return app


def _options(root: Path) -> dict[str, Any]:
    path = root / "emulator.json"
    if not path.is_file():
        return {}
    options = _json(path)
    if not isinstance(options, dict) or options.get("appLibrary", 8) not in LIBRARIES:
        raise AppFolderError(f'{path}: "appLibrary" must be one of {", ".join(map(str, LIBRARIES))}')
    return options


def _behaviour(root: Path, settings: Settings) -> AppBehaviour:
    path = root / "behaviour.py"
    if not path.is_file():
        return AppBehaviour(settings)
    name = "altinn_emulated_" + "".join(c if c.isalnum() else "_" for c in str(root))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AppFolderError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as exc:
        raise AppFolderError(f"{path} cannot be loaded: {exc!r}") from exc
    behaviour = getattr(module, "Behaviour", None)
    if not isinstance(behaviour, type) or not issubclass(behaviour, AppBehaviour):
        raise AppFolderError(f"{path}: needs a class named Behaviour, derived from AppBehaviour")
    return behaviour(settings)


def _load_models(app: AppFolder, folder: Path) -> None:
    for path in sorted(folder.glob("*.schema.json")):
        app.schemas[path.name.removesuffix(".schema.json")] = path.read_text("utf-8-sig")
    schemas = sorted(folder.glob("*.xsd"))
    for data_type in app.types.values():
        if not data_type.is_form:
            continue
        last = (data_type.class_ref or "").rpartition(".")[2]
        named = [p for stem in (data_type.id, last) for p in schemas if p.stem.lower() == stem.lower()]
        chosen = named[0] if named else (schemas[0] if len(schemas) == 1 else None)
        if chosen is None:
            LOG.warning("%s: no XSD for data type %s: its forms are answered with 501", app.id, data_type.id)
            continue
        app.models[data_type.id] = load_form_model(chosen, last)
        schema = app.schemas.get(chosen.stem) or app.schemas.get(data_type.id)
        app.annotations[data_type.id] = read_annotations(json.loads(schema)) if schema else []

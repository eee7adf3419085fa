"""Fetch documents of an instance: a prefilled form, receipts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from altinn.documents import HashedFile, opened, safe_file_name, storage_path
from altinn.exceptions import AltinnAnswerError, AltinnInputError, AltinnNotFoundError, Problem
from altinn.operators.altinn_operator import AltinnInstanceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from altinn.hooks.altinn_hook import AltinnHook
    from altinn.protocol.identifiers import InstanceId
    from altinn.protocol.model import DataElement


class AltinnDownloadDataOperator(AltinnInstanceOperator):
    """Download every element of the named data types into a folder.

    Only reads, so it is safe to retry; a file is written under a temporary name and renamed when it is whole. Names
    come from the server, so they are made plain file names, and no two files get the same one.

    :param data_types: data type ids; each must have at least one element unless `missing_ok`.
    :param folder: a local folder or anything ObjectStoragePath knows.
    :param accept: the form's wanted format, for example "application/xml"; files come as they are.
    :param missing_ok: accept that a data type has no element.
    :return: list of {"data_type", "file_name", "path", "size", "sha256", "element_id", "content_type"}.
    """

    template_fields: Sequence[str] = (*AltinnInstanceOperator.template_fields, "data_types", "folder")

    def __init__(
        self,
        *,
        data_types: Sequence[str],
        folder: str,
        accept: str = "*/*",
        missing_ok: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_types = data_types
        self.folder = folder
        self.accept = accept
        self.missing_ok = missing_ok

    def execute(self, context: Context) -> list[dict[str, str | int]]:
        """Download and return what was written."""
        instance_id = self.checked_instance_id(context)
        wanted = [self.data_types] if isinstance(self.data_types, str) else list(self.data_types)
        if not wanted:
            raise AltinnInputError("data_types is empty: name what to download")
        instance = self.hook.run(self.hook.session.perform(self.hook.storage.get_instance(instance_id)))
        folder = storage_path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        files: list[dict[str, str | int]] = []
        taken: set[str] = set()
        for data_type in wanted:
            elements = instance.of_type(data_type)
            if not elements and not self.missing_ok:
                there = ", ".join(sorted({e.data_type for e in instance.elements})) or "nothing"
                raise AltinnNotFoundError(
                    f"download of {data_type} from {instance_id}", Problem(404), f"the instance has: {there}"
                )
            files += [
                fetch_element(self.hook, self.app, instance_id, element, free_name(element, taken), folder, self.accept)
                for element in elements
            ]
        return files


def fetch_element(
    hook: AltinnHook,
    app: str,
    instance_id: InstanceId,
    element: DataElement,
    name: str,
    folder: ObjectStoragePath,
    accept: str = "*/*",
) -> dict[str, str | int]:
    """Download one element into a folder, under a temporary name until it is whole.

    :param name: the file's name there.
    :return: {"data_type", "file_name", "path", "size", "sha256", "element_id", "content_type"}.
    """
    target, partial = folder / name, folder / f".{name}.partial"
    sinks: list[HashedFile] = []

    def sink() -> BinaryIO:
        sinks.append(HashedFile(opened(partial, "wb")))
        return cast("BinaryIO", sinks[-1])

    call = hook.app(app).read_data(instance_id, element.id, accept=accept, sink=sink)
    hook.run(hook.session.perform(call))
    if not sinks[-1].size:
        raise AltinnAnswerError(f"{element.data_type} {element.id} of {instance_id} came back empty")
    partial.replace(target)
    size, digest = sinks[-1].size, sinks[-1].sha256.hexdigest()
    hook.log.info("%s: %s bytes to %s, SHA-256 %s", element.data_type, size, target, digest)
    return {
        "data_type": element.data_type,
        "file_name": name,
        "path": str(target),
        "size": size,
        "sha256": digest,
        "element_id": element.id,
        "content_type": element.content_type,
    }


def free_name(element: DataElement, taken: set[str]) -> str:
    """Return a plain file name that no other file of this task has, whatever file systems make of case."""
    plain = safe_file_name(element.file_name, f"{element.data_type}{_extension(element.content_type)}")
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{number}-{plain}"
    taken.add(name.casefold())
    return name


def _extension(content_type: str) -> str:
    known = {"application/xml": ".xml", "text/xml": ".xml", "application/pdf": ".pdf", "application/json": ".json"}
    return known.get(content_type.split(";")[0].strip().lower(), ".bin")

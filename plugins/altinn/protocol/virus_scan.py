"""Wait for Altinn's virus scan of what was uploaded."""

from __future__ import annotations

from collections.abc import Callable, Collection

from altinn.exceptions import AltinnDocumentError, AltinnTimeoutError, Issue
from altinn.protocol.identifiers import InstanceId
from altinn.protocol.model import DataElement, Instance
from altinn.protocol.wire import Flow, Sleep

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 15.0


def await_scan(
    instance_id: InstanceId, read: Callable[[], Flow[Instance]], element_ids: Collection[str], timeout: float
) -> Flow[None]:
    """Read the instance until none of the elements waits for its scan.

    :param read: reads the instance anew.
    :param timeout: seconds.
    :raises AltinnDocumentError: the scan refused a file.
    :raises AltinnTimeoutError: the scan did not end in time.
    """
    waited, pause = 0.0, _FIRST_PAUSE
    while True:
        instance = yield from read()
        elements = [e for e in instance.elements if e.id in element_ids]
        _refuse_infected(instance_id, [e for e in elements if e.file_scan == "Infected"])
        pending = [e for e in elements if e.file_scan == "Pending"]
        if not pending:
            return
        if waited >= timeout:
            raise AltinnTimeoutError(f"{instance_id}: {len(pending)} file(s) not scanned after {waited:.0f} s")
        yield Sleep(pause, f"virus scan of {len(pending)} file(s)")
        waited += pause
        pause = min(pause * 2, _LONGEST_PAUSE)


def _refuse_infected(instance_id: InstanceId, infected: list[DataElement]) -> None:
    if not infected:
        return
    issues = [
        Issue("error", "DataElementFileInfected", e.file_name, "Altinn's virus scan refused it", "altinn")
        for e in infected
    ]
    names = ", ".join(e.file_name or e.data_type for e in infected)
    raise AltinnDocumentError(f"{instance_id}: the virus scan refused {names}: replace the file", issues)

"""End a check that would go on for ever: Python's patterns can take exponential time on one value."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from altinn.exceptions import AltinnDocumentError, Issue

_LEAST = 60.0
_FOR_EACH_MEGABYTE = 10.0


def time_limit_for(size: int) -> float:
    """Return the seconds of processor time that a check of so many bytes may take; the slow engine needs a tenth."""
    return _LEAST + _FOR_EACH_MEGABYTE * size / 1e6


@contextmanager
def limited_time(seconds: float) -> Iterator[None]:
    """Refuse the document when what is done here takes more processor time.

    Works where signals do: in the main thread, which is where tasks and commands run. Processor time, because its
    timer is not the one that Airflow's `execution_timeout` uses, and because a busy machine should change no verdict.

    :raises AltinnDocumentError: with the code "refused-time".
    """

    def stop(*_signal: object) -> NoReturn:
        text = (
            f"the check was stopped after {seconds:.0f} s of processor time: a pattern in the schema probably takes "
            "for ever on one of the document's values; simplify patterns such as (a+)+"
        )
        raise AltinnDocumentError(text, (Issue("error", "refused-time", "", text, "schema"),))

    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before or signal.SIG_DFL)  # None: not set from Python.

"""What an app's own code does: the interface of the small Python file beside an app's folders.

A real app's repository holds configuration (`config/`, `models/`) and C#. The emulator reads the configuration as it
is; what the C# does is said in `behaviour.py` beside those folders: a class named `Behaviour`, derived from
`AppBehaviour`. Every hook has a default that does nothing, as an app without code of its own would.

    from altinn.emulator.behaviour import AppBehaviour, Case, Finding

    class Behaviour(AppBehaviour):
        def validate_form(self, case, data_type, form):
            if form.get("total", "") == "0":
                yield Finding("total", "total.zero", "total cannot be zero")

        def on_task_start(self, case, task_id):
            if task_id == "Task_3":
                case.schedule("assess", self.settings.authority_delay)

        def on_due(self, case, what):
            case.add_element("receipt", b"...", "application/pdf", "receipt.pdf")
            case.set_outcome("accepted")
            case.move_on()

Forms are plain values: a dict of fields in the order of the XSD, a list where a field repeats, a string for a leaf;
absent fields are not in the dict. Times are the emulator's own (`case.now`): `POST /_emulator/clock` moves them.
Hooks run inside the request that caused them, one at a time; they must not block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

ERROR, WARNING, INFORMATION, FIXED, SUCCESS = 1, 2, 3, 4, 5

Form = dict[str, Any]


class HookFailure(Exception):
    """Raised by a hook that cannot do its work.

    A version 8 app answers 500; in version 9 the workflow engine stops for good, or tries again by itself.

    :param retryable: version 9 only: try again.
    """

    def __init__(self, text: str, retryable: bool = False) -> None:
        super().__init__(text)
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Finding:
    """One validation issue.

    :param field: path in the form, None when the finding is about a whole element or task.
    :param code: machine-readable kind.
    :param description: for people.
    :param severity: Altinn's number, 1 (error, the only one that blocks) to 5.
    """

    field: str | None
    code: str
    description: str
    severity: int = ERROR


@dataclass(frozen=True, slots=True)
class Element:
    """A data element of an instance, as an app sees it."""

    id: str
    data_type: str
    content_type: str
    filename: str | None
    size: int
    created_by: str
    locked: bool


@dataclass(frozen=True, slots=True)
class Owner:
    """The party that an instance belongs to."""

    party_id: int
    name: str
    organisation_number: str | None
    person_number: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that stops what was asked: status, title and detail of a problem+json body.

    :param text: when set, the answer's body is this text instead (authorities' apps differ).
    """

    status: int
    title: str
    detail: str
    text: str | None = None
    content_type: str = "text/plain; charset=utf-8"


class TheInstance:
    """Stands for the instance as `GET instance` shows it to the caller."""


THE_INSTANCE = TheInstance()


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer of an extra route; `body` is JSON unless it is bytes or `THE_INSTANCE`."""

    status: int
    body: Any
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ExtraRoute:
    """A path of the app's own below an instance, such as `feedback/status`; needs the right `action` ("read").

    :param handler: gives the answer, or None for "not yet": the request waits, and the handler is asked again.
    """

    method: str
    path: str
    handler: Callable[[Case], Reply | None]
    action: str = "read"


@dataclass(frozen=True, slots=True)
class ServiceResult:
    """How a service task went (`process/next` runs it on the way).

    :param ok: False stops the process at the task.
    :param retryable: version 9 only: the engine tries again by itself instead of failing for good.
    :param move_on: version 9 only: False parks the process on the task.
    :param waiting_reason: version 9 only: the reason shown while the task waits.
    :param busy: version 9 only: the task is still at work, and is asked again later.
    """

    ok: bool = True
    retryable: bool = False
    move_on: bool = True
    waiting_reason: str | None = None
    busy: bool = False
    exception: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the emulator was started with, as far as a behaviour may want it.

    :param authority_delay: simulated seconds that an authority takes before it answers.
    :param ending_delay: simulated seconds from the answer to the end of the process, where the two are apart.
    """

    authority_delay: float = 0.0
    ending_delay: float = 0.0


class Case(Protocol):
    """One instance in the hands of the app's own code, which acts as the service owner."""

    @property
    def now(self) -> datetime:
        """Simulated time, in UTC."""

    @property
    def owner(self) -> Owner:
        """The party that the instance belongs to."""

    @property
    def instance_id(self) -> str:
        """`{party}/{guid}`."""

    @property
    def task_id(self) -> str | None:
        """The current task, None when the process has ended."""

    @property
    def data_values(self) -> Mapping[str, str]:
        """The instance's data values."""

    @property
    def submitted_by(self) -> str:
        """Who last changed the instance: a user id or an organisation number."""

    def elements(self, data_type: str | None = None) -> Sequence[Element]:
        """Return the data elements, oldest first, of one type when named."""

    def content(self, element_id: str) -> bytes:
        """Return the stored bytes of an element."""

    def form(self, data_type: str) -> Form | None:
        """Return the first form of a type, None when there is none."""

    def add_element(self, data_type: str, content: bytes, content_type: str, filename: str | None) -> str:
        """Store a new element as the service owner and return its id."""

    def set_data_values(self, values: Mapping[str, str]) -> None:
        """Merge values into the instance's data values."""

    def set_substatus(self, label: str, description: str) -> None:
        """Set the sub-status that the sender sees."""

    def set_outcome(self, outcome: str) -> None:
        """Write down how the authority judged the filing ("accepted", "rejected" ...); `GET /_emulator/filings`."""

    def confirm_completion(self) -> None:
        """Say that the owner has fetched what it needs (complete confirmation)."""

    def move_on(self, action: str | None = None) -> None:
        """Move the process to its next element as the service owner; does nothing when it has ended."""

    def schedule(self, what: str, after_seconds: float) -> None:
        """Call `on_due(case, what)` once that many simulated seconds have passed; survives a restart."""


class AppBehaviour:
    """An app's own code; every hook may be overridden."""

    #: .NET name of the class that validates forms; with the data type behind it, it is an issue's `source`.
    validator_name = "Altinn.App.logic.ModelValidator"
    #: False for an app whose rights nobody can delegate to a system user.
    accepts_system_users = True
    #: Actions that no system user may be given, such as signing.
    refused_to_system_users: frozenset[str] = frozenset()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def validate_form(self, case: Case, data_type: str, form: Form) -> Iterable[Finding]:
        """Judge a form, when its task is validated or ended."""
        return ()

    def validate_task(self, case: Case, task_id: str) -> Iterable[Finding]:
        """Judge the instance as a whole, when a task is validated or ended."""
        return ()

    def validate_file(self, case: Case, data_type: str, filename: str, content: bytes) -> Iterable[Finding]:
        """Judge a file when it is uploaded; an error refuses it."""
        return ()

    def validate_instantiation(self, owner: Owner, data_values: Mapping[str, str]) -> str | None:
        """Return why this party may not create an instance now, or None."""
        return None

    def create_form(self, owner: Owner, data_type: str, form: Form) -> None:
        """Fill in (prefill) a form that is created automatically."""

    def calculate(self, case: Case, data_type: str, form: Form) -> None:
        """Change a form that is written; what changed is told to the client."""

    def before_next(self, case: Case, task_id: str, action: str | None) -> Refusal | None:
        """Refuse to leave a task, after validation and before anything is changed."""
        return None

    def on_task_start(self, case: Case, task_id: str) -> None:
        """Act when the process has entered a task."""

    def on_task_end(self, case: Case, task_id: str) -> None:
        """Act when the process leaves a task."""

    def on_process_end(self, case: Case) -> None:
        """Act when the process has ended."""

    def choose_at_gateway(
        self, case: Case, gateway: str, targets: Sequence[str], action: str | None
    ) -> Sequence[str] | None:
        """Return those of the elements after a gateway to which the process may go; None when its conditions decide."""
        return None

    def run_service_task(self, case: Case, task_id: str, task_type: str) -> ServiceResult:
        """Do the work of a service task."""
        return ServiceResult()

    def on_due(self, case: Case, what: str) -> None:
        """Do scheduled work: the authority's assessment, a deadline."""

    def decide(self, case: Case, accepted: bool, codes: Sequence[str]) -> None:
        """Answer a filing as its authority, told so by `POST /_emulator/instances/{party}/{guid}/decide`.

        :param codes: what is wrong, each as "code: words".
        """
        case.set_substatus("Mottatt" if accepted else "Avvist", "; ".join(codes))
        case.set_outcome("accepted" if accepted else "rejected")
        case.move_on()
        if accepted:
            case.confirm_completion()

    def routes(self) -> Sequence[ExtraRoute]:
        """Name the app's own paths below an instance."""
        return ()

"""What a schedule says, how schedules are drawn, and which of them lie outside what is promised."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

SETTLE = 30.0
DELAYS = (0.0, 0.0, 0.01, 0.05, 1.0, 7.0, 40.0, 200.0)
"""Seconds between two steps of a client."""

CREATE, NEXT, QUERY = ("POST", r"/instances$"), ("PUT", r"/process/next$"), ("GET", r"/storage/api/v1/instances$")
UPLOAD, FORM = ("POST", r"/data$"), ("PUT", r"/data/[0-9a-f-]{36}$")
PROCESS, HISTORY, READ = ("GET", r"/process$"), ("GET", r"/history$"), ("GET", r"/storage/api/v1/instances/\d+/")
DOWNLOAD = ("GET", r"/data/[0-9a-f-]{36}$")
ANY = ("*", r"/instances")

WIRE = (
    "reset_before_body",
    "reset_in_request_body",
    "timeout_before",
    "500",
    "502",
    "503",
    "504",
    "429",
    "html_before",
    "token_expired",
    "403",
    "404",
    "answer_lost",
    "reset_in_body",
    "timeout",
    "slow_answer",
    "truncated_json",
    "html",
    "401_after_commit",
    "500_after_commit",
    "503_after_commit",
    "504_after_commit",
    "late_duplicate",
    "stuck_in_proxy",
)
CREATING = ("creation_slow", "creation_cleanup", "created_earlier", "query_lag")
PUSHING = (
    "409_lock",
    "409_validation",
    "409_ended",
    "409_empty",
    "409_string",
    "409_xml",
    "service_task_failed",
    "lock_held",
    "lock_race",
)
ASKING = ("empty_page", "rows_move")
PERSON = (
    "person_edits",
    "person_adds_file",
    "person_removes_file",
    "person_deletes",
    "person_pushes",
    "person_confirms",
    "person_files",
)
REGIMES = ("small_pages", "rights_not_split", "library_8_10", "version_9", "task_removed", "no_read_after_end")
LAGS = frozenset({"created_earlier", "query_lag"})


@dataclass(frozen=True)
class Strike:
    """One fault: which request it strikes, counted over all clients, and for how long it lasts."""

    where: tuple[str, str]
    fault: str
    occurrence: int = 1
    seconds: float = 5.0


@dataclass(frozen=True)
class Disturbance:
    """What befalls the process of a task.

    :param kind: "kill": the process is gone, and a retry comes; "orphan": it stops for `seconds` and then goes on,
        while a retry has begun meanwhile; "pause": it stops, and nobody notices; "mark": it stops, a user marks the
        task as failed, and the process goes on.
    :param step: before which of the client's requests, counted from 0 over all its tasks.
    :param sent: that request has left already.
    :param where: counts only requests of this method to this path; every one when left out.
    """

    kind: str
    step: int
    seconds: float = 60.0
    sent: bool = False
    where: tuple[str, str] = ANY


@dataclass(frozen=True)
class Plan:
    """One client: when it begins, what befalls it, and how often somebody clears its run afterwards."""

    start: float = 0.0
    disturbances: tuple[Disturbance, ...] = ()
    clears: int = 0


@dataclass(frozen=True)
class Schedule:
    """Everything that may differ between two runs.

    :param delays: indexes into DELAYS, used up one by one by whatever client makes its next step.
    :param regimes: what holds for the app from the beginning.
    """

    plans: tuple[Plan, ...] = (Plan(),)
    strikes: tuple[Strike, ...] = ()
    delays: tuple[int, ...] = ()
    regimes: frozenset[str] = field(default_factory=frozenset)
    seed: int = 0

    @property
    def outside(self) -> str:
        """Why the schedule lies outside what is promised; empty when it does not."""
        if any(s.fault in LAGS and s.seconds > SETTLE for s in self.strikes):
            return "a creation shows later than settle"
        if "no_read_after_end" in self.regimes:
            return "what was delivered cannot be seen by its sender"
        return ""

    def __str__(self) -> str:
        told = [_of_plan(number, plan) for number, plan in enumerate(self.plans, 1)]
        told += [f"{s.fault} at {s.where[0]} {s.where[1]} no. {s.occurrence} ({s.seconds:g} s)" for s in self.strikes]
        told += sorted(self.regimes)
        delays = [f"{DELAYS[d]:g}" for d in self.delays]
        return "; ".join([*told, *([f"steps after {' '.join(delays)} s"] if any(self.delays) else [])])


def _of_plan(number: int, plan: Plan) -> str:
    parts = [f"client {number} at {plan.start:g} s"]
    for one in plan.disturbances:
        request = "request" if one.where == ANY else " ".join(one.where)
        place = f"{'in' if one.sent else 'before'} {request} no. {one.step + 1}"
        parts.append(f"{one.kind} {place}" + (f" for {one.seconds:g} s" if one.kind != "kill" else ""))
    if plan.clears:
        parts.append(f"cleared {plan.clears} times")
    return ", ".join(parts)


def strikes() -> st.SearchStrategy[Strike]:
    """Draw one fault with a request that it can strike."""
    seconds = st.sampled_from((1.0, 5.0, 20.0, 29.0, 45.0, 120.0, 700.0))
    often = st.integers(1, 6)

    def at(places: tuple[tuple[str, str], ...], faults: tuple[str, ...]) -> st.SearchStrategy[Strike]:
        return st.builds(Strike, st.sampled_from(places), st.sampled_from(faults), often, seconds)

    everywhere = (CREATE, NEXT, NEXT, QUERY, UPLOAD, FORM, PROCESS, HISTORY, READ, DOWNLOAD)
    return st.one_of(
        at(everywhere, WIRE),
        at((CREATE,), CREATING),
        at((CREATE, NEXT), ("answer_lost", "timeout", "late_duplicate", "stuck_in_proxy", "504_after_commit")),
        at((NEXT,), PUSHING),
        at((QUERY,), ASKING),
        at((CREATE, QUERY, PROCESS, READ, NEXT, FORM), PERSON),
    )


def plans() -> st.SearchStrategy[Plan]:
    """Draw one client."""
    kind = st.sampled_from(("kill", "kill", "orphan", "pause", "mark"))
    seconds = st.sampled_from((1.0, 10.0, 60.0, 300.0, 2000.0))
    disturbance = st.one_of(
        st.builds(Disturbance, kind, st.integers(0, 45), seconds, st.booleans()),
        st.builds(Disturbance, kind, st.integers(0, 1), seconds, st.booleans(), st.sampled_from((CREATE, NEXT, FORM))),
    )
    start = st.sampled_from((0.0, 0.0, 0.005, 0.02, 0.1, 2.0, 10.0, 40.0, 300.0, 2000.0))
    return st.builds(Plan, start, st.lists(disturbance, max_size=2).map(tuple), st.sampled_from((0, 0, 0, 1, 2)))


def schedules() -> st.SearchStrategy[Schedule]:
    """Draw a schedule: half of them of anything, half of them where the rules are known to be hard pressed."""
    pressed = (contested(), overtaken(), unseen(), unfinished(), replaced(), meddled(), paged(), moving(), calm())
    return st.one_of(*(anything() for _ in pressed), *pressed)


def _delays() -> st.SearchStrategy[tuple[int, ...]]:
    index = st.integers(0, len(DELAYS) - 1)
    return st.one_of(st.just(()), st.lists(index, max_size=80), st.lists(index, min_size=40, max_size=80)).map(tuple)


def paused(where: tuple[str, str], number: int, seconds: float) -> tuple[Disturbance, ...]:
    """Let a process stop before a request, counted from 0, without anybody noticing."""
    return (Disturbance("pause", number, seconds, where=where),)


def _without_delays(
    plans: st.SearchStrategy[tuple[Plan, ...]],
    strikes: st.SearchStrategy[tuple[Strike, ...]],
    regimes: frozenset[str] = frozenset(),
) -> st.SearchStrategy[Schedule]:
    """Draw schedules of which only clients and faults are drawn."""
    return st.builds(Schedule, plans, strikes, st.just(()), st.just(regimes), st.integers(0, 7))


def anything() -> st.SearchStrategy[Schedule]:
    """Draw clients, faults and regimes without a plan."""
    none: frozenset[str] = frozenset()
    regimes = st.one_of(st.just(none), st.frozensets(st.sampled_from(REGIMES), max_size=2))
    return st.builds(
        Schedule,
        st.lists(plans(), min_size=1, max_size=3).map(tuple),
        st.lists(strikes(), max_size=4).map(tuple),
        _delays(),
        regimes,
        st.integers(0, 7),
    )


def contested() -> st.SearchStrategy[Schedule]:
    """Draw clients that begin together, with creations that do not show in the order in which they were made."""
    start = st.sampled_from((0.0, 0.0, 0.005, 0.02, 2.0, 2.0, 25.0))
    strike = st.builds(
        Strike,
        st.just(CREATE),
        st.sampled_from(CREATING),
        st.integers(1, 3),
        st.sampled_from((5.0, 20.0, 29.0, 45.0, 120.0, 700.0)),
    )
    places = ((CREATE, 0, 40.0), (CREATE, 0, 300.0), (NEXT, 0, 300.0), (NEXT, 1, 40.0), (NEXT, 1, 300.0))
    pauses = [(Disturbance("pause", number, seconds, where=where),) for where, number, seconds in places]
    clients = st.builds(Plan, start, st.sampled_from(((), *pauses)), st.sampled_from((0, 0, 1)))
    return st.builds(
        Schedule,
        st.lists(clients, min_size=2, max_size=3).map(tuple),
        st.lists(strike, max_size=1).map(tuple),
        st.one_of(st.just(()), st.just(()), _delays()),
        st.just(frozenset()),
        st.integers(0, 7),
    )


def unseen() -> st.SearchStrategy[Schedule]:
    """Draw a client whose creation shows late, within `settle`, and another one whose push waits meanwhile."""
    late = st.builds(
        Strike,
        st.just(CREATE),
        st.sampled_from(("created_earlier", "created_earlier", "query_lag")),
        st.sampled_from((1, 1, 1, 2)),
        st.sampled_from((20.0, 29.0)),
    )
    pauses = st.builds(
        Disturbance, st.just("pause"), st.integers(0, 1), st.sampled_from((40.0, 300.0)), where=st.just(NEXT)
    )
    first = st.builds(Plan, st.sampled_from((0.0, 0.005)))
    second = st.builds(Plan, st.sampled_from((0.005, 2.0, 2.0)), pauses.map(lambda one: (one,)))
    return _without_delays(
        st.tuples(first, second),
        late.map(lambda one: (one,)),
    )


def unfinished() -> st.SearchStrategy[Schedule]:
    """Draw clients that come while the first creation is still under way, or breaks off and cleans up after itself."""
    strike = st.builds(
        Strike,
        st.just(CREATE),
        st.sampled_from(("creation_cleanup", "creation_cleanup", "creation_slow")),
        st.just(1),
        st.sampled_from((20.0, 120.0, 700.0, 700.0)),
    )
    starts = st.lists(st.sampled_from((0.005, 2.0, 25.0, 40.0)), max_size=2)
    return _without_delays(
        starts.map(lambda others: (Plan(), *(Plan(start) for start in others))),
        strike.map(lambda one: (one,)),
    )


def overtaken() -> st.SearchStrategy[Schedule]:
    """Draw a client that has looked and creates only after the other one's last look, before its last push."""
    return _without_delays(
        st.builds(
            lambda number, begin, long: (
                Plan(disturbances=paused(NEXT, number, long)),
                Plan(begin, paused(CREATE, 0, 40.0)),
            ),
            st.sampled_from((0, 1, 1)),
            st.sampled_from((0.005, 0.02)),
            st.sampled_from((60.0, 300.0)),
        ),
        st.just(()),
    )


def replaced() -> st.SearchStrategy[Schedule]:
    """Draw a client of which a process stops, and goes on when a retry has begun or a user has given the task up."""
    one = st.builds(
        Disturbance,
        st.sampled_from(("orphan", "mark")),
        st.integers(0, 1),
        st.sampled_from((1.0, 60.0, 300.0)),
        st.booleans(),
        st.sampled_from((PROCESS, NEXT, CREATE, READ)),
    )
    return _without_delays(
        st.lists(one, min_size=1, max_size=2).map(lambda all_of_them: (Plan(disturbances=tuple(all_of_them)),)),
        st.just(()),
    )


def meddled() -> st.SearchStrategy[Schedule]:
    """Draw a single client, and a person who does something to its draft at the moment of one of its requests."""
    places, numbers = st.sampled_from((PROCESS, PROCESS, READ, QUERY, NEXT)), st.sampled_from((1, 2, 2, 3, 4, 4, 5))
    meddling = st.builds(Strike, places, st.sampled_from(PERSON), numbers, st.just(1.0))
    return _without_delays(
        st.builds(Plan, st.just(0.0), st.just(()), st.sampled_from((0, 0, 1))).map(lambda plan: (plan,)),
        st.lists(meddling, min_size=1, max_size=2).map(tuple),
    )


def paged() -> st.SearchStrategy[Schedule]:
    """Draw clients whose queries have several pages, with rows that move and pages that are empty."""
    strike = st.builds(Strike, st.just(QUERY), st.sampled_from(("rows_move", *ASKING)), st.integers(1, 20))
    start = st.sampled_from((0.0, 0.005, 0.02, 2.0, 40.0, 300.0))
    clients = st.builds(Plan, start, st.just(()), st.sampled_from((0, 0, 1)))
    return st.builds(
        Schedule,
        st.lists(clients, min_size=2, max_size=3).map(tuple),
        st.lists(strike, max_size=4).map(tuple),
        _delays(),
        st.just(frozenset({"small_pages"})),
        st.integers(0, 7),
    )


def moving() -> st.SearchStrategy[Schedule]:
    """Draw clients of which one comes late, and rows that move while somebody reads page after page."""
    numbers = st.sets(st.integers(8, 29), min_size=3, max_size=9)
    return _without_delays(
        st.sampled_from((40.0, 300.0)).map(lambda third: (Plan(), Plan(0.005), Plan(third))),
        numbers.map(lambda drawn: tuple(Strike(QUERY, "rows_move", number) for number in sorted(drawn))),
        frozenset({"small_pages"}),
    )


def calm() -> st.SearchStrategy[Schedule]:
    """Draw a single client of an app whose rights are not split, with pushes whose answers are not what they seem."""
    seconds = st.sampled_from((1.0, 20.0, 200.0))
    after = [fault for fault in WIRE if fault not in ("late_duplicate", "stuck_in_proxy", "token_expired")]
    strike = st.builds(
        Strike, st.just(NEXT), st.sampled_from((*after, *PUSHING[:-1])), st.sampled_from((1, 1, 1, 2, 2, 3, 4)), seconds
    )
    return st.builds(
        Schedule,
        st.builds(Plan, st.just(0.0), st.just(()), st.sampled_from((0, 0, 1))).map(lambda plan: (plan,)),
        st.lists(strike, min_size=1, max_size=3).map(tuple),
        _delays(),
        st.just(frozenset({"rights_not_split"})),
        st.integers(0, 7),
    )

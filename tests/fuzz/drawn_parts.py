"""What schedules are drawn from: faults, clients, and both without a plan."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.schedules import (
    ASKING,
    CREATE,
    CREATING,
    DELAYS,
    DOWNLOAD,
    FORM,
    HISTORY,
    LOCK,
    LOCKING,
    NEXT,
    PERSON,
    PROCESS,
    PUSHING,
    QUERY,
    READ,
    REGIMES,
    RESUME,
    UPLOAD,
    WIRE,
    Disturbance,
    Plan,
    Schedule,
    Strike,
)


def strikes() -> st.SearchStrategy[Strike]:
    """Draw one fault with a request that it can strike."""
    seconds = st.sampled_from((1.0, 5.0, 20.0, 29.0, 45.0, 120.0, 700.0))
    often = st.integers(1, 6)

    def at(places: tuple[tuple[str, str], ...], faults: tuple[str, ...]) -> st.SearchStrategy[Strike]:
        return st.builds(Strike, st.sampled_from(places), st.sampled_from(faults), often, seconds)

    everywhere = (CREATE, NEXT, NEXT, RESUME, QUERY, UPLOAD, FORM, PROCESS, HISTORY, READ, DOWNLOAD)
    return st.one_of(
        at(everywhere, WIRE),
        at((CREATE,), CREATING),
        at((CREATE, NEXT), ("answer_lost", "timeout", "late_duplicate", "stuck_in_proxy", "504_after_commit")),
        at((NEXT,), PUSHING),
        at((QUERY,), ASKING),
        at((LOCK,), LOCKING),
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
    return st.builds(
        Plan,
        start,
        st.lists(disturbance, max_size=2).map(tuple),
        st.sampled_from((0, 0, 0, 1, 2)),
        lock=st.sampled_from((False, False, False, True)),
    )


def delays() -> st.SearchStrategy[tuple[int, ...]]:
    index = st.integers(0, len(DELAYS) - 1)
    return st.one_of(st.just(()), st.lists(index, max_size=80), st.lists(index, min_size=40, max_size=80)).map(tuple)


def without_delays(
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
        delays(),
        regimes,
        st.integers(0, 7),
    )

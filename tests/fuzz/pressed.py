"""Schedules in which rules are known to be hard pressed: clients at once, lost pushes, people, moving pages."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.drawn_parts import delays, without_delays
from tests.fuzz.schedules import (
    ASKING,
    CREATE,
    CREATING,
    NEXT,
    PERSON,
    PROCESS,
    PUSHING,
    QUERY,
    READ,
    WIRE,
    Disturbance,
    Plan,
    Schedule,
    Strike,
    paused,
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
        st.one_of(st.just(()), st.just(()), delays()),
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
    return without_delays(
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
    return without_delays(
        starts.map(lambda others: (Plan(), *(Plan(start) for start in others))),
        strike.map(lambda one: (one,)),
    )


def overtaken() -> st.SearchStrategy[Schedule]:
    """Draw a client that has looked and creates only after the other one's last look, before its last push."""
    return without_delays(
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
    return without_delays(
        st.lists(one, min_size=1, max_size=2).map(lambda all_of_them: (Plan(disturbances=tuple(all_of_them)),)),
        st.just(()),
    )


def meddled() -> st.SearchStrategy[Schedule]:
    """Draw a single client, and a person who does something to its draft at the moment of one of its requests."""
    places, numbers = st.sampled_from((PROCESS, PROCESS, READ, QUERY, NEXT)), st.sampled_from((1, 2, 2, 3, 4, 4, 5))
    meddling = st.builds(Strike, places, st.sampled_from(PERSON), numbers, st.just(1.0))
    return without_delays(
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
        delays(),
        st.just(frozenset({"small_pages"})),
        st.integers(0, 7),
    )


def moving() -> st.SearchStrategy[Schedule]:
    """Draw clients of which one comes late, and rows that move while somebody reads page after page."""
    numbers = st.sets(st.integers(8, 29), min_size=3, max_size=9)
    return without_delays(
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
        delays(),
        st.just(frozenset({"rights_not_split"})),
        st.integers(0, 7),
    )

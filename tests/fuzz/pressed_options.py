"""Schedules in which rules are hard pressed that only some runs need: approvals, changed documents, other apps."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.drawn_parts import without_delays
from tests.fuzz.schedules import (
    CREATE,
    FORM,
    NEXT,
    PROCESS,
    QUERY,
    READ,
    REDEPLOYED,
    RESUME,
    STAMPS_DROPPED,
    THROWN_AWAY,
    Deed,
    Disturbance,
    Plan,
    Schedule,
    Strike,
)

CLEARED = st.sampled_from((0, 0, 1))


def withdrawn() -> st.SearchStrategy[Schedule]:
    """Draw a client whose draft a person deletes, at the moment of one of its requests."""
    places, numbers = st.sampled_from((READ, READ, QUERY, PROCESS, NEXT)), st.integers(1, 12)
    return without_delays(
        st.builds(Plan, clears=CLEARED).map(lambda plan: (plan,)),
        st.builds(Strike, places, st.just("person_deletes"), numbers).map(lambda one: (one,)),
    )


def redeployed() -> st.SearchStrategy[Schedule]:
    """Draw a client, and an app that is redeployed with other tasks at the moment of one of its requests."""
    places = st.sampled_from((CREATE, PROCESS, PROCESS, READ, QUERY, NEXT))
    numbers = st.sampled_from((1, 1, 2, 2, 3, 4))
    return without_delays(
        st.builds(Plan, clears=CLEARED).map(lambda plan: (plan,)),
        st.builds(Strike, places, st.sampled_from(REDEPLOYED), numbers, st.sampled_from((0.0, 0.0, 20.0))).map(
            lambda one: (one,)
        ),
    )


def remembered() -> st.SearchStrategy[Schedule]:
    """Draw a client that is killed when it has made its instance, before the query shows it, and is tried again."""
    killed = st.builds(Disturbance, st.just("kill"), st.integers(1, 4), st.just(0.0), st.booleans(), st.just(QUERY))
    refused = st.builds(
        Strike, st.just(READ), st.sampled_from(("403", "404")), st.sampled_from((1, 1, 2)), st.just(1.0)
    )
    late = Strike(CREATE, "query_lag", 1, 29.0)
    return without_delays(
        st.builds(
            lambda one, retry, clears: (Plan(disturbances=(one,), retry=retry, clears=clears),),
            killed,
            st.sampled_from((0.5, 5.0)),
            CLEARED,
        ),
        st.lists(refused, min_size=1, max_size=3).map(lambda more: (late, *more)),
    )


def misled() -> st.SearchStrategy[Schedule]:
    """Draw clients of which one has a local record of an instance that is none of the period's."""
    return without_delays(
        st.lists(
            st.builds(Plan, st.sampled_from((0.0, 2.0, 40.0)), clears=CLEARED, misled=st.booleans()),
            min_size=1,
            max_size=2,
        ).map(lambda all_of_them: (Plan(misled=True), *all_of_them[1:])),
        st.just(()),
    )


def unstamped() -> st.SearchStrategy[Schedule]:
    """Draw a client of an app that does not keep the stamps, and which does not look for what others have made."""
    return without_delays(
        st.builds(
            Plan, clears=st.sampled_from((0, 1, 2)), on_foreign=st.sampled_from(("ignore", "ignore", "fail"))
        ).map(lambda plan: (plan,)),
        st.just(()),
        frozenset({STAMPS_DROPPED}),
    )


def thrown_away() -> st.SearchStrategy[Schedule]:
    """Draw runs of which one comes or is cleared when a person has thrown away what was filed, or its draft."""
    acts = st.sampled_from((THROWN_AWAY, THROWN_AWAY, "person_deletes"))
    deed = st.builds(Deed, st.sampled_from((10.0, 60.0, 100.0, 200.0)), acts)
    late = st.builds(Plan, st.sampled_from((120.0, 300.0)))
    return st.builds(
        lambda clears, others, deeds: Schedule((Plan(clears=clears), *others), deeds=tuple(deeds)),
        st.sampled_from((0, 1, 2)),
        st.lists(late, min_size=1, max_size=2),
        st.lists(deed, min_size=1, max_size=2),
    )


def changed() -> st.SearchStrategy[Schedule]:
    """Draw a run whose documents are others when it is cleared, before the filing or after it."""
    kind, where = st.sampled_from(("mark", "mark", "kill")), st.sampled_from((PROCESS, PROCESS, NEXT))
    marked = st.builds(Disturbance, kind, st.integers(0, 1), st.just(1.0), st.just(False), where)
    lost = st.sampled_from(("answer_lost", "502", "500_after_commit", "timeout"))
    return without_delays(
        st.builds(
            lambda documents, choice, struck: (
                Plan(
                    disturbances=tuple(struck),
                    clears=len(documents) - 1,
                    documents=documents,
                    on_changed=choice,
                ),
            ),
            st.sampled_from(((0, 1), (0, 1, 1), (0, 1, 0), (0, 1, 2), (0, 1, 2, 1))),
            st.sampled_from(("correction", "correction", "fail")),
            st.lists(marked, max_size=1),
        ),
        st.lists(
            st.builds(Strike, st.sampled_from((CREATE, NEXT, FORM)), lost, st.integers(1, 4), st.just(5.0)), max_size=1
        ).map(tuple),
    )


def halted() -> st.SearchStrategy[Schedule]:
    """Draw runs of an app whose own last step fails or waits, and what others do meanwhile."""
    regimes = (
        frozenset({"step_fails"}),
        frozenset({"step_fails", "version_9"}),
        frozenset({"step_fails", "version_9"}),
        frozenset({"step_waits", "version_9"}),
        frozenset({"step_waits", "version_9"}),
    )
    kind, where = st.sampled_from(("mark", "mark", "orphan", "kill")), st.sampled_from((PROCESS, NEXT, RESUME, READ))
    befallen = st.builds(
        Disturbance, kind, st.integers(0, 4), st.sampled_from((1.0, 60.0, 300.0)), st.booleans(), where
    )
    first = st.builds(
        lambda struck, documents, choice: Plan(
            disturbances=tuple(struck), clears=len(documents) - 1, documents=documents, on_changed=choice
        ),
        st.lists(befallen, max_size=2),
        st.sampled_from(((0,), (0, 0), (0, 1), (0, 1, 0))),
        st.sampled_from(("fail", "correction")),
    )
    other = st.builds(Plan, st.sampled_from((2.0, 60.0, 120.0, 700.0, 900.0)), clears=CLEARED)
    acts = st.sampled_from(("person_deletes", "person_deletes", "person_edits", "person_adds_file"))
    deed = st.builds(Deed, st.sampled_from((40.0, 60.0, 100.0, 150.0)), acts)
    return st.builds(
        lambda one, others, regime, seed, deeds: Schedule((one, *others), (), (), regime, seed, tuple(deeds)),
        first,
        st.lists(other, max_size=1),
        st.sampled_from(regimes),
        st.integers(0, 7),
        st.lists(deed, max_size=1),
    )


def approved() -> st.SearchStrategy[Schedule]:
    """Draw runs of which one asks a person to approve, and another one knows nothing of that."""
    asking = st.builds(
        Plan, st.sampled_from((0.0, 0.0, 5.0)), clears=CLEARED, approval=st.sampled_from(("asked", "asked", "given"))
    )
    others = st.builds(
        Plan, st.sampled_from((0.005, 2.0, 40.0, 300.0)), clears=CLEARED, approval=st.sampled_from(("", "", "given"))
    )
    return without_delays(st.tuples(asking, others), st.just(()))

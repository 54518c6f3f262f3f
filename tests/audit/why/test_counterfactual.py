"""A counterfactual is checked by doing it: gone without the set, there with any one put back."""

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import segments, why
from audit.flows.campaign_map import SCHEMA as CAMPAIGNS
from audit.why import counterfactual
from audit.why.what_if_trials import (
    MOST_ROWS,
    Decide,
    TooMuchError,
    Trials,
)
from tests.build import context, events

FIVE = ("a", "b", "c", "d", "e")


def history(*ids: str) -> pl.DataFrame:
    return events(*({"event_id": one, "kind": "product_viewed", "at": "2026-01-01"} for one in ids))


def by_sets(*enough: frozenset[str], blocked_by: frozenset[str] = frozenset()) -> Decide:
    """A decision that any of these sets of events is enough for, unless one of `blocked_by` is there."""

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        given = {}
        for (customer,), rows in copies.group_by("customer_id", maintain_order=True):
            there = set(rows["event_id"])
            met = [one for one in enough if one <= there]
            if met and not blocked_by & there:
                given[str(customer)] = sorted(met[0])
        return given

    return decide


def is_given(decide: Decide, ids: set[str]) -> bool:
    return bool(decide(history(*sorted(ids)))) if ids else False


@given(
    st.lists(st.frozensets(st.sampled_from(FIVE), min_size=1, max_size=3), min_size=1, max_size=4),
    st.frozensets(st.sampled_from(FIVE), max_size=1),
)
@settings(max_examples=25, deadline=None)
def test_what_is_found_ends_the_decision_and_any_one_put_back_revives_it(
    enough: list[frozenset[str]], blocked_by: frozenset[str]
) -> None:
    decide = by_sets(*enough, blocked_by=blocked_by)
    found = counterfactual.removal(history(*FIVE), decide)
    if not is_given(decide, set(FIVE)):
        assert found is None
        return
    assert found is not None
    rest = set(FIVE) - set(found.events)
    assert not is_given(decide, rest)
    assert all(is_given(decide, rest | {one}) for one in found.events)


@given(st.lists(st.frozensets(st.sampled_from(FIVE), min_size=1, max_size=3), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_smallest_is_said_only_of_a_smallest_set(enough: list[frozenset[str]]) -> None:
    decide = by_sets(*enough)
    found = counterfactual.removal(history(*FIVE), decide)
    assert found is not None
    sizes = (
        n for n in range(1, 6) for out in combinations(FIVE, n) if not is_given(decide, set(FIVE) - set(out))
    )
    best = next(sizes)
    assert len(found.events) >= best
    if found.smallest:
        assert len(found.events) == best
    assert found.method == ("exact" if found.smallest else "search")


def test_evidence_that_steps_in_is_found_too() -> None:
    decide = by_sets(frozenset("a"), frozenset("b"), frozenset("c"))
    found = counterfactual.removal(history(*FIVE), decide)
    assert found is not None
    assert found.events == ("a", "b", "c")


def test_the_decisions_own_rows_are_never_left_out() -> None:
    decide = by_sets(frozenset("ab"))
    found = counterfactual.removal(history(*FIVE), decide, keep=("a",))
    assert found is not None
    assert found.events == ("b",)
    assert counterfactual.removal(history(*FIVE), decide, keep=("a", "b")) is None


def test_what_was_never_decided_has_none() -> None:
    assert counterfactual.removal(history(*FIVE), by_sets(frozenset("z"))) is None


ACT = st.tuples(
    st.sampled_from(["product_viewed", "order_completed", "product_added", "product_removed"]),
    st.integers(0, 30),
    st.sampled_from(["x100", "x200", None]),
)


@given(st.lists(ACT, min_size=1, max_size=8), st.sampled_from(["browse", "cart", "purchase", "win_back"]))
@settings(max_examples=25, deadline=None)
def test_a_derived_message_is_derived_no_more_without_its_counterfactual(
    acts: list[tuple[str, int, str | None]], trigger: str
) -> None:
    rows = [
        {
            "kind": kind, "event_id": f"a{number}", "at": f"2026-01-{day + 1:02}", "item_id": item,
            "category": "Electronics > Cameras",
        }
        for number, (kind, day, item) in enumerate(acts)
    ]  # fmt: skip
    mail = {
        "kind": "message_sent", "event_id": "m", "at": "2026-01-31T12:00", "campaign_id": "deals", "item_id": "x100",
        "category": "Electronics > Cameras",
    }  # fmt: skip
    frame = events(*rows, mail)
    campaigns = pl.DataFrame([{"campaign_id": "deals", "trigger": trigger}], schema=CAMPAIGNS)
    ctx = context(frame, campaigns=campaigns)
    made = why.message(frame, ctx, "m")
    if made.standing != "derived":
        assert made.counterfactual is None
        return
    assert made.counterfactual is not None
    removed = set(made.counterfactual.remove)
    for put_back in (None, *removed):
        left_out = removed - {put_back}
        rest = frame.filter(~pl.col("event_id").is_in(list(left_out)))
        assert (why.message(rest, ctx, "m").standing == "derived") is (put_back is not None)


def test_a_segment_falls_away_without_its_counterfactual_and_names_what_would_end_it() -> None:
    orders = [
        {
            "kind": "order_completed",
            "event_id": f"o{month}",
            "at": f"2025-0{month}-01",
            "order_id": f"{month}",
        }
        for month in (1, 2)
    ]
    frame = events(*orders, {"kind": "product_viewed", "event_id": "v", "at": "2026-01-01"})
    ctx = context(frame)
    made = why.segment(frame, ctx, "lapsed")
    assert made.standing == "derived"
    proof = made.counterfactual
    assert proof is not None
    assert proof.remove == ("o1", "o2")
    assert proof.add[0]["kind"] == "order_completed"
    for put_back in (None, *proof.remove):
        rest = frame.filter(~pl.col("event_id").is_in([one for one in proof.remove if one != put_back]))
        there = segments.memberships(rest, ctx).filter(pl.col("derived"))["id"].to_list()
        assert ("lapsed" in there) is (put_back is not None)
    leaf = made.because[0].because[-1]
    assert leaf.absent is not None
    assert leaf.absent.kinds == ("order_completed",)


def test_a_logged_segment_without_any_act_is_unexplained_and_has_no_counterfactual() -> None:
    entered = {
        "kind": "segment_entered", "event_id": "in", "at": "2026-01-01", "segment_id": "in-market:autos",
        "source": "third_party",
    }  # fmt: skip
    frame = events(entered, {"kind": "order_completed", "event_id": "o", "at": "2025-06-01"})
    view = {"kind": "product_viewed", "at": "2025-06-01", "customer_id": "c_2", "event_id": "v"}
    ctx = context(events({**entered}, {"kind": "order_completed", "event_id": "o", "at": "2025-06-01"}, view))
    made = why.segment(frame, ctx, "in-market:autos")
    assert made.standing == "unexplained"
    assert made.counterfactual is None
    assert [reason.text for reason in made.because] == [
        "the sender recorded “in-market:autos” since 2026-01-01",
        "no act of the customer's own is behind it",
    ]


def test_sets_that_are_too_many_to_be_decided_are_refused_before_they_are_made() -> None:
    trials = Trials(history(*FIVE), by_sets(frozenset("a")))
    assert trials.gone([set(), {"a"}]) == [False, True]
    trials.refuse(MOST_ROWS // len(FIVE))  # two of them may be those that are known
    with pytest.raises(TooMuchError):
        trials.refuse(MOST_ROWS // len(FIVE) + 1)

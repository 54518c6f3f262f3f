"""What is reckoned from the form of a check is what trying everything finds."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import findings
from audit.findings.registry import unfinished
from audit.why.trials import Trials
from tests import build
from tests.audit.findings.histories import act, mail

_START = datetime(2026, 1, 1, tzinfo=UTC)
_ELSEWHERE = act("message_clicked", _START, message_id="other", customer_id="c_9")


def _history(days: list[int], clicked: set[int]) -> pl.DataFrame:
    mails = [
        mail(_START + timedelta(days=day), event_id=f"m{n}", campaign_id="weekly", message_id=f"m{n}")
        for n, day in enumerate(sorted(days))
    ]
    clicks = [
        act("message_clicked", _START + timedelta(days=900), event_id=f"k{n}", message_id=f"m{n}")
        for n in sorted(clicked)
    ]
    return build.events(*mails, *clicks)


@given(st.lists(st.integers(0, 400), min_size=5, max_size=10), st.sets(st.integers(0, 9), max_size=2))
@settings(max_examples=15, deadline=None)
def test_a_streak_ends_without_what_is_named_and_without_nothing_less(
    days: list[int], clicked: set[int]
) -> None:
    frame = _history(days, {n for n in clicked if n < len(days)})
    ctx = build.context(pl.concat([frame, build.events(_ELSEWHERE)]))
    for row in findings.find(frame, ctx, checks=["ignored-streak"]).to_dicts():
        proof = findings.finding(frame, ctx, row["id"]).counterfactual
        assert proof is not None

        def decide(copies: pl.DataFrame, case: str = row["case"]) -> dict[str, list[str]]:
            found = unfinished(copies, ctx, "ignored-streak").filter(pl.col("case") == case)
            return dict(found.select("customer_id", "messages").rows())

        trials, removed = Trials(frame, decide), set(proof.remove)
        without, *with_one = trials.gone([removed, *(removed - {one} for one in removed)])
        assert without
        assert not any(with_one)
        smaller = [
            set(some) for size in range(len(removed)) for some in combinations(frame["event_id"], size)
        ]
        if proof.smallest:
            assert not any(trials.gone(smaller))
        assert proof.smallest or row["case"] == "ended"

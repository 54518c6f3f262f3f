"""What is reckoned from the form of a check is what trying everything finds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import findings
from audit.findings.check_context import CheckContext
from audit.rules.model import from_dict
from audit.why.counterfactual import Search
from audit.why.what_if_trials import Trials
from audit.workspace.context import Context
from tests import build
from tests.audit.findings.histories import act, mail
from tests.audit.rules.build import cap
from tests.audit.rules.test_properties import calendars, caps

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


@given(
    st.lists(st.integers(0, 400) | st.integers(0, 6), min_size=5, max_size=10),
    st.sets(st.integers(0, 9), max_size=2),
)
@settings(max_examples=25, deadline=None)
def test_a_streak_ends_without_what_is_named_and_without_nothing_less(
    days: list[int], clicked: set[int]
) -> None:
    frame = _history(days, {n for n in clicked if n < len(days)})
    ctx = build.context(pl.concat([frame, build.events(_ELSEWHERE)]))
    for row, smallest in _borne_out("ignored-streak", frame, ctx):
        assert smallest or row["case"] == "ended"


_at = st.integers(0, 24).map(lambda steps: _START + timedelta(hours=6 * steps))
_messages = st.lists(
    st.builds(
        lambda at, campaign, group: mail(at, campaign_id=campaign, message_class=group),
        _at,
        st.sampled_from(("news", "cart", None)),
        st.sampled_from(("marketing", "marketing", "marketing", "transactional", None)),
    ),
    min_size=1,
    max_size=9,
)
_gaps = st.sampled_from(
    ({"id": "gap", "kind": "min_gap", "window": "12h"}, {"id": "gap", "kind": "min_gap", "window": "2d"})
)
_in_one_zone = calendars.filter(lambda rule: rule["time_zone"] != "customer")


@given(_messages, st.one_of(caps, _gaps, _in_one_zone))
@settings(max_examples=25, deadline=None)
def test_what_is_named_is_the_smallest_set_without_which_a_declared_cap_or_gap_is_kept(
    history: list[dict[str, Any]], document: dict[str, Any]
) -> None:
    numbered = build.events(*({**row, "event_id": f"m{n}"} for n, row in enumerate(history)))
    for _, smallest in _borne_out("declared-vs-observed", numbered, _declaring(numbered, document)):
        assert smallest


@pytest.mark.parametrize(
    ("document", "stays"),
    [
        (cap(2, "7d"), {0, 1, 7, 8, 14, 15, 21, 22, 28, 29, 35, 36}),
        (cap(1, "1mo", window_kind="calendar", time_zone="UTC"), {0, 31}),
        (cap(0, "7d"), set()),
        ({"id": "gap", "kind": "min_gap", "window": "10d"}, {0, 10, 20, 30}),
        ({"id": "night", "kind": "quiet_hours", "quiet": "21:00-08:00", "time_zone": "UTC"}, set()),
    ],
)
def test_of_many_messages_against_a_declared_rule_those_go_that_keeping_to_it_would_have_stopped(
    document: dict[str, Any], stays: set[int]
) -> None:
    frame = build.events(*(mail(_START + timedelta(days=n), event_id=f"m{n}") for n in range(40)))
    ctx = _declaring(frame, document)
    (row,) = findings.find(frame, ctx, checks=["declared-vs-observed"]).to_dicts()
    proof = findings.finding(frame, ctx, row["id"]).counterfactual
    assert proof is not None
    assert (proof.method, proof.tried) == ("exact", 2)
    assert proof.remove == tuple(f"m{n}" for n in range(40) if n not in stays)


_zones = st.sampled_from((None, "Europe/Berlin", "America/New_York"))
_documents = st.sampled_from(
    (
        {"kind": "mute", "campaigns": ["news"]},
        {"kind": "sensitive"},
        {"kind": "quiet_hours", "quiet": "21:00-08:00", "time_zone": "UTC"},
        {"kind": "quiet_hours", "quiet": "21:00-08:00"},
        {"kind": "consent"},
        {"kind": "cooldown", "window": "2d", "after": "order_completed"},
        {"kind": "cooldown", "window": "repurchase", "fallback": "3d", "after": "order_completed", "same": "category"},
        {"kind": "sunset", "unengaged": 2},
        cap(1, "1d", window_kind="calendar"),
    )
)  # fmt: skip
_anything = st.builds(
    lambda kind, at, zone: act(
        kind, at, time_zone=zone, campaign_id="news", channel="email", category="A", message_class="marketing"
    ),
    st.sampled_from(("message_sent", "message_sent", "order_completed", "unsubscribed", "subscribed")),
    _at,
    _zones,
)


@given(st.lists(_anything, min_size=1, max_size=8), _documents)
@settings(max_examples=25, deadline=None)
def test_a_declared_rule_of_any_kind_is_kept_without_what_is_named(
    history: list[dict[str, Any]], document: dict[str, Any]
) -> None:
    numbered = build.events(*({**row, "event_id": f"e{n}"} for n, row in enumerate(history)))
    for row, _ in _borne_out("declared-vs-observed", numbered, _declaring(numbered, {"id": "r", **document})):
        assert row["case"] == document["kind"]


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "cooldown", "window": "2d", "after": "order_completed", "same": "category"},
        {"kind": "consent"},
    ],
)
def test_what_would_have_been_stopped_is_a_last_resort_where_searching_finds_nothing(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Search, "searched", lambda *_: None)
    no = act("unsubscribed", _START, event_id="no", channel="email")
    mails = [
        mail(_START + timedelta(hours=5 * n), event_id=f"m{n}", campaign_id="news", category="A")
        for n in range(1, 9)
    ]
    orders = [act("order_completed", _START + timedelta(days=n), category="A") for n in range(2)]
    frame = build.events(no, *mails, *(orders if document["kind"] == "cooldown" else ()))
    ((_, smallest),) = _borne_out("declared-vs-observed", frame, _declaring(frame, {"id": "r", **document}))
    assert not smallest


def _declaring(frame: pl.DataFrame, document: dict[str, Any]) -> Context:
    clicked = build.events(_ELSEWHERE | {"channel": "email"})
    rule = from_dict({"declared": True, **document})
    return replace(build.context(pl.concat([frame, clicked])), declared=(rule,))


def _borne_out(check: str, frame: pl.DataFrame, ctx: Context) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each finding, and whether its set is said to be the smallest, once all that is said of it has been tried."""
    for row in findings.find(frame, ctx, checks=[check]).to_dicts():
        proof = findings.finding(frame, ctx, row["id"]).counterfactual
        assert (proof is None) == (row["verdict"] == "cannot_tell")
        if proof is None:
            continue

        def decide(copies: pl.DataFrame, case: str = row["case"]) -> dict[str, list[str]]:
            found = findings.check(check).detect(CheckContext(copies, ctx)).filter(pl.col("case") == case)
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
        yield row, proof.smallest


def test_where_one_message_too_many_went_out_every_one_that_would_do_is_named() -> None:
    frame = build.events(*(mail(_START + timedelta(hours=n), event_id=f"m{n}") for n in range(4)))
    ctx = build.context(frame)
    (ident,) = findings.find(frame, ctx, checks=["over-frequency"])["id"]
    made = findings.finding(frame, ctx, ident).counterfactual
    assert made is not None
    assert (len(made.remove), made.smallest) == (1, True)
    assert set(made.needed) == {"m0", "m1", "m2", "m3"}

"""Which messages a flow gives: its act, its step, its time, its audience."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given as property_of
from hypothesis import settings
from hypothesis import strategies as st

from audit import flows, why
from audit.events.messages import sent_messages
from audit.flows.eligibility import audience, eligible_acts, gives_message
from tests.build import context, events

LAMP = {"item_id": "lamp", "item_name": "Lamp", "category": "Home > Lamps"}
CART = {
    "id": "cart",
    "like": "cart-series",
    "step": [
        {"step": "1", "after": "4h", "leeway": "2h"},
        {"step": "2", "after": "24h", "leeway": "6h"},
    ],
}
CARTED = {"kind": "product_added", "event_id": "add", "at": "2026-03-01T08:00", **LAMP}


def flow(**table: Any) -> flows.Flow:
    return flows.from_json(flows.to_json([table]))[0]


def mail(at: str, event_id: str = "m", campaign: str = "cart", **fields: Any) -> dict[str, Any]:
    return {"kind": "message_sent", "event_id": event_id, "at": at, "campaign_id": campaign, **LAMP, **fields}


def fails(frame: pl.DataFrame, one: flows.Flow) -> dict[str, list[str]]:
    rows = eligible_acts(frame, sent_messages(frame).filter(one.belongs()), one)
    return dict(rows.filter(pl.col("ended_by").is_null()).select("message", "fails").rows())


@pytest.mark.parametrize(
    ("at", "step", "wrong"),
    [
        ("2026-03-01T12:00", "1", []),
        ("2026-03-01T11:59", "1", ["too_early"]),
        ("2026-03-01T14:00", "1", []),
        ("2026-03-01T14:01", "1", ["too_late"]),
        ("2026-03-02T08:00", "2", []),
        ("2026-03-02T08:00", None, []),
        ("2026-03-01T12:00", "2", ["too_early"]),
        ("2026-03-01T12:00", "3", ["no_such_step"]),
    ],
)
def test_a_step_comes_in_its_time(at: str, step: str | None, wrong: list[str]) -> None:
    assert fails(events(CARTED, mail(at, series_step=step)), flow(**CART)) == {"m": wrong}


def test_a_step_is_sent_once_for_an_act() -> None:
    frame = events(CARTED, mail("2026-03-01T12:00", "m1"), mail("2026-03-01T13:00", "m2"))
    assert fails(frame, flow(**CART)) == {"m1": [], "m2": ["repeated"]}
    again = events(
        CARTED,
        {**CARTED, "event_id": "b", "at": "2026-03-01T09:00"},
        *frame.filter(kind="message_sent").to_dicts(),
    )
    rows = eligible_acts(again, sent_messages(again), flow(**CART)).filter(gives_message())
    assert sorted(rows["message"].unique()) == ["m1", "m2"]


def test_a_reminder_waits_for_the_customers_own_interval() -> None:
    orders = [
        {"kind": "order_completed", "event_id": f"o{n}", "at": f"2026-0{n}-01", "order_id": str(n), **LAMP}
        for n in (1, 2, 3)
    ]
    restock = flow(id="cart", like="replenishment")
    early, due = mail("2026-03-20", "early"), mail("2026-03-31", "due")
    assert fails(events(*orders, early, due), restock) == {"early": ["too_early"], "due": []}
    assert fails(events(orders[0], early), restock) == {"early": []}


@pytest.mark.parametrize(
    ("acts", "holds"),
    [
        ([("subscribed", "news")], True),
        ([("subscribed", "news"), ("unsubscribed", None)], False),
        ([("unsubscribed", "news"), ("subscribed", "news")], True),
        ([("subscribed", "other")], False),
        ([], False),
    ],
)
def test_a_list_is_who_said_yes_last(acts: list[tuple[str, str | None]], holds: bool) -> None:
    rows = [
        {"kind": kind, "event_id": f"a{n}", "at": f"2026-01-0{n + 1}", "list_id": list_id}
        for n, (kind, list_id) in enumerate(acts)
    ]
    frame = events(*rows, mail("2026-03-01", campaign="news"))
    one = flow(id="news", like="weekly-specials", list="news")
    whom = audience(frame, sent_messages(frame), one).filter(condition="list")
    assert whom["holds"].to_list() == [holds]


def test_a_flow_can_be_set_off_by_the_messages_of_another_and_by_what_an_act_is() -> None:
    one = flow(
        id="cart",
        on={"kinds": ["message_clicked"], "window": "7d", "campaign": "welcome"},
    )
    click = {"kind": "message_clicked", "event_id": "c", "at": "2026-02-28", "message_id": "w"}
    assert fails(events({**click, "campaign_id": "other"}, mail("2026-03-01")), one) == {}
    assert fails(events({**click, "campaign_id": "welcome"}, mail("2026-03-01")), one) == {"m": []}
    dear = flow(id="cart", trigger="cart", on={"where": "price >= 20 AND category LIKE 'Home%'"})
    assert fails(events({**CARTED, "price": 19.0}, mail("2026-03-01T12:00")), dear) == {}
    assert fails(events({**CARTED, "price": 20.0}, mail("2026-03-01T12:00")), dear) == {"m": []}


@pytest.mark.parametrize(
    ("order_id", "acts"),
    [("2", ["lamp", "desk"]), ("1", ["beans"]), (None, ["lamp", "desk"]), ("elsewhere 2", ["lamp", "desk"])],
)
def test_an_order_confirmation_rests_on_its_own_order(order_id: str | None, acts: list[str]) -> None:
    """As found: a confirmation named an order of twelve hours before, which had been confirmed by itself."""
    orders = {"beans": ("09:59", "1"), "lamp": ("21:54", "2"), "desk": ("21:54", "2")}
    rows = [
        {
            "kind": "order_completed",
            "event_id": item,
            "at": f"2026-03-01T{at}",
            "item_id": item,
            "order_id": of,
        }
        for item, (at, of) in orders.items()
    ]
    sent = mail(
        "2026-03-01T21:55", campaign="order-confirmation", order_id=order_id, item_id=None, category=None
    )
    refund = {"kind": "order_refunded", "event_id": "r", "at": "2026-03-01T21:54:30", "order_id": "1"}
    frame = events(*rows, refund, sent)
    one = flow(id="order-confirmation", like="order-confirmation")
    found = eligible_acts(frame, sent_messages(frame).filter(one.belongs()), one)
    assert sorted(found["act"]) == sorted(acts)
    assert found["ended_by"].to_list() == ["r" if act == "beans" else None for act in acts]
    made = why.message(frame, context(frame, flows=(one,)), "m")
    assert made.end.why == ("unknown" if order_id == "1" else "any_series"), "that one was refunded"


ACT = st.tuples(
    st.sampled_from(["product_added", "order_completed", "product_removed", "subscribed", "unsubscribed"]),
    st.integers(0, 60),
    st.sampled_from(["lamp", "desk"]),
)


@property_of(
    st.lists(ACT, min_size=1, max_size=9),
    st.lists(st.integers(20, 80), min_size=1, max_size=3),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_what_a_flow_gives_falls_away_without_its_counterfactual_and_the_causes_agree(
    acts: list[tuple[str, int, str]], mails: list[int], listed: bool
) -> None:
    def at(hour: int) -> str:
        return f"2026-03-{1 + hour // 24:02}T{hour % 24:02}:00"

    rows = [
        {"kind": kind, "event_id": f"a{n}", "at": at(hour), "item_id": item, "category": "Home"}
        for n, (kind, hour, item) in enumerate(acts)
    ]
    sent = [mail(at(hour), f"m{n}") for n, hour in enumerate(mails)]
    frame = events(*rows, *sent)
    defined = flow(**CART, **({"list": "news"} if listed else {}))
    ctx = context(frame)
    ctx = type(ctx)(ctx.at, ctx.coverage, ctx.facts, ctx.campaigns, flows=(defined,))
    behind = dict(why.causes(frame, ctx).select("event_id", "causes").rows())
    for message in (f"m{n}" for n in range(len(sent))):
        made = why.message(frame, ctx, message)
        if made.standing != "derived":
            assert made.counterfactual is None
            continue
        assert made.reconstruction is not None
        assert made.reconstruction.holds
        assert made.reconstruction.act in behind[message]
        proof = made.counterfactual
        assert proof is not None
        for put_back in (None, *proof.remove):
            left_out = set(proof.remove) - {put_back}
            rest = frame.filter(~pl.col("event_id").is_in(list(left_out)))
            assert (why.message(rest, ctx, message).standing == "derived") is (put_back is not None)

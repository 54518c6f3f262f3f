"""What `simulate` tells: totals that add up, who displaced whom, what became of the messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import InputError, NotFoundError
from audit.rules.model import from_dict, to_dict
from audit.rules.reference import verdicts
from audit.rules.replay import outcomes, simulation
from audit.rules.replay.room import room_for
from audit.rules.replay.simulation import DECISIONS
from tests.audit.rules.build import cap, message, replayed, stopped_by
from tests.build import context, events

MUTE = {"id": "mute", "kind": "mute"}
NEWS = message("2026-01-05T10:00", message_id="m1", campaign_id="news", item_id="7")


def act(kind, at, **more):
    return {"kind": kind, "at": at, **more}


def told(rows, *documents):
    return replayed(rows, *documents).document().to_json()


def test_the_totals_add_up():
    rows = [
        message("2026-01-01T10:00", time_zone="UTC"),
        message("2026-01-01T11:00", time_zone="UTC"),
        message("2026-01-01T23:00", time_zone="UTC", channel="push"),
        message("2026-01-01T23:00", message_class="transactional"),
        message("2026-01-01T12:00", customer_id="c_2"),
    ]
    quiet = {"id": "quiet", "kind": "quiet_hours", "quiet": "22:00-08:00", "channels": ["push"]}
    made = told(rows, cap(1, "7d", channels=["email"]), quiet, {**MUTE, "enabled": False})
    totals = {name: made[name] for name in ("messages", "stopped", "deferred", "let_through", "exempt")}
    assert totals == {"messages": 5, "stopped": 1, "deferred": 1, "let_through": 3, "exempt": 1}
    assert made["by_rule"] == {"cap": 1, "quiet": 0}
    assert made["rules"] == [{"id": "cap", "version": None}, {"id": "quiet", "version": None}]
    assert (made["customers"], made["customers_affected"]) == (2, 1)


def test_a_replay_of_nothing_is_all_zero():
    made = told([act("product_viewed", "2026-01-01T10:00")], MUTE)
    assert (made["messages"], made["customers"], made["displaced"], made["complaints_known_for"]) == (
        0,
        0,
        [],
        None,
    )
    assert made["rates"]["stopped"]["response"] == {"n": 0, "of": 0, "rate": None, "low": None, "high": None}


def test_decisions_are_a_row_a_message_in_order_and_in_their_columns():
    rows = [
        message("2026-01-02T10:00", customer_id="c_2"),
        message("2026-01-02T10:00"),
        message("2026-01-01T10:00"),
    ]
    decisions = replayed(rows, MUTE).decisions
    assert dict(decisions.schema) == DECISIONS
    assert decisions["event_id"].to_list() == ["e3", "e2", "e1"]


def test_displaced_names_which_campaign_used_the_room_that_which_then_lacked():
    rows = [
        message("2026-01-05T10:00", campaign_id="news"),
        message("2026-01-06T10:00", campaign_id="news"),
        message("2026-01-06T12:00", campaign_id="cart"),
        message("2026-01-07T12:00", campaign_id="cart"),
        message("2026-01-07T13:00"),
    ]
    assert told(rows, cap(2, "7d"))["displaced"] == [
        {"by": "news", "stopped": "cart", "n": 2},
        {"by": "news", "stopped": None, "n": 1},
    ]


def with_room(rows, campaign, **keys):
    """Who displaces whom once room is kept for a campaign."""
    limit = keys.pop("limit")
    room = room_for(from_dict(cap(limit, "7d", **keys)), campaign)
    documents = [to_dict(rule) for rule in room.beside(from_dict(cap(limit, "7d", **keys)))]
    return replayed(rows, *documents).document()


def test_room_kept_for_a_campaign_is_one_place_that_only_it_can_take():
    rows = [
        message("2026-01-05T10:00", campaign_id="news"),
        message("2026-01-06T10:00", campaign_id="news"),
        message("2026-01-06T12:00", campaign_id="cart"),
    ]
    assert [pair.stopped for pair in with_room(rows, "cart", limit=2).displaced] == ["news"]
    room = room_for(from_dict(cap(2, "7d", except_campaigns=["receipt"])), "Cart & more")
    assert to_dict(room.rule) == {
        **cap(1, "7d", except_campaigns=["receipt", "Cart & more"]),
        "id": "room-for-cart-more",
        "title": "One of 2 kept for Cart & more",
    }
    assert not room.apart


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["news", "cart", "shoes"])), max_size=30),
    st.integers(2, 4),
)
def test_with_room_kept_a_campaign_is_stopped_only_when_it_has_taken_its_own_place(sent, limit):
    rows = [
        message(f"2026-01-{day + 1:02}T10:{at:02}", campaign_id=name) for at, (day, name) in enumerate(sent)
    ]
    pairs = {(pair.by, pair.stopped): pair.n for pair in with_room(rows, "cart", limit=limit).displaced}
    lost = [n for (_, stopped), n in pairs.items() if stopped == "cart"]
    assert max(lost, default=0) == pairs.get(("cart", "cart"), 0)


def test_a_cap_of_one_has_no_place_to_share_so_the_campaign_is_left_out_of_it():
    room = room_for(from_dict(cap(1, "7d")), "cart")
    assert (to_dict(room.rule), room.apart) == (cap(1, "7d", except_campaigns=["cart"]), True)
    for rule in (cap(0, "7d"), MUTE, cap(2, "7d", campaigns=["cart"])):
        with pytest.raises(InputError):
            room_for(from_dict(rule), "cart")


def test_a_gap_and_a_mute_displace_nobody():
    rows = [message("2026-01-05T10:00", campaign_id="news"), message("2026-01-05T11:00", campaign_id="cart")]
    assert told(rows, {"id": "gap", "kind": "min_gap", "window": "1d"})["displaced"] == []


@pytest.mark.parametrize(
    ("acts", "wanted"),
    [
        ([], (0, 0, 0)),
        ([act("message_opened", "2026-01-05T11:00", message_id="m1")], (1, 0, 0)),
        ([act("message_opened", "2026-01-05T11:00", message_id="m1")] * 3, (1, 0, 0)),
        ([act("message_opened", "2026-01-05T11:00", message_id="m1", machine=True)], (0, 0, 0)),
        ([act("message_opened", "2026-01-05T11:00", message_id="m2")], (0, 0, 0)),
        ([act("message_opened", "2026-01-05T11:00", message_id="m1", customer_id="c_2")], (0, 0, 0)),
        ([act("message_clicked", "2026-01-05T11:00", message_id="m1")], (0, 1, 0)),
        ([act("order_completed", "2026-01-05T12:00", item_id="7")], (0, 0, 0)),
    ],
)
def test_wanted_is_joined_by_customer_and_message_and_leaves_machines_out(acts, wanted):
    made = told([NEWS, *acts], MUTE)["stopped_wanted"]
    assert (made["opened"], made["responded"], made["converted"]) == wanted


@pytest.mark.parametrize(
    ("mailed", "bought", "at", "converted"),
    [
        ({"item_id": "7"}, {"item_id": "7"}, "2026-01-12T11:00", 1),
        ({"item_id": "7"}, {"item_id": "7"}, "2026-01-12T11:00:00.000001", 0),
        ({"item_id": "7"}, {"item_id": "7"}, "2026-01-05T10:59", 0),
        ({"item_id": "7", "category": "A"}, {"item_id": "8", "category": "A"}, "2026-01-06T11:00", 0),
        ({"category": "A"}, {"item_id": "8", "category": "A"}, "2026-01-06T11:00", 1),
        ({"category": "A"}, {"category": "A > B"}, "2026-01-06T11:00", 0),
        ({}, {}, "2026-01-06T11:00", 0),
    ],
)
def test_converted_is_a_click_then_an_order_of_the_item_else_category_within_seven_days(
    mailed, bought, at, converted
):
    rows = [
        message("2026-01-05T10:00", message_id="m1", **mailed),
        act("message_clicked", "2026-01-05T11:00", message_id="m1"),
        act("order_completed", at, **bought),
    ]
    assert told(rows, MUTE)["stopped_wanted"]["converted"] == converted


def test_unwanted_are_complaints_and_opt_outs_before_the_next_message():
    rows = [
        message("2026-01-05T10:00", message_id="m1"),
        act("message_complained", "2026-01-05T11:00", message_id="m1"),
        act("unsubscribed", "2026-01-05T12:00"),
        act("objected", "2026-01-05T13:00"),
        message("2026-01-06T10:00", message_id="m2"),
        message("2026-01-07T10:00", message_id="m3"),
        act("consent_withdrawn", "2026-01-08T12:00"),
        act("unsubscribed", "2026-01-01T12:00", customer_id="c_2"),
        message("2026-01-07T10:00", message_id="m1", customer_id="c_2"),
    ]
    assert told(rows, MUTE)["stopped_unwanted"] == {"complained": 1, "unsubscribed_next": 2}


def test_rates_stand_beside_each_other_and_beside_as_many_at_random():
    rows = [message(f"2026-01-{day:02d}T10:00", message_id=f"m{day}") for day in range(1, 31)]
    rows.append(act("message_clicked", "2026-01-01T11:00", message_id="m1"))
    made = told(rows, cap(1, "2d"))
    assert made == told(rows, cap(1, "2d"))
    rates = made["rates"]
    assert [rates[name]["messages"] for name in ("stopped", "let_through", "random_same_number")] == [
        15,
        15,
        15,
    ]
    assert (rates["stopped"]["response"]["n"], rates["let_through"]["response"]["rate"]) == (
        0,
        round(1 / 15, 6),
    )


def test_a_rate_of_what_the_data_never_holds_is_unknown():
    rates = told([NEWS], MUTE)["rates"]["stopped"]
    assert [rates[name]["rate"] for name in ("response", "order", "complaint", "opt_out")] == [None] * 4


def test_complaints_are_known_for_the_providers_that_report_one():
    rows = [
        message("2026-01-01T10:00", message_id="m1", mailbox_provider="gmx"),
        message("2026-01-02T10:00", message_id="m2", mailbox_provider="gmx"),
        message("2026-01-03T10:00", message_id="m3", mailbox_provider="gmail"),
        act("message_complained", "2026-01-01T11:00", message_id="m1"),
    ]
    made = told(rows, MUTE)
    assert made["complaints_known_for"] == round(2 / 3, 6)
    assert (made["rates"]["stopped"]["complaint"]["n"], made["rates"]["stopped"]["complaint"]["of"]) == (1, 2)


@pytest.mark.parametrize(
    ("count", "among", "low", "high"),
    [
        (1, 10, 0.017876213095072896, 0.4041500267952385),
        (0, 20, 0.0, 0.16112515805281935),
        (81, 263, 0.2552885198782742, 0.36620957698280004),  # Newcombe 1998, table I: 0.2553 to 0.3662
        (15, 148, 0.06238639953073629, 0.16048724172330803),  # 0.0624 to 0.1605
        (0, 1, 0.0, 0.7934506856227626),
        (1, 1, 0.20654931437723745, 1.0),
        (29, 29, 0.8830302015002592, 1.0),
        (17, 1_000_000, 1.0614492680504599e-05, 2.722682077434217e-05),
    ],
)
def test_intervals_are_wilsons(count, among, low, high):
    """Low and high as scipy 1.17 gave them: binomtest(count, among).proportion_ci(method="wilson")."""
    assert outcomes.interval(count, among) == pytest.approx((low, high), abs=1e-12)
    rate = outcomes.share(count, among)
    assert (rate.low, rate.high) == (round(low, 6), round(high, 6))


def test_progress_is_told_and_can_stop_the_replay():
    frame = events(message("2026-01-01T10:00"), message("2026-01-01T10:00", customer_id="c_2"))
    seen = []

    def stop_after_one(done, total):
        seen.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulation.simulate(frame, [from_dict(MUTE)], context(frame), progress=stop_after_one)
    assert seen == [(1, 2)]


SERIES = [message(f"2026-01-0{day}T10:00", message_id=f"m{day}", event_id=f"s{day}") for day in range(1, 6)]


@pytest.mark.parametrize("name", ["m4", "s4"])
def test_every_rule_says_its_word_on_one_message(name):
    frame = events(*SERIES, act("message_opened", "2026-01-04T11:00", message_id="m4"))
    rules = [
        from_dict(one, version=3)
        for one in (
            cap(3, "7d"),
            {"id": "gap", "kind": "min_gap", "window": "1d"},
            {**MUTE, "channels": ["push"]},
        )
    ]
    other, gap, stops = verdicts.of(frame, context(frame), rules, name)
    assert stops == {
        "id": "cap", "title": "", "version": 3, "verdict": "stops", "counted": ["s1", "s2", "s3"],
        "text": "Stops it: 3 messages had gone out in the 7 days before it, and 3 may; it could pass from 2026-01-08 10:00 UTC on.",
        "next_allowed_at": "2026-01-08T10:00:00Z",
    }  # fmt: skip
    assert (gap["verdict"], gap["counted"]) == ("allows", [])
    assert (other["verdict"], other["text"]) == ("allows", "Is not about this message.")


@pytest.mark.parametrize("held", ["s2", "s1"])
def test_what_another_rule_held_back_is_said_not_to_be_counted(held):
    """Four went out before the last, or three in the window: the cap counts fewer, and says why."""
    frame = events(*({**row, "campaign_id": row["event_id"]} for row in SERIES))
    rules = [from_dict(cap(3, "3d")), from_dict({**MUTE, "campaigns": [held]})]
    _, counting = verdicts.of(frame, context(frame), rules, "s4")
    (alone,) = verdicts.of(frame, context(frame), rules[:1], "s4")
    not_counted = " What the rules would have held back before it is not counted."
    assert counting["text"] == "Lets it pass: fewer than 3 went out in the 3 days before it." + (
        not_counted if held == "s2" else ""
    )
    assert not_counted not in alone["text"]


def test_a_rule_that_cannot_tell_says_so():
    frame = events(message("2026-01-01T23:00"))
    rule = from_dict({"id": "q", "kind": "quiet_hours", "quiet": "21:00-08:00"})
    (said,) = verdicts.of(frame, context(frame), [rule], "e1")
    assert (said["verdict"], "time zone is not known" in said["text"]) == ("cannot_tell", True)


def test_no_rule_is_about_an_exempt_message():
    frame = events(message("2026-01-01T23:00", message_class="transactional"))
    (said,) = verdicts.of(frame, context(frame), [from_dict(MUTE)], "e1")
    assert (said["verdict"], said["text"]) == (
        "allows",
        "Lets it pass: no rule is about transactional messages.",
    )


def test_a_message_that_was_never_sent_is_judged_by_none():
    frame = events({**message("2026-01-01T10:00"), "kind": "message_suppressed"})
    assert verdicts.of(frame, context(frame), [from_dict(MUTE)], "e1") == []


def test_which_messages_a_rule_would_have_stopped():
    frame = events(*SERIES)
    assert stopped_by(frame, context(frame), from_dict(cap(3, "7d"))) == ["s4", "s5"]


def test_an_unknown_message_is_named():
    frame = events(*SERIES)
    with pytest.raises(NotFoundError, match="no message 'nix'"):
        verdicts.of(frame, context(frame), [from_dict(MUTE)], "nix")

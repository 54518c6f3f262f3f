"""Twice the same, shipped unasked, life changed, followed after a look."""

import json

import polars as pl
import pytest

from audit import why
from audit.events import vocabulary
from audit.flows.campaign_map import SCHEMA as CAMPAIGNS
from audit.privacy.role_view import MARK
from tests import build
from tests.audit.findings.histories import act, found, mail, order


def test_the_same_message_again_within_eighteen_hours():
    first = mail("2026-01-01T00:00", campaign_id="a", subject="Hello", event_id="first")
    assert found("duplicate-message", first, first | {"event_id": "m", "at": "2026-01-01T18:00"}) == []
    (finding,) = found(
        "duplicate-message", first, first | {"event_id": "m", "at": "2026-01-01T17:59:59.999999"}
    )
    assert (finding["cause"], finding["messages"]) == (["first"], ["m"])


@pytest.mark.parametrize(
    "columns", [{"subject": "Bye"}, {"series_step": "2"}, {"campaign_id": "b"}, {"channel": "sms"}]
)
def test_another_message_is_no_duplicate(columns):
    first = mail("2026-01-01T00:00", campaign_id="a", subject="Hello")
    assert found("duplicate-message", first, first | {"at": "2026-01-01T01:00", **columns}) == []


def test_several_rows_of_one_message_are_no_duplicate():
    row = mail("2026-01-01", campaign_id="a", subject="Hello", message_id="m")
    assert found("duplicate-message", row, row | {"at": "2026-01-01T01:00"}) == []


def test_an_order_the_sender_placed_is_an_unrequested_shipment():
    placed = order("2026-01-02", item_id="set", item_name="Tool set", source="inferred", event_id="o")
    decided = act("decision_made", "2026-01-01", item_id="set", event_id="d")
    (finding,) = found("unrequested-shipment", decided, placed)
    assert (finding["cause"], finding["evidence"]) == (["d"], ["o"])
    assert finding["text"].startswith("Tool set went out on 2026-01-02")
    assert found("unrequested-shipment", decided, placed | {"source": "first_party"}) == []


def _baby(at, **columns):
    return mail(
        at, **{"category": "Baby > Nursery", "trigger": "registry_created", "campaign_id": "baby", **columns}
    )


def test_mail_from_a_registry_that_was_closed():
    closed = act("registry_closed", "2026-02-01", category="Baby", event_id="c")
    (finding,) = found(
        "life-changed", _baby("2026-01-01"), closed, _baby("2026-03-01"), _baby("2026-04-01", category=None)
    )
    assert (finding["messages"], finding["cause"], finding["severity"]) == (["e3", "e4"], ["c"], "medium")
    assert found("life-changed", closed, mail("2026-03-01", category="Sport")) == []


def test_a_registry_opened_again_ends_it():
    rows = [
        act("registry_closed", "2026-02-01", category="Baby"),
        act("registry_created", "2026-02-10", category="Baby"),
    ]
    assert found("life-changed", *rows, _baby("2026-03-01")) == []
    assert len(found("life-changed", *rows, _baby("2026-02-05"))) == 1


def test_a_bereavement_is_high_and_not_named_to_an_agent():
    refund = act("order_refunded", "2026-02-01", category="Baby > Cots", reason="Bereavement")
    (finding,) = found("life-changed", refund, _baby("2026-03-01"), named=False)
    assert finding["severity"] == "high"
    assert finding["text"] == (
        f"1 mail about the same kind of thing since {MARK} was recorded on 2026-02-01."
    )
    assert found("life-changed", refund | {"reason": "too small"}, _baby("2026-03-01")) == []


@pytest.mark.parametrize("reason", ["death_in_family", "Todesfall in der Familie", "stillborn", "Trauerfall"])
def test_a_check_and_an_explanation_know_a_death_by_the_same_words(reason):
    rows = [act("order_refunded", "2026-02-01", category="Baby > Cots", reason=reason), _baby("2026-03-01")]
    assert len(found("life-changed", *rows)) == 1
    frame = build.events(*rows)
    made = why.message(frame, build.context(frame), frame["event_id"][-1])
    assert any(one.facts and one.facts.hand_over == "life changed" for one in made.because)


@pytest.mark.parametrize("reason", ["studied abroad", "too small", None])
def test_other_reasons_speak_of_no_death(reason):
    assert (
        not build.events(act("order_refunded", "2026-02-01", reason=reason))
        .filter(vocabulary.life_changed())
        .height
    )


def test_after_a_death_every_message_counts():
    (finding,) = found(
        "life-changed", act("customer_deceased", "2026-02-01"), mail("2026-03-01"), mail("2026-01-01")
    )
    assert finding["count"] == 1


def _deal(at):
    return mail(at, category="Electronics > Cameras", trigger="product_viewed")


def test_the_fourth_message_after_a_look_or_one_after_three_weeks_follows_too_long():
    look = act("product_viewed", "2026-01-01", category="Electronics > Cameras > Compact", event_id="v")
    assert found("browse-pursuit", look, *(_deal(f"2026-01-0{day}") for day in (2, 3, 4))) == []
    (finding,) = found("browse-pursuit", look, *(_deal(f"2026-01-0{day}") for day in (2, 3, 4, 5)))
    assert (finding["messages"], finding["cause"]) == (["e5"], ["v"])
    assert found("browse-pursuit", look, _deal("2026-01-22")) == []
    assert len(found("browse-pursuit", look, _deal("2026-01-22T00:00:01"))) == 1


def test_messages_of_one_channel_are_called_by_its_name_and_those_of_several_messages():
    look = act("product_viewed", "2026-01-01", category="Electronics > Cameras")
    deals = [_deal(f"2026-01-0{day}") for day in (2, 3, 4, 5)]
    (one,) = found("browse-pursuit", look, *deals)
    (two,) = found("browse-pursuit", look, *deals, _deal("2026-01-06") | {"channel": "push"})
    assert (one["text"][:13], two["text"][:16]) == ("4 mails about", "5 messages about")


def test_all_looks_between_the_first_and_the_last_mail_are_told_and_no_others():
    looks = [
        act("product_viewed", at, category="Electronics > Cameras", event_id=at)
        for at in ("2026-01-01", "2026-02-01", "2026-02-02", "2026-03-30")
    ]
    (finding,) = found("browse-pursuit", *looks, _deal("2026-01-25"), _deal("2026-03-01"))
    assert "after 3 acts about it since 2026-01-01, the last on 2026-02-02:" in finding["text"]
    assert finding["cause"] == ["2026-01-01", "2026-02-01", "2026-02-02"]


def test_a_new_look_starts_anew():
    looks = [
        act("product_viewed", f"2026-01-{day}", category="Electronics > Cameras") for day in ("01", "20")
    ]
    assert found("browse-pursuit", *looks, _deal("2026-01-25")) == []


@pytest.mark.parametrize("named", [{"campaign_id": "7"}, {"match": "*deals*"}], ids=["id", "match"])
def test_a_trigger_that_only_the_campaign_map_knows_counts_however_the_map_finds_the_campaign(named):
    entry = {**named, "trigger": "browse"}
    campaigns = pl.DataFrame([entry], schema=CAMPAIGNS)
    rows = [act("product_viewed", "2026-01-01", category="Electronics > Cameras")] + [
        mail(f"2026-01-0{day}", campaign_id="7", subject="Camera Deals", category="Electronics > Cameras")
        for day in (2, 3, 4, 5)
    ]
    (unsaid,) = found("browse-pursuit", *rows)
    assert (unsaid["case"], unsaid["severity"]) == ("unlogged", "info")
    (mapped,) = found("browse-pursuit", *rows, campaigns=campaigns)
    assert (mapped["case"], mapped["severity"]) == ("followed", "low")


def test_without_a_trigger_mail_about_the_thing_looked_at_follows_too_and_letters_do_not():
    camera = {"category": "Electronics > Cameras", "item_id": "x1"}
    look = act("product_viewed", "2026-01-01", **camera)
    mails = [mail(f"2026-01-0{day}", **camera) for day in (2, 3, 4, 5)]
    (finding,) = found("browse-pursuit", look, *mails)
    assert (finding["case"], finding["severity"], finding["excess"]) == ("unlogged", "low", 1)
    assert found("browse-pursuit", look, *(row | {"list_id": "news"} for row in mails)) == []
    assert found("browse-pursuit", look, *(row | {"trigger": "birthday"} for row in mails)) == []
    assert found("browse-pursuit", act("product_added", "2026-01-01", **camera), *mails) == []


def test_a_registry_opened_again_ends_it_at_that_instant():
    rows = [
        act("registry_closed", "2026-02-01", category="Baby"),
        act("registry_created", "2026-02-10", category="Baby"),
    ]
    assert found("life-changed", *rows, _baby("2026-02-10")) == []
    assert len(found("life-changed", *rows, _baby("2026-02-09T23:59:59.999999"))) == 1


def test_a_crib_sent_back_for_bereavement_is_a_life_changed_and_is_not_bought():
    crib = {"item_id": "crib", "category": "Baby > Nursery", "order_id": "1"}
    bought, back = act("order_completed", "2026-03-02", **crib), {"reason": "bereavement", **crib}
    mails = [mail(f"2026-03-{day}", category="Baby > Nursery") for day in (12, 21, 30)]
    for kind, label in (("order_refunded", "a return"), ("order_cancelled", "a cancellation")):
        rows = [bought, act(kind, "2026-03-05", **back), *mails]
        (finding,) = found("life-changed", *rows)
        expected = (
            f"3 mails about the same kind of thing since {label} for bereavement was recorded on 2026-03-05."
        )
        assert finding["text"] == expected
        assert found("repeat-after-purchase", *rows) == []


def test_of_one_instant_only_what_follows_a_death_in_event_id_counts():
    died = act("customer_deceased", "2026-02-01", event_id="m")
    assert found("life-changed", died, mail("2026-02-01", event_id="a")) == []
    assert len(found("life-changed", died, mail("2026-02-01", event_id="x"))) == 1


def test_messages_of_no_campaign_are_the_same_by_their_subject_and_without_one_by_nothing():
    first = mail("2026-01-01T00:00", subject="Hello")
    assert len(found("duplicate-message", first, first | {"at": "2026-01-01T01:00"})) == 1
    unnamed = first | {"subject": None}
    assert found("duplicate-message", unnamed, unnamed | {"at": "2026-01-01T01:00"}) == []
    of_campaign = unnamed | {"campaign_id": "a"}
    assert len(found("duplicate-message", of_campaign, of_campaign | {"at": "2026-01-01T01:00"})) == 1


def test_after_a_death_everything_is_stopped_and_after_a_closed_registry_its_campaigns():
    for kind, kind_of_rule, campaigns in (
        ("customer_deceased", "mute", None),
        ("registry_closed", "cooldown", ["baby"]),
    ):
        (finding,) = found("life-changed", act(kind, "2026-02-01", category="Baby"), _baby("2026-03-01"))
        rule = json.loads(finding["suggested_rule"])
        assert (rule["kind"], rule.get("campaigns")) == (kind_of_rule, campaigns)
    (finding,) = found(
        "life-changed", act("registry_closed", "2026-02-01"), _baby("2026-03-01", campaign_id=None)
    )
    assert finding["suggested_rule"] is None


def test_a_registry_that_is_opened_ends_nothing_but_that_one_was_closed():
    opened = act("registry_created", "2026-02-10", category="Baby")
    died = act("customer_deceased", "2026-02-01")
    assert len(found("life-changed", died, opened, mail("2026-03-01"))) == 1
    refund = act("order_refunded", "2026-02-01", category="Baby > Cots", reason="Bereavement")
    assert len(found("life-changed", refund, opened, _baby("2026-03-01"))) == 1
    assert found("life-changed", opened, _baby("2026-03-01")) == []


def test_what_a_registry_triggered_counts_after_it_was_closed_and_not_after_a_return():
    other = _baby("2026-03-01", category="Sport")
    assert len(found("life-changed", act("registry_closed", "2026-02-01", category="Baby"), other)) == 1
    refund = act("order_refunded", "2026-02-01", category="Baby > Cots", reason="Bereavement")
    assert found("life-changed", refund, other) == []


def test_a_pursuit_follows_no_order_and_needs_a_look_before_it():
    deals = [_deal(f"2026-01-0{day}") for day in (2, 3, 4, 5)]
    assert found("browse-pursuit", order("2026-01-01", category="Electronics > Cameras"), *deals) == []
    assert found("browse-pursuit", *deals) == []
    assert found("browse-pursuit", *(row | {"trigger": "price_drop_x"} for row in deals)) == []


# -- dead address --------------------------------------------------------------------------------------------------


def sent_and_back(day, reason="hard: user unknown", **columns):
    """A mail, and what came back on it at once."""
    sent = mail(f"2026-01-{day:02}T09:00", message_id=f"m{day}", event_id=f"m{day}", **columns)
    back = act(
        "message_bounced",
        f"2026-01-{day:02}T09:00:05",
        message_id=f"m{day}",
        reason=reason,
        event_id=f"b{day}",
    )
    return [sent, back]


def test_what_is_sent_after_two_hard_bounces_goes_to_a_dead_address():
    rows = [row for day in (1, 8, 15, 22) for row in sent_and_back(day)]
    (finding,) = found("dead-address", *rows)
    assert (finding["messages"], finding["cause"]) == (["m15", "m22"], ["b1", "b8", "b15"])
    assert finding["text"] == "2 mails after 2 hard bounces, the newest of 2026-01-08."
    assert (finding["subject"], finding["severity"], finding["verdict"]) == ("email", "medium", "risk")
    assert found("dead-address", *rows[:4]) == []


@pytest.mark.parametrize("reason", ["soft: mailbox full", "4.2.2 over quota", None])
def test_a_soft_bounce_and_one_without_a_reason_say_nothing(reason):
    rows = [row for day in (1, 8, 15, 22) for row in sent_and_back(day, reason)]
    assert found("dead-address", *rows) == []


@pytest.mark.parametrize(
    "reason", ["permanent failure", "550 5.1.1 rejected", "Unknown recipient", "No such user here"]
)
def test_a_hard_bounce_is_known_by_its_reason(reason):
    rows = [row for day in (1, 8, 15) for row in sent_and_back(day, reason)]
    assert [one["messages"] for one in found("dead-address", *rows)] == [["m15"]]


@pytest.mark.parametrize(
    ("kind", "machine", "counts"),
    [
        ("message_delivered", None, 0),
        ("message_clicked", None, 0),
        ("message_clicked", True, 1),
        ("message_opened", True, 1),
    ],
)
def test_a_message_that_arrived_begins_the_count_anew(kind, machine, counts):
    rows = [row for day in (1, 8) for row in sent_and_back(day)]
    arrived = act(kind, "2026-01-09T09:00", message_id="other", channel="email", machine=machine)
    found_then = found("dead-address", *rows, arrived, *sent_and_back(15))
    assert sum(one["count"] for one in found_then) == counts


def test_a_delivery_that_bounced_is_none():
    rows = [row for day in (1, 8, 15) for row in sent_and_back(day)]
    delivered = act("message_delivered", "2026-01-08T09:00:06", message_id="m8", channel="email")
    assert len(found("dead-address", *rows, delivered)) == 1


def test_a_message_that_bounces_again_is_one_hard_bounce():
    again = act(
        "message_bounced",
        "2026-01-01T11:00",
        message_id="m1",
        reason="permanent failure",
        event_id="b1-again",
    )
    rows = [*sent_and_back(1), again, *sent_and_back(8)]
    assert found("dead-address", *rows) == []
    (finding,) = found("dead-address", *rows, *sent_and_back(15))
    assert (finding["messages"], finding["cause"]) == (["m15"], ["b1", "b8"])
    assert finding["text"] == "1 mail after 2 hard bounces, the newest of 2026-01-08."


def test_another_channel_goes_on():
    rows = [row for day in (1, 8) for row in sent_and_back(day)]
    assert found("dead-address", *rows, mail("2026-02-01", channel="sms")) == []

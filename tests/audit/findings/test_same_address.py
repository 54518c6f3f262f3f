"""A no under another id of the same address."""

from datetime import timedelta

import polars as pl
import pytest

from audit import findings
from audit.workspace.context import said_under_other_ids
from tests import build
from tests.audit.findings.histories import act, mail

NAMESAKES = {"c_1": ("c_2",), "c_2": ("c_1",)}
NO = act("unsubscribed", "2026-06-10", channel="email", customer_id="c_2", event_id="no")


def found(*rows, namesakes=NAMESAKES):
    """What the check finds of anybody in these events."""
    events = build.events(*rows)
    elsewhere = said_under_other_ids(events.lazy(), namesakes)
    context = build.context(events, namesakes=namesakes, said_elsewhere=elsewhere)
    return findings.find(events, context, checks=["same-address"]).to_dicts()


def test_a_no_of_one_id_is_a_finding_for_the_other():
    (finding,) = found(NO, mail("2026-06-01"), mail("2026-06-11", event_id="after"))
    assert (finding["customer"], finding["messages"]) == ("c_1", ["after"])
    assert (
        finding["text"]
        == "1 mail after the opt-out of 2026-06-10 (unsubscribed) under another id of the same address: c_2."
    )
    assert (finding["verdict"], finding["severity"], finding["cause"]) == ("risk", "medium", [])
    assert found(NO, mail("2026-06-11"), namesakes={}) == []


@pytest.mark.parametrize(
    "more",
    [
        act("subscribed", "2026-06-10T12:00", channel="email"),  # the yes of this id
        act("subscribed", "2026-06-10T12:00", channel="email", customer_id="c_2"),  # the other took it back
        act("unsubscribed", "2026-06-10T12:00", channel="email"),  # told by after-opt-out
    ],
)
def test_a_later_yes_of_either_ends_it_and_a_no_of_ones_own_is_told_elsewhere(more):
    assert found(NO, more, mail("2026-06-11")) == []


@pytest.mark.parametrize(
    ("no", "sent"),
    [
        ({"list_id": "A"}, {"list_id": "B"}),
        ({"channel": "sms"}, {}),
        ({}, {"channel": "sms"}),
        ({}, {"message_class": "transactional"}),
    ],
)
def test_what_the_no_is_not_about_goes_on(no, sent):
    assert found({**NO, **no}, {**mail("2026-06-11"), **sent}) == []


def test_a_complaint_under_the_other_id_goes_by_its_message():
    complained = [
        mail("2026-06-01", message_id="m", sender="Sport", customer_id="c_2"),
        act("message_complained", "2026-06-02", message_id="m", customer_id="c_2"),
    ]
    of_sport, of_books = (mail("2026-06-11", sender=name, event_id=name) for name in ("Sport", "Books"))
    (finding,) = found(*complained, of_sport, of_books)
    assert finding["messages"] == ["Sport"]


def test_it_is_explained_by_trying():
    rows = [NO, mail("2026-06-11", event_id="after")]
    events = build.events(*rows)
    elsewhere = said_under_other_ids(events.lazy(), NAMESAKES)
    context = build.context(events, namesakes=NAMESAKES, said_elsewhere=elsewhere)
    own = events.filter(pl.col("customer_id") == "c_1")
    (row,) = findings.find(own, context, checks=["same-address"]).to_dicts()
    explained = findings.finding(own, context, row["id"])
    assert explained.counterfactual.remove == ("after",)
    assert context.at - own["occurred_at"][0] == timedelta(0)


def test_it_is_found_of_several_at_once():
    said = [NO, act("unsubscribed", "2026-06-10", channel="email", customer_id="c_4", event_id="other no")]
    mails = [mail("2026-06-11", customer_id=customer, event_id=customer) for customer in ("c_1", "c_3")]
    namesakes = {**NAMESAKES, "c_3": ("c_4",), "c_4": ("c_3",)}
    assert [row["messages"] for row in found(*said, *mails, namesakes=namesakes)] == [["c_1"], ["c_3"]]

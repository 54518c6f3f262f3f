"""Whatever asks what somebody bought asks it of the orders that stand."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import recommendations, segments, why
from audit.events import purchases
from audit.events.purchases import TAKEN_BACK
from audit.events.times import duration
from audit.population import stats
from audit.queries.reports import customer_facts, note_sentences
from audit.queries.reports.language import language
from audit.rules.model import from_dict
from audit.rules.replay import simulation
from audit.segments import definition_files
from tests import build
from tests.audit.findings.histories import act, found, mail, order

CRIB = {"item_id": "crib", "category": "Baby > Nursery", "order_id": "1"}
UNDOING = [
    act("order_refunded", "2026-03-05", item_id="crib", order_id="1"),
    act("order_cancelled", "2026-03-05", order_id="1"),
    order("2026-03-05", item_id="crib", quantity=-1.0),
]


def _mails(category: str | None = "Baby > Nursery") -> list[dict]:
    return [mail(f"2026-03-{day}", category=category, campaign_id="b") for day in (12, 21, 30)]


@pytest.mark.parametrize("undone", UNDOING)
def test_what_was_sent_back_was_not_bought_by_anybody(undone):
    events = build.events(order("2026-03-02", item_name="Crib", quantity=1.0, **CRIB), undone)
    assert stats.count(events.lazy()).items.is_empty()
    assert stats.count(events.head(1).lazy()).items["item_id"].to_list() == ["crib"]


@pytest.mark.parametrize("undone", UNDOING)
def test_mail_about_what_was_sent_back_does_not_repeat_a_purchase(undone):
    bought = order("2026-03-02", quantity=1.0, **CRIB)
    assert len(found("repeat-after-purchase", bought, *_mails())) == 1
    assert found("repeat-after-purchase", bought, undone, *_mails()) == []


@pytest.mark.parametrize(
    "named", [{"item_id": "crib", "order_id": "1"}, {"order_id": "1"}, {"item_id": "crib"}]
)
@pytest.mark.parametrize("about", [{"category": "Baby > Nursery"}, {"item_id": "crib"}])
def test_a_return_for_bereavement_is_found_without_a_category(named, about):
    refund = act("order_refunded", "2026-03-05", reason="bereavement", **named)
    (finding,) = found(
        "life-changed", order("2026-03-02", **CRIB), refund, mail("2026-03-12", campaign_id="b", **about)
    )
    assert (finding["count"], finding["severity"]) == (1, "high")


def test_postage_is_no_purchase_that_mail_could_repeat():
    bought = order("2026-03-02", item_id="POST", item_name="POSTAGE", category="Baby > Nursery")
    assert found("repeat-after-purchase", bought, *_mails()) == []


def _segments(*rows: dict) -> set[str]:
    events = build.events(*rows)
    return set(segments.derive(events, build.context(events))["segment_id"])


def _often(number: int) -> list[dict]:
    return [order(f"2026-03-0{day}", order_id=str(day), item_id=f"i{day}") for day in range(1, number + 1)]


def test_an_order_that_was_undone_counts_to_no_segment():
    undone = act("order_refunded", "2026-03-09", order_id="3", item_id="i3")
    assert "frequent-buyer" in _segments(*_often(5))
    assert "frequent-buyer" not in _segments(*_often(5), undone)
    assert "new-customer" not in _segments(_often(1)[0], act("order_cancelled", "2026-03-09", order_id="1"))


def test_what_was_kept_of_a_line_is_its_worth():
    text = """[[segment]]
id = "spender"
title = "Spender"
basis = "value"
purpose = "personalize.content.profiled"
source = "test"
reason = "spent"
[[segment.when]]
test = "sum"
kinds = ["order_completed"]
at_least = 100
"""
    definitions = definition_files.parse(text, "test.toml")
    bought = order("2026-03-01", order_id="1", item_id="a", quantity=5.0, price=20.0)
    back = act("order_refunded", "2026-03-02", order_id="1", item_id="a", quantity=1.0)
    for rows, number in (([bought], 1), ([bought, back], 0)):
        events = build.events(*rows)
        assert segments.derive(events, build.context(events), definitions).height == number


def test_why_says_that_an_order_was_sent_back_and_what_would_end_the_segment():
    undone = act("order_refunded", "2026-03-09", order_id="6", item_id="i6")
    events = build.events(*_often(6), undone)
    explained = why.segment(events, build.context(events), "frequent-buyer")
    assert set(explained.because[0].events) == {f"e{number}" for number in range(1, 6)}
    assert [reason.events for reason in explained.left_out if "sent back" in reason.text] == [("e6",)]
    assert explained.counterfactual is not None
    left = events.filter(~events["event_id"].is_in(list(explained.counterfactual.remove)))
    assert "frequent-buyer" not in set(segments.derive(left, build.context(left))["segment_id"])


def test_a_cart_whose_order_was_cancelled_is_open_again():
    lamp = {"item_id": "lamp", "item_name": "Lamp"}
    rows = [
        act("product_added", "2026-03-02T12:00", **lamp),
        order("2026-03-02T13:00", order_id="1", **lamp),
        act("order_cancelled", "2026-03-02T14:00", order_id="1", **lamp),
        mail("2026-03-02T18:00", campaign_id="cart", trigger="cart_abandoned", **lamp),
    ]
    events = build.events(*rows)
    at = events["occurred_at"].max() + timedelta(hours=1)
    assert found("cart-after-purchase", *rows) == []
    assert "cart-abandoner" in _segments(*rows)
    strips = recommendations.derive(events, build.context(events, at))
    assert strips.filter(strategy="left_in_cart")["item_id"].to_list() == ["lamp"]
    bought = recommendations.derive(events.head(2), build.context(events, at))
    assert bought.filter(strategy="left_in_cart").is_empty()


@pytest.mark.parametrize("undone", UNDOING)
def test_what_was_sent_back_is_no_purchase_in_any_sentence(undone):
    """A letter does not tell a customer that they bought what they sent back."""
    events = build.events(order("2026-03-02", quantity=1.0, item_name="Crib", **CRIB), undone, *_mails())
    told = why.message(events, build.context(events), "e3")
    (cause,) = [reason for reason in told.because if reason.text.startswith("could be: ")]
    assert cause.text.startswith("could be: ordered Crib (returned or cancelled since) on 2026-03-02")
    for locale, sentence in (
        ("en", "You ordered “Crib” on 2 March 2026, and it was returned or cancelled since."),
        ("de", "Sie haben am 2. März 2026 „Crib“ bestellt; das wurde seitdem zurückgegeben oder storniert."),
    ):
        assert customer_facts._acts(language(locale), [cause.facts]) == [sentence]
    noted = note_sentences.sentence(language("de"), cause)
    assert noted.startswith("Bestellt, seitdem zurückgegeben oder storniert „Crib“, 2. März 2026")


_hours = st.sampled_from((0, 1, 5, 24, 30, 48, 100))
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(("order_completed", "order_completed", "message_sent", *TAKEN_BACK)),
            "at": _hours.map(lambda hours: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hours)),
            "event_id": st.text("ab", min_size=1, max_size=5),
            "order_id": st.sampled_from(("1", "2", None)),
            "item_id": st.sampled_from(("crib", "pan", None)),
            "item_name": st.sampled_from((None, "Postage")),
            "quantity": st.sampled_from((None, 1.0, 2.0, -1.0)),
            "price": st.sampled_from((None, 5.0)),
        }
    ),
    max_size=14,
    unique_by=lambda row: row["event_id"],
)


@settings(max_examples=45, deadline=None)
@given(_rows, st.sampled_from(("nothing", "item")), st.sampled_from(("2h", "2d", "repurchase")))
def test_a_cooldown_counts_the_orders_that_stand_when_the_message_is_due(rows, same, window):
    rule = {
        "id": "c",
        "kind": "cooldown",
        "after": "order_completed",
        "same": same,
        "window": window,
        "fallback": "1d",
    }
    frame = build.events(*[{"message_class": "marketing", "category": None, **row} for row in rows])
    decided = simulation.simulate(frame, [from_dict(rule)], build.context(frame)).decisions
    for customer, event_id, at, counted in decided.select(
        "customer_id", "event_id", "occurred_at", "counted"
    ).rows():
        item = frame.filter(event_id=event_id)["item_id"].item()
        before = frame.filter(
            (pl.col("occurred_at") < at) | (pl.col("occurred_at") == at) & (pl.col("event_id") < event_id)
        )
        standing = purchases.without_undone(before).filter(kind="order_completed", customer_id=customer)
        of_item = standing.filter(item_id=item) if item else standing.clear()
        first = before.filter(kind="order_completed").filter(
            pl.col("quantity").fill_null(1) > 0, pl.col("item_name").is_null()
        )
        starts = {
            ident: first.filter(order_id=ident)["occurred_at"].min() if ident else None
            for ident in ("1", "2")
        }
        moments = sorted(
            {
                starts[row["order_id"]] if row["order_id"] else row["occurred_at"]
                for row in of_item.iter_rows(named=True)
            }
        )
        gaps = sorted(later - earlier for earlier, later in pairwise(moments))
        own = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2 if gaps else timedelta(days=1)
        span = own if window == "repurchase" else duration(window)
        agreeing = standing if same == "nothing" else of_item
        assert counted == agreeing.filter(pl.col("occurred_at") > at - span)["event_id"].to_list()

"""Mailed about what was bought, before a re-purchase is due."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.flows.campaign_map import SCHEMA as CAMPAIGNS
from audit.population.stats import INTERVALS, Facts, none
from tests import build
from tests.audit.findings.histories import found, found_in, mail, order

_NAILS = "Beauty > Nails > Nail clippers"
_BOUGHT = datetime(2025, 1, 1, tzinfo=UTC)


def _mails(*days: float, **columns):
    return [mail(_BOUGHT + timedelta(days=day), **{"category": _NAILS, **columns}) for day in days]


def _facts(category: str, days: float) -> Facts:
    intervals = pl.DataFrame([(category, timedelta(days=days), 20, 20)], schema=INTERVALS, orient="row")
    empty = none()
    return Facts(empty.items, intervals, lambda: empty.also_bought, 20)


def test_two_mails_are_no_finding_and_three_are():
    bought = order(_BOUGHT, category=_NAILS, event_id="o")
    assert found("repeat-after-purchase", bought, *_mails(1, 2)) == []
    (finding,) = found("repeat-after-purchase", bought, *_mails(1, 2, 3))
    assert finding["text"] == "3 mails about nail clippers (Nails) since one was bought on 2025-01-01."
    assert finding["cause"] == ["o"]
    assert finding["count"] == 3
    assert finding["severity"] == "medium"


def test_the_thing_that_was_bought_is_named_where_it_has_a_name():
    bought = order(_BOUGHT, category=_NAILS, item_name="Clipper, steel")
    (finding,) = found("repeat-after-purchase", bought, *_mails(1, 2, 3))
    assert "since “Clipper, steel” was bought on" in finding["text"]


def test_what_was_sent_ahead_of_any_order_was_not_bought():
    sent = order(_BOUGHT, category=_NAILS, source="inferred")
    (finding,) = found("repeat-after-purchase", sent, *_mails(1, 2, 3))
    assert finding["text"] == (
        "3 mails about nail clippers (Nails) since one was sent without an order on 2025-01-01."
    )


def test_mails_before_the_purchase_do_not_count():
    assert found("repeat-after-purchase", order(_BOUGHT, category=_NAILS), *_mails(-2, -1, 1, 2)) == []


def test_a_mail_of_the_same_instant_counts_only_after_the_order_in_event_id():
    late = order(_BOUGHT, category=_NAILS, event_id="z")
    assert found("repeat-after-purchase", late, *_mails(0, 1, 2)) == []
    early = order(_BOUGHT, category=_NAILS, event_id="a")
    assert found("repeat-after-purchase", early, *_mails(0, 1, 2))[0]["count"] == 3


def test_after_24_months_nothing_counts_where_no_interval_is_known():
    bought = order(_BOUGHT, category=_NAILS)
    assert found("repeat-after-purchase", bought, *_mails(1, 2, 730)) == []
    assert len(found("repeat-after-purchase", bought, *_mails(1, 2, 729.999))) == 1


def test_the_interval_of_everybody_comes_before_the_fallback():
    bought = order(_BOUGHT, category=_NAILS)
    assert len(found("repeat-after-purchase", bought, *_mails(1, 2, 29), facts=_facts(_NAILS, 30))) == 1
    assert found("repeat-after-purchase", bought, *_mails(1, 2, 30), facts=_facts(_NAILS, 30)) == []


def test_the_customers_own_interval_comes_before_that_of_everybody():
    bought = [order(_BOUGHT - timedelta(days=10), category=_NAILS), order(_BOUGHT, category=_NAILS)]
    assert found("repeat-after-purchase", *bought, *_mails(1, 2, 10), facts=_facts(_NAILS, 30)) == []
    assert len(found("repeat-after-purchase", *bought, *_mails(1, 2, 9), facts=_facts(_NAILS, 30))) == 1


def test_the_own_interval_of_the_item_comes_before_that_of_the_category():
    item = {"category": _NAILS, "item_id": "clipper"}
    bought = [
        order(_BOUGHT - timedelta(days=100), **item),
        order(_BOUGHT - timedelta(days=2), category=_NAILS, item_id="file"),
        order(_BOUGHT, **item),
    ]
    assert len(found("repeat-after-purchase", *bought, *_mails(1, 60, 99, item_id="clipper"))) == 1
    assert found("repeat-after-purchase", *bought, *_mails(1, 60, 100, item_id="clipper")) == []
    assert found("repeat-after-purchase", *bought, *_mails(1, 60, 99)) == []


def test_two_rows_of_one_order_are_no_interval():
    bought = [order(_BOUGHT, category=_NAILS), order(_BOUGHT, category=_NAILS)]
    assert found("repeat-after-purchase", *bought, *_mails(1, 2, 3))[0]["text"].endswith(
        "one was bought on 2025-01-01."
    )


def test_an_order_delivered_in_two_parts_is_one_purchase():
    parts = [order(_BOUGHT - timedelta(days=day), category=_NAILS, order_id="one") for day in (2, 0)]
    assert len(found("repeat-after-purchase", *parts, *_mails(1, 2, 3))) == 1


def test_a_later_purchase_does_not_change_what_was_due_before_it():
    bought = [order(_BOUGHT, category=_NAILS), order(_BOUGHT + timedelta(days=4), category=_NAILS)]
    assert found("repeat-after-purchase", *bought, *_mails(1, 2, 3))[0]["count"] == 3


def test_nobody_can_say_when_consumables_are_due():
    tea = "Grocery > Tea"
    assert found("repeat-after-purchase", order(_BOUGHT, category=tea), *_mails(1, 2, 3, category=tea)) == []
    known = found(
        "repeat-after-purchase",
        order(_BOUGHT, category=tea),
        *_mails(1, 2, 3, category=tea),
        facts=_facts(tea, 9),
    )
    assert len(known) == 1


def test_a_mail_about_the_item_counts_where_it_names_no_category():
    bought = order(_BOUGHT, category=_NAILS, item_id="clipper")
    (finding,) = found("repeat-after-purchase", bought, *_mails(1, 2, 3, category=None, item_id="clipper"))
    assert (finding["case"], finding["subject"]) == ("item", "clipper")
    assert '"same": "item"' in finding["suggested_rule"]


def test_another_category_and_another_customer_do_not_count():
    bought = order(_BOUGHT, category=_NAILS)
    assert found("repeat-after-purchase", bought, *_mails(1, 2, 3, category="Beauty > Nails > Files")) == []
    assert found("repeat-after-purchase", bought, *_mails(1, 2, 3, customer_id="c_2")) == []


def test_a_purchase_in_between_starts_anew():
    bought = [order(_BOUGHT, category=_NAILS), order(_BOUGHT + timedelta(days=2.5), category=_NAILS)]
    assert found("repeat-after-purchase", *bought, *_mails(1, 2, 3, 4)) == []


def test_mails_that_say_nothing_are_cannot_tell():
    silent = _mails(1, 2, 3, category=None, campaign_id="weekly")
    (finding,) = found("repeat-after-purchase", order(_BOUGHT, category=_NAILS), *silent)
    assert (finding["verdict"], finding["severity"]) == ("cannot_tell", "info")
    assert finding["text"].endswith("already bought: none says what it is about.")


def test_letters_to_a_list_are_not_asked_what_they_are_about():
    letters = _mails(1, 2, 3, category=None, list_id="weekly")
    assert found("repeat-after-purchase", order(_BOUGHT, category=_NAILS), *letters) == []


_days = st.integers(0, 40)


@settings(max_examples=25, deadline=None)
@given(st.lists(_days, max_size=5), st.lists(_days, max_size=12), st.sampled_from([None, 3, 20]))
def test_it_finds_what_a_plain_reading_finds(bought, sent, everybody):
    rows = [order(_BOUGHT + timedelta(days=day), category=_NAILS) for day in bought]
    rows += _mails(*sent)
    facts = _facts(_NAILS, everybody) if everybody else none()
    events = build.events(*rows) if rows else build.events(mail(_BOUGHT))
    orders = [
        (row["occurred_at"], row["event_id"]) for row in events.to_dicts() if row["kind"] == "order_completed"
    ]
    groups: dict[datetime, list[str]] = {}
    for row in events.filter((pl.col("kind") == "message_sent") & (pl.col("category") == _NAILS)).to_dicts():
        before = [one for one in orders if one < (row["occurred_at"], row["event_id"])]
        if not before:
            continue
        last = max(before)[0]
        times = sorted({at for at, _ in orders if at <= last})
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
        due = median(gaps) if gaps else (everybody or 730) * 86_400
        if (row["occurred_at"] - last).total_seconds() < due:
            groups.setdefault(last, []).append(row["event_id"])
    expected = [event_id for _, ids in sorted(groups.items()) if len(ids) >= 3 for event_id in ids]
    made = found_in("repeat-after-purchase", events, facts=facts)
    told = [finding for finding in made if finding["verdict"] != "cannot_tell"]
    assert [event_id for finding in told for event_id in finding["messages"]] == expected


def test_six_are_high_and_five_are_not():
    bought = order(_BOUGHT, category=_NAILS)
    severities = [
        found("repeat-after-purchase", bought, *_mails(*range(1, count + 1)))[0]["severity"]
        for count in (5, 6)
    ]
    assert severities == ["medium", "high"]


def test_of_two_silent_messages_nothing_is_said():
    bought = order(_BOUGHT, category=_NAILS)
    assert found("repeat-after-purchase", bought, *_mails(1, 2, category=None, campaign_id="weekly")) == []
    spoken = _mails(4)
    silent = _mails(1, 2, 3, category=None, campaign_id="weekly")
    assert found("repeat-after-purchase", bought, *silent, *spoken) == []


def test_of_campaigns_that_are_mapped_it_can_be_told():
    silent = _mails(1, 2, 3, category=None, campaign_id="weekly")
    campaigns = pl.DataFrame([{"campaign_id": "weekly"}], schema=CAMPAIGNS)
    assert found("repeat-after-purchase", order(_BOUGHT, category=_NAILS), *silent, campaigns=campaigns) == []


def test_several_purchases_are_counted_in_words():
    bought = [order(_BOUGHT + timedelta(days=day), category=_NAILS) for day in (0, 10)]
    (finding,) = found("repeat-after-purchase", *bought, *_mails(1, 2, 3, 11, 12, 13))
    assert finding["text"].startswith(
        "6 mails about nail clippers (Nails) soon after 2 purchases of the same kind, the first"
    )


def test_what_was_sent_back_is_not_bought_any_more():
    bought = order(_BOUGHT, category=_NAILS, item_id="clipper", order_id="1")
    back = {
        "kind": "order_refunded",
        "at": _BOUGHT + timedelta(days=2),
        "item_id": "clipper",
        "order_id": "1",
    }
    assert found("repeat-after-purchase", bought, back, *_mails(3, 4, 5)) == []
    assert found("repeat-after-purchase", bought, back, *_mails(0.5, 1, 1.5))[0]["count"] == 3
    before = order(_BOUGHT - timedelta(days=9), category=_NAILS, order_id="0", event_id="first")
    assert found("repeat-after-purchase", before, bought, back, *_mails(3, 4, 5))[0]["cause"] == ["first"]


def test_subjects_that_name_what_was_bought_before_are_a_hint_and_no_finding():
    bought = order(_BOUGHT, item_id="n", item_name="Nail clipper")
    subjects = ["Nail clippers for you", "More nail clippers", "Nail polish", "Last call: your nail clipper"]
    mails = _mails(*range(1, 5), category=None, campaign_id="w")
    named = [{**one, "subject": subject} for one, subject in zip(mails, subjects, strict=True)]
    (finding,) = found("repeat-after-purchase", bought, *named)
    assert (finding["verdict"], finding["severity"]) == ("cannot_tell", "info")
    assert finding["text"].endswith(
        "A hint: the subjects of 3 of them name what was bought before, Nail clipper on 2025-01-01."
    )
    early = order(_BOUGHT + timedelta(days=9), item_id="n", item_name="Nail clipper")
    (finding,) = found("repeat-after-purchase", early, *named)
    assert "hint" not in finding["text"], "bought after all of them"

"""Decisions that rest on an act for somebody else, or on one stray purchase."""

import pytest

from tests.audit.findings.histories import act, found, mail, order

_MAKEUP = "Beauty > Make-up > Palettes"


def _mails(count, **columns):
    return [mail(f"2026-03-{day:02}", category=_MAKEUP, **columns) for day in range(1, count + 1)]


def _own(count, **columns):
    return [
        order(f"2026-01-{day:02}", category="Tools > Drills > Bits", **columns) for day in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("columns", "case"),
    [({"gift": True}, "gift"), ({"recipient": "partner"}, "recipient"), ({"persona": "p2"}, "persona")],
)
def test_a_hard_sign_on_the_evidence_is_a_finding(columns, case):
    rows = [
        *_own(2, persona="p1"),
        order("2026-02-01", category=_MAKEUP, event_id="o", **columns),
        *_mails(1),
    ]
    (finding,) = found("shared-account", *rows)
    assert (finding["case"], finding["severity"], finding["cause"]) == (case, "medium", ["o"])
    assert "out of this account's usual pattern" in finding["text"]


def test_an_own_order_of_the_same_area_takes_the_doubt_away():
    rows = [
        order("2026-02-01", category=_MAKEUP, gift=True),
        order("2026-02-02", category=_MAKEUP),
        *_mails(2),
    ]
    assert found("shared-account", *rows) == []


def test_gifts_for_oneself_and_letters_to_a_list_are_no_sign():
    assert found("shared-account", order("2026-02-01", category=_MAKEUP, recipient="self"), *_mails(2)) == []
    assert (
        found("shared-account", order("2026-02-01", category=_MAKEUP, gift=True), *_mails(2, list_id="l"))
        == []
    )


def test_decisions_before_the_act_do_not_rest_on_it():
    assert found("shared-account", *_mails(2), order("2026-04-01", category=_MAKEUP, gift=True)) == []


@pytest.mark.parametrize(("own", "mails", "count"), [(4, 3, 1), (3, 3, 0), (4, 2, 0)])
def test_one_stray_purchase_is_a_hint_where_the_account_keeps_to_its_areas(own, mails, count):
    rows = [*_own(own), order("2026-02-01", category=_MAKEUP), *_mails(mails)]
    made = found("shared-account", *rows)
    assert [(one["case"], one["severity"]) for one in made] == [("hint", "info")] * count
    assert all("other 4 orders none is alone in an area" in one["text"] for one in made)


@pytest.mark.parametrize(("once", "count"), [(1, 1), (2, 0)])
def test_who_varies_gets_no_hint(once, count):
    others = [order(f"2026-01-2{at}", category=f"Area {at} > Kind") for at in range(once)]
    rows = [*_own(5 - once), *others, order("2026-02-01", category=_MAKEUP), *_mails(3)]
    assert len(found("shared-account", *rows)) == count


@pytest.mark.parametrize(("elsewhere", "count"), [(False, 1), (True, 0)])
def test_a_device_that_did_nothing_else_is_a_sign_and_low(elsewhere, count):
    rows = [
        *_own(2, device_id="laptop"),
        order("2026-02-01", category=_MAKEUP, device_id="phone"),
        *_mails(1),
        *(
            [act("product_viewed", "2026-02-03", category="Books > Crime", device_id="phone")]
            if elsewhere
            else []
        ),
    ]
    assert [(one["case"], one["severity"]) for one in found("shared-account", *rows)] == [
        ("device", "low")
    ] * count


def test_recommendations_and_segments_count_as_decisions():
    shown = act("recommendation_shown", "2026-03-01", category="Beauty > Make-up > Lipstick")
    entered = act("segment_entered", "2026-03-02", segment_id="beauty", category="Beauty > Make-up")
    rows = [order("2026-02-01", category=_MAKEUP, gift=True), shown, entered]
    (finding,) = found("shared-account", *rows)
    assert (finding["count"], finding["messages"], finding["evidence"]) == (2, [], ["e1", "e2", "e3"])


def test_the_only_device_of_an_account_is_its_own():
    rows = [order("2026-02-01", category=_MAKEUP, device_id="phone"), *_mails(1)]
    assert found("shared-account", *rows) == []


def test_a_device_with_an_act_of_no_category_is_no_sign():
    rows = [
        *_own(2, device_id="laptop"),
        order("2026-02-01", category=_MAKEUP, device_id="phone"),
        act("product_viewed", "2026-02-03", item_id="x", device_id="phone"),
        *_mails(1),
    ]
    assert found("shared-account", *rows) == []


def test_a_gift_of_which_no_message_tells_is_low():
    shown = act("recommendation_shown", "2026-03-01", category="Beauty > Make-up > Lipstick")
    gift = order("2026-02-01", category=_MAKEUP, gift=True)
    assert found("shared-account", gift, shown)[0]["severity"] == "low"
    assert found("shared-account", gift, shown, *_mails(1))[0]["severity"] == "medium"


def test_a_second_act_in_the_area_takes_a_hint_away():
    rows = [*_own(4), order("2026-02-01", category=_MAKEUP), *_mails(3)]
    look = act("product_viewed", "2026-02-02", category=_MAKEUP)
    assert len(found("shared-account", *rows)) == 1
    assert found("shared-account", *rows, look) == []
    assert found("shared-account", *rows, order("2026-02-02", category=_MAKEUP)) == []


@pytest.mark.parametrize(("once", "count"), [(1, 1), (2, 0)])
def test_a_hint_needs_a_score_of_four_fifths(once, count):
    others = [order(f"2026-01-2{at}", category=f"Area {at} > Kind") for at in range(once)]
    rows = [*_own(5 - once), *others, order("2026-02-01", category=_MAKEUP), *_mails(3)]
    made = found("shared-account", *rows)
    assert len(made) == count
    assert all("other 5 orders 1 is alone in an area" in finding["text"] for finding in made)


def test_a_segment_that_was_bought_is_no_decision_of_the_sender():
    gift = order("2026-02-01", category=_MAKEUP, gift=True)
    entered = act("segment_entered", "2026-03-02", segment_id="beauty", category="Beauty > Make-up")
    assert len(found("shared-account", gift, entered | {"source": "first_party"})) == 1
    assert found("shared-account", gift, entered | {"source": "third_party"}) == []

"""Logged and derived segments held together: which meet, and what may be said of each."""

import json

import polars as pl
import pytest

from audit import segments
from audit.events.times import parse_iso
from audit.events.vocabulary import FILE_DATE
from tests.build import context, days, events

AT = parse_iso("2026-06-30T12:00:00Z")


def entered(name, at=5, **fields):
    return {
        "kind": "segment_entered",
        "at": AT - days(at),
        "segment_id": name,
        "source": "first_party",
        **fields,
    }


COVER = [
    {"kind": kind, "at": AT - days(ago), "customer_id": "c_0", "event_id": f"{kind}{ago}"}
    for kind in ("order_completed", "product_viewed")
    for ago in (400, 3)
]
"""What somebody else did: the data holds orders and views."""


def memberships(*rows):
    frame = events(*rows)
    made = segments.memberships(frame, context(frame, AT)).filter(customer_id="c_1")
    return {row["id"]: row for row in made.iter_rows(named=True)}


def orders(count):
    return [
        {"kind": "order_completed", "at": AT - days(9 - n), "order_id": f"o{n}", "item_name": "Tea"}
        for n in range(count)
    ]


def views():
    return [
        {"kind": "product_viewed", "at": AT - days(9 - n), "category": "Electronics > Cameras > Compact"}
        for n in range(3)
    ]


@pytest.mark.parametrize("name", ["frequent-buyer", "Frequent Buyer", "FREQUENT_SHOPPERS", "loyal customer"])
def test_a_logged_segment_meets_ours_by_any_of_its_names(name):
    found = memberships(*orders(5), entered(name))["frequent-buyer"]
    assert (found["logged"], found["derived"], found["standing"]) == (True, True, "derived")
    assert found["logged_as"] == name
    assert found["evidence"] == ["e1", "e2", "e3", "e4", "e5"]
    assert found["logged_events"] == ["e6"]


@pytest.mark.parametrize("name", ["In-Market:cameras", "in-market:Electronics > Cameras", "camera interest"])
def test_a_logged_interest_meets_ours_in_its_category(name):
    found = memberships(*views(), entered(name))
    ours = found["category-interest:Electronics > Cameras"]
    assert ours["logged"] is (name != "camera interest")
    assert ours["title"] == "Repeated interest in Electronics > Cameras"


def test_one_that_only_we_give_is_derived_and_not_logged():
    found = memberships(*orders(5))["frequent-buyer"]
    assert (found["logged"], found["derived"], found["standing"]) == (False, True, "derived")


def test_a_reason_in_the_log_is_stated():
    assert memberships(entered("vip", reason="spent 2,000"))["high-value"]["standing"] == "stated"
    assert memberships(entered("vip", trigger="order_completed"))["high-value"]["standing"] == "stated"


def test_a_snapshot_states_no_cause():
    row = {**entered("autos"), "kind": "segment_snapshot", "reason": "snapshot, cause not disclosed"}
    assert memberships(row, *COVER)["autos"]["standing"] == "unexplained"


def test_nothing_is_called_unexplained_where_the_data_does_not_hold_what_would_explain_it():
    assert memberships(entered("autos"))["autos"]["standing"] == "cannot_tell"
    assert memberships(entered("autos", 320), *COVER)["autos"]["standing"] == "cannot_tell", "too early"
    assert memberships(entered("autos", 5), *COVER)["autos"]["standing"] == "unexplained"


def test_an_act_with_the_segments_words_could_be_behind_it():
    search = {"kind": "products_searched", "at": AT - days(9), "query": "automotive paint"}
    assert memberships(search, entered("in-market:autos"))["in-market:autos"]["standing"] == "inferred"
    late = {**search, "at": AT - days(1)}
    assert (
        memberships(late, entered("in-market:autos"), *COVER)["in-market:autos"]["standing"] == "unexplained"
    )


def test_an_act_in_the_logged_category_could_be_behind_it():
    found = memberships(*views(), entered("interest:photo", category="Electronics > Cameras"))
    assert found["interest:photo"]["standing"] == "inferred"
    other = memberships(*views(), entered("interest:photo", category="Electronics > Cam"), *COVER)
    assert other["interest:photo"]["standing"] == "unexplained"


def test_words_that_say_nothing_account_for_nothing():
    view = {"kind": "product_viewed", "at": AT - days(9), "item_name": "Market customers segment"}
    found = memberships(view, entered("market customers"), *COVER)["market customers"]
    assert found["standing"] == "unexplained"


def test_a_bought_segment_is_unexplained_whatever_the_customer_did():
    search = {"kind": "products_searched", "at": AT - days(9), "query": "autos"}
    found = memberships(search, entered("in-market:autos", source="third_party"), *COVER)["in-market:autos"]
    assert (found["standing"], found["basis"]) == ("unexplained", "third_party")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"source": "third_party", "source_name": "Lists Ltd"}, "In the log since 2026-06-25, from a third party (Lists Ltd)."),
        ({"source": "third_party", "source_name": None}, "In the log since 2026-06-25, from a third party."),
        ({"source": "inferred"}, "In the log since 2026-06-25; whoever recorded it had inferred it."),
        ({"attributes": json.dumps({"occurred_at_is": FILE_DATE})}, "In the log as of the export of 2026-06-25."),
        ({}, "In the log since 2026-06-25."),
    ],
)  # fmt: skip
def test_of_a_segment_that_only_the_log_gives_what_it_says_is_told(fields, told):
    assert memberships(entered("in-market:autos", **fields))["in-market:autos"]["reason"] == told


def test_what_another_says_more_exactly_is_told_only_where_it_was_logged():
    """As found in real data: "Senior" beside "Aged 65+", "Busy family" beside "Family with children"."""
    profile = {
        "kind": "profile_updated",
        "at": AT - days(9),
        "attributes": '{"age": "70", "kids_count": "2"}',
    }
    often = [{"kind": "order_completed", "at": AT - days(n + 1), "order_id": f"o{n}"} for n in range(9)]
    assert {"senior", "busy-family"} == {"senior", "busy-family", "family", "age-group:65+"} & set(
        memberships(profile, *often)
    )
    assert {"senior", "family"} <= set(memberships(profile, *often[:5]))
    found = memberships(profile, *often, entered("family"), entered("age 65+"))
    logged = {name for name, row in found.items() if row["logged"] and row["derived"]}
    assert logged == {"family", "age-group:65+"}
    assert {"senior", "busy-family"} <= set(found)


def test_part_of_our_definition_could_be_behind_a_logged_one():
    found = memberships(*orders(1), entered("frequent-buyer"))["frequent-buyer"]
    assert (found["derived"], found["standing"], found["evidence"]) == (False, "inferred", ["e2"])


def test_likeness_alone_is_unexplained_and_sensitive():
    found = memberships(*orders(1), entered("expecting-parents", source="inferred"), *COVER)[
        "expecting-parent"
    ]
    assert (found["standing"], found["sensitive"], found["basis"]) == ("unexplained", True, "life_stage")


def test_a_sensitive_name_we_have_no_definition_for_is_sensitive():
    assert memberships(entered("diabetes-care-shoppers"))["diabetes-care-shoppers"]["sensitive"]


def test_who_left_is_in_no_longer_and_who_came_back_is_in_since_then():
    left = {"kind": "segment_left", "at": AT - days(3), "segment_id": "autos"}
    assert memberships(entered("autos"), left) == {}
    again = memberships(entered("autos"), left, entered("autos", at=1))["autos"]
    assert (again["since"], again["logged_events"]) == (AT - days(1), ["e3"])


def test_leaving_one_customers_segment_leaves_the_others():
    left = {"kind": "segment_left", "at": AT - days(3), "segment_id": "autos", "customer_id": "c_2"}
    assert "autos" in memberships(entered("autos"), left)


def test_two_logged_names_of_one_segment_are_one_membership():
    frame = events(entered("vip"), entered("high value", at=9), *orders(1))
    found = segments.memberships(frame, context(frame, AT)).filter(pl.col("id") == "high-value")
    assert found["since"].to_list() == [AT - days(9)]
    assert found["logged_events"].to_list() == [["e2", "e1"]]


def test_logged_ones_stand_first():
    frame = events(*orders(5), entered("zebra fans"))
    assert segments.memberships(frame, context(frame, AT))["id"].to_list() == [
        "zebra fans",
        "new-customer",
        "frequent-buyer",
    ]


def test_nobody_in_no_segment():
    frame = events(*orders(1))
    assert segments.memberships(frame.clear(), context(frame, AT)).schema == segments.MEMBERSHIPS
